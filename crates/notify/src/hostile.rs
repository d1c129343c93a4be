//! Entry points for `crates/fuzz`: what receivers and proxies answer, and where messages go.

use http::HeaderMap;
use http::header::{HeaderValue, RETRY_AFTER};

use crate::webhook::{LONGEST_WAIT, retry_after};
use crate::{Webhook, WebhookOptions, connect};

/// A proxy's answer to `CONNECT`, and the same bytes as a receiver's `Retry-After`.
///
/// # Panics
/// When what is told of the answer could do more than be read, or a wait is longer than any may be.
pub fn answer(data: &[u8]) {
    if let Err(error) = connect::granted(data) {
        let told = error.to_string();
        assert!(!told.contains(char::is_control), "{told:?}");
    }
    if let Ok(value) = HeaderValue::from_bytes(data) {
        let wait = retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value)]));
        assert!(wait.is_none_or(|wait| wait <= LONGEST_WAIT), "{wait:?}");
    }
}

/// A receiver's URL, a proxy's, the name on the certificate, and secrets, a line each.
pub fn webhook(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.split('\n').map(str::to_owned);
    let options = WebhookOptions {
        endpoint: lines.next().unwrap_or_default(),
        proxy: lines.next(),
        servername: lines.next(),
        secret: lines.next(),
        ..WebhookOptions::default()
    };
    let _ = Webhook::new(&options);
}
