//! What rules are judged in: the inventory, the day, and how many layers are the base image's.

use std::fmt;

use pellucid_model::{Digest, Finding, Inventory, PackageEntry};

/// What rules are judged in.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// What is in the image.
    pub inventory: &'a Inventory,
    /// How many of the lowest layers are the base image's; `None` where no base image is known.
    pub base_layers: Option<usize>,
    /// The day it is, in days since the epoch.
    pub today: i64,
}

impl Scene<'_> {
    /// The package of a finding.
    pub(crate) fn entry(&self, finding: &Finding) -> Option<&PackageEntry> {
        self.inventory.packages.get(finding.package)
    }

    /// Whether a package came with the base image; `None` where that is not known.
    pub fn is_of_base(&self, entry: &PackageEntry) -> Option<bool> {
        Some(entry.layer()? < self.base_layers?)
    }
}

/// Layers that a rule speaks of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// The base image's.
    Base,
    /// Those on top of the base image.
    Own,
    /// One, counted from 0, the lowest.
    Number(usize),
    /// The one whose blob or diff id this is.
    Digest(Digest),
}

/// Text that names no layer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is no layer; write base, own, a number from 0, or a digest")]
pub struct PlaceError(String);

impl Place {
    /// Reads `base`, `own`, a number or a digest.
    ///
    /// # Errors
    /// It is none of them.
    pub fn new(text: &str) -> Result<Self, PlaceError> {
        match text {
            "base" => return Ok(Self::Base),
            "own" => return Ok(Self::Own),
            _ => {}
        }
        if let Ok(number) = text.parse() {
            return Ok(Self::Number(number));
        }
        text.parse()
            .map(Self::Digest)
            .map_err(|_| PlaceError(text.chars().take(80).collect()))
    }

    /// Whether a package's layer is one of them; `None` where that cannot be known.
    pub(crate) fn holds(&self, entry: &PackageEntry, scene: &Scene<'_>) -> Option<bool> {
        match self {
            Self::Base => scene.is_of_base(entry),
            Self::Own => scene.is_of_base(entry).map(|is_of_base| !is_of_base),
            Self::Number(number) => Some(entry.layer()? == *number),
            Self::Digest(digest) => {
                let layer = scene.inventory.image.layers.get(entry.layer()?)?;
                Some(layer.digest == Some(*digest) || layer.diff_id == Some(*digest))
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base => f.write_str("base"),
            Self::Own => f.write_str("own"),
            Self::Number(number) => number.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}
