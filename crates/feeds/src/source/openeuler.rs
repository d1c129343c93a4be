//! openEuler: its security bulletins, through osv.dev.
//!
//! The shape is told in `format/osv_distribution.rs`. There are bulletins for releases with long-term
//! support alone (`24.03-LTS`) and their service packs (`24.03-LTS-SP1`).

use pellucid_version::Scheme;

use crate::format::osv_distribution::{Distribution, Subject};

/// `https://www.openeuler.org`.
pub(crate) const OPENEULER: Distribution = Distribution {
    name: "openeuler",
    ecosystems: &["openEuler"],
    url: "https://osv-vulnerabilities.storage.googleapis.com/openEuler/all.zip",
    scheme: Scheme::Rpm,
    is_release: Some(is_release),
    subject: Subject::Bulletin,
    own_names: false,
};

/// `22.03-LTS` or `22.03-LTS-SP3`.
fn is_release(release: &str) -> bool {
    let Some((number, support)) = release.split_once('-') else {
        return false;
    };
    let is_number = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_pack = |pack: &str| {
        let number = pack.strip_prefix("-SP").unwrap_or_default();
        matches!(number.as_bytes(), [b'1'..=b'9'])
    };
    number
        .split_once('.')
        .is_some_and(|(year, month)| is_number(year) && is_number(month))
        && support
            .strip_prefix("LTS")
            .is_some_and(|pack| pack.is_empty() || is_pack(pack))
}
