//! Mageia: its security bulletins, through osv.dev.
//!
//! The shape is told in `format/osv_distribution.rs`.

use pellucid_version::Scheme;

use crate::format::osv_distribution::{Distribution, Subject, is_number_or_stream};

/// `https://advisories.mageia.org`.
pub(crate) const MAGEIA: Distribution = Distribution {
    name: "mageia",
    ecosystems: &["Mageia"],
    url: "https://osv-vulnerabilities.storage.googleapis.com/Mageia/all.zip",
    scheme: Scheme::Rpm,
    is_release: Some(is_number_or_stream),
    subject: Subject::Bulletin,
    own_names: false,
};
