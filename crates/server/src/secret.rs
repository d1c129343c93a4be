//! Bytes that only who holds a secret can know: a token's hash, a code made with a key.
//!
//! How long it takes to compare them must not tell how many of them somebody guessed. So they are of a type that
//! has no `==`, and whose bytes are seen by nobody who could compare them otherwise.

use std::fmt;

use subtle::ConstantTimeEq as _;

/// Such bytes.
#[derive(Clone)]
pub(crate) struct Secret([u8; 32]);

impl Secret {
    pub(crate) const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Whether these are the bytes, found out in the same time wherever they differ.
    pub(crate) fn is(&self, bytes: &[u8]) -> bool {
        self.0.ct_eq(bytes).into()
    }

    /// Writes them behind other bytes, for somebody who may have them.
    pub(crate) fn append_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.0);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_the_same_or_not() {
        let secret = Secret::new([7; 32]);
        assert!(secret.is(&[7; 32]));
        for at in 0..32 {
            let mut other = [7; 32];
            other[at] = 6;
            assert!(!secret.is(&other), "{at}");
        }
        assert!(!secret.is(&[7; 31]) && !secret.is(&[7; 33]) && !secret.is(&[]));
        assert_eq!(format!("{secret:?}"), "***");
    }
}
