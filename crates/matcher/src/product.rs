//! Whether a product that a rule or statement names is a package, or the image itself.
//!
//! A purl names a package where type, namespace and name are equal and everything else that it gives
//! is: what it leaves out is not compared. Qualifiers that pellucid does not write (`repository_url` on
//! a package) are not compared either. Tools write one package of a distribution in several ways
//! (`distro=debian-12.5`, an epoch beside the version, a source RPM's file), so those are compared by what
//! they mean. An image is named by a digest, or by a purl of type `oci` or
//! `docker` with the image's name, and its digest where it gives one.

use std::fmt;
use std::str::FromStr as _;

use packageurl::{Error as PurlFault, PackageUrl};
use pellucid_model::{Image, PackageEntry, PackageKind, Release, SourcePackage, distribution};

/// Qualifiers that pellucid writes and that are compared as they stand.
const COMPARED: [&str; 2] = ["arch", "rpmmod"];

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
        Self::new(&entry.purl()).is_ok_and(|own| self.covers(&own, entry))
    }

    fn covers(&self, own: &Self, entry: &PackageEntry) -> bool {
        if self.kind != own.kind {
            return false;
        }
        let (wanted, own) = (&self.parsed, &own.parsed);
        let kind = PackageKind::from_name(&self.kind);
        let name = |purl: &PackageUrl<'_>| match kind {
            Some(kind) => kind.normalise(purl.name()).into_owned(),
            None => purl.name().to_owned(),
        };
        let is_named = name(wanted) == name(own) && is_there(wanted, own, entry);
        let is_version = wanted.version().is_none_or(|version| {
            let is_whole = version.contains(':') || epoch(wanted).is_some();
            version_of(wanted) == version_of(own) || !is_whole && own.version() == Some(version)
        });
        let source = wanted.qualifiers().get("upstream");
        let source = source.and_then(|text| SourcePackage::of_purl(text));
        let is_source = source.is_none_or(|source| {
            let version = source.version.as_deref();
            source.name == entry.package.source_name()
                && version.is_none_or(|version| version == entry.package.source_version())
        });
        let mut qualifiers = wanted.qualifiers().iter();
        is_named
            && is_version
            && is_source
            && qualifiers.all(|(key, value)| {
                let own = own.qualifiers().get(key.as_ref());
                !COMPARED.contains(&key.as_ref())
                    || own.is_none_or(|own| own.eq_ignore_ascii_case(value))
            })
    }
}

/// Whether the package is of the namespace that a purl names, and of the release where it names one.
fn is_there(wanted: &PackageUrl<'_>, own: &PackageUrl<'_>, entry: &PackageEntry) -> bool {
    let vendor = |purl: &PackageUrl<'_>| purl.namespace().map(str::to_ascii_lowercase);
    let namespace = entry.namespace.as_ref();
    let Some(namespace) = namespace.filter(|_| entry.package.kind.is_os()) else {
        return vendor(wanted) == vendor(own);
    };
    let wanted_vendor = vendor(wanted).unwrap_or_default();
    match wanted.qualifiers().get("distro") {
        Some(distro) => {
            // What pellucid writes of a name that no tool would is its own all the same.
            let written = own.qualifiers().get("distro");
            written.is_some_and(|own| own.eq_ignore_ascii_case(distro))
                || Release::of_purl(&wanted_vendor, distro)
                    .namespace()
                    .as_ref()
                    == Some(namespace)
        }
        None => {
            vendor(wanted) == vendor(own)
                || distribution(&wanted_vendor) == namespace.distribution()
        }
    }
}

/// An epoch that stands beside the version; one of zero is none, and neither is what is no number.
fn epoch<'a>(purl: &'a PackageUrl<'_>) -> Option<&'a str> {
    let epoch = purl.qualifiers().get("epoch").map(AsRef::as_ref);
    epoch.filter(|epoch| *epoch != "0" && epoch.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The version with its epoch, wherever that stands.
fn version_of(purl: &PackageUrl<'_>) -> Option<String> {
    let version = purl.version()?;
    Some(match epoch(purl) {
        Some(epoch) if !version.contains(':') => format!("{epoch}:{version}"),
        _ => version.to_owned(),
    })
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
    /// Versions of the package that alone are meant; `None` means any.
    pub versions: Option<Vec<String>>,
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
        if (self.versions.as_ref())
            .is_some_and(|versions| !versions.contains(&entry.package.version))
        {
            return false;
        }
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

    #[test]
    fn a_package_of_a_distribution_is_meant_however_a_tool_writes_it() {
        let entry = |kind, namespace: &str, name: &str, version: &str, source: &str| PackageEntry {
            package: Package {
                source: Some(SourcePackage {
                    name: source.to_owned(),
                    version: None,
                }),
                arch: Some("amd64".to_owned()),
                ..Package::new(kind, name, version)
            },
            namespace: Some(Namespace::new(namespace)),
            locations: Vec::new(),
            hidden: false,
            owner: None,
            detector: "test".to_owned(),
        };
        let deb = entry(
            PackageKind::Deb,
            "debian:12",
            "bind9-libs",
            "1:9.18.33-1",
            "bind9",
        );
        let apk = entry(
            PackageKind::Apk,
            "alpine:v3.18",
            "libssl3",
            "3.1.0-r0",
            "openssl",
        );
        let rpm = entry(
            PackageKind::Rpm,
            "amzn:2",
            "bind-libs",
            "32:9.11.4-26",
            "bind",
        );
        for (purl, package, is_it) in [
            (
                "pkg:deb/debian/bind9-libs@1:9.18.33-1?distro=debian-12.5",
                &deb,
                true,
            ),
            (
                "pkg:deb/debian/bind9-libs@9.18.33-1?distro=bookworm&epoch=1",
                &deb,
                true,
            ),
            (
                "pkg:deb/debian/bind9-libs@1%3A9.18.33-1?upstream=bind9",
                &deb,
                true,
            ),
            ("pkg:deb/debian/bind9-libs@9.18.33-1?epoch=2", &deb, false),
            ("pkg:deb/debian/bind9-libs?distro=debian-11.9", &deb, false),
            ("pkg:deb/ubuntu/bind9-libs", &deb, false),
            ("pkg:deb/debian/bind9-libs?upstream=bind", &deb, false),
            ("pkg:apk/alpine/libssl3@3.1.0-r0?distro=3.18.4", &apk, true),
            ("pkg:apk/alpine/libssl3?distro=alpine-3.18.4", &apk, true),
            ("pkg:apk/alpine/libssl3?distro=3.19.1", &apk, false),
            (
                "pkg:rpm/amzn/bind-libs@9.11.4-26?epoch=32&upstream=bind-9.11.4-26.src.rpm",
                &rpm,
                true,
            ),
            (
                "pkg:rpm/amazon/bind-libs@32:9.11.4-26?distro=amazon-2%20(Karoo)",
                &rpm,
                true,
            ),
            ("pkg:rpm/amazon/bind-libs@9.11.4-26", &rpm, true),
            ("pkg:rpm/amazon/bind-libs@9.11.4-26?epoch=1", &rpm, false),
            ("pkg:rpm/fedora/bind-libs", &rpm, false),
        ] {
            assert_eq!(Purl::new(purl).unwrap().is_of(package), is_it, "{purl}");
        }
    }
}
