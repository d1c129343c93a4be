//! The store on both engines: every case runs on SQLite, and on PostgreSQL where a server can be
//! started.
#![expect(clippy::unwrap_used, reason = "a panic is a test's report")]

mod clair;
mod crash;
mod deliveries;
mod failover;
mod fixture;
mod layers;
mod leases;
mod namespaces;
mod outage;
mod outbox;
mod suite;
mod texts;
mod upgrade;
mod vulnerabilities;
