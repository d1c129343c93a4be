//! Hashing in the algorithm that a declared digest asks for.

use pellucid_model::Digest;
use sha2::{Digest as _, Sha256, Sha512};

/// A digest being computed.
pub(crate) enum Hasher {
    Sha256(Box<Sha256>),
    Sha512(Box<Sha512>),
}

impl Hasher {
    /// A hasher whose result can be compared with `declared`; SHA-256 when nothing is.
    pub(crate) fn like(declared: Option<&Digest>) -> Self {
        match declared {
            Some(Digest::Sha512(_)) => Self::Sha512(Box::default()),
            Some(Digest::Sha256(_)) | None => Self::Sha256(Box::default()),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Digest {
        match self {
            Self::Sha256(hasher) => Digest::Sha256(hasher.finalize().into()),
            Self::Sha512(hasher) => Digest::Sha512(hasher.finalize().into()),
        }
    }
}

/// The digest of `bytes` in the algorithm of `declared`.
pub(crate) fn digest_like(declared: Option<&Digest>, bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::like(declared);
    hasher.update(bytes);
    hasher.finish()
}
