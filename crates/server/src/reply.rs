//! Answers that are not JSON: plain texts in Go's words, and empty ones.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, SERVER};
use http::{Response, StatusCode};

use crate::body::Body;

pub(crate) type Reply = Response<Body>;

/// The `Server` header of Clair.
pub(crate) const CLAIR: HeaderValue = HeaderValue::from_static("clair");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const NOSNIFF: (HeaderName, HeaderValue) = (
    http::header::X_CONTENT_TYPE_OPTIONS,
    HeaderValue::from_static("nosniff"),
);

/// An answer of this status without a body.
pub(crate) fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Body::default());
    *reply.status_mut() = status;
    reply
}

/// As [`empty`], from "clair".
pub(crate) fn empty_from_clair(status: StatusCode) -> Reply {
    let mut reply = empty(status);
    reply.headers_mut().insert(SERVER, CLAIR);
    reply
}

/// A plain text, as Go's `http.Error` sends it.
pub(crate) fn text(status: StatusCode, text: &'static str) -> Reply {
    let mut reply = empty(status);
    *reply.body_mut() = text.into();
    let (name, value) = NOSNIFF;
    reply.headers_mut().insert(CONTENT_TYPE, TEXT);
    reply.headers_mut().insert(name, value);
    reply
}

/// Nothing is here.
pub(crate) fn not_found() -> Reply {
    text(StatusCode::NOT_FOUND, "404 page not found\n")
}

/// The path is known, but not with this method.
pub(crate) fn method_not_allowed(allowed: &'static str) -> Reply {
    let mut reply = text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n");
    let allowed = HeaderValue::from_static(allowed);
    reply.headers_mut().insert(http::header::ALLOW, allowed);
    reply
}

/// Clair's answer to a request that took too long: alone among its errors without `Server` header,
/// newline and compression.
pub(crate) fn timed_out() -> Reply {
    let mut reply = empty(StatusCode::SERVICE_UNAVAILABLE);
    *reply.body_mut() = Bytes::from_static(
        br#"{"Error":{"Message":"Clair failed to respond within the configured timeout window.","Type":"Timeout"}}"#,
    )
    .into();
    reply.headers_mut().insert(CONTENT_TYPE, TEXT);
    reply
}
