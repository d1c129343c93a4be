//! A purl taken apart: what package it is, and of which release.
//!
//! Source: the purl specification. Qualifiers that matter: `distro`, `arch`, `epoch`, `rpmmod`, `slot`, and
//! syft's `upstream`, the source package.
//!
//! As others write them: Trivy puts a Debian package's epoch among the qualifiers, and calls
//! distributions by names of its own (`redhat-9.3`; for Alpine `3.19.1` alone); syft put all of a Go module's
//! path behind its third part into the subpath, until it stopped.

use pellucid_model::{Package, PackageKind, Release, SourcePackage};

/// A package, and the release that its purl names.
pub(crate) struct Purl {
    pub(crate) package: Package,
    pub(crate) release: Option<Release>,
}

impl Purl {
    /// Whether a purl is of a type that we know, whatever else is wrong with it.
    pub(crate) fn is_of_known_type(text: &str) -> bool {
        text.split_once(':')
            .is_some_and(|(_, rest)| kind(rest).is_some())
    }

    /// Takes a purl of a type that we know apart; one without a version is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::with_version(text, None)
    }

    /// The same, with the version that the purl is said to have where it has none itself.
    pub(crate) fn with_version(text: &str, said: Option<&str>) -> Option<Self> {
        let (scheme, rest) = text.split_once(':')?;
        if !scheme.eq_ignore_ascii_case("pkg") {
            return None;
        }
        // From the right, as the specification takes it apart: subpath, qualifiers, version.
        let (rest, subpath) = rest.rsplit_once('#').unwrap_or((rest, ""));
        let (rest, qualifiers) = rest.rsplit_once('?').unwrap_or((rest, ""));
        let (kind, rest) = kind(rest)?;
        // At the beginning of a segment the sign is that of npm's scopes.
        let own = rest
            .rsplit_once('@')
            .filter(|(path, _)| !path.is_empty() && !path.ends_with('/'));
        let (path, version) = match (own, said) {
            (Some((path, version)), _) => (path, decoded(version)?),
            (None, Some(said)) if !said.contains(char::is_control) => (rest, said.to_owned()),
            (None, _) => return None,
        };
        let segments = path.split('/').filter(|segment| !segment.is_empty());
        let mut segments: Vec<String> = segments.map(decoded).collect::<Option<_>>()?;
        let name = segments.pop()?;
        let space = segments.join("/");
        if name.is_empty() || version.is_empty() {
            return None;
        }
        let qualifiers = self::qualifiers(qualifiers)?;
        let qualifier = |wanted: &str| {
            let own = qualifiers.iter().find(|(key, _)| key == wanted);
            own.map(|(_, value)| value.clone())
        };
        // A package in a module is no part of the module's name.
        let inside = qualifier("type").is_some_and(|kind| kind == "package");
        let name = match kind {
            PackageKind::Golang if !inside => {
                let below = subpath.split('/').filter(|part| !part.is_empty());
                let below: Vec<String> = below.map(decoded).collect::<Option<_>>()?;
                let parts = [space.as_str(), &name].into_iter();
                let parts = parts.chain(below.iter().map(String::as_str));
                let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
                parts.join("/")
            }
            _ if space.is_empty() => name,
            PackageKind::Maven => format!("{space}:{name}"),
            PackageKind::Ebuild => format!("{space}/{name}"),
            kind if kind.is_os() => name,
            PackageKind::Pypi | PackageKind::Gem | PackageKind::Cargo | PackageKind::Nuget => name,
            _ => format!("{space}/{name}"),
        };
        // Without its author a distribution of CPAN may be named by its module.
        let name = match kind {
            PackageKind::Cpan if space.is_empty() => name.replace("::", "-"),
            _ => name,
        };
        // What a name is made of is not empty: a group without an artifact is no name of Maven's.
        let bare = name.split_once("://").map_or(&*name, |(_, rest)| rest);
        let is_empty = |separator| bare.split(separator).any(str::is_empty);
        let is_name = match kind {
            PackageKind::Maven => !is_empty(':') && !bare.contains('/'),
            PackageKind::Cpan => !bare.contains(':') && !is_empty('/'),
            _ => !is_empty('/'),
        };
        if !is_name {
            return None;
        }
        // An epoch of zero is none, wherever it stands, and neither is what is no number.
        let is_number = |text: &String| text.bytes().all(|byte| byte.is_ascii_digit());
        let epoch = qualifier("epoch").filter(is_number);
        let version = match (kind, epoch) {
            (PackageKind::Rpm, Some(epoch)) if epoch != "0" => format!("{epoch}:{version}"),
            (PackageKind::Deb, Some(epoch)) if epoch != "0" && !version.contains(':') => {
                format!("{epoch}:{version}")
            }
            (PackageKind::Rpm, _) => version.trim_start_matches("0:").to_owned(),
            _ => version,
        };
        if version.is_empty() {
            return None;
        }
        let is_os = kind.is_os();
        let package = Package {
            arch: qualifier("arch").filter(|_| is_os),
            source: qualifier("upstream")
                .filter(|_| is_os)
                .and_then(|text| SourcePackage::of_purl(&text)),
            module: match kind {
                PackageKind::Ebuild => qualifier("slot"),
                _ => qualifier("rpmmod").or_else(|| qualifier("modularitylabel")),
            },
            ..Package::new(kind, name, version)
        };
        let release = is_os
            .then(|| qualifier("distro"))
            .flatten()
            .map(|distro| Release::of_purl(&space, &distro));
        Some(Self { package, release })
    }
}

/// The type that begins what stands behind the scheme, if it is one of ours, and the rest.
fn kind(text: &str) -> Option<(PackageKind, &str)> {
    let (kind, rest) = text.trim_start_matches('/').split_once('/')?;
    let kind = match kind.to_ascii_lowercase().as_str() {
        // What osv-scalibr calls Gentoo's packages.
        "portage" => PackageKind::Ebuild,
        kind => PackageKind::from_name(kind)?,
    };
    Some((kind, rest))
}

/// Keys in small letters with their values; those without a value are left out, as if they were not
/// there. `None` if something is no qualifier.
fn qualifiers(text: &str) -> Option<Vec<(String, String)>> {
    let is_of_a_key = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let mut all = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=')?;
        let is_key = key.starts_with(|first: char| first.is_ascii_alphabetic())
            && key.bytes().all(is_of_a_key);
        if !is_key {
            return None;
        }
        let value = decoded(value)?;
        if !value.is_empty() {
            all.push((key.to_ascii_lowercase(), value));
        }
    }
    Some(all)
}

/// A text without percent signs. One with a control character names nothing.
pub(crate) fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_first_chunk::<2>()?;
        let digits = std::str::from_utf8(digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = after;
    }
    let text = String::from_utf8(bytes).ok()?;
    (!text.contains(char::is_control)).then_some(text)
}

#[cfg(test)]
mod tests {
    use pellucid_model::PackageEntry;

    use super::*;

    #[test]
    fn what_decides_over_advisories_is_in_a_purl() {
        let read = |text: &str| {
            let purl = Purl::parse(text)?;
            let namespace = purl.release.as_ref().and_then(Release::namespace);
            let namespace = namespace.map_or_else(|| "-".to_owned(), |it| it.to_string());
            let Package {
                kind,
                name,
                version,
                ..
            } = &purl.package;
            let source = purl
                .package
                .source
                .as_ref()
                .map_or("", |source| &source.name);
            let version_of = purl.package.source_version();
            Some(format!(
                "{namespace} {kind} {name} {version} {source} {version_of}"
            ))
        };
        for (purl, wanted) in [
            (
                "pkg:deb/debian/libssl3@3.0.15-1~deb12u1?arch=amd64&distro=debian-12&upstream=openssl",
                Some("debian:12 deb libssl3 3.0.15-1~deb12u1 openssl 3.0.15-1~deb12u1"),
            ),
            (
                "pkg:deb/debian/libgcc-s1@12.2.0-14?distro=bookworm&upstream=gcc-12%4012.2.0-13",
                Some("debian:12 deb libgcc-s1 12.2.0-14 gcc-12 12.2.0-13"),
            ),
            (
                "pkg:rpm/redhat/bind-libs@9.11.4-26.el7?distro=rhel-7.9&epoch=32&upstream=bind-9.11.4-26.el7.src.rpm",
                Some("rhel:7 rpm bind-libs 32:9.11.4-26.el7 bind 32:9.11.4-26.el7"),
            ),
            (
                "pkg:apk/alpine/musl@1.2.4-r2?distro=alpine-3.19.1",
                Some("alpine:v3.19 apk musl 1.2.4-r2  1.2.4-r2"),
            ),
            (
                "pkg:apk/alpine/musl@1.2.4-r2?distro=alpine-v3.19",
                Some("alpine:v3.19 apk musl 1.2.4-r2  1.2.4-r2"),
            ),
            // As Trivy writes them.
            (
                "pkg:apk/alpine/musl@1.2.4-r2?distro=3.19.1",
                Some("alpine:v3.19 apk musl 1.2.4-r2  1.2.4-r2"),
            ),
            (
                "pkg:apk/wolfi/a@1-r0?distro=20230201",
                Some("wolfi apk a 1-r0  1-r0"),
            ),
            (
                "pkg:deb/debian/bind9@9.18.33-1~deb12u2?distro=debian-12.9&epoch=1",
                Some("debian:12 deb bind9 1:9.18.33-1~deb12u2  1:9.18.33-1~deb12u2"),
            ),
            (
                "pkg:deb/debian/bind9@1:9.18.33-1?distro=debian-12&epoch=1",
                Some("debian:12 deb bind9 1:9.18.33-1  1:9.18.33-1"),
            ),
            (
                "pkg:rpm/alma/a@1?distro=alma-9.3",
                Some("almalinux:9 rpm a 1  1"),
            ),
            (
                "pkg:rpm/redhat/a@1?distro=redhat-9.3",
                Some("rhel:9 rpm a 1  1"),
            ),
            (
                "pkg:rpm/amazon/a@1?distro=amazon-2%20%28Karoo%29",
                Some("amzn:2 rpm a 1  1"),
            ),
            (
                "pkg:rpm/amazon/a@1?distro=amazon-2023.6.20241010%20%28Amazon%20Linux%29",
                Some("amzn:2023 rpm a 1  1"),
            ),
            (
                "pkg:rpm/amazon/a@1?distro=amazon-2018.03",
                Some("amzn:2018.03 rpm a 1  1"),
            ),
            (
                "pkg:rpm/cbl-mariner/a@1?distro=cbl-mariner-2.0.20240123",
                Some("mariner:2.0 rpm a 1  1"),
            ),
            (
                "pkg:rpm/suse/a@1?distro=suse-15.5",
                Some("sles:15.5 rpm a 1  1"),
            ),
            // As we write namespaces without a number.
            (
                "pkg:deb/debian/a@1?distro=debian-unstable",
                Some("debian:unstable deb a 1  1"),
            ),
            (
                "pkg:apk/alpine/a@1?distro=alpine-edge",
                Some("alpine:edge apk a 1  1"),
            ),
            (
                "pkg:apk/alpaquita/a@1?distro=alpaquita-stream",
                Some("alpaquita:stream apk a 1  1"),
            ),
            (
                "pkg:rpm/centos/a@1?distro=centos-stream-9",
                Some("centos-stream:9 rpm a 1  1"),
            ),
            (
                "pkg:rpm/opensuse/a@1?distro=opensuse-leap-15.5",
                Some("opensuse-leap:15.5 rpm a 1  1"),
            ),
            (
                "pkg:rpm/openEuler/a@1?distro=openEuler-24.03-LTS-SP1",
                Some("openeuler:24.03-LTS-SP1 rpm a 1  1"),
            ),
            ("pkg:rpm/fedora/a@0:1-2", Some("- rpm a 1-2  1-2")),
            (
                "pkg:deb/ubuntu/a@1?distro=ubuntu-22.04",
                Some("ubuntu:22.04 deb a 1  1"),
            ),
            (
                "pkg:alpm/arch/a@1-1?distro=arch",
                Some("arch alpm a 1-1  1-1"),
            ),
            (
                "pkg:ebuild/dev-lang/php@8.2.24?distro=gentoo&slot=8.2",
                Some("gentoo ebuild dev-lang/php 8.2.24  8.2.24"),
            ),
            (
                "pkg:portage/dev-lang/php@8.2.24-r1",
                Some("- ebuild dev-lang/php 8.2.24-r1  8.2.24-r1"),
            ),
            ("pkg:deb/debian/a@1", Some("- deb a 1  1")),
            (
                "pkg:npm/%40babel/core@7.1.0?x=y#z",
                Some("- npm @babel/core 7.1.0  7.1.0"),
            ),
            ("pkg:maven/org.a/b@1?type=jar", Some("- maven org.a:b 1  1")),
            (
                "pkg:golang/github.com/a/b@v1.0.0%2Bx",
                Some("- golang github.com/a/b v1.0.0+x  v1.0.0+x"),
            ),
            // As syft wrote modules, and as the specification's subpaths name packages in them.
            (
                "pkg:golang/github.com/golang-jwt/jwt@v5.2.1#v5",
                Some("- golang github.com/golang-jwt/jwt/v5 v5.2.1  v5.2.1"),
            ),
            (
                "pkg:golang/github.com/Azure/azure-sdk-for-go@v1.5.0#sdk/azidentity",
                Some("- golang github.com/Azure/azure-sdk-for-go/sdk/azidentity v1.5.0  v1.5.0"),
            ),
            (
                "pkg:golang/github.com/a/b@v1.0.0?type=package#c",
                Some("- golang github.com/a/b v1.0.0  v1.0.0"),
            ),
            ("pkg:pypi/a", None),
            ("pkg:oci/a@1", None),
            ("pkg:pypi/a%4@1", None),
            ("a@1", None),
        ] {
            assert_eq!(read(purl).as_deref(), wanted, "{purl}");
        }
    }

    /// Read and written again, as the specification and its definitions of types say. A subpath and
    /// qualifiers that say nothing about which package it is are not kept.
    #[test]
    fn a_purl_is_written_as_the_specification_says() {
        let again = |text: &str| {
            let purl = Purl::parse(text)?;
            let entry = PackageEntry {
                namespace: purl.release.as_ref().and_then(Release::namespace),
                package: purl.package,
                locations: Vec::new(),
                hidden: false,
                owner: None,
                detector: String::new(),
            };
            Some(entry.purl())
        };
        for (text, canonical) in [
            // The type is written small, slashes before it are none.
            ("pkg:NPM/core@1.0.2", "pkg:npm/core@1.0.2"),
            ("PKG:///npm/core@1.0.2", "pkg:npm/core@1.0.2"),
            // Empty segments of a namespace are none; a scope's sign is encoded.
            ("pkg:golang//a.org///b//c@v1", "pkg:golang/a.org/b/c@v1"),
            ("pkg:npm/@babel/core@7.0.0", "pkg:npm/%40babel/core@7.0.0"),
            ("pkg:npm/%40babel/core@7.0.0", "pkg:npm/%40babel/core@7.0.0"),
            // Names by the rules of their types.
            (
                "pkg:pypi/Foo_Bar.baz@1.0.RC1",
                "pkg:pypi/foo-bar-baz@1.0.rc1",
            ),
            (
                "pkg:composer/Laravel/Framework@5.5.0",
                "pkg:composer/laravel/framework@5.5.0",
            ),
            (
                "pkg:golang/GitHub.com/A/B@v1.0.0",
                "pkg:golang/github.com/a/b@v1.0.0",
            ),
            ("pkg:hex/Acme/Foo@2.3.0", "pkg:hex/acme/foo@2.3.0"),
            (
                "pkg:deb/Debian/Curl@1?distro=debian-12",
                "pkg:deb/debian/curl@1?distro=debian-12",
            ),
            (
                "pkg:rpm/fedora/CURL@1-1.fc40?distro=fedora-40",
                "pkg:rpm/fedora/CURL@1-1.fc40?distro=fedora-40",
            ),
            (
                "pkg:nuget/Newtonsoft.Json@13.0.1",
                "pkg:nuget/Newtonsoft.Json@13.0.1",
            ),
            ("pkg:maven/Org.A/B@1", "pkg:maven/Org.A/B@1"),
            (
                "pkg:ebuild/dev-libs/Foo@1-r1?slot=0/3.1&distro=gentoo",
                "pkg:ebuild/dev-libs/Foo@1-r1?distro=gentoo&slot=0%2F3.1",
            ),
            // Percent signs are taken out once, in either letter case, and set where they must be.
            ("pkg:maven/g/a@1.0%20Final", "pkg:maven/g/a@1.0%20Final"),
            ("pkg:cargo/a@1.0.0%2bbuild", "pkg:cargo/a@1.0.0%2Bbuild"),
            ("pkg:cargo/a@1.0.0+build", "pkg:cargo/a@1.0.0%2Bbuild"),
            ("pkg:gem/a@1:2~3", "pkg:gem/a@1:2~3"),
            ("pkg:gem/a@%2525", "pkg:gem/a@%2525"),
            ("pkg:generic/%C3%A9@1", "pkg:generic/%C3%A9@1"),
            // Qualifiers are sorted, their keys small, and none is without a value.
            (
                "pkg:deb/debian/a@1?Upstream=b&distro=debian-12&Arch=amd64&epoch=",
                "pkg:deb/debian/a@1?arch=amd64&distro=debian-12&upstream=b",
            ),
            ("pkg:npm/core@1.0.2?vcs_url=x#/a/b/", "pkg:npm/core@1.0.2"),
        ] {
            assert_eq!(again(text).as_deref(), Some(canonical), "{text}");
            assert_eq!(again(canonical).as_deref(), Some(canonical));
        }
        for wrong in [
            "",
            "pkg:",
            "pkg:npm",
            "pkg:npm/",
            "pkg:npm/@1.0.0",
            "pkg:npm/a@",
            "npm/a@1",
            "purl:npm/a@1",
            "pkg:npm/a@1?in%20production=true",
            "pkg:npm/a@1?1st=x",
            "pkg:npm/a@1?novalue",
            "pkg:npm/a@%FF",
            "pkg:npm/a@1%2",
            "pkg:npm/a@1%0E",
            "pkg:npm/a\u{7}@1",
            "pkg:apk/alpine/musl@1?distro=alpine%00",
        ] {
            assert_eq!(again(wrong), None, "{wrong}");
        }
    }
}
