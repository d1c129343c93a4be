//! What a vendor or database says about a vulnerability.
//!
//! One [`Advisory`] is one statement of one feed; it lists every package it speaks of. Statements
//! that say *not affected* are kept: they cancel hits of other feeds and make changes visible.

use pellucid_version::Range;
use serde::{Deserialize, Serialize};

use crate::{Epss, Kev, Namespace, Severity};

/// Which name of an installed package an advisory's package name is compared with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NameKind {
    /// The source package's name, and its version.
    Source,
    /// The installed package's own name and version.
    Binary,
}

/// What an advisory says of one package.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Versions in the ranges are affected; the ranges say whether and where it is fixed.
    Affected,
    /// No version is affected.
    NotAffected,
    /// Nobody knows yet.
    UnderInvestigation,
    /// Affected, and the vendor will not fix it.
    WillNotFix,
    /// Affected, and the fix is put off.
    Deferred,
    /// The vendor no longer supports the package or release; affected as far as known.
    EndOfLife,
}

/// A CVSS vector and who gave it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Cvss {
    /// Who scored it: `nvd@nist.gov`, `redhat`, `ghsa`.
    pub source: String,
    /// The vector as written, with its `CVSS:3.1/` prefix where it has one.
    pub vector: String,
}

/// One package that an advisory speaks of.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Affected {
    /// Namespace the statement holds for.
    pub namespace: Namespace,
    /// Package name, as the namespace writes it.
    pub package: String,
    /// Whether that is a source or a binary package's name.
    pub name_kind: NameKind,
    /// What is said of it.
    pub status: Status,
    /// Affected versions; none of them with [`Status::NotAffected`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<Range>,
    /// Affected versions listed one by one, beside the ranges (OSV's `versions`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
    /// Severity of the vulnerability in this package, where it differs from the advisory's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Architectures it holds for; empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arches: Vec<String>,
    /// Module stream it holds for (`php:7.4`); for ebuilds the slot (`8.2`), or all but those named
    /// (`!8.2 8.3`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// CPEs of the repositories it holds for; empty means any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cpes: Vec<String>,
    /// The vendor's own words on it (`Minor issue`, `Out of support scope`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// One statement of a feed about one vulnerability.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Advisory {
    /// The feed's own identifier: `CVE-2024-1234`, `ALAS2-2019-1247`, `GHSA-…`.
    pub id: String,
    /// Other identifiers of the same vulnerability, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Vulnerabilities that the advisory fixes, where it is a vendor's bulletin and not the
    /// vulnerability itself (the CVEs of an RHSA), sorted. Never merged on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<String>,
    /// One line, where the feed has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it is about; empty where the feed says nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Severity on pellucid's scale.
    pub severity: Severity,
    /// The vendor's word for it, as written (`high**`, `Important`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity_word: Option<String>,
    /// CVSS vectors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cvss: Vec<Cvss>,
    /// CWE identifiers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cwes: Vec<String>,
    /// Where to read on, the vendor's page first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    /// First published, in seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<i64>,
    /// Last changed, in seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<i64>,
    /// Malicious package (a report on the package itself, not a flaw in it).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub malware: bool,
    /// CISA's word that it has been exploited; only in the feed `cisa-kev`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kev: Option<Kev>,
    /// How likely it is to be exploited; only in the feed `epss`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epss: Option<Epss>,
    /// Packages it speaks of; none in feeds that only add to what others say.
    pub affected: Vec<Affected>,
}

impl Advisory {
    /// An advisory of this id with nothing said yet.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            aliases: Vec::new(),
            related: Vec::new(),
            title: None,
            description: String::new(),
            severity: Severity::Unknown,
            severity_word: None,
            cvss: Vec::new(),
            cwes: Vec::new(),
            links: Vec::new(),
            published: None,
            modified: None,
            malware: false,
            kev: None,
            epss: None,
            affected: Vec::new(),
        }
    }
}
