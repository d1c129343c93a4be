//! Entry points for `crates/fuzz`: what a caller's bytes reach before anything is looked up or fetched.

use std::net::IpAddr;

use http::header;
use reqwest::Url;

use crate::api::notifications;
use crate::config::LayerSources;
use crate::fetch::policy::{Policy, literal};
use crate::fetch::{Harmless as _, check, forwarded};
pub use crate::v1::hostile::{body, page_token, target};

/// Where a layer is fetched from and with which headers, a line each: its path, then `name: value`.
///
/// # Panics
/// When an address of this machine or its network is let through, or a header that speaks of the
/// connection or, elsewhere, of the caller.
pub fn layer(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.split('\n');
    let path = lines.next().unwrap_or_default();
    let sources = LayerSources {
        allow_private: false,
        ..LayerSources::default()
    };
    let policy = Policy::new(&sources, false, vec![6060]);
    if let Ok(url) = Url::parse(path)
        && check(&policy, &url).is_ok()
        && let Ok(address) = literal(url.host_str().unwrap_or_default())
    {
        assert!(is_far(address), "{url}");
    }
    let pairs: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    if let Ok(mut headers) = forwarded(&pairs) {
        for name in [
            header::HOST,
            header::CONTENT_LENGTH,
            header::PROXY_AUTHORIZATION,
        ] {
            assert!(!headers.contains_key(&name), "{name}");
        }
        headers.retain_harmless();
        for name in [header::AUTHORIZATION, header::COOKIE] {
            assert!(!headers.contains_key(&name), "{name}");
        }
    }
}

/// Whether the standard library, too, knows an address as none of this machine or its network.
fn is_far(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(four) => {
            !(four.is_loopback()
                || four.is_private()
                || four.is_link_local()
                || four.is_unspecified())
        }
        IpAddr::V6(six) => {
            !(six.is_loopback()
                || six.is_unique_local()
                || six.is_unicast_link_local()
                || six.is_unspecified())
        }
    }
}

/// The query of `GET /api/v1/notifications`.
pub fn notifications(data: &[u8]) {
    if let Ok(query) = std::str::from_utf8(data) {
        let _ = notifications::asked(query);
    }
}
