//! A finding that somebody has answered for, and who and why.
//!
//! It is not dropped: it stands beside the findings, so that a report can always say what was taken
//! out of them.

use serde::{Deserialize, Serialize};

use crate::Finding;

/// By what sort of statement a finding is suppressed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SuppressionKind {
    /// An ignore rule of the user's.
    Ignored,
    /// A statement of a VEX document.
    Vex,
}

/// Who says that a finding need not be shown, and why.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Suppression {
    /// By what sort of statement.
    pub kind: SuppressionKind,
    /// The file that says so, as the user named it.
    pub origin: String,
    /// The rule in words: `id CVE-2024-1, package openssl`.
    pub rule: String,
    /// VEX's word for the state: `not_affected`, `fixed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// VEX's word for the reason: `vulnerable_code_not_in_execute_path`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub justification: Option<String>,
    /// The reason in the writer's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Last day on which it holds, `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Of a bulletin, the CVEs that it answers for; empty where it answers for the finding by a name
    /// of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vulnerabilities: Vec<String>,
}

/// A finding and what suppresses it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Suppressed {
    /// The finding.
    pub finding: Finding,
    /// Who says so and why.
    pub by: Suppression,
    /// Who answers for the other CVEs of a bulletin, where it takes several to answer for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub and_by: Vec<Suppression>,
}

impl Suppressed {
    /// Everybody who answers for it, the first before the others.
    pub fn all_by(&self) -> impl Iterator<Item = &Suppression> {
        std::iter::once(&self.by).chain(&self.and_by)
    }
}
