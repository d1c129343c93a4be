//! Why a file could not be fetched, and why a snapshot could not be replaced.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use pellucid_feeds::FeedError;
use pellucid_snapshot::{Quarantine, SnapshotError};

/// Why a file could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// It would take a socket, and none may be opened.
    #[error("{url} cannot be fetched offline")]
    Offline {
        /// Where it is.
        url: String,
    },
    /// No answer, or the answer broke off.
    #[error("cannot fetch {url}")]
    Transport {
        /// Where it is.
        url: String,
        /// What happened.
        #[source]
        source: reqwest::Error,
    },
    /// The server answered with something other than the file.
    #[error("{url} answers with status {status}")]
    Status {
        /// Where it is.
        url: String,
        /// The status code.
        status: u16,
    },
    /// The server asks for a longer pause than is made.
    #[error("{url} asks to come back in {} seconds", pause.as_secs())]
    ComeBackLater {
        /// Where it is.
        url: String,
        /// What it asks for.
        pause: Duration,
    },
    /// Nothing came for too long.
    #[error("{url} sent nothing for {} seconds", limit.as_secs_f64())]
    Stalled {
        /// Where it is.
        url: String,
        /// For how long that is borne.
        limit: Duration,
    },
    /// It comes too slowly ever to be whole.
    #[error("{url} sends fewer than {limit} bytes per second")]
    TooSlow {
        /// Where it is.
        url: String,
        /// Fewest bytes per second.
        limit: u64,
    },
    /// It is larger than such a file can be.
    #[error("{url} is larger than the limit of {limit} bytes")]
    TooLarge {
        /// Where it is.
        url: String,
        /// Most bytes.
        limit: u64,
    },
    /// Its bytes are not those that were promised.
    #[error("{url} has sha256 {found}, expected {expected}")]
    Checksum {
        /// Where it is.
        url: String,
        /// Digest of what came, in hex.
        found: String,
        /// Digest it should have.
        expected: String,
    },
    /// The compressed bytes are cut short or broken.
    #[error("{url} cannot be unpacked")]
    Damaged {
        /// Where it is.
        url: String,
        /// What the decompressor says.
        #[source]
        source: io::Error,
    },
    /// A local file could not be read or written.
    #[error("cannot read or write {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The mirror does not have the file.
    #[error("the mirror {mirror} has no copy of {url}")]
    NotInMirror {
        /// Where upstream serves it.
        url: String,
        /// The mirror.
        mirror: String,
    },
    /// The mirror's list of files is not what it should be.
    #[error("{manifest} is no list of a mirror's files: {what}")]
    Manifest {
        /// The list.
        manifest: String,
        /// What is wrong.
        what: String,
    },
    /// The mirror is neither a folder nor a URL, or a date is none.
    #[error("{what}")]
    Usage {
        /// What is wrong with what the caller asked for.
        what: String,
    },
    /// The HTTP client cannot work on this machine.
    #[error("cannot make an HTTP client")]
    Client {
        /// Why not.
        #[source]
        source: reqwest::Error,
    },
}

impl FetchError {
    /// Whether the same request may well succeed a little later.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Transport { source, .. } => !source.is_builder() && !source.is_redirect(),
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..=599),
            Self::Stalled { .. } | Self::TooSlow { .. } | Self::Checksum { .. } => true,
            _ => false,
        }
    }

    /// Whether there is no such file, as far as whoever was asked can tell.
    pub(crate) const fn is_absence(&self) -> bool {
        matches!(
            self,
            Self::Status {
                status: 404 | 410,
                ..
            } | Self::NotInMirror { .. }
        )
    }
}

/// Why a snapshot stays as it is although it should be newer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// A file could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// What was fetched is not what the feed expects, or there is no such feed.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The snapshot could not be built, read or published.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The new data holds suspiciously less than the old.
    #[error("the new data is held back")]
    Quarantined(#[from] Quarantine),
    /// The new data is older than the old.
    #[error("the data offered is of {offered}, older than what is there, of {current}")]
    Older {
        /// Date of the data offered.
        offered: String,
        /// Date of the data in use.
        current: String,
    },
    /// Well-formed files with nothing in them.
    #[error("the data holds no advisories")]
    NoAdvisories,
    /// Nothing is there and nothing may be fetched.
    #[error("there is no data yet, and none can be fetched offline")]
    Offline,
    /// The feed asked for index files more often than makes sense.
    #[error("the feed does not come to an end of its index files")]
    EndlessPlan,
    /// A defect in pellucid: reading the data ended abruptly.
    #[error("reading the data failed")]
    Panicked,
}

impl UpdateError {
    /// Whether the server, or the mirror, says that there is no such file.
    pub(crate) const fn is_absence(&self) -> bool {
        matches!(self, Self::Fetch(error) if error.is_absence())
    }

    /// The error and its causes in one line.
    pub fn chain(&self) -> String {
        pellucid_model::with_causes(self)
    }
}
