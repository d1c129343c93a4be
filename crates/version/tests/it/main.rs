//! Versions against tables of known answers, the native tools, and the laws of an order.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a panic is the report of a test"
)]

mod limits;
mod oracles;
mod order;
mod range;
mod requirement;
mod set;
mod tables;
