//! Whether a product that a rule or statement names is a package, or the image itself.
//!
//! A purl names a package where type, namespace and name are equal and everything else that it gives
//! is: what it leaves out is not compared. Qualifiers that pellucid does not write (`repository_url` on
//! a package) are not compared either. An image is named by a digest, or by a purl of type `oci` or
//! `docker` with the image's name, and its digest where it gives one.

use std::fmt;
use std::str::FromStr as _;

use packageurl::{Error as PurlFault, PackageUrl};
use pellucid_model::{Image, PackageEntry, PackageKind};

/// Qualifiers that pellucid writes, and so can compare.
const COMPARED: [&str; 5] = ["arch", "distro", "epoch", "rpmmod", "upstream"];

/// A purl.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Purl {
    text: String,
    /// Of the package, in small letters; `parsed` may have another, see [`Purl::new`].
    kind: String,
    parsed: PackageUrl<'static>,
}

/// Text that is no purl.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text:?} is no purl: {reason}")]
pub struct PurlError {
    text: String,
    reason: String,
}

impl Purl {
    /// Reads a purl.
    ///
    /// One that lacks what its type asks for (Julia's `uuid`, the author of CPAN, a vendor of Composer) is
    /// one all the same: images prove packages without them, and those can be named too.
    ///
    /// # Errors
    /// It is none.
    pub fn new(text: &str) -> Result<Self, PurlError> {
        let strict = PackageUrl::from_str(text);
        let read = match strict {
            Err(
                PurlFault::TypeRequiresNamespace(_)
                | PurlFault::TypeProhibitsNamespace(_)
                | PurlFault::MissingRequiredQualifier(..)
                | PurlFault::InvalidName(..)
                | PurlFault::InvalidVersion(..),
            ) => without_rules_of_its_type(text),
            read => read.map(|parsed| (parsed.ty().to_owned(), parsed)),
        };
        let (kind, parsed) = read.map_err(|error| PurlError {
            text: text.chars().take(200).collect(),
            reason: error.to_string(),
        })?;
        Ok(Self {
            text: text.to_owned(),
            kind,
            parsed,
        })
    }

    /// Whether it names a version.
    pub(crate) fn has_version(&self) -> bool {
        self.parsed.version().is_some()
    }

    /// Whether it names this package.
    pub fn is_of(&self, entry: &PackageEntry) -> bool {
        // What pellucid writes can always be read; where it could not, nothing is suppressed.
        Self::new(&entry.purl()).is_ok_and(|own| self.covers(&own))
    }

    fn covers(&self, own: &Self) -> bool {
        if self.kind != own.kind {
            return false;
        }
        let (wanted, own) = (&self.parsed, &own.parsed);
        let name = |purl: &PackageUrl<'_>| match PackageKind::from_name(&self.kind) {
            Some(kind) => kind.normalise(purl.name()).into_owned(),
            None => purl.name().to_owned(),
        };
        let namespace = |purl: &PackageUrl<'_>| purl.namespace().map(str::to_ascii_lowercase);
        name(wanted) == name(own)
            && namespace(wanted) == namespace(own)
            && wanted.version().is_none_or(|version| {
                own.version() == Some(version)
                    // Some write the epoch of an RPM into the version.
                    || own.qualifiers().get("epoch").is_some_and(|epoch| {
                        own.version().map(|rest| format!("{epoch}:{rest}")).as_deref() == Some(version)
                    })
            })
            && wanted
                .qualifiers()
                .iter()
                .filter(|(key, _)| COMPARED.contains(&key.as_ref()))
                .all(|(key, value)| {
                    own.qualifiers()
                        .get(key.as_ref())
                        .is_none_or(|own| own.eq_ignore_ascii_case(value))
                })
    }
}

/// The type of a purl, and the purl as one of type `generic`, which has no rules of its own.
fn without_rules_of_its_type(
    text: &str,
) -> Result<(String, PackageUrl<'static>), packageurl::Error> {
    let (scheme, rest) = text.split_once(':').ok_or(PurlFault::MissingScheme)?;
    let (kind, rest) = rest
        .trim_start_matches('/')
        .split_once('/')
        .ok_or(PurlFault::MissingType)?;
    let parsed = PackageUrl::from_str(&format!("{scheme}:generic/{rest}"))?;
    Ok((kind.to_ascii_lowercase(), parsed))
}

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Something that a statement is about.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Product {
    /// Names of the product itself; one is enough.
    pub ids: Vec<Id>,
    /// Parts of the product that alone are meant; empty means all of it.
    pub parts: Vec<Purl>,
    /// Whether there were parts that have no name pellucid can compare: then `parts` being empty
    /// does not mean all of it.
    pub has_unreadable_parts: bool,
}

/// A name of a product.
#[derive(Clone, PartialEq, Debug)]
pub enum Id {
    /// A purl of a package or an image.
    Purl(Purl),
    /// A digest of an image, as `sha256:…`.
    Digest(String),
}

impl Id {
    /// A purl or a digest; `None` of anything else.
    pub fn new(text: &str) -> Option<Self> {
        if text.starts_with("pkg:") {
            return Purl::new(text).ok().map(Self::Purl);
        }
        text.starts_with("sha256:")
            .then(|| Self::Digest(text.to_ascii_lowercase()))
    }

    fn is_image(&self, image: &Image) -> bool {
        let digests = [image.digest, image.id];
        let is_own = |text: &str| {
            digests
                .iter()
                .flatten()
                .any(|digest| digest.to_string() == text)
        };
        let purl = match self {
            Self::Digest(digest) => return is_own(digest),
            Self::Purl(purl) => &purl.parsed,
        };
        if !matches!(purl.ty(), "oci" | "docker") {
            return false;
        }
        let version = purl.version().unwrap_or_default().to_ascii_lowercase();
        if version.starts_with("sha256:") {
            return is_own(&version);
        }
        let names = image.tags.iter().chain(std::iter::once(&image.reference));
        names.map(|name| repository(name)).any(|(repository, tag)| {
            let last = repository.rsplit('/').next().unwrap_or_default();
            let is_place = purl.qualifiers().get("repository_url").is_none_or(|url| {
                url.trim_end_matches('/') == repository
                    || format!("{}/{}", url.trim_end_matches('/'), purl.name()) == repository
            });
            let wanted_tag = purl.qualifiers().get("tag").map(AsRef::as_ref);
            let wanted_tag =
                wanted_tag.or_else(|| purl.version().filter(|_| purl.ty() == "docker"));
            last.eq_ignore_ascii_case(purl.name())
                && is_place
                && wanted_tag.is_none_or(|wanted| Some(wanted) == tag)
        })
    }
}

/// A reference's repository and tag.
pub(crate) fn repository(name: &str) -> (&str, Option<&str>) {
    let name = name.split('@').next().unwrap_or_default();
    match (name.rfind('/'), name.rfind(':')) {
        (Some(slash), Some(colon)) if colon < slash => (name, None),
        (_, Some(colon)) => (name.get(..colon).unwrap_or(name), name.get(colon + 1..)),
        _ => (name, None),
    }
}

impl Product {
    /// Whether the statement is about this package of this image.
    pub(crate) fn is_of(&self, entry: &PackageEntry, image: &Image) -> bool {
        let is_part = || match self.parts.as_slice() {
            [] => !self.has_unreadable_parts,
            parts => parts.iter().any(|part| part.is_of(entry)),
        };
        if self.ids.is_empty() {
            // The product has a name that cannot be compared; parts decide where they are exact.
            return self
                .parts
                .iter()
                .any(|part| part.has_version() && part.is_of(entry));
        }
        self.ids
            .iter()
            .any(|id| id.is_image(image) || matches!(id, Id::Purl(purl) if purl.is_of(entry)))
            && is_part()
    }
}

#[cfg(test)]
mod tests {
    use pellucid_model::{Namespace, Package};

    use super::*;

    /// Some types ask for more than a file in an image tells of such a package.
    #[test]
    fn a_package_of_every_kind_can_be_named_by_what_is_written_of_it() {
        for (kind, name, version) in [
            (PackageKind::Julia, "JSON", "0.21.4"),
            (PackageKind::Cpan, "JSON-XS", "4.03"),
            (PackageKind::Composer, "phpunit", "9.6.1"),
            (PackageKind::Swift, "swift-nio", "2.0.0"),
            (PackageKind::Hackage, "a/b", "1"),
        ] {
            let entry = PackageEntry {
                package: Package::new(kind, name, version),
                namespace: Some(Namespace::new(kind.name())),
                locations: Vec::new(),
                hidden: false,
                owner: None,
                detector: "test".to_owned(),
            };
            let purl = entry.purl();
            let rule = Purl::new(&purl).unwrap();
            assert!(rule.is_of(&entry), "{purl}");
            let bare = purl.split_once('@').map(|(bare, _)| bare).unwrap();
            assert!(Purl::new(bare).unwrap().is_of(&entry), "{bare}");
        }
        assert!(Purl::new("pkg:julia").is_err());
        assert!(Purl::new("julia/JSON").is_err());
    }
}
