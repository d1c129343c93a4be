//! The walk over an inventory's packages.

use std::collections::{BTreeMap, BTreeSet};

use pellucid_model::{
    Coverage, Finding, Inventory, Namespace, PackageEntry, SnapshotRef, Status, Warning,
    WarningKind,
};
use pellucid_snapshot::SnapshotError;

use crate::enrichment::enrich;
use crate::finding::{Advisories, AdvisoryKey, Hit, findings_of};
use crate::statement::{Subject, Unplaced, Verdict, judge, subjects};
use crate::{Source, Sources, coverage};

/// What to match.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MatchOptions {
    /// Also packages that an upper layer removed.
    pub hidden: bool,
    /// Also vulnerabilities of which nobody knows yet whether they affect the package.
    pub undetermined: bool,
    /// The day it is, in days since the epoch: it decides which releases are past their end of life.
    pub today: i64,
}

/// What matching found out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Matched {
    /// Vulnerabilities, sorted by package and id.
    pub findings: Vec<Finding>,
    /// Which data answered for which namespace, sorted by namespace.
    pub coverage: Vec<Coverage>,
    /// Which data added to the findings, sorted by key.
    pub enrichment: Vec<SnapshotRef>,
    /// What could not be compared.
    pub warnings: Vec<Warning>,
}

/// Matching stopped, because going on would have made the list of findings shorter.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MatchError {
    /// A snapshot could not be read.
    #[error("cannot match packages of {namespace}")]
    Snapshot {
        /// The namespace that was looked up.
        namespace: String,
        /// What is wrong with the snapshot.
        #[source]
        source: Box<SnapshotError>,
    },
    /// A snapshot that adds to findings could not be read.
    #[error("cannot add what {key} knows to the findings")]
    Enrichment {
        /// Key of the snapshot.
        key: String,
        /// What is wrong with the snapshot.
        #[source]
        source: Box<SnapshotError>,
    },
}

/// Matches every package of an inventory.
///
/// Left out are packages that a distribution's package owns (its advisories decide) and, unless asked
/// for, hidden ones.
///
/// # Errors
/// A snapshot is damaged.
pub fn find(
    inventory: &Inventory,
    sources: &Sources,
    options: &MatchOptions,
) -> Result<Matched, MatchError> {
    let mut warnings = BTreeMap::new();
    let mut hits: Vec<(usize, Vec<Hit>)> = Vec::new();
    for (index, entry) in inventory.packages.iter().enumerate() {
        let (true, Some(namespace)) = (is_matched(entry, options), &entry.namespace) else {
            continue;
        };
        let mut own = Vec::new();
        for (rank, source) in sources.of(namespace).iter().enumerate() {
            ask(entry, source, rank, options, &mut own, &mut warnings)
                .map_err(damaged(namespace))?;
        }
        if !own.is_empty() {
            hits.push((index, own));
        }
    }
    let advisories = advisories(inventory, sources, &hits)?;
    let mut findings = Vec::new();
    for (index, own) in &hits {
        if let Some(entry) = inventory.packages.get(*index)
            && let Some(namespace) = &entry.namespace
        {
            let scheme = entry.package.kind.scheme();
            findings.extend(findings_of(
                *index,
                sources.of(namespace),
                own,
                &advisories,
                scheme,
            ));
        }
    }
    enrich(&mut findings, sources)?;
    findings.sort_by(|a: &Finding, b| (a.package, &a.id).cmp(&(b.package, &b.id)));
    let mut warnings: Vec<Warning> = warnings.into_values().collect();
    warnings.sort();
    let coverage = coverage::of(inventory, sources, options);
    Ok(Matched {
        findings,
        coverage,
        enrichment: sources.enrichment(),
        warnings,
    })
}

fn damaged(namespace: &Namespace) -> impl FnOnce(SnapshotError) -> MatchError {
    move |error| MatchError::Snapshot {
        namespace: namespace.to_string(),
        source: Box::new(error),
    }
}

/// Every advisory that some hit is of, once. They are read in the order in which they stand in the
/// snapshots, so that no part of a file is inflated twice.
fn advisories(
    inventory: &Inventory,
    sources: &Sources,
    hits: &[(usize, Vec<Hit>)],
) -> Result<Advisories, MatchError> {
    let mut wanted: BTreeMap<AdvisoryKey, (&Source, &Namespace)> = BTreeMap::new();
    for (index, own) in hits {
        let entry = inventory.packages.get(*index);
        let Some(namespace) = entry.and_then(|entry| entry.namespace.as_ref()) else {
            continue;
        };
        for hit in own {
            if let Some(source) = sources.of(namespace).get(hit.rank) {
                let key = (source.snapshot.digest(), hit.advisory);
                wanted.entry(key).or_insert((source, namespace));
            }
        }
    }
    wanted
        .into_iter()
        .map(|(key, (source, namespace))| {
            let advisory = source
                .snapshot
                .advisory(key.1)
                .map_err(damaged(namespace))?;
            Ok((key, advisory))
        })
        .collect()
}

/// Whether a package is compared with advisories under these options.
pub(crate) fn is_matched(entry: &PackageEntry, options: &MatchOptions) -> bool {
    entry.owner.is_none() && (options.hidden || !entry.hidden)
}

/// What a warning is about, so that it is given once: package, version, and the advisory if the
/// fault is the advisory's.
type Fault = (String, String, Option<String>);

/// Collects what one source says about a package.
fn ask(
    entry: &PackageEntry,
    source: &Source,
    rank: usize,
    options: &MatchOptions,
    hits: &mut Vec<Hit>,
    warnings: &mut BTreeMap<Fault, Warning>,
) -> Result<(), SnapshotError> {
    let subjects = subjects(&entry.package);
    let mut asked = BTreeSet::new();
    for subject in &subjects {
        if !asked.insert((subject.kind, subject.name.as_ref())) {
            continue;
        }
        let entries = source
            .snapshot
            .affected(source.namespace.as_str(), &subject.name)?;
        for statement in entries.iter() {
            let verdict = match judge(&statement.affected, &entry.package, subject) {
                Ok(verdict) => verdict,
                Err(unplaced) => {
                    let advisory = match subject.parsed {
                        Ok(_) => Some(source.snapshot.advisory(statement.advisory)?.id),
                        Err(_) => None,
                    };
                    warn(entry, subject, advisory, &unplaced, warnings);
                    continue;
                }
            };
            let status = statement.affected.status;
            if matches!(verdict, Verdict::Silent)
                || status == Status::UnderInvestigation && !options.undetermined
            {
                continue;
            }
            hits.push(Hit {
                rank,
                advisory: statement.advisory,
                statement: statement.affected.clone(),
                verdict,
                version: subject.version.clone().into_owned(),
            });
        }
    }
    Ok(())
}

fn warn(
    entry: &PackageEntry,
    subject: &Subject<'_>,
    advisory: Option<String>,
    Unplaced(invalid): &Unplaced,
    warnings: &mut BTreeMap<Fault, Warning>,
) {
    let package = &entry.package;
    let message = match &advisory {
        None => format!(
            "cannot compare version {:?} of {} with its advisories: {invalid}",
            subject.version, package.name
        ),
        Some(id) => {
            format!(
                "cannot compare {} with advisory {id}: {invalid}",
                package.name
            )
        }
    };
    let fault = (
        package.name.clone(),
        subject.version.clone().into_owned(),
        advisory,
    );
    warnings.entry(fault).or_insert_with(|| Warning {
        kind: WarningKind::BadVersion,
        layer: entry.layer(),
        path: entry.path().map(str::to_owned),
        line: None,
        message,
    });
}
