//! The detectors against files of real systems and files that were never meant to be.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a panic is the report of a test"
)]

mod fixtures;
mod language;
mod layers;
mod overlay;
mod ownership;
mod rpmdb;
mod run;
mod sources;
mod truncation;
