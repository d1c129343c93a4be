//! YAML documents.
//!
//! A scalar is read as what the field is, so that `cve: 2023-50725` and `date: 2023-12-18` are text.
//! The reader bounds depth and what aliases expand to.

use serde::de::DeserializeOwned;

use super::json;
use crate::{FeedError, Fetched};

/// Reads the document that a file is.
///
/// # Errors
/// The body is empty, a web page, not UTF-8, or no document of this shape.
pub(crate) fn document<T: DeserializeOwned>(file: &Fetched<'_>) -> Result<T, FeedError> {
    let text = json::text(file)?;
    serde_saphyr::from_str(text).map_err(|error| FeedError::Yaml {
        file: file.name().to_owned(),
        // One line says where and what; the others quote the document.
        reason: error
            .to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned(),
    })
}
