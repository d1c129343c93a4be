//! Which advisory data answered for a namespace, or that none did.
//!
//! Silence is never safety: a namespace without data is said to be *not covered*.

use serde::{Deserialize, Serialize};

use crate::{Digest, Namespace};

/// A snapshot of a feed.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct SnapshotRef {
    /// Key of the snapshot: the feed's name, and its part where it has parts (`alpine/v3.20`).
    pub key: String,
    /// Digest of the snapshot file.
    pub digest: Digest,
    /// The date of the data, in seconds since the epoch, as upstream gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<i64>,
    /// When pellucid fetched it, in seconds since the epoch; 0 where that is not known, as of a saved
    /// report.
    pub fetched_at: i64,
}

/// When a release is no longer supported by its maker.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct EndOfLife {
    /// Last day of support, `YYYY-MM-DD`.
    pub date: String,
    /// Whether that day is over.
    pub past: bool,
    /// Page that says so.
    pub source: String,
}

/// What is known about a namespace of an image.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Coverage {
    /// The namespace; `None` for operating-system packages whose distribution no file names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
    /// Number of packages in it.
    pub packages: usize,
    /// Snapshots that answered; none means *not covered*.
    pub snapshots: Vec<SnapshotRef>,
    /// Why it is not covered, or what restricts the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// End of support, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_of_life: Option<EndOfLife>,
}

impl Coverage {
    /// The note where the image names a distribution and has no database of its packages.
    pub const NO_DATABASE: &str = "no package database in the image";

    /// Whether any advisory data answered.
    pub fn is_covered(&self) -> bool {
        !self.snapshots.is_empty()
    }

    /// In short, why nothing answered where nothing did.
    pub fn gap(&self) -> &'static str {
        match self.note.as_deref() {
            Some(Self::NO_DATABASE) => Self::NO_DATABASE,
            _ => "no advisory data",
        }
    }
}
