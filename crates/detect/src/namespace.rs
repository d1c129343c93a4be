//! Which distribution an image is.
//!
//! Precedence is fixed: the order of [`DETECTORS`](crate::DETECTORS), and within a detector the
//! order of its triggers. So os-release decides (`/etc` before `/usr/lib`, as its manual page
//! says), then the distributions' own release files, lsb-release, `debian_version`, and last the
//! sources of apt. A file lower in that order that names another release is a conflict and is
//! said, unless it is known to speak of the parent: Ubuntu's `debian_version`, Oracle's
//! `redhat-release`.
//!
//! Names are Clair 2.x's where Clair had one. CentOS Stream is `centos-stream:9`, as it runs ahead
//! of RHEL and its packages are not those that `centos:9` advisories would speak of. Rolling
//! distributions have no release. A derivative has its own name, never its parent's.

pub(crate) mod alpine_release;
pub(crate) mod apt_sources;
pub(crate) mod debian_version;
pub(crate) mod lsb_release;
pub(crate) mod os_release;
pub(crate) mod redhat_release;

use pellucid_model::{Distribution, Namespace, PackageKind, Warning, WarningKind};

use crate::RawPath;
use crate::detector::{DETECTORS, Release, Trigger};

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
        let Some(namespace) = namespace(&release) else {
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
        if is_parent(&distribution, first) {
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

/// The namespace that a release's packages live in, wherever the release is stated.
pub(crate) fn namespace_of(release: &Release) -> Option<Namespace> {
    namespace(release)
}

/// The namespace that a release's packages live in.
fn namespace(release: &Release) -> Option<Namespace> {
    let id = match release.id.as_str() {
        // Trivy's words.
        "alma" => "almalinux",
        "amazon" => "amzn",
        "cbl-mariner" => "mariner",
        "redhat" => "rhel",
        "slem" => "sle-micro",
        "suse" => "sles",
        id => id,
    };
    let version = release.version.as_deref();
    let of = |name: &str, version: &str| Some(Namespace::release_of(name, version));
    let rolling = |name: &str| Some(Namespace::new(name));
    let pretty = release.pretty.as_deref().unwrap_or_default();
    match (id, version) {
        ("", _) => None,
        ("debian", Some(version)) => of("debian", major(version)),
        ("debian", None) => {
            let codename = release.codename.as_deref()?;
            of("debian", debian_release(codename).unwrap_or(codename))
        }
        ("ubuntu", Some(version)) => of("ubuntu", components(version, 2)),
        ("ubuntu", None) => of("ubuntu", ubuntu_release(release.codename.as_deref()?)?),
        ("alpine", Some(version)) => {
            if version.contains(['_', '-']) || version.contains("edge") {
                of("alpine", "edge")
            } else {
                of("alpine", &format!("v{}", components(version, 2)))
            }
        }
        ("alpine", None) => pretty
            .contains("edge")
            .then(|| Namespace::release_of("alpine", "edge")),
        ("centos", Some(version)) if pretty.contains("Stream") => {
            of("centos-stream", major(version))
        }
        ("ol" | "oracle", Some(version)) => of("oracle", major(version)),
        ("rhel" | "centos" | "rocky" | "almalinux" | "raspbian" | "scientific", Some(version)) => {
            of(id, major(version))
        }
        // `2 (Karoo)`, `2023.6.20241010`; the first Amazon Linux is known by year and month.
        ("amzn", Some(version)) => {
            let number = version.split(' ').next().unwrap_or_default();
            let parts = if number.starts_with("201") { 2 } else { 1 };
            of(id, components(number, parts))
        }
        // Builds have a date behind the release.
        ("azurelinux" | "mariner", Some(version)) => of(id, components(version, 2)),
        ("openeuler", Some(version)) => of("openeuler", &openeuler_release(version, pretty)),
        // CleanStart's own word for itself.
        ("clnstrt" | "cleanstart", _) => rolling("cleanstart"),
        // Leap before 15 called itself openSUSE.
        ("opensuse", Some(version)) if version.starts_with("42.") => of("opensuse-leap", version),
        (
            "opensuse-tumbleweed"
            | "wolfi"
            | "chainguard"
            | "echo"
            | "secureos"
            | "bottlerocket"
            | "hummingbird"
            | "arch"
            | "archarm"
            | "manjaro"
            | "gentoo"
            | "void"
            | "opensuse-slowroll",
            _,
        ) => rolling(id),
        (_, Some(version)) => of(id, version),
        (_, None) => rolling(id),
    }
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

/// A release of openEuler as its bulletins call it: `24.03-LTS-SP1`. The support and the service pack
/// stand in the name for people alone (`openEuler 24.03 (LTS-SP1)`).
fn openeuler_release(version: &str, pretty: &str) -> String {
    let support = pretty
        .split_once('(')
        .and_then(|(_, rest)| rest.split_once(')'))
        .map(|(support, _)| support.trim().replace(' ', "-"))
        .filter(|_| !version.contains('-'))
        .filter(|support| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            !support.is_empty() && support.bytes().all(plain)
        });
    match support {
        Some(support) => format!("{version}-{support}"),
        None => version.to_ascii_uppercase(),
    }
}

/// What stands before the first dot.
fn major(version: &str) -> &str {
    components(version, 1)
}

/// The first parts of a dotted version.
fn components(version: &str, count: usize) -> &str {
    match version.match_indices('.').nth(count - 1) {
        Some((at, _)) => version.get(..at).unwrap_or(version),
        None => version,
    }
}

/// Debian's releases by code name (debian.org/releases). `trixie/sid` is what both testing and
/// unstable call themselves before the release of that name.
pub(crate) fn debian_release(codename: &str) -> Option<&'static str> {
    let codename = codename.split('/').next().unwrap_or_default();
    Some(match codename {
        "sarge" => "3.1",
        "etch" => "4",
        "lenny" => "5",
        "squeeze" => "6",
        "wheezy" => "7",
        "jessie" => "8",
        "stretch" => "9",
        "buster" => "10",
        "bullseye" => "11",
        "bookworm" => "12",
        "trixie" => "13",
        "forky" => "14",
        "duke" => "15",
        "sid" | "unstable" => "unstable",
        _ => return None,
    })
}

/// Ubuntu's releases by code name (wiki.ubuntu.com/Releases).
pub(crate) fn ubuntu_release(codename: &str) -> Option<&'static str> {
    Some(match codename {
        "precise" => "12.04",
        "quantal" => "12.10",
        "raring" => "13.04",
        "saucy" => "13.10",
        "trusty" => "14.04",
        "utopic" => "14.10",
        "vivid" => "15.04",
        "wily" => "15.10",
        "xenial" => "16.04",
        "yakkety" => "16.10",
        "zesty" => "17.04",
        "artful" => "17.10",
        "bionic" => "18.04",
        "cosmic" => "18.10",
        "disco" => "19.04",
        "eoan" => "19.10",
        "focal" => "20.04",
        "groovy" => "20.10",
        "hirsute" => "21.04",
        "impish" => "21.10",
        "jammy" => "22.04",
        "kinetic" => "22.10",
        "lunar" => "23.04",
        "mantic" => "23.10",
        "noble" => "24.04",
        "oracular" => "24.10",
        "plucky" => "25.04",
        "questing" => "25.10",
        _ => return None,
    })
}
