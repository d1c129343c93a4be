//! For every namespace of an image: which data answered, or that none did.

use std::collections::{BTreeMap, BTreeSet};

use pellucid_model::{
    Coverage, Inventory, Namespace, PackageEntry, PackageKind, Warning, WarningKind,
};

use crate::find::damaged;
use crate::owned::is_of_another_vendor;
use crate::sources::WITHOUT_SOURCES;
use crate::{MatchError, Products, Source, Sources, end_of_life};

/// The coverage of an inventory, sorted by namespace; packages of no known namespace first. `matched`
/// are those of its packages that are compared with advisories.
pub(crate) fn of<'a>(
    inventory: &'a Inventory,
    matched: impl Iterator<Item = &'a PackageEntry>,
    sources: &Sources,
    products: &BTreeMap<&Namespace, Products>,
    today: i64,
) -> Result<Vec<Coverage>, MatchError> {
    let mut counts: BTreeMap<Option<&Namespace>, usize> = BTreeMap::new();
    let mut beyond: BTreeMap<(Option<&Namespace>, &str), usize> = BTreeMap::new();
    // The deciding one alone: of another that a file names the image need not have anything.
    let decided = inventory.distributions.first();
    let decided = decided.map(|first| &first.namespace);
    if decided.is_some() {
        counts.insert(decided, 0);
    }
    for entry in matched {
        *counts.entry(entry.namespace.as_ref()).or_default() += 1;
        if let Some(reason) = out_of_reach(entry) {
            *beyond
                .entry((entry.namespace.as_ref(), reason))
                .or_default() += 1;
        }
    }
    let of_no_source = of_no_source(inventory, sources)?;
    let is_unknown = |warning: &Warning| warning.kind == WarningKind::NoDatabase;
    let unknown = decided.filter(|_| inventory.warnings.iter().any(is_unknown));
    let not_covered = |namespace: &Namespace, packages, note: &str| Coverage {
        namespace: Some(namespace.clone()),
        packages,
        snapshots: Vec::new(),
        note: Some(note.to_owned()),
        end_of_life: end_of_life(namespace, today),
    };
    let coverage = counts
        .into_iter()
        .map(|(namespace, packages)| match namespace {
            // Whatever else proves single packages of it, there may be others.
            Some(namespace) if unknown == Some(namespace) => {
                not_covered(namespace, packages, Coverage::NO_DATABASE)
            }
            Some(namespace) if of_no_source.contains(namespace) => {
                not_covered(namespace, packages, NO_SOURCES)
            }
            Some(namespace) => {
                let products = products.get(namespace);
                let mut known = known(namespace, packages, sources, products, today);
                let of_it = beyond.iter().filter(|((of, _), _)| *of == Some(namespace));
                let own = known.note.take().into_iter();
                let notes =
                    own.chain(of_it.map(|((_, why), count)| format!("{count} of them {why}")));
                let notes: Vec<String> = notes.collect();
                known.note = Some(notes.join("; ")).filter(|note| !note.is_empty());
                known
            }
            None => Coverage {
                namespace: None,
                packages,
                snapshots: Vec::new(),
                note: Some("no file says which distribution these packages are of".to_owned()),
                end_of_life: None,
            },
        });
    Ok(coverage.collect())
}

const NO_SOURCES: &str = "nothing says which sources its packages were built from: update the data";

/// Namespaces with such packages of which no data at hand knows it.
fn of_no_source<'a>(
    inventory: &'a Inventory,
    sources: &Sources,
) -> Result<BTreeSet<&'a Namespace>, MatchError> {
    let listed = inventory
        .packages
        .iter()
        .filter(|entry| WITHOUT_SOURCES.contains(&entry.detector.as_str()))
        .filter_map(|entry| entry.namespace.as_ref());
    let listed: BTreeSet<&Namespace> = listed.collect();
    let mut unknown = BTreeSet::new();
    for namespace in listed {
        // Without any data that is what is said.
        let is_answered = sources.of(namespace).iter().any(Source::answers);
        if is_answered
            && !sources
                .knows_sources(namespace)
                .map_err(damaged(namespace))?
        {
            unknown.insert(namespace);
        }
    }
    Ok(unknown)
}

/// Why no advisory can be found for a package, whatever the data.
fn out_of_reach(entry: &PackageEntry) -> Option<&'static str> {
    let package = &entry.package;
    let mut namespace = entry.namespace.iter();
    if namespace.any(|namespace| is_of_another_vendor(entry, namespace)) {
        return Some("were built by others, and are compared with versions of its own builds");
    }
    match package.kind {
        PackageKind::Maven if !package.name.contains(':') => {
            Some("name no group, so that no advisory can be found for them")
        }
        PackageKind::Golang if package.version == "(devel)" => {
            Some("are programs without a version, which cannot be compared")
        }
        _ => None,
    }
}

fn known(
    namespace: &Namespace,
    packages: usize,
    sources: &Sources,
    products: Option<&Products>,
    today: i64,
) -> Coverage {
    let all = sources.of(namespace);
    let answering: Vec<_> = all.iter().filter(|source| source.answers()).collect();
    let mut notes: Vec<String> = sources
        .noted(namespace)
        .map(str::to_owned)
        .into_iter()
        .collect();
    for source in &answering {
        if source.namespace != *namespace {
            notes.push(format!("answered by the data for {}", source.namespace));
        }
    }
    if answering.is_empty() {
        for source in all {
            let key = &source.snapshot.meta().key;
            notes.push(format!("{key} says nothing about {}", source.namespace));
        }
        if notes.is_empty() {
            notes.push("no advisory data for this namespace".to_owned());
        }
    }
    let mut snapshots: Vec<_> = answering.iter().map(|source| source.reference()).collect();
    if let Some(products) = products.filter(|_| !answering.is_empty()) {
        notes.extend(products.note());
        let known = sources.repositories(namespace);
        snapshots.extend(
            known
                .filter(|_| products.is_looked_up())
                .map(|known| known.reference()),
        );
    }
    Coverage {
        namespace: Some(namespace.clone()),
        packages,
        snapshots,
        note: Some(notes.join("; ")).filter(|note| !note.is_empty()),
        end_of_life: end_of_life(namespace, today),
    }
}
