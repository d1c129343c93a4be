//! Advisories as immutable files: one snapshot per feed or part of a feed, and the catalog of those
//! in use.
//!
//! Place in the flow: feeds -> **snapshot** -> matcher. A snapshot is written once, sorted, and named
//! by the digest of its bytes; it is never changed, only replaced by renaming the catalog's small
//! manifest. So an update is all or nothing, going back is a pointer, and two machines with the same
//! data have the same digest.
//!
//! The crate touches the file system under the paths it is given, and nothing else: no network, no
//! environment, no clock (callers say what time it is).

mod additions;
mod advisory_record;
mod builder;
mod built_from;
pub mod bundle;
mod cache;
mod catalog;
mod codec;
mod diff;
mod digest;
mod error;
mod gate;
mod manifest;
mod package_row;
mod runs;
mod schema;
mod snapshot;
mod text_key;

pub use additions::{Addition, additions};
pub use builder::{Builder, Built, Meta, NamespaceCount};
pub use catalog::{Catalog, UpdateLock};
pub use diff::{Change, Diff, diff};
pub use error::SnapshotError;
pub use gate::{Gate, Quarantine};
pub use manifest::{CatalogEntry, FeedStatus, Stored};
pub use snapshot::{AdvisoryRef, Entry, Snapshot};
