//! The crate from outside, on images and tars that the tests make in memory.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a panic in a test is its report"
)]

mod build;
mod confined;
mod containerd;
mod directory;
mod engine;
mod hostile;
mod layer;
mod lazy;
mod limits;
mod moved;
mod registry;
mod seen;
mod source;
mod tar;
mod truncation;
