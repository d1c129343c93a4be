//! Images and mirrors made in memory, recordings replayed, for the tests of every room.
//!
//! Only tests depend on it. A builder panics where a test asked for something impossible: that
//! panic is the test's report.

#![expect(
    clippy::expect_used,
    reason = "a panic is the report of the test that asked"
)]

pub mod golden;
mod image;
mod mirror;
pub mod postgres;
pub mod replay;

pub use image::{Compression, ImageBuilder, LayerBuilder};
pub use mirror::Mirror;
