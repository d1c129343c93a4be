//! Why an image or a file could not be looked into.

use pellucid_image::ImageError;

use crate::rpmdb::RpmdbError;

/// A failure of a detector on one file, or of a whole scan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetectError {
    /// A layer could not be read to its end, or broke a limit.
    #[error("layer {layer} could not be read")]
    Layer {
        /// Index of the layer, lowest is 0.
        layer: usize,
        /// What the reader says.
        #[source]
        source: ImageError,
    },
    /// A package database of the image cannot be read, so that any list would be too short.
    #[error("{path} in layer {layer} is no readable {detector} database: {reason}")]
    Database {
        /// The detector whose database it is.
        detector: String,
        /// The file.
        path: String,
        /// Index of the layer with the file.
        layer: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A package database of the image is larger than is read into memory, so that any list would be
    /// too short.
    #[error(
        "{path} in layer {layer} is a {detector} database larger than the limit of {limit} bytes"
    )]
    TooLarge {
        /// The detector whose database it is.
        detector: String,
        /// The file.
        path: String,
        /// Index of the layer with the file.
        layer: usize,
        /// The limit in bytes.
        limit: u64,
    },
    /// What a package database of the image says needs more memory than allowed, so that any list
    /// would be too short.
    #[error(
        "what {path} in layer {layer}, a {detector} database, says needs more than the limit of {limit} bytes"
    )]
    TooHeavy {
        /// The detector whose database it is.
        detector: String,
        /// The file.
        path: String,
        /// Index of the layer with the file.
        layer: usize,
        /// The limit in bytes.
        limit: u64,
    },
    /// The file is not of the format its name promises.
    #[error("{0}")]
    Malformed(&'static str),
    /// An RPM database that does not hold together.
    #[error("{0}")]
    Rpmdb(RpmdbError),
    /// What the file says needs more memory than allowed.
    #[error("what it says needs more than the limit of {limit} bytes")]
    Weight {
        /// The limit in bytes.
        limit: usize,
    },
    /// The bytes of a kept file could not be read back.
    #[error("kept file could not be read back")]
    Body(#[source] std::io::Error),
    /// This machine could not read a file of the image, so that any list would be too short.
    #[error("a file of layer {layer} could not be kept for reading")]
    Unread {
        /// Index of the layer with the file.
        layer: usize,
        /// The operating system's answer.
        #[source]
        source: std::io::Error,
    },
    /// The names of the image's entries, or what its files say, need more memory than allowed.
    #[error("names and facts up to layer {layer} need more than the limit of {limit} bytes")]
    Facts {
        /// Index of the layer, lowest is 0.
        layer: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Following the image's links takes more steps than allowed.
    #[error("following the image's links took more than the limit of {limit} steps")]
    Links {
        /// The limit, in path components walked.
        limit: u64,
    },
    /// The image and the inventories laid over each other do not belong together.
    #[error("image has {layers} layers, but {inventories} layer inventories were given")]
    LayerCount {
        /// Layers of the image.
        layers: usize,
        /// Inventories given.
        inventories: usize,
    },
    /// A thread that read a layer did not come back.
    #[error("reading layer {layer} was given up")]
    Abandoned {
        /// Index of the layer, lowest is 0.
        layer: usize,
    },
}

impl DetectError {
    /// Of a file that this machine could not read, with the operating system's number of the error.
    pub(crate) fn unread(layer: usize, code: i32) -> Self {
        let source = std::io::Error::from_raw_os_error(code);
        Self::Unread { layer, source }
    }
}
