//! Inputs that are more than one value: a line of text before the body.

/// The first line, and what stands behind it.
pub(crate) fn line(data: &[u8]) -> (&[u8], &[u8]) {
    match data.iter().position(|byte| *byte == b'\n') {
        Some(end) => (
            data.get(..end).unwrap_or_default(),
            data.get(end + 1..).unwrap_or_default(),
        ),
        None => (data, &[]),
    }
}

/// Puts a line before a body, as [`line`] takes it off.
pub(crate) fn with_line(line: &[u8], body: &[u8]) -> Vec<u8> {
    [line, b"\n", body].concat()
}
