//! A distribution's release, as files and purls state it, and the namespace that it means.
//!
//! Names are Clair 2.x's where Clair had one. CentOS Stream is `centos-stream:9`, as it runs ahead of RHEL
//! and its packages are not those that `centos:9` advisories would speak of. Rolling distributions have
//! no release.

use serde::{Deserialize, Serialize};

use crate::Namespace;

/// What a file says about the distribution, in the file's own words.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Release {
    /// The distribution, spelled like `ID` of os-release (`debian`, `rhel`); empty where the file
    /// does not say (debian_version).
    pub id: String,
    /// `VERSION_ID` as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Release code name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codename: Option<String>,
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretty: Option<String>,
    /// `ID_LIKE`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub like: Vec<String>,
    /// `CPE_NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpe: Option<String>,
}

impl Release {
    /// The namespace that the release's packages live in.
    #[must_use]
    pub fn namespace(&self) -> Option<Namespace> {
        let id = distribution(&self.id);
        let version = self.version.as_deref();
        let of = |name: &str, version: &str| Some(Namespace::release_of(name, version));
        let rolling = |name: &str| Some(Namespace::new(name));
        let pretty = self.pretty.as_deref().unwrap_or_default();
        match (id, version) {
            ("", _) => None,
            ("debian", Some(version)) => of("debian", major(version)),
            ("debian", None) => {
                let codename = self.codename.as_deref()?;
                of("debian", debian_release(codename).unwrap_or(codename))
            }
            ("ubuntu", Some(version)) => of("ubuntu", components(version, 2)),
            ("ubuntu", None) => of("ubuntu", ubuntu_release(self.codename.as_deref()?)?),
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
            ("oracle", Some(version)) => of("oracle", major(version)),
            (
                "rhel" | "centos" | "rocky" | "almalinux" | "raspbian" | "scientific",
                Some(version),
            ) => of(id, major(version)),
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
            ("opensuse", Some(version)) if version.starts_with("42.") => {
                of("opensuse-leap", version)
            }
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

    /// The release that the qualifier `distro` of a purl names, whose namespace is this vendor:
    /// `debian-12`, `opensuse-leap-15.5`, `alpine-v3.19`, `openeuler-24.03-LTS-SP1`, `bookworm`, `arch`, and
    /// Trivy's `3.19.1`.
    #[must_use]
    pub fn of_purl(vendor: &str, distro: &str) -> Self {
        let bare = |version: &str| version.strip_prefix('v').unwrap_or(version).to_owned();
        let is_release = |version: &str| {
            let number = version.strip_prefix('v').unwrap_or(version);
            matches!(number, "edge" | "stream")
                || number.starts_with(|first: char| first.is_ascii_digit())
        };
        // The release is all from the first number on: some have signs in them.
        let split = distro.match_indices('-').find_map(|(at, _)| {
            let (id, version) = (distro.get(..at)?, distro.get(at + 1..)?);
            is_release(version).then_some((id, version))
        });
        let (id, version, codename) = match split {
            _ if is_release(distro) && !vendor.is_empty() => (vendor, Some(bare(distro)), None),
            Some((id, version)) => (id, Some(bare(version)), None),
            None if distro == vendor || vendor.is_empty() => (distro, None, None),
            None if matches!(vendor, "debian" | "ubuntu") => {
                let codename = distro
                    .strip_prefix(vendor)
                    .and_then(|rest| rest.strip_prefix('-'));
                (vendor, None, Some(codename.unwrap_or(distro)))
            }
            None => (distro, None, None),
        };
        Self {
            id: id.to_ascii_lowercase(),
            version,
            codename: codename.map(str::to_owned),
            ..Self::default()
        }
    }
}

/// What namespaces call a distribution, by the word that a file or the namespace of a purl has for it.
pub fn distribution(word: &str) -> &str {
    match word {
        "alma" => "almalinux",
        "amazon" => "amzn",
        "cbl-mariner" => "mariner",
        "ol" => "oracle",
        "redhat" => "rhel",
        "slem" => "sle-micro",
        "suse" => "sles",
        word => word,
    }
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
pub fn debian_release(codename: &str) -> Option<&'static str> {
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
pub fn ubuntu_release(codename: &str) -> Option<&'static str> {
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
        "resolute" => "26.04",
        _ => return None,
    })
}
