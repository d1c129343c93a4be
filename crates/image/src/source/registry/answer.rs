//! What a registry's answers say beside the image: tokens, errors, limits, parts.

use std::time::Duration;

use reqwest::header::{self, HeaderMap, HeaderName};
use serde::Deserialize;

use super::fault::Rate;

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
}

#[derive(Deserialize)]
struct Errors {
    #[serde(default)]
    errors: Vec<OneError>,
}

#[derive(Deserialize)]
struct OneError {
    #[serde(default)]
    code: Option<String>,
}

/// A token server's token.
///
/// Source: <https://distribution.github.io/distribution/spec/auth/token/>
///
/// # Errors
/// What is wrong with the answer.
pub(crate) fn token(answer: &[u8]) -> Result<String, &'static str> {
    let token: Token =
        serde_json::from_slice(answer).map_err(|_| "its token server's answer is not JSON")?;
    let token = token.token.or(token.access_token);
    token
        .filter(|token| !token.is_empty())
        .ok_or("its token server's answer holds no token")
}

/// The code of a registry's error, if it is one.
///
/// Source: <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes>
pub(crate) fn code(answer: &[u8]) -> Option<String> {
    let errors: Errors = serde_json::from_slice(answer).ok()?;
    let code = errors.errors.into_iter().next()?.code?;
    let known = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
    (code.len() <= 40 && code.bytes().all(known)).then_some(code)
}

/// What the headers of an answer say about limits: `RateLimit-Limit: 100;w=21600`.
pub(crate) fn rate(headers: &HeaderMap) -> Rate {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    let limit = text(HeaderName::from_static("ratelimit-limit")).and_then(|text| {
        let (limit, rest) = text.split_once(';').unwrap_or((text, ""));
        let window = rest.trim().strip_prefix("w=").and_then(|w| w.parse().ok());
        Some((limit.trim().parse().ok()?, window))
    });
    let remaining = text(HeaderName::from_static("ratelimit-remaining"))
        .and_then(|text| text.split(';').next()?.trim().parse().ok());
    let retry_after = text(header::RETRY_AFTER)
        .and_then(|text| text.trim().parse().ok())
        .map(Duration::from_secs);
    Rate {
        limit,
        remaining,
        retry_after,
    }
}

/// Where a partial answer begins: `Content-Range: bytes 10-19/100`.
pub(crate) fn begins_at(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let range = text.trim().strip_prefix("bytes")?.trim_start();
    range.split('-').next()?.trim().parse().ok()
}
