//! Which packages of languages are left to the distribution's package that owns their files.
//!
//! A distribution fixes what it ships without raising its version, and its advisories know of that:
//! comparing Debian's `python3-jinja2` with PyPI's advisories would tell of what is fixed. That holds
//! only where the distribution speaks of the owner at all. A vendor's `elasticsearch` may be a Debian
//! package too, but no advisory of Debian's will ever speak of the `log4j` in it; then the advisories
//! of the ecosystem decide. So it is for the distribution's own packages of which it never said
//! anything: nothing was fixed there under an advisory. Where there are no advisories of the distribution, software known
//! by its binary is left to it all the same: that is mostly what its security team patches (httpd, PHP, Python), and the
//! namespace is said not to be covered.
//!
//! A package may have the name of one of the distribution's and be somebody else's. The header of an RPM names
//! the vendor, and of a Debian package the version tells it (`1.25.3-1~bookworm` of nginx.org). Where that is known
//! to be another than the distribution, what the package owns is not left to the distribution: its versions with a fix
//! are of its own builds. The package itself is still compared with them, as nothing else speaks of it.

use std::collections::{BTreeSet, HashMap};

use pellucid_model::{Inventory, NameKind, Namespace, Owner, PackageEntry, PackageKind};
use pellucid_snapshot::SnapshotError;

use crate::find::{MatchError, damaged};
use crate::{Source, Sources};

/// How the `Vendor` of a distribution's RPMs begins, where it sets one, in packages of that
/// distribution; those of which it is not known are taken at their name.
const VENDORS: &[(&str, &[&str])] = &[
    ("almalinux", &["AlmaLinux"]),
    ("amzn", &["Amazon"]),
    ("azurelinux", &["Microsoft"]),
    ("centos", &["CentOS", "Red Hat"]),
    ("centos-stream", &["CentOS", "Red Hat"]),
    ("fedora", &["Fedora"]),
    ("mageia", &["Mageia"]),
    ("mariner", &["Microsoft"]),
    ("openeuler", &["http://openeuler.org", "openEuler"]),
    ("opensuse-leap", &["openSUSE", "SUSE"]),
    ("opensuse-leap-micro", &["openSUSE", "SUSE"]),
    ("opensuse-tumbleweed", &["openSUSE", "SUSE"]),
    ("oracle", &["Oracle"]),
    ("photon", &["VMware", "Broadcom"]),
    ("rhel", &["Red Hat"]),
    ("rocky", &["Rocky"]),
    ("scientific", &["Scientific"]),
    ("sl-micro", &["SUSE", "openSUSE"]),
    ("sle-micro", &["SUSE", "openSUSE"]),
    ("sle_hpc", &["SUSE", "openSUSE"]),
    ("sled", &["SUSE", "openSUSE"]),
    ("sles", &["SUSE", "openSUSE"]),
    ("sles_sap", &["SUSE", "openSUSE"]),
];

/// Names of releases, which end the versions of packages that others build for them (nginx.org, Docker, Redis,
/// the archives of Launchpad); Debian and Ubuntu write numbers there.
const CODENAMES: &[&str] = &[
    "bionic", "bookworm", "bullseye", "buster", "focal", "forky", "jammy", "jessie", "lunar",
    "mantic", "noble", "oracular", "plucky", "questing", "resolute", "stretch", "trixie", "trusty",
    "wheezy", "xenial",
];
/// Those of which Ubuntu's own updates have the name too, behind their revision (`1:5.1.6~rc2-0ubuntu1~xenial10`);
/// later ones have numbers.
const OWN_CODENAMES: &[&str] = &["trusty", "xenial"];
/// An update of Ubuntu's own that no rule tells from others' builds.
const OWN: &[&str] = &["7u75-2.5.4-1~trusty1"];
/// What else such versions have: PostgreSQL's archive, MariaDB's, NodeSource's, and Ondřej Surý's of PHP.
const OTHERS: &[&str] = &[".pgdg", "+maria~", "nodesource", "~1.gbp", "deb.sury.org"];

/// The packages of which the advisories of their owner's distribution decide, by their place in the
/// inventory.
///
/// # Errors
/// A snapshot is damaged.
pub fn left_to_owners(
    inventory: &Inventory,
    sources: &Sources,
) -> Result<BTreeSet<usize>, MatchError> {
    let owned = || {
        let packages = inventory.packages.iter().enumerate();
        packages.filter_map(|(index, entry)| Some((index, entry.owner.as_ref()?)))
    };
    let mut answers: HashMap<&Owner, Answer> = HashMap::new();
    answers.extend(owned().map(|(_, owner)| (owner, Answer::Unknown)));
    if answers.is_empty() {
        return Ok(BTreeSet::new());
    }
    let mut entries: HashMap<(&str, &str), &PackageEntry> = HashMap::new();
    for entry in inventory.packages.iter().rev() {
        if entry.package.kind.is_os() {
            entries.insert((&entry.package.name, &entry.package.version), entry);
        }
    }
    for (owner, answer) in &mut answers {
        let entry = entries.get(&(owner.name.as_str(), owner.version.as_str()));
        *answer = of_distribution(owner, entry.copied(), inventory, sources)?;
    }
    let is_left = |index: usize, owner: &Owner| match answers.get(owner) {
        Some(Answer::Speaks) => true,
        Some(Answer::Unknown) => {
            let entry = inventory.packages.get(index);
            entry.is_some_and(|entry| entry.package.kind == PackageKind::Generic)
        }
        Some(Answer::Silent) | None => false,
    };
    Ok(owned()
        .filter(|(index, owner)| is_left(*index, owner))
        .map(|(index, _)| index)
        .collect())
}

/// What a distribution says of a package that owns others.
#[derive(Clone, Copy)]
enum Answer {
    /// Its advisories speak of it, and decide of what it owns.
    Speaks,
    /// It does not speak of it, or it is somebody else's.
    Silent,
    /// Nobody knows: no advisories of it are at hand.
    Unknown,
}

fn of_distribution(
    owner: &Owner,
    entry: Option<&PackageEntry>,
    inventory: &Inventory,
    sources: &Sources,
) -> Result<Answer, MatchError> {
    let first = inventory.distributions.first();
    // The owner's own entry may have been taken out by a rule of the user's.
    let namespace = match entry {
        Some(entry) => entry.namespace.as_ref(),
        None => first.map(|first| &first.namespace),
    };
    let Some(namespace) = namespace else {
        return Ok(Answer::Unknown);
    };
    if entry.is_some_and(|entry| is_of_another_vendor(entry, namespace)) {
        return Ok(Answer::Silent);
    }
    if !sources.of(namespace).iter().any(Source::answers) {
        return Ok(Answer::Unknown);
    }
    let source = entry.map_or(owner.name.as_str(), |entry| entry.package.source_name());
    let built_from = entry.map_or(Ok(Vec::new()), |entry| sources.built_from(namespace, entry));
    let built_from = built_from.map_err(damaged(namespace))?;
    let others = built_from.iter().map(|name| (NameKind::Source, &**name));
    let names: Vec<(NameKind, &str)> = [
        (NameKind::Source, source),
        (NameKind::Binary, owner.name.as_str()),
    ]
    .into_iter()
    .chain(others)
    .collect();
    for source in sources.of(namespace) {
        if speaks(source, &names).map_err(damaged(namespace))? {
            return Ok(Answer::Speaks);
        }
    }
    Ok(Answer::Silent)
}

/// Whether a snapshot says anything, good or bad, about a package of one of these names.
fn speaks(source: &Source, names: &[(NameKind, &str)]) -> Result<bool, SnapshotError> {
    for (kind, name) in names {
        let entries = source.snapshot.affected(source.namespace.as_str(), name)?;
        if entries
            .iter()
            .any(|entry| entry.affected.name_kind == *kind)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether somebody else than the distribution built a package, as far as it tells.
pub(crate) fn is_of_another_vendor(entry: &PackageEntry, namespace: &Namespace) -> bool {
    let package = &entry.package;
    match package.kind {
        PackageKind::Deb => is_built_by_others(&package.version),
        PackageKind::Rpm => {
            let vendor = package.vendor.as_deref();
            let vendor = vendor.filter(|vendor| !vendor.is_empty());
            let own = VENDORS
                .iter()
                .find(|(distribution, _)| *distribution == namespace.distribution());
            own.zip(vendor)
                .is_some_and(|((_, own), vendor)| !own.iter().any(|own| vendor.starts_with(own)))
        }
        _ => false,
    }
}

/// Whether the version of a Debian package is one that neither Debian nor Ubuntu gives.
fn is_built_by_others(version: &str) -> bool {
    let is_digit = |letter: char| letter.is_ascii_digit();
    // Launchpad's own advice for the versions of its archives: `-0ppa1~ubuntu22.04.1`.
    let mut of_launchpad = version.match_indices("ppa");
    let of_launchpad = of_launchpad.any(|(at, ppa)| {
        let rest = version.get(at + ppa.len()..);
        rest.is_some_and(|rest| rest.starts_with(is_digit))
    });
    if of_launchpad || OTHERS.iter().any(|other| version.contains(other)) {
        return true;
    }
    let Some((before, last)) = version.rsplit_once(['~', '+', '.', '-']) else {
        return false;
    };
    let last = last.trim_end_matches(is_digit);
    let is_own = || {
        let revision = before.trim_end_matches(|letter| is_digit(letter) || letter == '.');
        OWN.contains(&version) || OWN_CODENAMES.contains(&last) && revision.ends_with("ubuntu")
    };
    CODENAMES.contains(&last) && !is_own()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_of_others_are_told_by_their_version() {
        for version in [
            "1.25.3-1~bookworm",
            "5:24.0.7-1~debian.12~bookworm",
            "6:7.2.3-1rl1~bookworm1",
            "16.1-1.pgdg120+1",
            "1:11.2.2+maria~ubu2204",
            "18.19.0-1nodesource1",
            "3.12.1-1+jammy1",
            "8.2.14-1+0~20231221.21+debian12~1.gbp1e3e0e",
            "8.1.27-1+ubuntu22.04.1+deb.sury.org+1",
            "1:2.36.0-0ppa1~ubuntu22.04.1",
            "1.0-2ubuntu1ppa1~trusty1",
            "2.0-0ubuntu1~jammy1",
            "1.10.3-1~xenial",
        ] {
            assert!(is_built_by_others(version), "{version}");
        }
        for version in [
            "1.22.1-9+deb12u1",
            "1.18.0-6ubuntu14.4",
            "24.0.7-0ubuntu2~22.04.1",
            "15.5-0+deb12u1",
            "2.4.57-2~bpo11+1",
            "1:5.1.6~rc2-0ubuntu1~xenial10",
            "2:1.18.3-1ubuntu2.3~trusty4",
            "1:3.6-2ubuntu1~trusty2",
            "7u75-2.5.4-1~trusty1",
            "4.0.0~alpha2-0ubuntu5",
            "1.0+ppa",
            "1.0",
            "",
        ] {
            assert!(!is_built_by_others(version), "{version}");
        }
    }
}
