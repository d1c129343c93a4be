//! The binary from outside: what it prints, where, and how it ends.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic is the report of a test"
)]

mod applications;
mod bench;
mod db;
mod faults;
mod formats;
mod hostile;
mod hostile_set;
mod memory;
mod notifications;
mod real_feeds;
mod repositories;
mod rules;
mod scan;
mod secrets;
mod serve;
mod serving;
mod shared;
mod sources;
mod usage;
mod version_compare;
