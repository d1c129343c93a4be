//! What several feeds share: shapes of documents.

pub(crate) mod csaf;
pub(crate) mod cvss;
pub(crate) mod date;
pub(crate) mod json;
pub(crate) mod osv;
pub(crate) mod osv_distribution;
pub(crate) mod osv_errata;
pub(crate) mod osv_packages;
pub(crate) mod oval;
pub(crate) mod pro;
pub(crate) mod rpm;
pub(crate) mod secdb;
pub(crate) mod updateinfo;
pub(crate) mod whole;
pub(crate) mod xml;
pub(crate) mod yaml;
