//! Tiny images: a few files a layer, written in the shapes that tools write.
//!
//! Well-formed images only; what is malformed is written by the test that wants it, byte by byte.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// How layers are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compression {
    /// As plain tars.
    None,
    /// With gzip.
    Gzip,
}

/// A layer's tar, and the build step that is said to have made it.
pub struct LayerBuilder {
    tar: tar::Builder<Vec<u8>>,
    created_by: Option<String>,
}

impl Default for LayerBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl LayerBuilder {
    /// An empty layer.
    pub fn new() -> Self {
        Self {
            tar: tar::Builder::new(Vec::new()),
            created_by: None,
        }
    }

    /// Says which build step made it.
    pub fn created_by(mut self, step: impl Into<String>) -> Self {
        self.created_by = Some(step.into());
        self
    }

    /// Adds a file.
    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.entry(tar::EntryType::Regular, 0o644, path, content.as_ref(), None)
    }

    /// Adds a file that may be executed.
    pub fn program(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.entry(tar::EntryType::Regular, 0o755, path, content.as_ref(), None)
    }

    /// Adds a directory.
    pub fn directory(self, path: &str) -> Self {
        self.entry(tar::EntryType::Directory, 0o755, path, &[], None)
    }

    /// Adds a symbolic link.
    pub fn symlink(self, path: &str, target: &str) -> Self {
        self.entry(tar::EntryType::Symlink, 0o644, path, &[], Some(target))
    }

    /// Adds a hard link to a file of the layer.
    pub fn hardlink(self, path: &str, target: &str) -> Self {
        self.entry(tar::EntryType::Link, 0o644, path, &[], Some(target))
    }

    /// Removes what a lower layer has at a path.
    pub fn whiteout(self, path: &str) -> Self {
        let (folder, name) = path
            .rsplit_once('/')
            .map_or(("", path), |(folder, name)| (folder, name));
        let slash = if folder.is_empty() { "" } else { "/" };
        self.file(&format!("{folder}{slash}.wh.{name}"), "")
    }

    /// The tar's bytes.
    pub fn tar(self) -> Vec<u8> {
        self.tar.into_inner().expect("memory takes every byte")
    }

    fn entry(
        mut self,
        kind: tar::EntryType,
        mode: u32,
        path: &str,
        content: &[u8],
        target: Option<&str>,
    ) -> Self {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(content.len() as u64);
        let added = match target {
            Some(target) => self.tar.append_link(&mut header, path, target),
            None => self.tar.append_data(&mut header, path, content),
        };
        added.expect("memory takes every entry");
        self
    }
}

/// An image in the making.
pub struct ImageBuilder {
    layers: Vec<LayerBuilder>,
    tags: Vec<String>,
    architecture: String,
    labels: Value,
    compression: Compression,
}

impl Default for ImageBuilder {
    fn default() -> Self {
        Self::new()
    }
}

/// An image's parts: named blobs, and what the manifests say of them.
struct Parts {
    /// Configuration: its digest in hex, and its bytes.
    config: (String, Vec<u8>),
    /// Blobs of the layers, lowest first: digest in hex, bytes.
    layers: Vec<(String, Vec<u8>)>,
}

impl ImageBuilder {
    /// An image for `linux/amd64` without layers.
    pub fn new() -> Self {
        Self {
            layers: Vec::new(),
            tags: vec!["test:latest".to_owned()],
            architecture: "amd64".to_owned(),
            labels: Value::Null,
            compression: Compression::None,
        }
    }

    /// Puts a layer on top.
    pub fn layer(mut self, layer: LayerBuilder) -> Self {
        self.layers.push(layer);
        self
    }

    /// Names the image.
    pub fn tag(mut self, tag: &str) -> Self {
        self.tags = vec![tag.to_owned()];
        self
    }

    /// Builds for another architecture.
    pub fn architecture(mut self, architecture: &str) -> Self {
        architecture.clone_into(&mut self.architecture);
        self
    }

    /// Gives the configuration these labels.
    pub fn labels(mut self, labels: Value) -> Self {
        self.labels = labels;
        self
    }

    /// Stores layers so.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// As `docker save` writes it, with the layers by digest under `blobs/`.
    pub fn docker_archive(self) -> Vec<u8> {
        let tags = self.tags.clone();
        let parts = self.parts();
        let blob = |digest: &str| format!("blobs/sha256/{digest}");
        let manifest = json!([{
            "Config": blob(&parts.config.0),
            "RepoTags": tags,
            "Layers": parts.layers.iter().map(|(digest, _)| blob(digest)).collect::<Vec<_>>(),
        }]);
        let mut archive = LayerBuilder::new().file("manifest.json", manifest.to_string());
        for (digest, bytes) in parts.layers.iter().chain([&parts.config]) {
            archive = archive.file(&blob(digest), bytes);
        }
        archive.tar()
    }

    /// As an OCI layout in a tar.
    pub fn oci_archive(self) -> Vec<u8> {
        let mut archive = LayerBuilder::new();
        for (path, bytes) in self.oci_files() {
            archive = archive.file(&path, bytes);
        }
        archive.tar()
    }

    /// As an OCI layout in a folder.
    pub fn oci_layout(self, folder: &Path) {
        for (path, bytes) in self.oci_files() {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().expect("a blob lies in a folder"))
                .expect("the folder can be made");
            fs::write(path, bytes).expect("the file can be written");
        }
    }

    pub(crate) fn tag_of(&self) -> String {
        self.tags.first().cloned().unwrap_or_default()
    }

    /// The configuration, and the layers' tars, lowest first.
    pub(crate) fn unpacked(mut self) -> (Vec<u8>, Vec<Vec<u8>>) {
        self.compression = Compression::None;
        let parts = self.parts();
        let layers = parts.layers.into_iter().map(|(_, tar)| tar).collect();
        (parts.config.1, layers)
    }

    pub(crate) fn oci_files(self) -> Vec<(String, Vec<u8>)> {
        let tag = self.tags.first().cloned().unwrap_or_default();
        let platform = json!({"os": "linux", "architecture": self.architecture});
        let layer_type = match self.compression {
            Compression::None => "application/vnd.oci.image.layer.v1.tar",
            Compression::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
        };
        let parts = self.parts();
        let descriptor = |media_type: &str, (digest, bytes): &(String, Vec<u8>)| {
            json!({
                "mediaType": media_type,
                "digest": format!("sha256:{digest}"),
                "size": bytes.len(),
            })
        };
        let manifest = named(
            json!({
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": descriptor("application/vnd.oci.image.config.v1+json", &parts.config),
                "layers": parts
                    .layers
                    .iter()
                    .map(|layer| descriptor(layer_type, layer))
                    .collect::<Vec<_>>(),
            })
            .to_string()
            .into_bytes(),
        );
        let mut entry = descriptor("application/vnd.oci.image.manifest.v1+json", &manifest);
        if let Some(entry) = entry.as_object_mut() {
            entry.insert("platform".into(), platform);
            let names = json!({"org.opencontainers.image.ref.name": tag});
            entry.insert("annotations".into(), names);
        }
        let index = json!({"schemaVersion": 2, "manifests": [entry]});
        let mut files = vec![
            (
                "oci-layout".to_owned(),
                br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec(),
            ),
            ("index.json".to_owned(), index.to_string().into_bytes()),
        ];
        let blobs = parts.layers.into_iter().chain([parts.config, manifest]);
        files.extend(blobs.map(|(digest, bytes)| (format!("blobs/sha256/{digest}"), bytes)));
        files
    }

    fn parts(self) -> Parts {
        let mut diff_ids = Vec::new();
        let mut history = Vec::new();
        let mut layers = Vec::new();
        for layer in self.layers {
            history.push(json!({"created_by": layer.created_by.clone().unwrap_or_default()}));
            let tar = layer.tar();
            let (diff_id, tar) = named(tar);
            diff_ids.push(Value::from(format!("sha256:{diff_id}")));
            layers.push(match self.compression {
                Compression::None => (diff_id, tar),
                Compression::Gzip => named(gzip(&tar)),
            });
        }
        let mut config = json!({
            "os": "linux",
            "architecture": self.architecture,
            "created": "2025-01-01T00:00:00Z",
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": history,
        });
        if let (Some(config), false) = (config.as_object_mut(), self.labels.is_null()) {
            config.insert("config".to_owned(), json!({"Labels": self.labels}));
        }
        Parts {
            config: named(config.to_string().into_bytes()),
            layers,
        }
    }
}

/// Bytes, with their digest in hex before them.
fn named(bytes: Vec<u8>) -> (String, Vec<u8>) {
    (hex::encode(Sha256::digest(&bytes)), bytes)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory takes every byte");
    encoder.finish().expect("memory takes every byte")
}
