//! BellSoft Hardened Containers, through osv.dev.
//!
//! The shape is told in `format/osv_distribution.rs`. Releases are those of Alpaquita Linux, which they
//! are built of.

use pellucid_version::Scheme;

use crate::format::osv_distribution::{Distribution, Subject, is_number_or_stream};

/// `https://bell-sw.com/bellsoft-hardened-images`.
pub(crate) const BELLSOFT_HARDENED_CONTAINERS: Distribution = Distribution {
    name: "bellsoft-hardened-containers",
    ecosystems: &["BellSoft Hardened Containers"],
    url: "https://osv-vulnerabilities.storage.googleapis.com/BellSoft Hardened Containers/all.zip",
    scheme: Scheme::Apk,
    is_release: Some(is_number_or_stream),
    subject: Subject::Vulnerability,
    own_names: false,
};
