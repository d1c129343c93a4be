//! Rocky Linux: its errata, through osv.dev.
//!
//! The shape is told in `format/osv_errata.rs`. RXSA, of the special interest groups, are read as well.

use crate::format::osv_errata::Errata;

/// `https://errata.rockylinux.org`.
pub(crate) const ROCKY: Errata = Errata {
    ecosystem: "Rocky Linux",
    distribution: "rocky",
    url: "https://osv-vulnerabilities.storage.googleapis.com/Rocky Linux/all.zip",
};
