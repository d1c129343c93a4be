//! What engines' folders share: small files of a root that is only read, and layers that are overlay
//! directories.
//!
//! Every path below the root is opened part by part and no link is followed, so that nothing outside
//! is read whatever the files say.

use std::io;
use std::path::PathBuf;

use pellucid_model::{Digest, DigestState, Image, Layer, Warning};
use serde::de::DeserializeOwned;

use crate::document::{self, Config};
use crate::region::Region;
use crate::rooted::Rooted;
use crate::source::{Asked, Bytes, Found, Layers, Opened, warning};
use crate::{Expected, ImageError, Limits};

/// An engine's folder.
pub(super) struct Root<'a> {
    pub(super) path: PathBuf,
    folder: &'a Rooted,
    pub(super) limits: &'a Limits,
    /// Whether names that begin with `.wh.` remove what is below, beside devices.
    whiteouts_by_name: bool,
}

/// One layer: where its files are, and what is known of it.
pub(super) struct Tree {
    /// The folder of its files, below the root.
    pub(super) path: String,
    pub(super) diff_id: Option<Digest>,
    pub(super) size: u64,
    pub(super) created_by: Option<String>,
}

impl<'a> Root<'a> {
    /// The folder that was asked for.
    pub(super) fn of(asked: &'a Asked<'_>, whiteouts_by_name: bool) -> Result<Self, ImageError> {
        let path = asked.reference.path.clone();
        match &asked.found {
            Found::Folder(folder) => Ok(Self {
                path,
                folder,
                limits: &asked.options.limits,
                whiteouts_by_name,
            }),
            _ => Err(ImageError::NotAnImage {
                path,
                reason: "not a directory".to_owned(),
            }),
        }
    }

    /// A small file; `None` if it is not there.
    pub(super) fn bytes(&self, path: &str) -> Result<Option<Vec<u8>>, ImageError> {
        let opened = self.folder.file(path.as_bytes()).and_then(Region::whole);
        match opened {
            Ok(region) => document::read(&self.name(path), &region, self.limits).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(self.unreadable(path, source)),
        }
    }

    /// A small file of one line.
    pub(super) fn line(&self, path: &str) -> Result<Option<String>, ImageError> {
        let bytes = self.bytes(path)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned()))
    }

    /// A JSON document.
    pub(super) fn json<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, ImageError> {
        match self.bytes(path)? {
            Some(bytes) => document::json(&self.name(path), &bytes).map(Some),
            None => Ok(None),
        }
    }

    /// The names in a folder, sorted; none if it is not there.
    pub(super) fn names(&self, path: &str) -> Result<Vec<String>, ImageError> {
        let folder = match self.folder.directory(path.as_bytes()) {
            Ok(folder) => folder,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(self.unreadable(path, source)),
        };
        let mut names = Vec::new();
        let entries = rustix::fs::Dir::read_from(&folder);
        for entry in entries.map_err(|error| self.unreadable(path, error.into()))? {
            let entry = entry.map_err(|error| self.unreadable(path, error.into()))?;
            if let Ok(name) = entry.file_name().to_str()
                && !name.starts_with('.')
            {
                names.push(name.to_owned());
            }
            if names.len() as u64 > self.limits.archive_members {
                return Err(ImageError::Limit {
                    what: self.name(path),
                    limit: "archive_members",
                    allowed: self.limits.archive_members,
                });
            }
        }
        names.sort();
        Ok(names)
    }

    /// The error that a file makes which says what cannot be.
    pub(super) fn wrong(&self, path: &str, reason: impl Into<String>) -> ImageError {
        ImageError::Document {
            document: self.name(path),
            reason: reason.into(),
        }
    }

    /// The image of a configuration and its layers' folders.
    pub(super) fn opened(
        &self,
        reference: String,
        id: Digest,
        config: &Config,
        trees: Vec<Tree>,
        mut warnings: Vec<Warning>,
    ) -> Result<Opened, ImageError> {
        document::check_layer_count(trees.len(), self.limits)?;
        let mut folders = Vec::new();
        let mut image = Image {
            reference,
            id: Some(id),
            digest: None,
            tags: Vec::new(),
            platform: config.platform(),
            created: config.created.clone(),
            cpe: config.cpe(),
            layers: Vec::new(),
        };
        for tree in trees {
            let opened = self.folder.below(tree.path.as_bytes());
            folders.push(opened.map_err(|source| self.unreadable(&tree.path, source))?);
            image.layers.push(Layer {
                digest: None,
                diff_id: tree.diff_id,
                digest_state: DigestState::Declared,
                size: tree.size,
                created_by: tree.created_by,
            });
        }
        if !rustix::process::geteuid().is_root() {
            warnings.push(warning(
                "only root sees which directories of a layer hide those below, and what was moved; \
                 what is hidden may be listed, and what was moved may be missing"
                    .to_owned(),
            ));
        }
        let count = image.layers.len();
        let expected = (0..count).map(|index| Expected {
            index: Some(index),
            ..Expected::default()
        });
        Ok(Opened {
            image,
            warnings,
            expected: expected.collect(),
            layers: Box::new(Trees {
                trees: folders,
                whiteouts_by_name: self.whiteouts_by_name,
            }),
            read_through: false,
        })
    }

    fn name(&self, path: &str) -> String {
        self.path.join(path).display().to_string()
    }

    fn unreadable(&self, path: &str, source: io::Error) -> ImageError {
        ImageError::Read {
            path: self.path.join(path),
            source,
        }
    }
}

struct Trees {
    trees: Vec<Rooted>,
    whiteouts_by_name: bool,
}

impl Layers for Trees {
    fn layer(&self, index: usize) -> Result<Bytes<'_>, ImageError> {
        match self.trees.get(..=index) {
            Some(trees) => Ok(Bytes::Overlay {
                trees,
                by_name: self.whiteouts_by_name,
            }),
            None => Err(ImageError::Missing {
                document: "the image".to_owned(),
                name: format!("layer {index}"),
            }),
        }
    }
}

/// Whether a text can be one part of a path and nothing else.
pub(super) fn is_part(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 128
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Whether a text can be an id, or enough of its beginning.
pub(super) fn is_id(text: &str) -> bool {
    let text = text.strip_prefix("sha256:").unwrap_or(text);
    text.len() >= 6 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether `wanted` is an id, or enough of its beginning.
pub(super) fn is_id_of(id: &str, wanted: &str) -> bool {
    let plain = |text| str::strip_prefix(text, "sha256:").unwrap_or(text);
    is_id(wanted) && plain(id).starts_with(plain(wanted))
}
