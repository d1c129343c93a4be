//! Signatures of messages, as the Standard Webhooks specification has them.
//!
//! `webhook-signature: v1,BASE64` is an HMAC-SHA256 over `ID.TIMESTAMP.BODY`. While a secret is being
//! replaced there are two of them, apart by a space, and the receiver takes whichever it knows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What secrets of the specification begin with; the rest is base64.
const PREFIX: &str = "whsec_";

/// The secrets that messages are signed with, the present one first.
#[derive(Clone)]
pub struct Secrets(Vec<Vec<u8>>);

/// A secret cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SecretsError {
    /// It begins as one of the specification's and does not go on like one.
    #[error("the secret after whsec_ is not base64")]
    Base64,
}

impl Secrets {
    /// Reads secrets, apart by white space: `whsec_` and base64, or any other text as it is.
    ///
    /// # Errors
    /// One of them is damaged.
    pub fn parse(text: &str) -> Result<Self, SecretsError> {
        text.split_whitespace()
            .map(|word| match word.strip_prefix(PREFIX) {
                Some(rest) => STANDARD.decode(rest).map_err(|_| SecretsError::Base64),
                None => Ok(word.as_bytes().to_vec()),
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether there is none, and messages go unsigned.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of `webhook-signature`.
    pub(crate) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let signatures: Vec<String> = self
            .0
            .iter()
            .filter_map(|secret| {
                // Keys of every length are allowed.
                let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
                mac.update(format!("{id}.{timestamp}.").as_bytes());
                mac.update(body);
                let code = STANDARD.encode(mac.finalize().into_bytes());
                Some(format!("v1,{code}"))
            })
            .collect();
        signatures.join(" ")
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specifications_example_is_signed_so() {
        let secrets = Secrets::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = secrets.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let both = Secrets::parse("other whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed_by_both = both.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert!(signed_by_both.ends_with(&format!(" {signed}")));
        assert!(Secrets::parse("whsec_!").is_err());
        assert!(Secrets::parse(" ").unwrap().is_empty());
    }
}
