//! Names that stay the same as long as what they name does.

use pellucid_model::{Digest, Finding, PackageEntry};
use sha2::{Digest as _, Sha256};

/// The name of a finding, the same in every image and for every version of the package: who keeps
/// track of findings sees an old one again after an upgrade that did not help.
pub(crate) fn finding(finding: &Finding, entry: &PackageEntry) -> Digest {
    let parts = [
        finding.id.as_str(),
        entry.package.kind.name(),
        &entry.package.name,
        entry.path().unwrap_or_default(),
        if entry.hidden { "hidden" } else { "" },
    ];
    of(&parts)
}

/// The digest of some texts, told apart whatever they contain.
pub(crate) fn of(parts: &[&str]) -> Digest {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    Digest::Sha256(hash.finalize().into())
}

/// A UUID made of a digest (RFC 9562, version 8).
pub(crate) fn uuid(digest: &Digest) -> String {
    let hex: Vec<char> = digest.hex().chars().collect();
    let part = |from: usize, to: usize| {
        hex.get(from..to)
            .unwrap_or_default()
            .iter()
            .collect::<String>()
    };
    format!(
        "{}-{}-8{}-a{}-{}",
        part(0, 8),
        part(8, 12),
        part(13, 16),
        part(17, 20),
        part(20, 32)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_apart() {
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        let uuid = uuid(&of(&[]));
        assert_eq!(uuid.len(), 36, "{uuid}");
        assert_eq!(uuid.get(14..15), Some("8"));
    }
}
