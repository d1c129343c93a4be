//! Lines about everything that changes what others see: who did what to what, and how it ended.

use crate::auth::Principal;

/// Writes one line. Paths and headers of layers never come here: they carry secrets.
pub(crate) fn record(principal: &Principal, verb: &'static str, object: &str, status: u16) {
    let object: String = object.chars().take(256).collect();
    tracing::info!(
        target: "audit",
        principal = principal.name.as_str(),
        verb,
        object = object.as_str(),
        status,
        "audit"
    );
}
