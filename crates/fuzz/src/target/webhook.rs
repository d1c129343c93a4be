//! What receivers and proxies answer, to begin with.

/// Answers of proxies, and waits.
pub(crate) fn answers() -> Vec<Vec<u8>> {
    [
        "HTTP/1.1 200 Connection established\r\n\r\n",
        "HTTP/1.0 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
        "120",
        "-9223372036854775808",
        "Fri, 31 Dec 1999 23:59:59 GMT",
        "Sat, 31 Dec 9999 23:59:59 +2359",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect()
}
