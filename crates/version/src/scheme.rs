//! The schemes, and the table that leads from each to its reader and its order.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::{InvalidVersion, MAX_LENGTH, Version};
use crate::{
    apk, bitnami, composer, cran, dpkg, ebuild, gem, hackage, maven, nuget, pacman, pep440, rpm,
    semver,
};

/// A way to order versions, named after the tool or the ecosystem that defines it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Scheme {
    /// Debian, Ubuntu and their derivatives.
    Dpkg,
    /// Everything that installs with rpm.
    Rpm,
    /// Alpine, Wolfi, Chainguard.
    Apk,
    /// Arch and its derivatives.
    Pacman,
    /// Gentoo and its derivatives.
    Ebuild,
    /// Semantic Versioning 2.0, read leniently.
    Semver,
    /// npm packages.
    Npm,
    /// Rust crates.
    Cargo,
    /// Go modules, and the toolchain's own `go1.21rc2`.
    Go,
    /// Python distributions.
    Pep440,
    /// Java artifacts.
    Maven,
    /// Ruby gems.
    Gem,
    /// PHP packages.
    Composer,
    /// .NET packages.
    Nuget,
    /// Erlang and Elixir packages.
    Hex,
    /// Dart packages.
    Pub,
    /// R packages.
    Cran,
    /// Haskell packages.
    Hackage,
    /// Bitnami's components.
    Bitnami,
}

/// A name that no scheme has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnknownScheme;

impl Scheme {
    /// Every scheme, in the order of the enumeration.
    pub const ALL: &'static [Self] = &[
        Self::Dpkg,
        Self::Rpm,
        Self::Apk,
        Self::Pacman,
        Self::Ebuild,
        Self::Semver,
        Self::Npm,
        Self::Cargo,
        Self::Go,
        Self::Pep440,
        Self::Maven,
        Self::Gem,
        Self::Composer,
        Self::Nuget,
        Self::Hex,
        Self::Pub,
        Self::Cran,
        Self::Hackage,
        Self::Bitnami,
    ];

    /// The name, as the command line and the snapshots write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dpkg => "dpkg",
            Self::Rpm => "rpm",
            Self::Apk => "apk",
            Self::Pacman => "pacman",
            Self::Ebuild => "ebuild",
            Self::Semver => "semver",
            Self::Npm => "npm",
            Self::Cargo => "cargo",
            Self::Go => "go",
            Self::Pep440 => "pep440",
            Self::Maven => "maven",
            Self::Gem => "gem",
            Self::Composer => "composer",
            Self::Nuget => "nuget",
            Self::Hex => "hex",
            Self::Pub => "pub",
            Self::Cran => "cran",
            Self::Hackage => "hackage",
            Self::Bitnami => "bitnami",
        }
    }

    /// The scheme of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|scheme| scheme.name() == name)
    }

    /// Reads a version once, to compare it many times. White space around it is ignored.
    ///
    /// # Errors
    /// The text is no version of this scheme: empty, longer than [`MAX_LENGTH`], or what its file
    /// in this crate says.
    pub fn parse(self, text: &str) -> Result<Version, InvalidVersion> {
        Version::new(self, text)
    }

    /// Compares the texts of two versions.
    ///
    /// # Errors
    /// One of the texts is no version of this scheme.
    pub fn compare(self, a: &str, b: &str) -> Result<Ordering, InvalidVersion> {
        Ok(self.read(a)?.compare(&self.read(b)?))
    }

    /// Whether the text is a version of this scheme.
    pub fn is_valid(self, text: &str) -> bool {
        self.read(text).is_ok()
    }

    pub(crate) fn read(self, text: &str) -> Result<Parts<'_>, InvalidVersion> {
        let trimmed = self.trim(text)?;
        self.read_trimmed(trimmed)
            .map_err(|reason| InvalidVersion::new(self, text, reason))
    }

    /// Compares a valid text with another. The schemes that decide most comparisons skip the
    /// step over [`Parts`].
    pub(crate) fn compare_valid(self, valid: &str, text: &str) -> Result<Ordering, InvalidVersion> {
        let trimmed = self.trim(text)?;
        let order = match self {
            Self::Dpkg => dpkg::compare_text(valid, trimmed),
            Self::Rpm => Ok(rpm::compare(&rpm::read(valid), &rpm::read(trimmed))),
            Self::Apk => Ok(apk::compare(&apk::read(valid), &apk::read(trimmed))),
            Self::Pacman => Ok(pacman::compare(
                &pacman::read(valid),
                &pacman::read(trimmed),
            )),
            Self::Semver | Self::Npm | Self::Cargo | Self::Hex => {
                semver::compare_text(valid, trimmed)
            }
            _ => self.compare_parts(valid, trimmed),
        };
        order.map_err(|reason| InvalidVersion::new(self, text, reason))
    }

    fn compare_parts(self, valid: &str, text: &str) -> Result<Ordering, &'static str> {
        Ok(self.read_trimmed(valid)?.compare(&self.read_trimmed(text)?))
    }

    fn trim(self, text: &str) -> Result<&str, InvalidVersion> {
        let trimmed = text.trim_ascii();
        match trimmed.len() {
            0 => Err(InvalidVersion::new(self, text, "it is empty")),
            1..=MAX_LENGTH => Ok(trimmed),
            _ => Err(InvalidVersion::new(self, text, "it is too long")),
        }
    }

    fn read_trimmed(self, text: &str) -> Result<Parts<'_>, &'static str> {
        match self {
            Self::Dpkg => dpkg::read(text).map(Parts::Dpkg),
            Self::Rpm => Ok(Parts::Rpm(rpm::read(text))),
            Self::Apk => Ok(Parts::Apk(apk::read(text))),
            Self::Pacman => Ok(Parts::Pacman(pacman::read(text))),
            Self::Ebuild => ebuild::read(text).map(Parts::Ebuild),
            Self::Semver | Self::Npm | Self::Cargo | Self::Hex => {
                semver::read(text).map(Parts::Semver)
            }
            Self::Go => semver::read_go(text).map(Parts::Semver),
            Self::Pub => semver::read(text).map(Parts::Pub),
            Self::Pep440 => Ok(Parts::Pep440(pep440::read(text))),
            Self::Maven => Ok(Parts::Maven(maven::read(text))),
            Self::Gem => gem::read(text).map(Parts::Gem),
            Self::Composer => composer::read(text).map(Parts::Composer),
            Self::Nuget => nuget::read(text).map(Parts::Nuget),
            Self::Cran => cran::read(text).map(Parts::Numbers),
            Self::Hackage => hackage::read(text).map(Parts::Numbers),
            Self::Bitnami => bitnami::read(text).map(Parts::Bitnami),
        }
    }
}

/// Which bound of a range a version is compared with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The first version in the range.
    Beginning,
    /// Any other bound.
    Other,
}

/// What a reader made of a version: slices of the text, or for a few schemes a key of its own.
#[derive(Clone)]
pub(crate) enum Parts<'a> {
    Dpkg(dpkg::Parts<'a>),
    Rpm(rpm::Parts<'a>),
    Apk(apk::Parts<'a>),
    Pacman(pacman::Parts<'a>),
    Ebuild(ebuild::Parts<'a>),
    Semver(semver::Parts<'a>),
    Pub(semver::Parts<'a>),
    Pep440(pep440::Parts),
    Maven(maven::Parts),
    Gem(gem::Parts<'a>),
    Composer(composer::Parts<'a>),
    Nuget(nuget::Parts<'a>),
    Numbers(hackage::Parts<'a>),
    Bitnami(bitnami::Parts<'a>),
}

impl Parts<'_> {
    /// The order of two versions of one scheme, which is the only way this is called.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Dpkg(a), Self::Dpkg(b)) => dpkg::compare(a, b),
            (Self::Rpm(a), Self::Rpm(b)) => rpm::compare(a, b),
            (Self::Apk(a), Self::Apk(b)) => apk::compare(a, b),
            (Self::Pacman(a), Self::Pacman(b)) => pacman::compare(a, b),
            (Self::Ebuild(a), Self::Ebuild(b)) => ebuild::compare(a, b),
            (Self::Semver(a), Self::Semver(b)) => semver::compare(a, b),
            (Self::Pub(a), Self::Pub(b)) => semver::compare_with_build(a, b),
            (Self::Pep440(a), Self::Pep440(b)) => pep440::compare(a, b),
            (Self::Maven(a), Self::Maven(b)) => maven::compare(a, b),
            (Self::Gem(a), Self::Gem(b)) => gem::compare(a, b),
            (Self::Composer(a), Self::Composer(b)) => composer::compare(a, b),
            (Self::Nuget(a), Self::Nuget(b)) => nuget::compare(a, b),
            (Self::Numbers(a), Self::Numbers(b)) => hackage::compare(a, b),
            (Self::Bitnami(a), Self::Bitnami(b)) => bitnami::compare(a, b),
            _ => Ordering::Equal,
        }
    }

    /// The order of a version and the bound of a range, where the ecosystem reads those otherwise.
    pub(crate) fn compare_to_bound(
        &self,
        bound: &Self,
        side: Side,
    ) -> Result<Ordering, &'static str> {
        match (self, bound) {
            (Self::Pep440(version), Self::Pep440(bound)) => {
                pep440::compare_to_bound(version, bound)
            }
            (Self::Composer(version), Self::Composer(bound)) if side == Side::Beginning => {
                Ok(composer::compare_to_beginning(version, bound))
            }
            (Self::Composer(version), Self::Composer(bound)) => {
                Ok(composer::compare_normalized(version, bound))
            }
            (Self::Bitnami(version), Self::Bitnami(bound)) => {
                Ok(bitnami::compare_to_bound(version, bound))
            }
            _ => Ok(self.compare(bound)),
        }
    }

    /// The parts, if they do not borrow from the text.
    pub(crate) fn into_owned(self) -> Option<Parts<'static>> {
        match self {
            Self::Pep440(parts) => Some(Parts::Pep440(parts)),
            Self::Maven(parts) => Some(Parts::Maven(parts)),
            _ => None,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Scheme {
    type Err = UnknownScheme;

    fn from_str(name: &str) -> Result<Self, UnknownScheme> {
        Self::from_name(name).ok_or(UnknownScheme)
    }
}

impl fmt::Display for UnknownScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no version scheme has that name; there are")?;
        Scheme::ALL
            .iter()
            .try_for_each(|scheme| write!(f, " {scheme}"))
    }
}

impl std::error::Error for UnknownScheme {}
