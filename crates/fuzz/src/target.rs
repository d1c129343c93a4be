//! One file a kind of entry point.

pub(crate) mod archive;
pub(crate) mod bill;
pub(crate) mod bundle;
pub(crate) mod config;
pub(crate) mod detector;
pub(crate) mod download;
pub(crate) mod feed;
pub(crate) mod inflate;
pub(crate) mod layer;
pub(crate) mod local_image;
pub(crate) mod registry;
pub(crate) mod report;
pub(crate) mod request;
pub(crate) mod rpmdb;
pub(crate) mod rules;
pub(crate) mod snapshot;
pub(crate) mod storage;
pub(crate) mod template;
pub(crate) mod version;
pub(crate) mod vex;
pub(crate) mod webhook;
