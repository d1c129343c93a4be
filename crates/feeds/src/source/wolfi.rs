//! Wolfi: a secdb of one document, as the distribution has no releases.
//!
//! The shape is told in `format/secdb.rs`. Names are of origin packages and of those built from
//! them; key `0` is a false positive. The publisher restricts what may be done with the data.

use crate::format::secdb::Rolling;

/// `https://wolfi.dev`.
pub(crate) const WOLFI: Rolling = Rolling {
    name: "wolfi",
    url: "https://packages.wolfi.dev/os/security.json",
    page: "https://images.chainguard.dev/security/",
};
