//! Package URLs: `pkg:deb/debian/openssl@3.0.15-1~deb12u1?arch=amd64&distro=debian-12`.
//!
//! Source: the purl specification (`PURL-SPECIFICATION`, `PURL-TYPES`). Written by hand because the
//! encoding is thirty lines and every list prints thousands of them.

use std::fmt::Write as _;

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
        (PackageKind::Rpm, Some((epoch, rest))) => (Some(epoch), rest),
        _ => (None, package.version.as_str()),
    };
    if !version.is_empty() {
        purl.push('@');
        encode(&mut purl, version);
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
    let qualifiers = [
        (
            "arch",
            package.arch.as_deref().filter(|_| package.kind.is_os()),
        ),
        ("distro", distro.as_deref()),
        ("epoch", epoch.filter(|epoch| *epoch != "0")),
        ("rpmmod", package.module.as_deref()),
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
        PackageKind::Pypi => (String::new(), name.to_lowercase().replace(['_', '.'], "-")),
        PackageKind::Maven => match name.split_once(':') {
            Some((group, artifact)) => (group.to_owned(), artifact.to_owned()),
            None => (String::new(), name.to_owned()),
        },
        PackageKind::Golang | PackageKind::Composer | PackageKind::Bitnami => {
            let name = name.to_lowercase();
            match name.rsplit_once('/') {
                Some((path, last)) => (path.to_owned(), last.to_owned()),
                None => (String::new(), name),
            }
        }
        PackageKind::Npm | PackageKind::Swift | PackageKind::Conan | PackageKind::Cpan => {
            match name.rsplit_once('/') {
                Some((path, last)) => (path.to_owned(), last.to_owned()),
                None => (String::new(), name.to_owned()),
            }
        }
        PackageKind::Hex | PackageKind::Pub | PackageKind::Luarocks => {
            (String::new(), name.to_lowercase())
        }
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
}
