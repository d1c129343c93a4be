//! Entry points for `crates/fuzz`: where a database is said to be.

use crate::engine;

/// A connection string, as a URL or as keys and values.
pub fn source(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = engine::source::parse(text);
    }
}
