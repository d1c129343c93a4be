//! Notifications on their way to a receiver on the loopback, out of a real outbox.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic is a test's report"
)]

mod delivery;
mod receiver;
mod request;
mod tls;
