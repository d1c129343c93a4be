//! placeholder
pub mod rpmdb;
