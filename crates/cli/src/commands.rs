//! One file a command.

pub(crate) mod db;
pub(crate) mod packages;
pub(crate) mod scan;
pub(crate) mod version_compare;
