//! Why an image could not be read.
//!
//! Every variant ends the reading: nothing here is a smaller answer. A fault inside a layer's
//! bytes says which layer, by index and digest.

use std::fmt;
use std::io;
use std::path::PathBuf;

use pellucid_model::{Digest, Platform};

use crate::RegistryFault;

/// Why an image could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The reference is not one: empty, or a selector that cannot be.
    #[error("not an image reference: {reference:?}: {reason}")]
    Reference {
        /// What the caller gave.
        reference: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Nothing is at the path, and it is no name.
    #[error("there is no file or folder {reference:?}, and it is no image's name: {reason}")]
    NoName {
        /// What the caller gave.
        reference: String,
        /// Why it is no name.
        reason: &'static str,
    },
    /// Nothing is at the path.
    #[error("there is no file or folder {}", path.display())]
    Absent {
        /// The path.
        path: PathBuf,
        /// The source that the caller chose.
        source_name: Option<&'static str>,
    },
    /// Nobody gave the image, and some who may have it could not be asked.
    #[error("{}", others.join("; "))]
    Unasked {
        /// Who, and why not.
        others: Vec<String>,
        /// What the last one said.
        #[source]
        source: Box<Self>,
    },
    /// A file of the host could not be opened or read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// A file of a layout is a symbolic link, as build systems make them to what they have already.
    #[error(
        "{} is a symbolic link, and no link in an image's folder is followed; copy the folder with its \
         links resolved: cp -rL FOLDER COPY",
        path.display()
    )]
    Linked {
        /// Its place in the layout.
        path: PathBuf,
    },
    /// The file or directory is no image of any kind we know.
    #[error("{} is not an image: {reason}", path.display())]
    NotAnImage {
        /// The file or directory.
        path: PathBuf,
        /// What was looked for.
        reason: String,
    },
    /// The archive around the image is broken.
    #[error("{} is not a readable archive", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: LayerFault,
    },
    /// A temporary file could not be made or written.
    #[error("cannot write a temporary file")]
    Spool {
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// Several images are there and the reference names none.
    #[error("{} holds several images; choose one of: {}", path.display(), available.join(", "))]
    SeveralImages {
        /// The archive or layout.
        path: PathBuf,
        /// What can be written after the path and a colon.
        available: Vec<String>,
    },
    /// The reference names an image that is not there.
    #[error("{} holds no image {wanted:?}; there is: {}", path.display(), available.join(", "))]
    NoSuchImage {
        /// The archive or layout.
        path: PathBuf,
        /// What the reference names.
        wanted: String,
        /// What there is.
        available: Vec<String>,
    },
    /// The image was not built for the platform asked for.
    #[error("the image has no platform {wanted}; there is: {}", available.join(", "))]
    NoSuchPlatform {
        /// What was asked for.
        wanted: Platform,
        /// What there is.
        available: Vec<String>,
    },
    /// An engine has the image, but not for the platform asked for, and nobody else gave it.
    #[error(
        "{engine} has the image, but not for {wanted} ({} alone), and it was not to be had elsewhere",
        available.join(", ")
    )]
    OtherPlatform {
        /// `docker` or `podman`.
        engine: &'static str,
        /// What was asked for.
        wanted: Box<Platform>,
        /// What the engine has.
        available: Vec<String>,
        /// Why nobody else gave it.
        #[source]
        source: Box<Self>,
    },
    /// An index, manifest or configuration is not the JSON it should be.
    #[error("{document} is not readable")]
    Json {
        /// Which one.
        document: String,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// An index, manifest or configuration contradicts itself or its specification.
    #[error("{document}: {reason}")]
    Document {
        /// Which one.
        document: String,
        /// What is wrong.
        reason: String,
    },
    /// A manifest of Docker's first format, which says nothing about its layers' contents.
    #[error(
        "{document} is a Docker schema 1 manifest, which is not supported; push or save the image again with a current engine"
    )]
    Schema1 {
        /// Which one.
        document: String,
    },
    /// A layer, manifest or index of a type we cannot read.
    #[error("{document} names the unknown media type {media_type:?}")]
    MediaType {
        /// Where it is named.
        document: String,
        /// The media type.
        media_type: String,
    },
    /// A blob or file that a manifest names is not there.
    #[error("{document} names {name:?}, which is not there")]
    Missing {
        /// Where it is named.
        document: String,
        /// What is missing.
        name: String,
    },
    /// A document's bytes are not those of its digest.
    #[error("{document} has the digest {digests}")]
    Digest {
        /// Which one.
        document: String,
        /// What it is and should be.
        digests: Box<Mismatch>,
    },
    /// A blob's size is not what its descriptor says.
    #[error("{document} has {actual} bytes, not {declared}")]
    Size {
        /// Which one.
        document: String,
        /// What was declared.
        declared: u64,
        /// What it is.
        actual: u64,
    },
    /// A bound on the image as a whole was reached.
    #[error("{what} is over the limit {limit} = {allowed}")]
    Limit {
        /// What was too large.
        what: String,
        /// The field of [`Limits`](crate::Limits).
        limit: &'static str,
        /// Its value.
        allowed: u64,
    },
    /// A registry gave no answer.
    #[error("cannot get the image {image}")]
    Registry {
        /// Its whole name.
        image: String,
        /// Why.
        #[source]
        source: Box<RegistryFault>,
    },
    /// An engine gave no image.
    #[error("cannot get the image {image} from {daemon}")]
    Daemon {
        /// `docker` or `podman`.
        daemon: &'static str,
        /// As the caller wrote it.
        image: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A layer's bytes are not what they should be.
    #[error("{layer}")]
    Layer {
        /// Which layer.
        layer: Box<LayerName>,
        /// What is wrong with it.
        #[source]
        source: LayerFault,
    },
}

impl ImageError {
    /// The same error, and what kept others from giving the image.
    pub(crate) fn besides(self, others: Vec<String>) -> Self {
        if others.is_empty() {
            return self;
        }
        let source = Box::new(self);
        Self::Unasked { others, source }
    }
}

/// A digest that is not the one declared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{actual}, not {declared}")]
pub struct Mismatch {
    /// What was declared.
    pub declared: Digest,
    /// What it is.
    pub actual: Digest,
}

/// A layer, as errors name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerName {
    /// Position, lowest is 0; `None` for a layer that came alone.
    pub index: Option<usize>,
    /// Declared digest of the blob, else of the tar.
    pub digest: Option<Digest>,
}

impl fmt::Display for LayerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("layer")?;
        if let Some(index) = self.index {
            write!(f, " {index}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, " ({digest})"),
            None => Ok(()),
        }
    }
}

/// What is wrong with a layer's bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerFault {
    /// The bytes stop in the middle of a tar member.
    #[error("the tar ends early, at byte {offset}")]
    Truncated {
        /// Offset in the tar.
        offset: u64,
    },
    /// A tar header or one of its extensions makes no sense.
    #[error("not a readable tar: {reason} at byte {offset}")]
    Tar {
        /// Offset of the header in the tar.
        offset: u64,
        /// What makes no sense.
        reason: &'static str,
    },
    /// The compressed stream is broken, ends early, or is followed by other bytes.
    #[error("the {format} stream is broken")]
    Compression {
        /// `gzip`, `zstd`, `bzip2` or `xz`.
        format: &'static str,
        /// The decompressor's answer.
        #[source]
        source: io::Error,
    },
    /// The blob's bytes are not those of its digest.
    #[error("the blob has the digest {0}")]
    Digest(Box<Mismatch>),
    /// The tar's bytes are not those of its diff id.
    #[error("the tar does not have its diff id, but the digest {0}")]
    DiffId(Box<Mismatch>),
    /// A file's bytes are not those that the layer's table of contents says.
    #[error("a file has the digest {0}")]
    File(Box<Mismatch>),
    /// The blob's size is not what its descriptor says.
    #[error("the blob has {actual} bytes, not {declared}")]
    Size {
        /// What was declared.
        declared: u64,
        /// What it is.
        actual: u64,
    },
    /// A bound was reached.
    #[error("over the limit {limit} = {allowed}")]
    Limit {
        /// The field of [`Limits`](crate::Limits).
        limit: &'static str,
        /// Its value (seconds for `wall`).
        allowed: u64,
    },
    /// The blob could not be read.
    #[error("cannot be read")]
    Read(#[source] io::Error),
    /// A temporary file could not be made or written.
    #[error("cannot write a temporary file")]
    Spool(#[source] io::Error),
}
