//! What several feeds share: shapes of documents.

pub(crate) mod json;
pub(crate) mod secdb;
