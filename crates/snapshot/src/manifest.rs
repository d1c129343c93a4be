//! `manifest.json`: which snapshot of each key is in use, and how its last update went.
//!
//! The one mutable file beside the snapshots. It is small, sorted and replaced whole by a rename.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use pellucid_model::{Digest, SnapshotRef};
use serde::{Deserialize, Serialize};

use crate::{Built, NamespaceCount, SnapshotError};

/// Version of the manifest.
const FORMAT: u32 = 1;
/// The largest manifest that is read, in bytes.
const MAX_MANIFEST: u64 = 256 << 20;

/// The whole manifest.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    format: u32,
    pub(crate) snapshots: BTreeMap<String, CatalogEntry>,
}

impl Default for Manifest {
    fn default() -> Self {
        Self {
            format: FORMAT,
            snapshots: BTreeMap::new(),
        }
    }
}

impl Manifest {
    /// The manifest of a data directory; an empty one if there is none yet.
    pub(crate) fn read(directory: &Path) -> Result<Self, SnapshotError> {
        let path = directory.join("manifest.json");
        let read = || {
            if fs::metadata(&path)?.len() > MAX_MANIFEST {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            fs::read(&path)
        };
        let bytes = match read() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(SnapshotError::io("read", &path)(error)),
        };
        let refuse = |source| SnapshotError::Manifest {
            path: path.clone(),
            source,
        };
        let head: Head = serde_json::from_slice(&bytes).map_err(refuse)?;
        if head.format != FORMAT {
            return Err(SnapshotError::ManifestFormat {
                path,
                found: head.format,
                expected: FORMAT,
            });
        }
        serde_json::from_slice(&bytes).map_err(refuse)
    }

    /// Replaces the manifest of a data directory.
    pub(crate) fn write(&self, directory: &Path) -> Result<(), SnapshotError> {
        let target = directory.join("manifest.json");
        let temporary = directory.join("manifest.json.writing");
        let json = serde_json::to_vec_pretty(self).map_err(|source| SnapshotError::Manifest {
            path: target.clone(),
            source,
        })?;
        let write = || -> io::Result<()> {
            let mut file = File::create(&temporary)?;
            file.write_all(&json)?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            fs::rename(&temporary, &target)
        };
        write().map_err(SnapshotError::io("write", &target))?;
        sync_directory(directory)
    }
}

/// What every version of the manifest has.
#[derive(Deserialize)]
struct Head {
    format: u32,
}

/// Makes renames in a directory last.
pub(crate) fn sync_directory(directory: &Path) -> Result<(), SnapshotError> {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(SnapshotError::io("sync", directory))
}

/// What the catalog holds under one key.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct CatalogEntry {
    /// The snapshot in use; `None` if no update has succeeded yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<Stored>,
    /// Snapshots in use before, the latest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous: Vec<Stored>,
    /// How the last update went.
    #[serde(default)]
    pub status: FeedStatus,
}

/// A snapshot file of the catalog.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stored {
    /// Digest of the file, which names it.
    pub digest: Digest,
    /// The feed's name.
    pub feed: String,
    /// Size of the file.
    pub bytes: u64,
    /// Advisories of distinct id.
    pub advisories: u64,
    /// Statements in all namespaces.
    pub affected: u64,
    /// The date of the data as upstream gives it, in seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<i64>,
    /// When it was fetched, in seconds since the epoch.
    pub fetched_at: i64,
    /// Counts per namespace, sorted by name.
    pub namespaces: Vec<NamespaceCount>,
}

/// How the updates of a key go. Times are seconds since the epoch.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct FeedStatus {
    /// When upstream was last asked successfully, whether or not there was anything new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_checked: Option<i64>,
    /// When an update was last tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_tried: Option<i64>,
    /// Why the last try failed; `None` if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Why the newest data was not taken over; `None` if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<String>,
    /// Records of the last update that could not be read.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bad_records: u64,
    /// The first few of them: id and reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bad_examples: Vec<String>,
    /// What the feed remembers about each URL (`etag`, `last-modified`, `sha256`, …). The catalog
    /// does not look into it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub state: BTreeMap<String, BTreeMap<String, String>>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Stored {
    /// What the catalog keeps of a snapshot just built.
    pub(crate) fn new(built: &Built, fetched_at: i64) -> Self {
        Self {
            digest: built.digest,
            feed: built.meta.feed.clone(),
            bytes: built.bytes,
            advisories: built.advisories,
            affected: built.affected,
            as_of: built.meta.as_of,
            fetched_at,
            namespaces: built.namespaces.clone(),
        }
    }

    /// How answers name this snapshot.
    pub fn reference(&self, key: &str) -> SnapshotRef {
        SnapshotRef {
            key: key.to_owned(),
            digest: self.digest,
            as_of: self.as_of,
            fetched_at: self.fetched_at,
        }
    }
}
