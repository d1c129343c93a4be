//! The advisories' half: findings, coverage, gate, summary.

use std::collections::{BTreeMap, BTreeSet};

use pellucid_model::{
    Cvss, Digest, EndOfLife, Epss, FixState, Inventory, Kev, NameKind, Namespace, Severity,
    SnapshotRef, Status,
};
use serde::{Deserialize, Serialize};

use crate::format::json::ReadError;
use crate::format::json::words::Words as _;

#[derive(Serialize, Deserialize)]
pub(super) struct Finding {
    id: String,
    aliases: Vec<String>,
    /// Those among `aliases` that are CVEs of a bulletin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    related: Vec<String>,
    /// Index into `packages`, from 0.
    package: usize,
    #[serde(default)]
    purl: String,
    severity: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    severity_word: Option<String>,
    severity_source: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ratings: Vec<Rating>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    malware: bool,
    fix_state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fixed_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    cvss: Vec<Score>,
    cwes: Vec<String>,
    links: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    published: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kev: Option<Kev>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    epss: Option<Epss>,
    /// Set by the report, which knows the gate.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) reaches_gate: bool,
    reasons: Vec<Reason>,
}

#[derive(Serialize, Deserialize)]
struct Rating {
    feed: String,
    advisory: String,
    severity: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    word: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Score {
    source: String,
    vector: String,
}

#[derive(Serialize, Deserialize)]
struct Reason {
    feed: String,
    snapshot: Digest,
    name_kind: String,
    name: String,
    version: String,
    range: String,
    status: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    products: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Coverage {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    packages: usize,
    #[serde(default)]
    covered: bool,
    snapshots: Vec<Snapshot>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end_of_life: Option<End>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Snapshot {
    key: String,
    digest: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    as_of: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct End {
    date: String,
    past: bool,
    source: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Gate {
    /// The least severity, where the gate looks at nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fail_on: Option<String>,
    #[serde(default)]
    reached: bool,
    reached_by: usize,
    #[serde(default)]
    namespaces: usize,
    #[serde(default, skip_serializing_if = "is_zero")]
    undecided: usize,
    rules: Vec<GateRule>,
}

#[derive(Serialize, Deserialize)]
struct GateRule {
    rule: String,
    reached_by: usize,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Summary {
    vulnerabilities: usize,
    fixable: usize,
    by_severity: BTreeMap<String, Count>,
    findings: usize,
    affected_packages: usize,
}

#[derive(Serialize, Deserialize)]
struct Count {
    vulnerabilities: usize,
    fixable: usize,
}

impl Gate {
    pub(super) fn of(gate: &crate::Gate) -> Self {
        Self {
            fail_on: gate.severity().map(|least| least.word()),
            reached: gate.is_reached(),
            reached_by: gate.reaching.len() + gate.namespaces,
            namespaces: gate.namespaces,
            undecided: gate.undecided,
            rules: gate
                .rules
                .iter()
                .map(|rule| GateRule {
                    rule: rule.rule.clone(),
                    reached_by: rule.reached_by,
                })
                .collect(),
        }
    }

    /// Reads it back; the findings say which of them reach it.
    pub(super) fn read(self, findings: &[Finding]) -> crate::Gate {
        crate::Gate {
            rules: self
                .rules
                .into_iter()
                .map(|rule| crate::GateRule {
                    rule: rule.rule,
                    reached_by: rule.reached_by,
                })
                .collect(),
            reaching: findings
                .iter()
                .filter(|finding| finding.reaches_gate)
                .map(|finding| (finding.package, finding.id.clone()))
                .collect(),
            namespaces: self.namespaces,
            undecided: self.undecided,
        }
    }
}

impl Finding {
    pub(super) fn of(finding: &pellucid_model::Finding, inventory: &Inventory) -> Self {
        let entry = inventory.packages.get(finding.package);
        Self {
            id: finding.id.clone(),
            aliases: sorted(finding.other_ids()),
            related: finding.related.clone(),
            package: finding.package,
            purl: entry
                .map(pellucid_model::PackageEntry::purl)
                .unwrap_or_default(),
            severity: finding.severity.word(),
            severity_word: finding.severity_word.clone(),
            severity_source: finding.severity_source.clone(),
            ratings: finding.ratings.iter().map(Rating::of).collect(),
            malware: finding.malware,
            fix_state: finding.fix_state.word(),
            fixed_version: finding.fixed_version.clone(),
            title: finding.title.clone(),
            description: finding.description.clone(),
            cvss: finding
                .cvss
                .iter()
                .map(|cvss| Score {
                    source: cvss.source.clone(),
                    vector: cvss.vector.clone(),
                })
                .collect(),
            cwes: finding.cwes.clone(),
            links: finding.links.clone(),
            published: finding.published.and_then(time),
            kev: finding.kev.clone(),
            epss: finding.epss.clone(),
            reaches_gate: false,
            reasons: finding.reasons.iter().map(Reason::of).collect(),
        }
    }

    /// Reads it back; it may speak of no package beyond `packages`.
    pub(super) fn read(self, packages: usize) -> Result<pellucid_model::Finding, ReadError> {
        if self.package >= packages {
            return Err(ReadError::value(
                "the index of a package",
                &self.package.to_string(),
            ));
        }
        let related: BTreeSet<&String> = self.related.iter().collect();
        let mut aliases = self.aliases;
        aliases.retain(|id| !related.contains(id));
        Ok(pellucid_model::Finding {
            package: self.package,
            id: self.id,
            aliases,
            related: self.related,
            severity: Severity::read(&self.severity)?,
            severity_word: self.severity_word,
            severity_source: self.severity_source,
            ratings: self
                .ratings
                .into_iter()
                .map(Rating::read)
                .collect::<Result<_, _>>()?,
            malware: self.malware,
            fix_state: FixState::read(&self.fix_state)?,
            fixed_version: self.fixed_version,
            title: self.title,
            description: self.description,
            cvss: self
                .cvss
                .into_iter()
                .map(|score| Cvss {
                    source: score.source,
                    vector: score.vector,
                })
                .collect(),
            cwes: self.cwes,
            links: self.links,
            published: self.published.map(|text| seconds(&text)).transpose()?,
            kev: self.kev,
            epss: self.epss,
            reasons: self
                .reasons
                .into_iter()
                .map(Reason::read)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl Rating {
    fn of(rating: &pellucid_model::Rating) -> Self {
        Self {
            feed: rating.feed.clone(),
            advisory: rating.advisory.clone(),
            severity: rating.severity.word(),
            word: rating.word.clone(),
        }
    }

    fn read(self) -> Result<pellucid_model::Rating, ReadError> {
        Ok(pellucid_model::Rating {
            severity: Severity::read(&self.severity)?,
            feed: self.feed,
            advisory: self.advisory,
            word: self.word,
        })
    }
}

impl Reason {
    fn of(reason: &pellucid_model::Reason) -> Self {
        Self {
            feed: reason.feed.clone(),
            snapshot: reason.snapshot,
            name_kind: reason.name_kind.word(),
            name: reason.name.clone(),
            version: reason.version.clone(),
            range: reason.range.clone(),
            status: reason.status.word(),
            products: reason.products.clone(),
            note: reason.note.clone(),
        }
    }

    fn read(self) -> Result<pellucid_model::Reason, ReadError> {
        Ok(pellucid_model::Reason {
            feed: self.feed,
            snapshot: self.snapshot,
            name_kind: NameKind::read(&self.name_kind)?,
            name: self.name,
            version: self.version,
            range: self.range,
            status: Status::read(&self.status)?,
            products: self.products,
            note: self.note,
        })
    }
}

impl Snapshot {
    pub(super) fn of(snapshot: &SnapshotRef) -> Self {
        Self {
            key: snapshot.key.clone(),
            digest: snapshot.digest,
            as_of: snapshot.as_of.and_then(time),
        }
    }

    pub(super) fn read(self) -> Result<SnapshotRef, ReadError> {
        let as_of = self.as_of.map(|text| seconds(&text)).transpose()?;
        Ok(SnapshotRef {
            key: self.key,
            digest: self.digest,
            as_of,
            fetched_at: as_of.unwrap_or_default(),
        })
    }
}

impl Coverage {
    pub(super) fn of(coverage: &pellucid_model::Coverage) -> Self {
        Self {
            namespace: coverage
                .namespace
                .as_ref()
                .map(|name| name.as_str().to_owned()),
            packages: coverage.packages,
            covered: coverage.is_covered(),
            snapshots: coverage.snapshots.iter().map(Snapshot::of).collect(),
            note: coverage.note.clone(),
            end_of_life: coverage.end_of_life.as_ref().map(|end| End {
                date: end.date.clone(),
                past: end.past,
                source: end.source.clone(),
            }),
        }
    }

    pub(super) fn read(self) -> Result<pellucid_model::Coverage, ReadError> {
        let snapshots = self.snapshots.into_iter().map(Snapshot::read);
        Ok(pellucid_model::Coverage {
            namespace: self.namespace.map(Namespace::new),
            packages: self.packages,
            snapshots: snapshots.collect::<Result<_, ReadError>>()?,
            note: self.note,
            end_of_life: self.end_of_life.map(|end| EndOfLife {
                date: end.date,
                past: end.past,
                source: end.source,
            }),
        })
    }
}

impl Summary {
    pub(super) fn of(summary: &crate::Summary) -> Self {
        Self {
            vulnerabilities: summary.vulnerabilities.total,
            fixable: summary.vulnerabilities.fixable,
            by_severity: summary
                .by_severity
                .iter()
                .map(|(severity, count)| {
                    let count = Count {
                        vulnerabilities: count.total,
                        fixable: count.fixable,
                    };
                    (severity.word(), count)
                })
                .collect(),
            findings: summary.findings,
            affected_packages: summary.affected_packages,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

fn sorted<'a>(ids: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut ids: Vec<String> = ids.cloned().collect();
    ids.sort_unstable();
    ids
}

/// A point in time; absent where no calendar has it.
fn time(seconds: i64) -> Option<String> {
    jiff::Timestamp::from_second(seconds)
        .ok()
        .map(|time| time.to_string())
}

fn seconds(text: &str) -> Result<i64, ReadError> {
    text.parse::<jiff::Timestamp>()
        .map(jiff::Timestamp::as_second)
        .map_err(|_| ReadError::value("a time", text))
}
