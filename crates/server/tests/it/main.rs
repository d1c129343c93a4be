//! The whole server, over loopback sockets, on SQLite in a temporary folder.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a panic is a test's report"
)]

mod advisories;
mod audit;
mod auth;
mod config;
mod connections;
mod debian_pair;
mod engines;
mod errors;
mod fetch;
mod golden;
mod http2;
mod layers;
mod names;
mod overrides;
mod products;
mod quay;
mod replicas;
mod service;
mod statements;
mod stop;
mod tls;
mod updates;
mod waiting;
