//! One file a command.

pub(crate) mod analyze_local_images;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod convert;
pub(crate) mod db;
pub(crate) mod diff;
pub(crate) mod explain;
pub(crate) mod healthcheck;
pub(crate) mod notifications;
pub(crate) mod packages;
mod saved;
pub(crate) mod scan;
pub(crate) mod serve;
pub(crate) mod version;
pub(crate) mod version_compare;
