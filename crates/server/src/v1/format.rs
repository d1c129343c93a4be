//! What Clair's API calls things that pellucid calls otherwise.
//!
//! It knows two version formats; Alpine's is `dpkg` to it. Red Hat's releases are `centos:N`, since
//! that is where Clair publishes Red Hat's advisories.

use pellucid_model::PackageKind;
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
    ];
    if DPKG.contains(&id) {
        Some("dpkg")
    } else if RPM.contains(&id) {
        Some("rpm")
    } else if ["arch", "archarm", "manjaro"].contains(&id) {
        Some("pacman")
    } else {
        None
    }
}

/// The order of a format's versions; Clair's API takes no other.
pub(crate) fn scheme(format: &str) -> Option<Scheme> {
    match format {
        "dpkg" => Some(Scheme::Dpkg),
        "rpm" => Some(Scheme::Rpm),
        _ => None,
    }
}

/// A namespace as the API names it.
pub(crate) fn shown_namespace(namespace: &str) -> String {
    match namespace.strip_prefix("rhel:") {
        Some(release) => format!("centos:{release}"),
        None => namespace.to_owned(),
    }
}

/// Whether packages of this kind are features.
pub(crate) const fn is_shown(kind: PackageKind) -> bool {
    kind.is_os()
}

/// Whether a path is that of a database of all packages.
pub(crate) fn is_package_database(path: &[u8]) -> bool {
    [
        &b"var/lib/dpkg/status"[..],
        b"lib/apk/db/installed",
        b"var/lib/rpm/",
        b"usr/lib/sysimage/rpm/",
    ]
    .iter()
    .any(|prefix| path.starts_with(prefix))
}
