//! One file a kind of entry point.

pub(crate) mod archive;
pub(crate) mod config;
pub(crate) mod detector;
pub(crate) mod feed;
pub(crate) mod layer;
pub(crate) mod report;
pub(crate) mod rpmdb;
pub(crate) mod snapshot;
pub(crate) mod version;
