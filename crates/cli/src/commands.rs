//! One file a command.

pub(crate) mod config;
pub(crate) mod db;
pub(crate) mod packages;
pub(crate) mod scan;
pub(crate) mod serve;
pub(crate) mod version_compare;
