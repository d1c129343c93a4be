//! The kit's own tests.
#![expect(clippy::unwrap_used, reason = "a panic is a test's report")]

mod permitted;
mod replay;
