//! Keeping the snapshots up to date: plan, fetch, parse, build, check, publish.
//!
//! Place in the flow: the one room between the feeds, which only say what to download, and the
//! catalog, which only keeps files. Everything that can go wrong outside is met here: servers that
//! fail, stall, drip, lie about lengths or send something else. What must hold whatever they do: the
//! last good snapshot stays until a better one is complete, one feed's trouble is not another's, and
//! with [`FetchOptions::offline`] no socket is opened.

mod archive;
mod error;
mod fetch;
pub mod hostile;
mod http;
mod mirror;
mod mirroring;
mod options;
mod progress;
mod read;
mod unpack;
mod update;
mod validators;

pub use error::{FetchError, UpdateError};
pub use mirroring::{Copied, FileCount, mirror};
pub use options::FetchOptions;
pub use progress::UpdateProgress;
pub use update::{BadRecords, Outcome, Updated, covering, update};
