//! Rocky Linux: its errata, through osv.dev.
//!
//! The shape is told in `format/osv_errata.rs`. Names are of source packages (`openssl`, never
//! `openssl-libs`). RXSA, of the special interest groups, are left out.

use pellucid_model::NameKind;

use crate::format::osv_errata::Errata;

/// `https://errata.rockylinux.org`.
pub(crate) const ROCKY: Errata = Errata {
    ecosystem: "Rocky Linux",
    distribution: "rocky",
    name_kind: NameKind::Source,
    url: "https://osv-vulnerabilities.storage.googleapis.com/Rocky Linux/all.zip",
};
