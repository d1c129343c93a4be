//! How bad a vulnerability is, on Clair's scale.
//!
//! Source of the words: Clair 2.x `database/severity.go`; every feed maps its own words onto these
//! (`docs/feeds.md`). The order is the order of badness.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Severity, from least to most severe.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Not assessed by anyone yet; not the same as harmless.
    #[default]
    Unknown,
    /// Only of theoretical interest.
    Negligible,
    /// Low.
    Low,
    /// Medium; "moderate" at some vendors.
    Medium,
    /// High; "important" at some vendors.
    High,
    /// Critical.
    Critical,
    /// Clair's manual highest level; no feed uses it, only callers of the vulnerability API do.
    Defcon1,
}

/// A word that is not a severity.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("unknown severity {0:?}; use one of unknown, negligible, low, medium, high, critical")]
pub struct SeverityError(String);

impl Severity {
    /// Every severity, least severe first.
    pub const ALL: [Self; 7] = [
        Self::Unknown,
        Self::Negligible,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Critical,
        Self::Defcon1,
    ];

    /// The capitalised word, as Clair's API and reports write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::Negligible => "Negligible",
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
            Self::Critical => "Critical",
            Self::Defcon1 => "Defcon1",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Severity {
    type Err = SeverityError;

    /// Reads a severity in any letter case.
    fn from_str(text: &str) -> Result<Self, SeverityError> {
        Self::ALL
            .into_iter()
            .find(|severity| severity.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| SeverityError(text.chars().take(40).collect()))
    }
}
