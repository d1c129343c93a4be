//! CleanStart, through osv.dev.
//!
//! The shape is told in `format/osv_distribution.rs`. The distribution has no releases; some records call
//! the ecosystem by the id of its os-release. A package of several branches is listed once a branch, each
//! time from the beginning: a version of an older branch that has its fix counts as affected until the
//! newest one's.

use pellucid_version::Scheme;

use crate::format::osv_distribution::{Distribution, Subject};

/// `https://www.cleanstart.com`.
pub(crate) const CLEANSTART: Distribution = Distribution {
    name: "cleanstart",
    ecosystems: &["CleanStart", "clnstrt", "CLEANSTART"],
    url: "https://osv-vulnerabilities.storage.googleapis.com/CleanStart/all.zip",
    scheme: Scheme::Apk,
    is_release: None,
    subject: Subject::Vulnerability,
    own_names: true,
};
