//! MinimOS: a secdb of one document, as the distribution has no releases.
//!
//! The shape is told in `format/secdb.rs`. Names are of origin packages and of those built from
//! them; key `0` is a false positive. The publisher restricts what may be done with the data.

use crate::format::secdb::Rolling;

/// `https://minimus.io`.
pub(crate) const MINIMOS: Rolling = Rolling {
    name: "minimos",
    url: "https://packages.mini.dev/advisories/secdb/security.json",
    page: "https://nvd.nist.gov/vuln/detail/",
};
