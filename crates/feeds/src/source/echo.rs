//! Echo, a distribution of Debian's packages, through osv.dev.
//!
//! The shape is told in `format/osv_distribution.rs`. The distribution has no releases. The archive also
//! has packages of languages (`Echo:PyPI`), which are not read.

use pellucid_version::Scheme;

use crate::format::osv_distribution::{Distribution, Subject};

/// `https://advisory.echohq.com`.
pub(crate) const ECHO: Distribution = Distribution {
    name: "echo",
    ecosystems: &["Echo"],
    url: "https://osv-vulnerabilities.storage.googleapis.com/Echo/all.zip",
    scheme: Scheme::Dpkg,
    is_release: None,
    subject: Subject::Vulnerability,
    own_names: false,
};
