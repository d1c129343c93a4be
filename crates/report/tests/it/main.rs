//! What each format writes, of reports made by hand.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a panic is the report of a test"
)]

mod browser;
mod exchange;
mod hostile;
mod json;
mod plan;
mod sample;
mod schema;
mod table;
mod template;
