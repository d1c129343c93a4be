//! Entry points for `crates/fuzz`: what a caller's bytes reach before anything is looked up.

use http::{Method, Uri};

use super::page::{self, Pages};
use super::wire::{Feature, PostedLayer, Vulnerability};
use super::{notifications, route, vulnerabilities};

/// A page token as a caller sends it, and the same text under a good code.
///
/// # Panics
/// When a token does not say what it was made of, or strange bytes pass for one.
pub fn page_token(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let pages = Pages::new([7; 32]);
    // Nobody guesses a code of 32 bytes.
    assert!(pages.read(text).is_err(), "{text:?} passes for a token");
    let _ = (notifications::from(text), vulnerabilities::from(text));
    let token = pages.token(text);
    match pages.read(&token) {
        Ok(read) => assert_eq!(read, text),
        Err(_) => assert!(token.len() > Pages::LONGEST, "{token} is not read back"),
    }
}

/// A request's target with its query: the route, and what the query says.
pub fn target(data: &[u8]) {
    let Some(uri) = std::str::from_utf8(data)
        .ok()
        .and_then(|text| text.parse::<Uri>().ok())
    else {
        return;
    };
    for method in [Method::GET, Method::POST, Method::DELETE] {
        if let route::Found::Route(route) = route::find(uri.path(), uri.query(), &method) {
            let _ = (route.object(), route.metric(&method), route.scope(&method));
        }
    }
    let query = uri.query().unwrap_or_default();
    let _ = (page::has(query, "features"), page::limit(query));
}

/// A request's body, as each of those that are read; what was read is written back.
pub fn body(data: &[u8]) {
    if let Ok(layer) = PostedLayer::read(data) {
        let _ = super::json::document(|it| layer.write(3, it));
    }
    if let Ok(fix) = Feature::read_envelope(data) {
        let _ = super::json::document(|it| fix.write(it));
    }
    if let Ok(vulnerability) = Vulnerability::read_envelope(data) {
        let _ = super::json::document(|it| vulnerability.write(it));
    }
}
