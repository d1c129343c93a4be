//! Package URLs: `pkg:deb/debian/openssl@3.0.15-1~deb12u1?arch=amd64&distro=debian-12`.
//!
//! Source: the purl specification (ECMA-427) and its definitions of types. Written by hand because the
//! encoding is thirty lines and every list prints thousands of them.
//!
//! The type of Gentoo's packages is `ebuild`, as syft writes it; the specification has none yet. Their
//! slot is the qualifier `slot`.
//!
//! Not here: Julia's `uuid` and CPAN's author, which the files that prove those packages do not tell,
//! subpaths, and reading purls (`detect` does, for bills of materials).

use std::fmt::Write as _;

use crate::package::repository;
use crate::{Namespace, Package, PackageKind};

/// The purl of a package in a namespace.
pub(crate) fn of(package: &Package, namespace: Option<&Namespace>) -> String {
    let mut purl = String::with_capacity(64);
    purl.push_str("pkg:");
    purl.push_str(package.kind.name());
    let (path, name) = path_and_name(package, namespace);
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        purl.push('/');
        encode(&mut purl, segment);
    }
    purl.push('/');
    encode(&mut purl, &name);
    // RPM's epoch is a qualifier, not part of the version.
    let (epoch, version) = match (package.kind, package.version.split_once(':')) {
        (PackageKind::Rpm, Some((epoch, rest))) if is_epoch(epoch) && !rest.is_empty() => {
            (Some(epoch), rest)
        }
        _ => (None, package.version.as_str()),
    };
    if !version.is_empty() {
        purl.push('@');
        match package.kind {
            PackageKind::Pypi => encode(&mut purl, &version.to_lowercase()),
            _ => encode(&mut purl, version),
        }
    }
    let distro = namespace
        .filter(|_| package.kind.is_os())
        .map(|namespace| namespace.as_str().replacen(':', "-", 1));
    let upstream = package
        .source
        .as_ref()
        .filter(|_| package.kind.is_os())
        .map(|source| {
            source.version.as_ref().map_or_else(
                || source.name.clone(),
                |version| format!("{}@{version}", source.name),
            )
        });
    let is_ebuild = package.kind == PackageKind::Ebuild;
    let module = package.module.as_deref();
    let qualifiers = [
        (
            "arch",
            package.arch.as_deref().filter(|_| package.kind.is_os()),
        ),
        ("distro", distro.as_deref()),
        ("epoch", epoch.filter(|epoch| *epoch != "0")),
        ("rpmmod", module.filter(|_| !is_ebuild)),
        ("slot", module.filter(|_| is_ebuild)),
        ("upstream", upstream.as_deref()),
    ];
    let mut separator = '?';
    for (key, value) in qualifiers {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            purl.push(separator);
            separator = '&';
            purl.push_str(key);
            purl.push('=');
            encode(&mut purl, value);
        }
    }
    purl
}

/// As rpm-version(7) has it: what is no number belongs to the version.
fn is_epoch(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The purl's namespace path and name, each in the type's own spelling.
fn path_and_name(package: &Package, namespace: Option<&Namespace>) -> (String, String) {
    let name = package.name.as_str();
    match package.kind {
        PackageKind::Deb | PackageKind::Apk | PackageKind::Alpm | PackageKind::Rpm => {
            let vendor = match namespace.map(Namespace::distribution) {
                Some("rhel") => "redhat",
                Some("amzn") => "amazon",
                Some("ol" | "oracle") => "oracle",
                Some("sles") => "suse",
                Some(other) => other,
                None => "",
            };
            let name = match package.kind {
                PackageKind::Rpm => name.to_owned(),
                _ => name.to_ascii_lowercase(),
            };
            (vendor.to_ascii_lowercase(), name)
        }
        PackageKind::Pypi => (String::new(), package.kind.normalise(name).into_owned()),
        PackageKind::Maven => match name.split_once(':') {
            Some((group, artifact)) => (group.to_owned(), artifact.to_owned()),
            None => (String::new(), name.to_owned()),
        },
        PackageKind::Golang | PackageKind::Composer | PackageKind::Bitnami | PackageKind::Hex => {
            let name = name.to_lowercase();
            match name.rsplit_once('/') {
                Some((path, last)) => (path.to_owned(), last.to_owned()),
                None => (String::new(), name),
            }
        }
        // The namespace of an ebuild is its category.
        PackageKind::Ebuild
        | PackageKind::Npm
        | PackageKind::Swift
        | PackageKind::Conan
        | PackageKind::Cpan
        | PackageKind::Generic => {
            let bare = match package.kind {
                PackageKind::Swift => repository(name),
                _ => name,
            };
            match bare.rsplit_once('/') {
                Some((path, last)) => (path.to_owned(), last.to_owned()),
                // Without its author a distribution is known by its module.
                None if package.kind == PackageKind::Cpan => {
                    (String::new(), bare.replace('-', "::"))
                }
                None => (String::new(), bare.to_owned()),
            }
        }
        PackageKind::Pub | PackageKind::Luarocks => (String::new(), name.to_lowercase()),
        _ => (String::new(), name.to_owned()),
    }
}

/// Percent-encodes everything outside the purl specification's unreserved set.
fn encode(purl: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            purl.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(purl, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SourcePackage;

    #[test]
    fn each_kind_is_spelled_as_its_type_says() {
        let check = |package: Package, namespace: Option<&str>, expected: &str| {
            assert_eq!(
                of(&package, namespace.map(Namespace::from).as_ref()),
                expected
            );
        };
        let deb = Package {
            arch: Some("amd64".into()),
            source: Some(SourcePackage {
                name: "openssl".into(),
                version: None,
            }),
            ..Package::new(PackageKind::Deb, "libssl3", "3.0.15-1~deb12u1")
        };
        check(
            deb,
            Some("debian:12"),
            "pkg:deb/debian/libssl3@3.0.15-1~deb12u1?arch=amd64&distro=debian-12&upstream=openssl",
        );
        check(
            Package::new(PackageKind::Rpm, "bind-libs", "32:9.11.4-26.el7"),
            Some("rhel:7"),
            "pkg:rpm/redhat/bind-libs@9.11.4-26.el7?distro=rhel-7&epoch=32",
        );
        check(
            Package::new(PackageKind::Npm, "@babel/core", "7.0.0"),
            Some("npm"),
            "pkg:npm/%40babel/core@7.0.0",
        );
        check(
            Package::new(
                PackageKind::Golang,
                "github.com/Foo/bar/v2",
                "v2.1.0+incompatible",
            ),
            None,
            "pkg:golang/github.com/foo/bar/v2@v2.1.0%2Bincompatible",
        );
        check(
            Package::new(PackageKind::Maven, "org.apache:log4j", "1.2.17"),
            None,
            "pkg:maven/org.apache/log4j@1.2.17",
        );
        check(
            Package::new(PackageKind::Pypi, "Foo_Bar", "1"),
            None,
            "pkg:pypi/foo-bar@1",
        );
    }

    /// What the specification and its definitions of types say of components and of encoding.
    #[test]
    fn the_specifications_rules_hold() {
        use PackageKind::*;
        for (kind, name, version, namespace, expected) in [
            (
                Pypi,
                "Django_._package",
                "1.11.1.DEV1",
                "",
                "pypi/django-package@1.11.1.dev1",
            ),
            (Pypi, "zope.interface", "5.4", "", "pypi/zope-interface@5.4"),
            (
                Npm,
                "@angular/animation",
                "12.3.1",
                "",
                "npm/%40angular/animation@12.3.1",
            ),
            (Npm, "JSONStream", "1.0.3", "", "npm/JSONStream@1.0.3"),
            (
                Maven,
                "org.apache.commons:io",
                "1.3.4",
                "",
                "maven/org.apache.commons/io@1.3.4",
            ),
            (
                Maven,
                "HTTPClient:HTTPClient",
                "0.3-3",
                "",
                "maven/HTTPClient/HTTPClient@0.3-3",
            ),
            (
                Golang,
                "GitHub.com/Masterminds/Semver",
                "v1",
                "",
                "golang/github.com/masterminds/semver@v1",
            ),
            (Golang, "stdlib", "1.21rc2", "", "golang/stdlib@1.21rc2"),
            (Cargo, "rand", "0.7.2", "", "cargo/rand@0.7.2"),
            (
                Gem,
                "ruby-advisory-db-check",
                "0.12.4",
                "",
                "gem/ruby-advisory-db-check@0.12.4",
            ),
            (
                Composer,
                "GuzzleHttp/Promises",
                "2.0.2",
                "",
                "composer/guzzlehttp/promises@2.0.2",
            ),
            (
                Nuget,
                "EnterpriseLibrary.Common",
                "6.0.1304",
                "",
                "nuget/EnterpriseLibrary.Common@6.0.1304",
            ),
            (Hex, "Jason", "1.1.2", "", "hex/jason@1.1.2"),
            (Hex, "Acme/Foo", "2.3.0", "", "hex/acme/foo@2.3.0"),
            (Pub, "Characters", "1.2.0", "", "pub/characters@1.2.0"),
            (
                Swift,
                "https://github.com/Alamofire/Alamofire.git",
                "5.4.3",
                "",
                "swift/github.com/Alamofire/Alamofire@5.4.3",
            ),
            (
                Hackage,
                "AC-HalfInteger",
                "1.2.1",
                "",
                "hackage/AC-HalfInteger@1.2.1",
            ),
            (Cran, "A3", "0.9.1", "", "cran/A3@0.9.1"),
            (Conda, "absl-py", "0.4.1", "", "conda/absl-py@0.4.1"),
            (Conan, "openssl", "3.0.3", "", "conan/openssl@3.0.3"),
            (
                Cpan,
                "DROLSKY/DateTime",
                "1.55",
                "",
                "cpan/DROLSKY/DateTime@1.55",
            ),
            (
                Cpan,
                "URI-PackageURL",
                "2.11",
                "",
                "cpan/URI::PackageURL@2.11",
            ),
            (
                Luarocks,
                "LuaSocket",
                "3.1.0-1",
                "",
                "luarocks/luasocket@3.1.0-1",
            ),
            (Bitnami, "WordPress", "6.2.0", "", "bitnami/wordpress@6.2.0"),
            (Generic, "bitwarderl", "", "", "generic/bitwarderl"),
            (
                Deb,
                "dpkg",
                "1:1.19.0.4",
                "debian:12",
                "deb/debian/dpkg@1:1.19.0.4?distro=debian-12",
            ),
            (
                Rpm,
                "CURL",
                "0:7.50.3-1.fc25",
                "fedora:25",
                "rpm/fedora/CURL@7.50.3-1.fc25?distro=fedora-25",
            ),
            (
                Alpm,
                "Pacman",
                "6.0.1-1",
                "arch",
                "alpm/arch/pacman@6.0.1-1?distro=arch",
            ),
            (
                Ebuild,
                "dev-lang/python",
                "3.12.3_p1-r1",
                "gentoo",
                "ebuild/dev-lang/python@3.12.3_p1-r1?distro=gentoo",
            ),
            (
                Apk,
                "Curl",
                "7.83.0-r0",
                "alpine:v3.16",
                "apk/alpine/curl@7.83.0-r0?distro=alpine-v3.16",
            ),
            // Outside letters, digits, and `.-_~:` everything is encoded, in the bytes of UTF-8.
            (
                Npm,
                "a b",
                "1.0.0+build/é@#?%",
                "",
                "npm/a%20b@1.0.0%2Bbuild%2F%C3%A9%40%23%3F%25",
            ),
        ] {
            let package = Package::new(kind, name, version);
            let namespace = (!namespace.is_empty()).then(|| Namespace::from(namespace));
            assert_eq!(of(&package, namespace.as_ref()), format!("pkg:{expected}"));
        }
    }
}
