//! Lines about everything that changes what others see: who did what to what, or tried to, and how it
//! ended.

/// Writes one line. Paths and headers of layers never come here: they carry secrets.
pub(crate) fn record(principal: &str, verb: &'static str, object: &str, status: u16) {
    let object: String = object.chars().take(256).collect();
    tracing::info!(
        target: "audit",
        principal,
        verb,
        object = object.as_str(),
        status,
        "audit"
    );
}
