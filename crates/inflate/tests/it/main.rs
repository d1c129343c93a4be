//! What comes out is what zlib gives, and what zlib refuses is refused.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic is the report of a test"
)]

mod deflate;
mod gzip;
