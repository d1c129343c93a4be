//! Matching, from outside. Modules mirror `src`.
#![expect(clippy::unwrap_used, reason = "a panic is a test's report")]

mod coverage;
mod enrichment;
mod finding;
mod fixture;
mod owned;
mod policy;
mod products;
mod sources;
mod statement;
mod waiver;
