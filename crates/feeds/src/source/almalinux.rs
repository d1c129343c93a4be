//! AlmaLinux: its errata, through osv.dev.
//!
//! The shape is told in `format/osv_errata.rs`. ALBA and ALEA are left out unless they name a CVE.

use pellucid_model::NameKind;

use crate::format::osv_errata::Errata;

/// `https://errata.almalinux.org`.
pub(crate) const ALMALINUX: Errata = Errata {
    ecosystem: "AlmaLinux",
    distribution: "almalinux",
    name_kind: NameKind::Binary,
    url: "https://osv-vulnerabilities.storage.googleapis.com/AlmaLinux/all.zip",
};
