//! `manifest.json`: which snapshot of each key is in use, and how its last update went.
//!
//! The one mutable file beside the snapshots. It is small, sorted and replaced whole by a rename.

use std::collections::BTreeMap;

use pellucid_model::{Digest, SnapshotRef};
use serde::{Deserialize, Serialize};

use crate::{Built, NamespaceCount};

/// Version of the manifest.
pub(crate) const FORMAT: u32 = 1;

/// The whole manifest.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) format: u32,
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
