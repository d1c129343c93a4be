//! Intervals of versions, as advisories state them.
//!
//! A range names its bounds by text and carries no scheme; whoever holds it knows the namespace and
//! so the scheme. `Before` is a fix; `Through` is the last version known to be affected and `Below` a bound
//! above all of them, from which no fix follows.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::scheme::Side;
use crate::{InvalidVersion, Version};

/// A half-open or closed interval of versions.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Range {
    /// Where the range begins.
    pub lower: Lower,
    /// Where the range ends.
    pub upper: Upper,
}

/// The beginning of a range.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Lower {
    /// Before every version.
    Beginning,
    /// At this version, which is in the range.
    Inclusive(String),
    /// Right after this version, which is not in the range.
    Exclusive(String),
}

/// The end of a range.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Upper {
    /// After every version: there is no fix.
    Open,
    /// Right before this version: fixed here.
    Before(String),
    /// At this version, the last that is affected.
    Through(String),
    /// Right before this version, of which nobody says that it is a fix, or that it exists.
    Below(String),
}

impl Range {
    /// Every version.
    pub fn all() -> Self {
        Self {
            lower: Lower::Beginning,
            upper: Upper::Open,
        }
    }

    /// Every version before the fixed one.
    pub fn before(fixed: impl Into<String>) -> Self {
        Self {
            lower: Lower::Beginning,
            upper: Upper::Before(fixed.into()),
        }
    }

    /// This version alone, and what equals it.
    pub fn exactly(version: impl Into<String>) -> Self {
        let version = version.into();
        Self {
            lower: Lower::Inclusive(version.clone()),
            upper: Upper::Through(version),
        }
    }

    /// Whether the version is in the range.
    ///
    /// Bounds are read as the ecosystem's own resolver reads them, which for three is not the plain
    /// order: PEP 440 ignores a local version that the bound does not have (`1.0+local` is in
    /// `<= 1.0`), Bitnami a revision (`1.0.0-2` is in `<= 1.0.0`), Composer pads numbers to four
    /// (`1.2.0` is in `<= 1.2`) and begins a range at its pre-releases (`1.2-beta` is in `>= 1.2`).
    ///
    /// # Errors
    /// A bound is no version of the version's scheme; for PEP 440, a bound that it refuses. Never read that as "not in the range".
    pub fn contains(&self, version: &Version) -> Result<bool, InvalidVersion> {
        // Both bounds are read even if one decides: a broken bound must not depend on the version.
        let above = match &self.lower {
            Lower::Beginning => true,
            Lower::Inclusive(bound) => version.compare_to_bound(bound, Side::Beginning)?.is_ge(),
            Lower::Exclusive(bound) => version.compare_to_bound(bound, Side::Other)?.is_gt(),
        };
        let below = match &self.upper {
            Upper::Open => true,
            Upper::Before(bound) | Upper::Below(bound) => {
                version.compare_to_bound(bound, Side::Other)?.is_lt()
            }
            Upper::Through(bound) => version.compare_to_bound(bound, Side::Other)?.is_le(),
        };
        Ok(above && below)
    }

    /// The version that fixes what the range is about, if the range tells.
    pub fn fixed(&self) -> Option<&str> {
        match &self.upper {
            Upper::Before(fixed) => Some(fixed),
            Upper::Open | Upper::Through(_) | Upper::Below(_) => None,
        }
    }
}

/// `>= 1.0, < 2.0`; a single version is `= 1.0`, every version is `*`.
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.lower, &self.upper) {
            (Lower::Beginning, Upper::Open) => f.write_str("*"),
            (Lower::Inclusive(from), Upper::Through(to)) if from == to => write!(f, "= {from}"),
            (Lower::Beginning, upper) => write!(f, "{upper}"),
            (lower, Upper::Open) => write!(f, "{lower}"),
            (lower, upper) => write!(f, "{lower}, {upper}"),
        }
    }
}

/// `>= 1.0`, `> 1.0`, or nothing.
impl fmt::Display for Lower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Beginning => Ok(()),
            Self::Inclusive(version) => write!(f, ">= {version}"),
            Self::Exclusive(version) => write!(f, "> {version}"),
        }
    }
}

/// `< 1.0`, `<= 1.0`, or nothing.
impl fmt::Display for Upper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => Ok(()),
            Self::Before(version) | Self::Below(version) => write!(f, "< {version}"),
            Self::Through(version) => write!(f, "<= {version}"),
        }
    }
}
