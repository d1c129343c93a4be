//! What Clair's API calls things that pellucid calls otherwise.
//!
//! It knows two version formats; Alpine's is `dpkg` to it. Red Hat's releases are `centos:N`, since
//! that is where Clair publishes Red Hat's advisories. Languages, which Clair never had, have their
//! ecosystem as namespace and the name of its version order as format.

use pellucid_model::{Package, PackageKind};
use pellucid_version::Scheme;

/// The format of a distribution's versions, by its name or those of its parents.
pub(crate) fn of_distribution(id: &str, like: &[String]) -> &'static str {
    std::iter::once(id)
        .chain(like.iter().map(String::as_str))
        .find_map(of_id)
        .unwrap_or("dpkg")
}

/// The format of a namespace's versions; `None` where its name tells nothing.
pub(crate) fn of_namespace(namespace: &str) -> Option<&'static str> {
    of_id(namespace.split_once(':').map_or(namespace, |(id, _)| id))
}

fn of_id(id: &str) -> Option<&'static str> {
    const DPKG: &[&str] = &[
        "debian",
        "ubuntu",
        "raspbian",
        "alpine",
        "wolfi",
        "chainguard",
        "linuxmint",
        "kali",
        "devuan",
        "pop",
        "elementary",
        "postmarketos",
    ];
    const RPM: &[&str] = &[
        "centos",
        "centos-stream",
        "rhel",
        "fedora",
        "amzn",
        "ol",
        "oracle",
        "rocky",
        "almalinux",
        "scientific",
        "opensuse",
        "opensuse-leap",
        "opensuse-tumbleweed",
        "sles",
        "sled",
        "suse",
        "photon",
        "mariner",
        "azurelinux",
        "openeuler",
        "bottlerocket",
    ];
    if DPKG.contains(&id) {
        Some("dpkg")
    } else if RPM.contains(&id) {
        Some("rpm")
    } else if ["arch", "archarm", "manjaro"].contains(&id) {
        Some("pacman")
    } else if id == "gentoo" {
        Some("ebuild")
    } else {
        let kind = PackageKind::from_name(id)
            .filter(|kind| !kind.is_os() && *kind != PackageKind::Generic)?;
        Some(of_kind(kind))
    }
}

/// The format of a kind of packages.
pub(crate) const fn of_kind(kind: PackageKind) -> &'static str {
    match kind {
        PackageKind::Rpm => "rpm",
        PackageKind::Alpm => "pacman",
        PackageKind::Ebuild => "ebuild",
        PackageKind::Deb | PackageKind::Apk => "dpkg",
        language => language.scheme().name(),
    }
}

/// The order of a format's versions; Clair's API takes no other but those of languages.
pub(crate) fn scheme(format: &str) -> Option<Scheme> {
    let is_foreign =
        |scheme: &Scheme| matches!(scheme, Scheme::Apk | Scheme::Pacman | Scheme::Ebuild);
    Scheme::from_name(format).filter(|scheme| !is_foreign(scheme))
}

/// Whether a format admits a version, by Clair's rules. Ours read more, but what Clair would refuse
/// to store its clients have never seen.
pub(crate) fn admits(format: &str, version: &str) -> bool {
    let only = |text: &str, symbols: &str| {
        text.chars()
            .all(|letter| letter.is_alphanumeric() || symbols.contains(letter))
    };
    let version = version.trim();
    if !matches!(format, "dpkg" | "rpm" | "pacman") {
        // A language's, which Clair never had.
        return !version.is_empty();
    }
    let (epoch, rest) = match version.split_once(':') {
        Some((epoch, rest)) => (Some(epoch), rest),
        None => (None, version),
    };
    let has_epoch = epoch.is_none_or(|epoch| epoch.trim().parse::<u32>().is_ok());
    if rest.is_empty() || !has_epoch {
        return false;
    }
    match format {
        "dpkg" => {
            let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
            !upstream.is_empty() && only(upstream, ".-+~:_") && only(revision, "+.~_")
        }
        // The caret came after Clair.
        "rpm" => only(rest, ".-+~:_^"),
        _ => true,
    }
}

/// A namespace as the API names it.
pub(crate) fn shown_namespace(namespace: &str) -> String {
    match namespace.strip_prefix("rhel:") {
        Some(release) => format!("centos:{release}"),
        None => namespace.to_owned(),
    }
}

/// Whether a package is a feature: one that some advisories could be about.
pub(crate) fn is_shown(package: &Package) -> bool {
    package.ecosystem() != PackageKind::Generic.name()
}

/// Whether a path is that of a database of all packages.
pub(crate) fn is_package_database(path: &[u8]) -> bool {
    [
        &b"var/lib/dpkg/status"[..],
        b"lib/apk/db/installed",
        b"var/lib/rpm/",
        b"usr/lib/sysimage/rpm/",
        b"usr/share/rpm/",
    ]
    .iter()
    .any(|prefix| path.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_admitted_as_by_clair() {
        for (format, version, expected) in [
            ("dpkg", "1:2.3-4+deb12u1~bpo", true),
            ("dpkg", "a!b", false),
            ("dpkg", "x:1", false),
            ("dpkg", "1.0-", true),
            ("dpkg", "-1", false),
            ("dpkg", "", false),
            ("dpkg", "1.2.3_p4-r0", true),
            ("dpkg", "!!nope!!", false),
            ("rpm", "2:1.4.2-3.el7", true),
            ("rpm", "1.0^git1-1", true),
            ("rpm", "1 0", false),
            ("npm", "1.0.0-rc.1+build!", true),
            ("pep440", "", false),
        ] {
            assert_eq!(admits(format, version), expected, "{format} {version}");
        }
    }

    #[test]
    fn a_language_has_its_ecosystem_and_its_order() {
        assert_eq!(of_namespace("pypi"), Some("pep440"));
        assert_eq!(of_kind(PackageKind::Golang), "go");
        assert_eq!(scheme("maven"), Some(Scheme::Maven));
        // Not Clair's, which calls Alpine's `dpkg`, and nobody's.
        assert_eq!(
            (scheme("apk"), scheme("deb"), scheme("")),
            (None, None, None)
        );
        assert_eq!(of_namespace("generic"), None);
        assert_eq!(of_namespace("gentoo"), Some("ebuild"));
    }
}
