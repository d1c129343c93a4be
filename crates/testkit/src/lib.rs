//! Images and mirrors made in memory, recordings replayed, for the tests of every room.
//!
//! Only tests depend on it. A builder panics where a test asked for something impossible: that
//! panic is the test's report.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is the report of the test that asked"
)]

mod engine;
mod engine_root;
pub mod golden;
mod image;
mod mirror;
pub mod postgres;
pub mod registry;
pub mod replay;
pub mod web;

pub use engine::Engine;
pub use engine_root::{CONTAINER, ContainerOf};
pub use image::{Compression, ImageBuilder, LayerBuilder};
pub use mirror::Mirror;
