//! The store on both engines: every case runs on SQLite, and on PostgreSQL where a server can be
//! started.

mod fixture;
mod layers;
mod namespaces;
mod suite;
