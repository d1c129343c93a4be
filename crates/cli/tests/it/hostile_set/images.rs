//! The images themselves, made when they are asked for: each is a good image with one thing wrong.

mod applications;
mod layers;
mod layouts;
mod packages;
mod tar;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub(super) use self::applications::APPLICATIONS;
pub(super) use self::layers::LAYERS;
pub(super) use self::layouts::LAYOUTS;
pub(super) use self::packages::PACKAGES;
use self::tar::Tar;
use super::End;

/// A name, how the image is made, and how reading it must end.
pub(super) type Case = (&'static str, fn() -> Made, End);

/// What a case consists of.
pub(super) enum Made {
    Archive(Vec<u8>),
    /// Several images that are wrong in one way.
    Archives(Vec<Vec<u8>>),
    /// A folder with these files, and one of them a link that leads out of it.
    Folder {
        files: BTreeMap<String, Vec<u8>>,
        link: (String, &'static str),
    },
}

impl Made {
    /// Writes it below a folder; the images' paths.
    pub(super) fn write(&self, folder: &Path, name: &str) -> Vec<std::path::PathBuf> {
        let archive = |number: usize, bytes: &[u8]| {
            let path = folder.join(format!("{name}-{number}.tar"));
            std::fs::write(&path, bytes).unwrap();
            path
        };
        match self {
            Self::Archive(bytes) => vec![archive(0, bytes)],
            Self::Archives(several) => several
                .iter()
                .enumerate()
                .map(|(number, bytes)| archive(number, bytes))
                .collect(),
            Self::Folder { files, link } => {
                let root = folder.join(name);
                for (path, bytes) in files {
                    let path = root.join(path);
                    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                    std::fs::write(path, bytes).unwrap();
                }
                let (path, target) = link;
                let path = root.join(path);
                std::fs::remove_file(&path).unwrap();
                std::os::unix::fs::symlink(target, path).unwrap();
                vec![root]
            }
        }
    }
}

const OS_RELEASE: &str = "ID=debian\nVERSION_ID=\"12\"\n";

const STATUS: &str = "Package: openssl\nStatus: install ok installed\nArchitecture: amd64\n\
                      Version: 3.0.11-1~deb12u1\n\n";

/// A small Debian, to which the wrong thing is added.
fn debian() -> Tar {
    Tar::new()
        .file("etc/os-release", OS_RELEASE)
        .file("var/lib/dpkg/status", STATUS)
}

/// An image of these layers' tars, all else in order.
fn image(layers: &[Vec<u8>]) -> Made {
    Made::Archive(Layout::of(layers).archive())
}

/// An image of one blob, which may be no gzip file and no tar.
fn blob(blob: Vec<u8>, diff_id: String) -> Made {
    let mut layout = Layout::default();
    layout.push(blob, diff_id);
    Made::Archive(layout.sealed().archive())
}

/// An OCI layout in memory, so that any part of it can be another.
#[derive(Default, Clone)]
struct Layout {
    files: BTreeMap<String, Vec<u8>>,
    layers: Vec<Value>,
    diff_ids: Vec<String>,
}

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

impl Layout {
    fn of(layers: &[Vec<u8>]) -> Self {
        let mut layout = Self::default();
        for tar in layers {
            layout.push(gzip(tar), digest(tar));
        }
        layout.sealed()
    }

    fn push(&mut self, blob: Vec<u8>, diff_id: String) {
        let layer = self.put(LAYER, blob);
        self.layers.push(layer);
        self.diff_ids.push(diff_id);
    }

    /// Puts a blob in; its descriptor.
    fn put(&mut self, media_type: &str, bytes: Vec<u8>) -> Value {
        let digest = digest(&bytes);
        let descriptor = json!({"mediaType": media_type, "digest": digest, "size": bytes.len()});
        self.files.insert(place(&digest), bytes);
        descriptor
    }

    /// With configuration, manifest and index for its layers.
    fn sealed(self) -> Self {
        let config = json!({
            "os": "linux",
            "architecture": "amd64",
            "rootfs": {"type": "layers", "diff_ids": self.diff_ids},
        });
        self.sealed_with(config.to_string().into_bytes())
    }

    fn sealed_with(mut self, config: Vec<u8>) -> Self {
        let config = self.put(CONFIG, config);
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": self.layers});
        let manifest = self.put(MANIFEST, manifest.to_string().into_bytes());
        self.indexed(&manifest)
    }

    fn indexed(mut self, entry: &Value) -> Self {
        let index = json!({"schemaVersion": 2, "manifests": [entry]});
        self.files
            .insert("index.json".to_owned(), index.to_string().into_bytes());
        let layout = br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec();
        self.files.insert("oci-layout".to_owned(), layout);
        self
    }

    fn archive(&self) -> Vec<u8> {
        let add = |tar: Tar, (path, bytes): (&String, &Vec<u8>)| tar.file(path, bytes);
        self.files.iter().fold(Tar::new(), add).end()
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// Where a layout has the blob of a digest.
fn place(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A gzip file of `first`, so many mebibytes of one byte, and `last`, of several members: what is much
/// of the same is compressed once.
fn long(first: &[u8], byte: u8, mebibytes: usize, last: &[u8]) -> Vec<u8> {
    let much = gzip(&vec![byte; 16 << 20]);
    let mut blob = gzip(first);
    for _ in 0..mebibytes / 16 {
        blob.extend(&much);
    }
    blob.extend(gzip(&vec![byte; (mebibytes % 16) << 20]));
    blob.extend(gzip(last));
    blob
}

/// Numbers that look like chance and are the same every time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        // Knuth's numbers for a linear congruence; the low bits of such are poor.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }
}
