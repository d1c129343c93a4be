//! The walk over an inventory's packages.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::sync::Arc;

use pellucid_model::{
    Advisory, Coverage, Digest, Finding, Inventory, Namespace, PackageEntry, SnapshotRef, Status,
    Warning, WarningKind,
};
use pellucid_snapshot::{AdvisoryRef, Entry, SnapshotError};

use crate::enrichment::enrich;
use crate::finding::{Advisories, AdvisoryKey, Hit, findings_of};
use crate::owned::left_to_owners;
use crate::statement::{
    Subject, Unplaced, Verdict, has_fix_of, is_fixed_in_a_minor, judge, minor, subjects,
};
use crate::{Products, Source, Sources, coverage};

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
    /// Packages that were not matched, because the advisories of their owner's distribution decide;
    /// by their place in the inventory.
    pub left_to_owners: BTreeSet<usize>,
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
/// Left out are packages that a distribution's package owns, where the distribution's advisories speak
/// of that one, and, unless asked for, hidden ones.
///
/// # Errors
/// A snapshot is damaged.
pub fn find(
    inventory: &Inventory,
    sources: &Sources,
    options: &MatchOptions,
) -> Result<Matched, MatchError> {
    let products = products(inventory, sources)?;
    let left_to_owners = left_to_owners(inventory, sources)?;
    let is_matched = |index: usize, entry: &PackageEntry| {
        !left_to_owners.contains(&index) && (options.hidden || !entry.hidden)
    };
    let packages: Vec<Installed<'_>> = inventory
        .packages
        .iter()
        .enumerate()
        .filter(|(index, entry)| is_matched(*index, entry))
        .filter_map(|(index, entry)| {
            let namespace = entry.namespace.as_ref()?;
            Some(Installed {
                index,
                entry,
                namespace,
                products: products.get(namespace)?,
            })
        })
        .collect();
    let asked = in_halves(&packages, |_| 1, |packages| ask(packages, sources));
    let asked: Vec<Asked<'_>> = joined(asked)?;
    let judged = in_halves(&asked, Asked::statements, |asked| judged(asked, options));
    let mut hits: Vec<(&Asked<'_>, Vec<Hit<'_>>)> = Vec::new();
    let mut warnings = BTreeMap::new();
    for judged in judged {
        let (own, faults) = judged?;
        hits.extend(own);
        faults.into_iter().for_each(|(fault, warning)| {
            warnings.entry(fault).or_insert(warning);
        });
    }
    let wanted = wanted(&hits);
    let read = in_halves(&wanted, |_| 1, |wanted| read(wanted));
    let advisories = Advisories::new(joined(read)?);
    let found = in_halves(
        &hits,
        |(_, hits)| hits.len(),
        |hits| found(hits, &advisories),
    );
    let mut findings: Vec<Finding> = Vec::new();
    for mut found in found {
        findings.append(&mut found);
    }
    enrich(&mut findings, sources)?;
    findings.sort_by(|a: &Finding, b| (a.package, &a.id).cmp(&(b.package, &b.id)));
    let mut warnings: Vec<Warning> = warnings.into_values().collect();
    warnings.sort();
    let packages = inventory.packages.iter().enumerate();
    let packages = packages.filter(|(index, entry)| is_matched(*index, entry));
    let packages = packages.map(|(_, entry)| entry);
    let coverage = coverage::of(inventory, packages, sources, &products, options.today)?;
    Ok(Matched {
        findings,
        coverage,
        left_to_owners,
        enrichment: sources.enrichment(),
        warnings,
    })
}

/// From so many packages or advisories on, a second thread is worth starting.
const MANY: usize = 500;

/// A package to be matched.
#[derive(Clone, Copy)]
struct Installed<'a> {
    /// Its place in the inventory.
    index: usize,
    entry: &'a PackageEntry,
    namespace: &'a Namespace,
    /// What statements must be about to count.
    products: &'a Products,
}

/// Does some work on both halves of many things at once; each half has about half of the weight.
fn in_halves<'t, T: Sync, R: Send>(
    all: &'t [T],
    weight: impl Fn(&T) -> usize,
    work: impl Fn(&'t [T]) -> R + Sync,
) -> Vec<R> {
    if all.len() < MANY {
        return vec![work(all)];
    }
    let half = all.iter().map(&weight).sum::<usize>() / 2;
    let mut before = 0;
    let middle = all.iter().position(|one| {
        before += weight(one);
        before > half
    });
    let (low, high) = all.split_at(middle.unwrap_or(0));
    std::thread::scope(|scope| {
        let other = std::thread::Builder::new().spawn_scoped(scope, || work(high));
        let low = work(low);
        let high = match other {
            Ok(other) => other.join().unwrap_or_else(|panic| resume_unwind(panic)),
            // No thread is to be had.
            Err(_) => work(high),
        };
        vec![low, high]
    })
}

fn joined<T>(parts: Vec<Result<Vec<T>, MatchError>>) -> Result<Vec<T>, MatchError> {
    let mut all = Vec::new();
    for part in parts {
        all.append(&mut part?);
    }
    Ok(all)
}

/// The products that the packages of each namespace are of.
fn products<'a>(
    inventory: &'a Inventory,
    sources: &Sources,
) -> Result<BTreeMap<&'a Namespace, Products>, MatchError> {
    let of_packages = inventory
        .packages
        .iter()
        .filter_map(|entry| entry.namespace.as_ref());
    let of_image = inventory
        .distributions
        .iter()
        .map(|release| &release.namespace);
    let namespaces: BTreeSet<&Namespace> = of_packages.chain(of_image).collect();
    let products = namespaces.into_iter().map(|namespace| {
        let products = Products::of(namespace, inventory, sources).map_err(damaged(namespace))?;
        Ok((namespace, products))
    });
    products.collect()
}

pub(crate) fn damaged(namespace: &Namespace) -> impl FnOnce(SnapshotError) -> MatchError {
    move |error| MatchError::Snapshot {
        namespace: namespace.to_string(),
        source: Box::new(error),
    }
}

/// An advisory that hits are of.
struct Wanted<'a> {
    source: &'a Source,
    namespace: &'a Namespace,
    place: AdvisoryRef,
    hits: usize,
}

/// Every advisory that some hit is of, once, in the order in which they stand in the snapshots, so that
/// no part of a file is inflated twice.
fn wanted<'a>(hits: &'a [(&'a Asked<'a>, Vec<Hit<'a>>)]) -> Vec<Wanted<'a>> {
    type Places<'a> = (&'a Source, &'a Namespace, Vec<AdvisoryRef>);
    let mut snapshots: BTreeMap<Digest, Places<'_>> = BTreeMap::new();
    for (asked, own) in hits {
        for hit in own {
            if let Some(source) = asked.sources.get(hit.rank) {
                let places = snapshots.entry(source.snapshot.digest());
                let (.., places) =
                    places.or_insert((source, asked.installed.namespace, Vec::new()));
                places.push(hit.advisory);
            }
        }
    }
    let mut wanted = Vec::new();
    for (source, namespace, mut places) in snapshots.into_values() {
        places.sort_unstable();
        let once = places.chunk_by(|a, b| a == b);
        wanted.extend(once.filter_map(|same| {
            Some(Wanted {
                source,
                namespace,
                place: *same.first()?,
                hits: same.len(),
            })
        }));
    }
    wanted
}

fn read(wanted: &[Wanted<'_>]) -> Result<Vec<(AdvisoryKey, Advisory, usize)>, MatchError> {
    let read = wanted.iter().map(|wanted| {
        let snapshot = &wanted.source.snapshot;
        let advisory = snapshot.advisory(wanted.place);
        let advisory = advisory.map_err(damaged(wanted.namespace))?;
        Ok(((snapshot.digest(), wanted.place), advisory, wanted.hits))
    });
    read.collect()
}

fn found(hits: &[(&Asked<'_>, Vec<Hit<'_>>)], advisories: &Advisories) -> Vec<Finding> {
    let mut findings = Vec::with_capacity(hits.iter().map(|(_, own)| own.len()).sum());
    for (asked, own) in hits {
        let scheme = asked.installed.entry.package.kind.scheme();
        findings.extend(findings_of(
            asked.installed.index,
            asked.sources,
            own,
            advisories,
            scheme,
        ));
    }
    findings
}

/// A package, and what is said under its names.
struct Asked<'a> {
    installed: Installed<'a>,
    sources: &'a [Source],
    subjects: Vec<Subject<'a>>,
    said: Vec<Said>,
}

/// What one source says under one name.
struct Said {
    rank: usize,
    /// Which of the subjects has the name.
    subject: usize,
    entries: Arc<[Entry]>,
}

/// Asks every source about each package.
fn ask<'a>(packages: &[Installed<'a>], sources: &'a Sources) -> Result<Vec<Asked<'a>>, MatchError> {
    let ask = |installed: &Installed<'a>| {
        let namespace = installed.namespace;
        let package = &installed.entry.package;
        let built_from = sources.built_from(namespace, installed.entry);
        let subjects = subjects(package, built_from.map_err(damaged(namespace))?);
        let sources = sources.of(namespace);
        let mut said = Vec::new();
        for (rank, source) in sources.iter().enumerate() {
            for (subject, Subject { name, .. }) in subjects.iter().enumerate() {
                let entries = source.snapshot.affected(source.namespace.as_str(), name);
                let entries = entries.map_err(damaged(namespace))?;
                if !entries.is_empty() {
                    said.push(Said {
                        rank,
                        subject,
                        entries,
                    });
                }
            }
        }
        Ok(Asked {
            installed: *installed,
            sources,
            subjects,
            said,
        })
    };
    packages.iter().map(ask).collect()
}

/// What holds for each package for which anything does, and what could not be compared.
type Judged<'a> = (Vec<(&'a Asked<'a>, Vec<Hit<'a>>)>, BTreeMap<Fault, Warning>);

fn judged<'a>(asked: &'a [Asked<'a>], options: &MatchOptions) -> Result<Judged<'a>, MatchError> {
    let mut warnings = BTreeMap::new();
    let mut hits = Vec::new();
    for asked in asked {
        let own = asked.hits(options, &mut warnings);
        let own = own.map_err(damaged(asked.installed.namespace))?;
        if !own.is_empty() {
            hits.push((asked, own));
        }
    }
    Ok((hits, warnings))
}

impl Asked<'_> {
    /// How many statements there are about the package.
    fn statements(&self) -> usize {
        self.said.iter().map(|said| said.entries.len()).sum()
    }

    /// The statements that hold for the package.
    fn hits(
        &self,
        options: &MatchOptions,
        warnings: &mut BTreeMap<Fault, Warning>,
    ) -> Result<Vec<Hit<'_>>, SnapshotError> {
        let Installed {
            entry, products, ..
        } = self.installed;
        let mut hits = Vec::new();
        for said in &self.said {
            let (Some(source), Some(subject)) =
                (self.sources.get(said.rank), self.subjects.get(said.subject))
            else {
                continue;
            };
            let first = hits.len();
            let own_minor = minor(subject.version);
            let mut fixed_here = BTreeSet::new();
            for statement in said.entries.iter() {
                let Some(affected) = products.holding(&statement.affected) else {
                    continue;
                };
                let verdict = match judge(&affected, &entry.package, subject) {
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
                let status = affected.status;
                if let (Verdict::Silent, Some(own)) = (&verdict, own_minor)
                    && has_fix_of(own, &affected, subject)
                {
                    fixed_here.insert(statement.advisory);
                }
                if matches!(verdict, Verdict::Silent)
                    || status == Status::UnderInvestigation && !options.undetermined
                {
                    continue;
                }
                hits.push(Hit {
                    rank: said.rank,
                    advisory: statement.advisory,
                    statement: affected,
                    verdict,
                    version: subject.version,
                });
            }
            if !fixed_here.is_empty() {
                let mut own = hits.split_off(first);
                own.retain(|hit| {
                    !fixed_here.contains(&hit.advisory) || !is_fixed_in_a_minor(&hit.statement)
                });
                hits.append(&mut own);
            }
        }
        Ok(hits)
    }
}

/// What a warning is about, so that it is given once: package, version, and the advisory if the
/// fault is the advisory's.
type Fault = (String, String, Option<String>);

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
    let fault = (package.name.clone(), subject.version.to_owned(), advisory);
    warnings.entry(fault).or_insert_with(|| Warning {
        kind: WarningKind::BadVersion,
        layer: entry.layer(),
        path: entry.path().map(str::to_owned),
        line: None,
        message,
    });
}
