//! The whole server, over loopback sockets, on SQLite in a temporary folder.

mod advisories;
mod auth;
mod config;
mod errors;
mod fetch;
mod layers;
mod service;
mod stop;
