//! Alpaquita Linux of BellSoft, through osv.dev.
//!
//! The shape is told in `format/osv_distribution.rs`. Releases are numbers (`23`) and `stream`.

use pellucid_version::Scheme;

use crate::format::osv_distribution::{Distribution, Subject, is_number_or_stream};

/// `https://bell-sw.com/alpaquita-linux`.
pub(crate) const ALPAQUITA: Distribution = Distribution {
    name: "alpaquita",
    ecosystems: &["Alpaquita"],
    url: "https://osv-vulnerabilities.storage.googleapis.com/Alpaquita/all.zip",
    scheme: Scheme::Apk,
    is_release: Some(is_number_or_stream),
    subject: Subject::Vulnerability,
    own_names: false,
};
