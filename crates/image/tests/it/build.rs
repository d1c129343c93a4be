//! Tars and images made in memory.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use pellucid_model::Digest;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The SHA-256 of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    Digest::Sha256(Sha256::digest(bytes).into())
}

/// One header block of a GNU or ustar tar, written field by field.
pub(crate) struct Block(pub(crate) [u8; 512]);

impl Block {
    pub(crate) fn new(name: &[u8], kind: u8, size: u64) -> Self {
        let mut block = Self([0; 512]);
        block
            .set(0, name)
            .set(100, b"0000644\0")
            .set(156, &[kind])
            .set(257, b"ustar\x0000");
        block.set(124, format!("{size:011o}\0").as_bytes());
        block
    }

    pub(crate) fn set(&mut self, at: usize, bytes: &[u8]) -> &mut Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    pub(crate) fn gnu(&mut self) -> &mut Self {
        self.set(257, b"ustar  \0")
    }

    /// Writes the check sum.
    pub(crate) fn sealed(&mut self) -> [u8; 512] {
        self.set(148, b"        ");
        let sum: u32 = self.0.iter().map(|byte| u32::from(*byte)).sum();
        self.set(148, format!("{sum:06o}\0 ").as_bytes());
        self.0
    }
}

/// A tar being written, member by member.
#[derive(Default, Clone)]
pub(crate) struct Tar(pub(crate) Vec<u8>);

impl Tar {
    pub(crate) fn file(self, name: &str, body: &[u8]) -> Self {
        self.member(
            &Block::new(name.as_bytes(), b'0', body.len() as u64).sealed(),
            body,
        )
    }

    pub(crate) fn directory(self, name: &str) -> Self {
        self.member(&Block::new(name.as_bytes(), b'5', 0).sealed(), b"")
    }

    pub(crate) fn symlink(self, name: &str, target: &str) -> Self {
        self.link(b'2', name, target)
    }

    pub(crate) fn hardlink(self, name: &str, target: &str) -> Self {
        self.link(b'1', name, target)
    }

    fn link(self, kind: u8, name: &str, target: &str) -> Self {
        let header = Block::new(name.as_bytes(), kind, 0)
            .set(157, target.as_bytes())
            .sealed();
        self.member(&header, b"")
    }

    /// A PAX header for the next member.
    pub(crate) fn pax(self, records: &[(&str, &str)]) -> Self {
        let mut body = Vec::new();
        for (key, value) in records {
            let rest = format!(" {key}={value}\n");
            let mut length = rest.len();
            while length != rest.len() + length.to_string().len() {
                length = rest.len() + length.to_string().len();
            }
            body.extend_from_slice(format!("{length}{rest}").as_bytes());
        }
        self.member(
            &Block::new(b"PaxHeaders/x", b'x', body.len() as u64).sealed(),
            &body,
        )
    }

    /// A header and its data, filled up to a block.
    pub(crate) fn member(mut self, header: &[u8; 512], body: &[u8]) -> Self {
        self.0.extend_from_slice(header);
        self.0.extend_from_slice(body);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// The end.
    pub(crate) fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

pub(crate) fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A few hundred members with all kinds of bodies.
pub(crate) fn various() -> Tar {
    let mut tar = Tar::default().directory("etc/").symlink("lib", "usr/lib");
    let mut noise = 1_u32;
    for number in 0..200_usize {
        let body: Vec<u8> = (0..number * 17 % 3000)
            .map(|_| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (noise >> 24) as u8
            })
            .collect();
        tar = tar.file(&format!("etc/file-{number}"), &body);
    }
    tar.hardlink("etc/again", "etc/file-7")
}

/// Files of an image: name in the archive and content.
#[derive(Default, Clone)]
pub(crate) struct Files(pub(crate) Vec<(String, Vec<u8>)>);

impl Files {
    pub(crate) fn put(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.push((name.into(), bytes.into()));
    }

    /// Stores a blob by its digest and describes it.
    pub(crate) fn blob(&mut self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = sha256(bytes);
        self.put(format!("blobs/sha256/{}", digest.hex()), bytes);
        json!({"mediaType": media_type, "digest": digest.to_string(), "size": bytes.len()})
    }

    pub(crate) fn tar(&self) -> Vec<u8> {
        let tar = Tar::default();
        self.0
            .iter()
            .fold(tar, |tar, (name, bytes)| tar.file(name, bytes))
            .end()
    }

    pub(crate) fn write_below(&self, folder: &Path) {
        for (name, bytes) in &self.0 {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }
}

pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// The configuration of an image of these tars.
pub(crate) fn config(architecture: &str, tars: &[Vec<u8>]) -> Vec<u8> {
    let history: Vec<_> = (0..tars.len())
        .flat_map(|index| {
            [
                json!({"created_by": format!("step {index}")}),
                json!({"created_by": "ENV", "empty_layer": true}),
            ]
        })
        .collect();
    let diff_ids: Vec<_> = tars.iter().map(|tar| sha256(tar).to_string()).collect();
    json!({"os": "linux", "architecture": architecture, "created": "2025-01-01T00:00:00Z",
        "rootfs": {"type": "layers", "diff_ids": diff_ids}, "history": history})
    .to_string()
    .into_bytes()
}

/// Stores an image of tars, packed by `pack`; returns the manifest's descriptor.
pub(crate) fn image(
    files: &mut Files,
    architecture: &str,
    tars: &[Vec<u8>],
    pack: impl Fn(&[u8]) -> Vec<u8>,
) -> Value {
    let layers: Vec<_> = tars
        .iter()
        .map(|tar| files.blob(LAYER, &pack(tar)))
        .collect();
    let config = files.blob(CONFIG, &config(architecture, tars));
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config,
        "layers": layers});
    let mut descriptor = files.blob(MANIFEST, manifest.to_string().as_bytes());
    descriptor["platform"] = json!({"os": "linux", "architecture": architecture});
    descriptor
}

/// Stores `index.json` and `oci-layout`.
pub(crate) fn layout(files: &mut Files, manifests: &[Value]) {
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
    files.put("index.json", index.to_string());
    files.put("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
}

/// An OCI layout of one image.
pub(crate) fn oci(tars: &[Vec<u8>], pack: impl Fn(&[u8]) -> Vec<u8>) -> Files {
    let mut files = Files::default();
    let manifest = image(&mut files, "amd64", tars, pack);
    layout(&mut files, &[manifest]);
    files
}

/// A Docker archive as engines before 25 wrote it, of one image.
pub(crate) fn docker(tag: &str, tars: &[Vec<u8>]) -> Files {
    let mut files = Files::default();
    let mut layers = Vec::new();
    for (index, tar) in tars.iter().enumerate() {
        files.put(format!("{index}/layer.tar"), tar.as_slice());
        layers.push(format!("{index}/layer.tar"));
    }
    files.put("config.json", config("amd64", tars));
    let manifest = json!([{"Config": "config.json", "RepoTags": [tag], "Layers": layers}]);
    files.put("manifest.json", manifest.to_string());
    files
}

/// A file in a folder that goes away with the folder.
pub(crate) fn saved(folder: &tempfile::TempDir, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join("image.tar");
    std::fs::write(&path, bytes).unwrap();
    path
}
