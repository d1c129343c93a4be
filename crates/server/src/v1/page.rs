//! Queries and page tokens.
//!
//! A token is opaque to its holder: what it says, when it was made, and a code that only holders of
//! the key can make. It is good for an hour, on every replica with the same key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use percent_encoding::percent_decode_str;
use sha2::{Digest as _, Sha256};

use super::error::ApiError;
use crate::secret::Secret;

/// Seconds that a token is good for.
const LIFETIME: i64 = 3600;
/// First byte of a token.
const VERSION: u8 = 1;

/// Whether a query has a key, with whatever value.
pub(crate) fn has(query: &str, key: &str) -> bool {
    first(query, key).is_some()
}

/// The first value of a key.
pub(crate) fn first(query: &str, key: &str) -> Option<String> {
    query.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name) == key).then(|| decoded(value))
    })
}

fn decoded(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

/// The `limit` of a query.
pub(crate) fn limit(query: &str) -> Result<i64, ApiError> {
    let text =
        first(query, "limit").ok_or_else(|| ApiError::bad("must provide limit query parameter"))?;
    // Go takes a sign and digits alone.
    text.parse::<i64>().map_err(|error| {
        let reason = match error.kind() {
            std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => {
                "value out of range"
            }
            _ => "invalid syntax",
        };
        ApiError::bad(format!(
            "invalid limit format: strconv.Atoi: parsing {}: {reason}",
            serde_json::to_string(&text).unwrap_or_default()
        ))
    })
}

/// Makes and reads page tokens.
pub(crate) struct Pages {
    key: [u8; 32],
}

impl Pages {
    /// The longest token that is looked at.
    pub(super) const LONGEST: usize = 1024;

    pub(crate) const fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// A token that says `text`.
    pub(crate) fn token(&self, text: &str) -> String {
        self.token_at(text, jiff::Timestamp::now().as_second())
    }

    fn token_at(&self, text: &str, now: i64) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&now.to_be_bytes());
        bytes.extend_from_slice(text.as_bytes());
        self.code(&bytes).append_to(&mut bytes);
        URL_SAFE.encode(bytes)
    }

    /// What a token says.
    pub(crate) fn read(&self, token: &str) -> Result<String, ApiError> {
        self.read_at(token, jiff::Timestamp::now().as_second())
            .ok_or_else(|| {
                ApiError::bad("invalid page format: invalid or expired pagination token")
            })
    }

    fn read_at(&self, token: &str, now: i64) -> Option<String> {
        let token = token
            .as_bytes()
            .get(..)
            .filter(|token| token.len() <= Self::LONGEST)?;
        let bytes = URL_SAFE.decode(token).ok()?;
        let (signed, code) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
        if !self.code(signed).is(code) {
            return None;
        }
        let (&version, rest) = signed.split_first()?;
        let (made, text) = rest.split_first_chunk::<8>()?;
        let age = now.saturating_sub(i64::from_be_bytes(*made));
        // Clocks of replicas differ a little.
        if version != VERSION || !(-60..=LIFETIME).contains(&age) {
            return None;
        }
        String::from_utf8(text.to_vec()).ok()
    }

    /// HMAC-SHA256 (RFC 2104) with a key of half a block.
    fn code(&self, bytes: &[u8]) -> Secret {
        let pad = |with: u8| {
            let mut block = [with; 64];
            for (byte, key) in block.iter_mut().zip(self.key) {
                *byte ^= key;
            }
            block
        };
        let inner = Sha256::new()
            .chain_update(pad(0x36))
            .chain_update(bytes)
            .finalize();
        let outer = Sha256::new()
            .chain_update(pad(0x5c))
            .chain_update(inner)
            .finalize();
        Secret::new(outer.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_an_hour_and_for_nothing_else() {
        let pages = Pages::new([7; 32]);
        let token = pages.token_at("{\"a\":1}", 1_000_000);
        assert_eq!(
            pages.read_at(&token, 1_003_600).as_deref(),
            Some("{\"a\":1}")
        );
        assert_eq!(pages.read_at(&token, 1_003_601), None);
        assert_eq!(Pages::new([8; 32]).read_at(&token, 1_000_000), None);
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            let byte = changed.get_mut(at).unwrap();
            *byte = if *byte == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            if changed != token {
                assert_eq!(pages.read_at(&changed, 1_000_000), None, "{at}");
            }
        }
        for bad in ["", "zz", "====", "gAAAAA=="] {
            assert_eq!(pages.read_at(bad, 1_000_000), None);
        }
    }

    #[test]
    fn the_code_is_hmac() {
        // RFC 4231, test case 1, has a key of 20 bytes: zeros behind it change nothing.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let mut code = Vec::new();
        Pages::new(key).code(b"Hi There").append_to(&mut code);
        assert_eq!(
            hex::encode(code),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
    }

    #[test]
    fn the_first_value_counts_and_presence_alone_is_enough() {
        assert!(has("features", "features"));
        assert!(has("a=b&features=false", "features"));
        assert!(!has("featuresx&Features", "features"));
        assert_eq!(first("limit=1&limit=3", "limit").as_deref(), Some("1"));
        assert_eq!(first("page=a%3D%3D", "page").as_deref(), Some("a=="));
        assert_eq!(limit("limit=-1").ok(), Some(-1));
        assert!(limit("limit=x").is_err() && limit("").is_err());
    }
}
