//! Matching, from outside. Modules mirror `src`.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic is a test's report"
)]

mod coverage;
mod finding;
mod fixture;
mod policy;
mod statement;
