//! Snapshots and the catalog, from outside.

mod catalog;
mod damage;
mod diff;
mod fixture;
mod snapshot;
