//! A package that an advisory affects, and why pellucid says so.

use serde::{Deserialize, Serialize};

use crate::{Cvss, Digest, Epss, Kev, NameKind, Severity, Status};

/// Whether there is a fix.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FixState {
    /// A fixed version is out.
    Fixed,
    /// No fixed version yet.
    NotFixed,
    /// The vendor will not fix it.
    WontFix,
    /// The vendor has put the fix off.
    Deferred,
    /// Not known.
    Unknown,
}

/// Why a package matched.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Reason {
    /// Feed whose advisory it is.
    pub feed: String,
    /// Digest of the snapshot with that advisory.
    pub snapshot: Digest,
    /// Which name matched.
    pub name_kind: NameKind,
    /// The name in the advisory.
    pub name: String,
    /// The installed version that was compared (the source's where the name is a source's).
    pub version: String,
    /// The range it lies in, in words: `< 1.2-3`, or `all versions`.
    pub range: String,
    /// What the advisory says of the package.
    pub status: Status,
    /// Products of the vendor that it is said for, as CPEs, as far as the image is of them; empty
    /// means any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub products: Vec<String>,
    /// The vendor's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// How bad one advisory says a vulnerability is.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Rating {
    /// Feed that the advisory is of.
    pub feed: String,
    /// The advisory's own id.
    pub advisory: String,
    /// What it says; `Unknown` where it says nothing.
    pub severity: Severity,
    /// In its own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word: Option<String>,
}

/// A vulnerability in a package.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// Index of the package in the inventory.
    pub package: usize,
    /// Identifier shown: the CVE where there is one.
    pub id: String,
    /// Other identifiers of the same, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// CVEs that it is made of, sorted, where it is a bulletin that fixes several. Each is a
    /// vulnerability of its own: who answers for one has not answered for the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<String>,
    /// Severity; the vendor's first.
    pub severity: Severity,
    /// The vendor's word for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity_word: Option<String>,
    /// Who gave the severity: the feed's name, or `nvd`.
    pub severity_source: String,
    /// What each advisory says, in the order in which they are believed: the first that says
    /// anything gave the severity.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ratings: Vec<Rating>,
    /// The package itself is malicious: a report on it, and no flaw that a version fixes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub malware: bool,
    /// Whether there is a fix.
    pub fix_state: FixState,
    /// First version that is not affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_version: Option<String>,
    /// One line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// CVSS vectors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cvss: Vec<Cvss>,
    /// CWE identifiers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cwes: Vec<String>,
    /// Where to read on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    /// First published, in seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<i64>,
    /// CISA's word that it has been exploited; `None` if it says nothing, or if no snapshot of the
    /// feed `cisa-kev` was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kev: Option<Kev>,
    /// How likely it is to be exploited; `None` if nobody knows, or if no snapshot of the feed `epss`
    /// was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epss: Option<Epss>,
    /// Why it matched; the deciding statement first.
    pub reasons: Vec<Reason>,
}

impl Finding {
    /// Every identifier beside the one shown: the other names, then the CVEs it is made of.
    pub fn other_ids(&self) -> impl Iterator<Item = &String> {
        self.aliases.iter().chain(&self.related)
    }
}
