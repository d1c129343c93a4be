//! What can go wrong with a snapshot or the catalog of them.

use std::io;
use std::path::{Path, PathBuf};

use pellucid_model::Digest;

use crate::codec::Malformed;

/// An error about a snapshot file or the catalog.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried: `read`, `write`, `rename`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file is no snapshot, or its pages are broken.
    #[error("snapshot {} is not readable", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// A row of the file is not what the format says.
    #[error("snapshot {} is damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with which row.
        what: String,
    },
    /// The file was written by another version of the format.
    #[error("snapshot {} has format {found}, this pellucid reads format {expected}; update the feed", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Format of the file.
        found: i64,
        /// Format that is read.
        expected: i64,
    },
    /// The bytes of the file are not those that its digest was made of.
    #[error("snapshot {} has digest {found}, expected {expected}", path.display())]
    Digest {
        /// The file.
        path: PathBuf,
        /// Digest of its bytes.
        found: Box<Digest>,
        /// Digest it should have.
        expected: Box<Digest>,
    },
    /// The snapshot could not be written.
    #[error("cannot build snapshot {}", path.display())]
    Build {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// An advisory, package or namespace count is beyond what the format holds.
    #[error("cannot build snapshot {}: {what}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What is too large.
        what: String,
    },
    /// The catalog's manifest cannot be understood.
    #[error("manifest {} is not readable", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What JSON says.
        #[source]
        source: serde_json::Error,
    },
    /// The catalog was written by a newer pellucid.
    #[error("manifest {} has format {found}, this pellucid reads format {expected}", path.display())]
    ManifestFormat {
        /// The file.
        path: PathBuf,
        /// Format of the file.
        found: u32,
        /// Format that is read.
        expected: u32,
    },
    /// A snapshot key that no manifest may hold.
    #[error("not a snapshot key: {0:?}")]
    Key(String),
    /// The catalog has nothing under that key, or nothing to go back to.
    #[error("no {what} for {key}")]
    Missing {
        /// What is missing: `snapshot`, `earlier snapshot`.
        what: &'static str,
        /// The key.
        key: String,
    },
    /// Another process is updating.
    #[error("another pellucid is updating {}", path.display())]
    Busy {
        /// The data directory.
        path: PathBuf,
    },
}

impl SnapshotError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn unreadable(path: &Path) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Unreadable {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn build(path: &Path) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Build {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn damaged(path: &Path, row: &str) -> impl FnOnce(Malformed) -> Self {
        move |malformed| Self::Damaged {
            path: path.to_owned(),
            what: format!("{row} {malformed}"),
        }
    }
}
