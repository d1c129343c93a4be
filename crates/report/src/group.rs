//! Findings grouped by what there is to do about them.
//!
//! An advisory speaks of a source package, from which many installed packages are built: one upgrade
//! replaces them all, so they are one group. Within it, everything that has a fix is closed by the
//! highest fixed version; what has none is grouped by what the vendor says of it.

use std::collections::BTreeMap;

use pellucid_model::{Finding, FixState, NameKind, Namespace, PackageEntry, PackageKind, Severity};

use crate::{Report, Summary};

/// What there is to do about some findings.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Remedy {
    /// The package itself is malicious: remove it.
    Remove,
    /// Upgrade to this version.
    Upgrade(String),
    /// Fixed, but no advisory says in which version.
    FixedSomewhere,
    /// No fix yet.
    NotFixed,
    /// The vendor has put the fix off.
    Deferred,
    /// The vendor will not fix it.
    WontFix,
    /// Nobody says.
    Unknown,
}

/// Findings of packages built from one source, with one remedy.
pub(crate) struct Group<'a> {
    /// Source package, or the installed package where only that one matched.
    pub(crate) name: &'a str,
    /// Installed version, of the source where `name` is one.
    pub(crate) version: &'a str,
    /// What there is to do.
    pub(crate) remedy: Remedy,
    /// Whether an upper layer removed the packages.
    pub(crate) hidden: bool,
    /// The packages, in the order of the inventory.
    pub(crate) packages: BTreeMap<usize, &'a PackageEntry>,
    /// The findings, most severe first.
    pub(crate) findings: Vec<&'a Finding>,
    /// Their counts.
    pub(crate) summary: Summary,
}

impl Group<'_> {
    /// The worst severity in the group.
    pub(crate) fn severity(&self) -> Severity {
        self.findings
            .first()
            .map_or(Severity::Unknown, |finding| finding.severity)
    }

    /// Layers that brought the packages, lowest first.
    pub(crate) fn layers(&self) -> Vec<usize> {
        let mut layers: Vec<usize> = self
            .packages
            .values()
            .filter_map(|entry| entry.layer())
            .collect();
        layers.sort_unstable();
        layers.dedup();
        layers
    }
}

/// What one upgrade replaces: name and version, within one namespace and kind of package.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key<'a> {
    namespace: Option<&'a Namespace>,
    kind: PackageKind,
    source: &'a str,
    version: &'a str,
    hidden: bool,
    is_source: bool,
}

/// The findings of a report, grouped; the most severe group first.
pub(crate) fn groups(report: &Report) -> Vec<Group<'_>> {
    let Some(assessment) = &report.assessment else {
        return Vec::new();
    };
    let mut by_source: BTreeMap<Key<'_>, Vec<(&Finding, &PackageEntry)>> = BTreeMap::new();
    for finding in &assessment.findings {
        if let Some(entry) = report.inventory.packages.get(finding.package) {
            by_source
                .entry(key(finding, entry))
                .or_default()
                .push((finding, entry));
        }
    }
    let mut groups = Vec::new();
    for (key, members) in by_source {
        let upgrade = highest_fix(key.kind, &members);
        let mut by_remedy: BTreeMap<Remedy, Vec<(&Finding, &PackageEntry)>> = BTreeMap::new();
        for (finding, entry) in members {
            by_remedy
                .entry(remedy(finding, upgrade))
                .or_default()
                .push((finding, entry));
        }
        groups.extend(
            by_remedy
                .into_iter()
                .map(|(remedy, members)| group(&key, remedy, &members)),
        );
    }
    groups.sort_by(|a, b| {
        b.severity()
            .cmp(&a.severity())
            .then_with(|| a.remedy.cmp(&b.remedy))
            .then_with(|| {
                b.summary
                    .vulnerabilities
                    .total
                    .cmp(&a.summary.vulnerabilities.total)
            })
            .then_with(|| (a.name, a.version).cmp(&(b.name, b.version)))
    });
    groups
}

fn key<'a>(finding: &'a Finding, entry: &'a PackageEntry) -> Key<'a> {
    let package = &entry.package;
    let is_source = finding
        .reasons
        .first()
        .is_some_and(|reason| reason.name_kind == NameKind::Source);
    Key {
        namespace: entry.namespace.as_ref(),
        kind: package.kind,
        source: package.source_name(),
        version: if is_source {
            package.source_version()
        } else {
            &package.version
        },
        hidden: entry.hidden,
        is_source,
    }
}

fn group<'a>(
    key: &Key<'a>,
    remedy: Remedy,
    members: &[(&'a Finding, &'a PackageEntry)],
) -> Group<'a> {
    let packages: BTreeMap<usize, &PackageEntry> = members
        .iter()
        .map(|(finding, entry)| (finding.package, *entry))
        .collect();
    let mut findings: Vec<&Finding> = members.iter().map(|(finding, _)| *finding).collect();
    findings.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then_with(|| (&a.id, a.package).cmp(&(&b.id, b.package)))
    });
    let first = packages
        .values()
        .next()
        .map(|entry| entry.package.name.as_str());
    let only = first.filter(|first| packages.values().all(|entry| entry.package.name == *first));
    let name = if key.is_source {
        key.source
    } else {
        only.unwrap_or(key.source)
    };
    let summary = Summary::of(findings.iter().copied());
    Group {
        name,
        version: key.version,
        remedy,
        hidden: key.hidden,
        packages,
        findings,
        summary,
    }
}

fn remedy(finding: &Finding, upgrade: Option<&str>) -> Remedy {
    match finding.fix_state {
        _ if finding.malware => Remedy::Remove,
        FixState::Fixed if finding.fixed_version.is_some() => {
            upgrade.map_or(Remedy::FixedSomewhere, |to| Remedy::Upgrade(to.to_owned()))
        }
        FixState::Fixed => Remedy::FixedSomewhere,
        FixState::NotFixed => Remedy::NotFixed,
        FixState::WontFix => Remedy::WontFix,
        FixState::Deferred => Remedy::Deferred,
        FixState::Unknown => Remedy::Unknown,
    }
}

/// The highest of the fixed versions; of two that cannot be compared, the one that stands first.
fn highest_fix<'a>(
    kind: PackageKind,
    members: &[(&'a Finding, &'a PackageEntry)],
) -> Option<&'a str> {
    members
        .iter()
        .filter(|(finding, _)| finding.fix_state == FixState::Fixed && !finding.malware)
        .filter_map(|(finding, _)| finding.fixed_version.as_deref())
        .reduce(
            |highest, fixed| match kind.scheme().compare(fixed, highest) {
                Ok(std::cmp::Ordering::Greater) => fixed,
                _ => highest,
            },
        )
}
