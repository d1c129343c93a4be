//! Snapshots and the catalog, from outside.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic is a test's report"
)]

mod bundle;
mod catalog;
mod damage;
mod diff;
mod fixture;
mod snapshot;
