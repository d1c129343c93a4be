//! Which distribution an image is.
//!
//! Precedence is fixed: the order of [`DETECTORS`](crate::DETECTORS), and within a detector the
//! order of its triggers. So os-release decides (`/etc` before `/usr/lib`, as its manual page
//! says), then the distributions' own release files, lsb-release, `debian_version`, and last the
//! sources of apt. A file lower in that order that names another release is a conflict and is
//! said, unless it is known to speak of the parent (Ubuntu's `debian_version`, Oracle's
//! `redhat-release`) or names the same release more closely.
//!
//! A derivative has its own name, never its parent's. What a release is called, `Release` tells in `model`.

pub(crate) mod alpine_release;
pub(crate) mod apt_sources;
pub(crate) mod debian_version;
pub(crate) mod lsb_release;
pub(crate) mod os_release;
pub(crate) mod redhat_release;

use pellucid_model::{Distribution, Namespace, PackageKind, Release, Warning, WarningKind};

use crate::RawPath;
use crate::detector::{DETECTORS, Trigger};

/// What a file of the image says about the distribution.
pub(crate) struct Stated<'a> {
    pub(crate) detector: &'static str,
    /// Path that the detector knows the file by.
    pub(crate) name: RawPath,
    /// The file's real path.
    pub(crate) path: String,
    pub(crate) layer: usize,
    pub(crate) release: &'a Release,
}

/// What the image is.
pub(crate) struct Decided {
    /// The deciding one first, then those that other files name.
    pub(crate) distributions: Vec<Distribution>,
    pub(crate) warnings: Vec<Warning>,
    /// What kind of packages the deciding distribution has, where that is known.
    kind: Option<PackageKind>,
}

impl Decided {
    /// Whether packages of this kind are the deciding distribution's, as far as known.
    pub(crate) fn holds(&self, kind: PackageKind) -> bool {
        self.kind.is_none_or(|own| own == kind)
    }

    /// The namespace of a distribution's packages of this kind.
    pub(crate) fn namespace(&self, kind: PackageKind) -> Option<&Namespace> {
        self.distributions
            .first()
            .filter(|_| self.holds(kind))
            .map(|first| &first.namespace)
    }
}

/// Decides between what the files say.
pub(crate) fn decide(mut stated: Vec<Stated<'_>>) -> Decided {
    stated.sort_by_cached_key(|one| (rank(one.detector, one.name.bytes()), one.path.clone()));
    let codename = stated
        .iter()
        .filter(|one| one.release.id == "debian")
        .find_map(|one| one.release.codename.clone());
    let mut decided = Decided {
        distributions: Vec::new(),
        warnings: Vec::new(),
        kind: None,
    };
    for one in stated {
        let mut release = one.release.clone();
        // Debian's testing and unstable have no VERSION_ID; another file may name the release.
        if release.id == "debian" && release.version.is_none() && release.codename.is_none() {
            release.codename.clone_from(&codename);
        }
        let Some(namespace) = release.namespace() else {
            continue;
        };
        let distribution = Distribution {
            namespace,
            id: release.id,
            version_id: release.version,
            codename: release.codename,
            pretty_name: release.pretty,
            id_like: release.like,
            cpe: release.cpe,
            path: one.path,
            layer: one.layer,
        };
        let Some(first) = decided.distributions.first() else {
            decided.kind = kind(&distribution);
            decided.distributions.push(distribution);
            continue;
        };
        // Sources may well list other releases, pinned.
        if one.detector == "apt-sources" || first.namespace == distribution.namespace {
            continue;
        }
        if is_parent(&distribution, first) || is_finer(&distribution, first) {
            continue;
        }
        let message = format!(
            "says {}, but {} says {} and decides",
            distribution.namespace, first.path, first.namespace
        );
        let mut warning = Warning::of_file(
            WarningKind::Conflict,
            distribution.path.clone(),
            None,
            message,
        );
        warning.layer = Some(distribution.layer);
        decided.warnings.push(warning);
        if decided
            .distributions
            .iter()
            .all(|known| known.namespace != distribution.namespace)
        {
            decided.distributions.push(distribution);
        }
    }
    decided
}

/// Position in the order of precedence.
fn rank(detector: &str, name: &[u8]) -> (usize, usize) {
    let Some((index, detector)) = DETECTORS
        .iter()
        .enumerate()
        .find(|(_, known)| known.name() == detector)
    else {
        return (usize::MAX, 0);
    };
    let place = detector
        .triggers()
        .iter()
        .position(|trigger| matches!(trigger, Trigger::Path(path) if path.as_bytes() == name));
    (index, place.unwrap_or(usize::MAX))
}

/// What kind of packages a distribution has, by its name or those of its parents.
fn kind(distribution: &Distribution) -> Option<PackageKind> {
    std::iter::once(&distribution.id)
        .chain(&distribution.id_like)
        .find_map(|id| {
            Some(match id.as_str() {
                "debian" | "ubuntu" | "raspbian" | "linuxmint" | "kali" | "pop" | "devuan"
                | "elementary" | "neon" | "deepin" | "parrot" | "echo" => PackageKind::Deb,
                "alpine"
                | "wolfi"
                | "chainguard"
                | "postmarketos"
                | "minimos"
                | "alpaquita"
                | "bellsoft-hardened-containers"
                | "clnstrt"
                | "cleanstart"
                | "secureos" => PackageKind::Apk,
                "rhel"
                | "centos"
                | "fedora"
                | "rocky"
                | "almalinux"
                | "ol"
                | "oracle"
                | "amzn"
                | "opensuse"
                | "opensuse-leap"
                | "opensuse-tumbleweed"
                | "suse"
                | "sles"
                | "sled"
                | "photon"
                | "mariner"
                | "azurelinux"
                | "scientific"
                | "openeuler"
                | "mageia"
                | "bottlerocket"
                | "hummingbird" => PackageKind::Rpm,
                "arch" | "archarm" | "manjaro" => PackageKind::Alpm,
                "gentoo" => PackageKind::Ebuild,
                _ => return None,
            })
        })
}

/// Whether one distribution's files may well speak of another that it is built on.
fn is_parent(parent: &Distribution, of: &Distribution) -> bool {
    const RED_HAT: &[&str] = &[
        "rhel",
        "fedora",
        "centos",
        "rocky",
        "almalinux",
        "ol",
        "oracle",
        "amzn",
        "scientific",
    ];
    parent.id != of.id
        && (of.id_like.contains(&parent.id)
            || RED_HAT.contains(&parent.id.as_str()) && RED_HAT.contains(&of.id.as_str())
            || parent.id == "debian" && kind(of) == Some(PackageKind::Deb)
            || parent.id == "alpine" && kind(of) == Some(PackageKind::Apk))
}

/// Whether a release only goes on where another's ends: `2023.6.20241010` is the build of Amazon
/// Linux 2023 that the image was made from, and no other release.
fn is_finer(release: &Distribution, of: &Distribution) -> bool {
    let versions = release.version_id.as_ref().zip(of.version_id.as_ref());
    let rest = versions.and_then(|(finer, of)| finer.strip_prefix(of.as_str()));
    release.id == of.id && rest.is_some_and(|rest| rest.starts_with('.'))
}
