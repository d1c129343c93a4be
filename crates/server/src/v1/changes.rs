//! What a new snapshot changes in the answers about stored layers: one notification each.
//!
//! Two snapshots differ in many words and in few meanings, and fewer still touch anything that is
//! stored. So the packages that the diff names are looked up among the stored features, and those are
//! matched with both: what comes out differently is told, with both sides in full. Everything that
//! answers go by goes in here too: other sources of the namespace, what callers wrote or deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pellucid_model::{FixState, Namespace, PackageKind, Severity};
use pellucid_snapshot::{Snapshot, SnapshotError, diff};
use pellucid_store::{Feature, NewNotification, Repositories, Store, StoreError, Vulnerability};
use tokio::task::JoinError;

use super::found::{FindError, Found};
use super::written::{Index, Written};
use super::{feed, found};
use crate::snapshots::View;

/// Packages whose features are matched at a time.
const BATCH: usize = 500;

/// The changes could not be found out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangesError {
    #[error("the database is away or damaged")]
    Store(#[from] StoreError),
    #[error("a snapshot cannot be read")]
    Snapshot(#[from] SnapshotError),
    #[error("what is found in the packages cannot be told")]
    Find(#[from] FindError),
    #[error("the comparison was given up")]
    Stopped,
}

/// Notifications of everything that answers say differently once `new` stands for `old` under a
/// key; sorted by namespace and name. Other keys are as in `view`.
pub(crate) async fn between(
    store: &Store,
    written: &Written,
    view: &View,
    key: &str,
    old: Arc<Snapshot>,
    new: Arc<Snapshot>,
) -> Result<Vec<NewNotification>, ChangesError> {
    let before = Arc::new(view.with(key, Some(Arc::clone(&old))));
    let after = Arc::new(view.with(key, Some(Arc::clone(&new))));
    // Namespaces of layers, and what each is called in the snapshot.
    let mut spaces: Vec<(String, Namespace)> = Vec::new();
    for known in store.namespaces().await? {
        let answers = pellucid_feeds::covering(&Namespace::new(known.name.as_str()));
        let inside = answers.into_iter().find(|answer| answer.key == key);
        if let Some(inside) = inside {
            spaces.push((known.name, inside.namespace));
        }
    }
    spaces.sort();
    if spaces.is_empty() {
        return Ok(Vec::new());
    }
    let written = written.latest(store).await?;
    let inside: BTreeSet<Namespace> = spaces.iter().map(|(_, inside)| inside.clone()).collect();
    let work = move || packages(old, new, &inside);
    let changed = tokio::task::spawn_blocking(work).await;
    let changed = Arc::new(changed.map_err(|_| ChangesError::Stopped)??);
    let mut told = Vec::new();
    for (namespace, inside) in spaces {
        let Some(names) = changed.get(&inside) else {
            continue;
        };
        let names = with_built(&namespace, names.clone(), Arc::clone(&after)).await;
        let names = names.map_err(|_| ChangesError::Stopped)??;
        let names = installed(store, &namespace, &names).await?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut ids: BTreeSet<String> = BTreeSet::new();
        for batch in names.chunks(BATCH) {
            let features = store.feature_versions_about(&namespace, batch).await?;
            if features.is_empty() {
                continue;
            }
            let features: Vec<_> = features.into_iter().map(|one| one.feature).collect();
            let (before, after) = (Arc::clone(&before), Arc::clone(&after));
            let written = Arc::clone(&written);
            let work = move || differing(&features, &before, &after, &written);
            let found = tokio::task::spawn_blocking(work).await;
            ids.extend(found.map_err(|_| ChangesError::Stopped)??);
        }
        let (before, after) = (Arc::clone(&before), Arc::clone(&after));
        let written = Arc::clone(&written);
        let work = move || sides(&namespace, ids, &before, &after, &written);
        let both = tokio::task::spawn_blocking(work).await;
        told.extend(both.map_err(|_| ChangesError::Stopped)??);
    }
    Ok(told)
}

/// These names of packages, and those of the packages that advisories about them are about, too: what was built
/// from them.
pub(crate) async fn with_built(
    namespace: &str,
    names: BTreeSet<String>,
    view: Arc<View>,
) -> Result<Result<BTreeSet<String>, SnapshotError>, JoinError> {
    let namespace = Namespace::new(namespace);
    let work = move || {
        view.sources(std::iter::once(&namespace))
            .with_built(&namespace, names)
    };
    tokio::task::spawn_blocking(work).await
}

/// The names by which packages of these names are stored. Ecosystems of languages know one package
/// under several spellings; layers hold them as they are installed.
pub(crate) async fn installed(
    store: &Store,
    namespace: &str,
    names: &BTreeSet<String>,
) -> Result<BTreeSet<String>, StoreError> {
    let kind = PackageKind::from_name(namespace).filter(|kind| !kind.is_os());
    let Some(kind) = kind else {
        return Ok(names.clone());
    };
    // Software known by its binary is in Bitnami's namespace under names of its own.
    let kinds = match kind {
        PackageKind::Bitnami => vec![kind, PackageKind::Generic],
        kind => vec![kind],
    };
    let is_named = |stored: &str| {
        let mut names_of = kinds.iter().map(|kind| kind.normalise(stored));
        names_of.any(|name| names.contains(name.as_ref()))
    };
    let stored = store.feature_names(namespace).await?.into_iter();
    Ok(stored.filter(|name| is_named(name)).collect())
}

/// Packages of which another thing is said, by namespace.
fn packages(
    old: Arc<Snapshot>,
    new: Arc<Snapshot>,
    wanted: &BTreeSet<Namespace>,
) -> Result<BTreeMap<Namespace, BTreeSet<String>>, SnapshotError> {
    let knew: BTreeSet<Namespace> = old
        .namespaces()
        .iter()
        .map(|count| count.namespace.clone())
        .collect();
    let mut packages: BTreeMap<Namespace, BTreeSet<String>> = BTreeMap::new();
    for change in diff(old, new)? {
        let change = change?;
        // A namespace that was not covered is as a new feed: everything in it would be news.
        if wanted.contains(&change.namespace) && knew.contains(&change.namespace) {
            packages
                .entry(change.namespace)
                .or_default()
                .extend(change.packages);
        }
    }
    Ok(packages)
}

/// What an answer says of a vulnerability in a package, without words.
type Said = (Severity, Option<String>, Option<FixState>);

/// Ids of the vulnerabilities that are found differently. Blocks.
fn differing(
    features: &[Arc<Feature>],
    before: &View,
    after: &View,
    written: &Index,
) -> Result<BTreeSet<String>, FindError> {
    // Layers whose packages came from other repositories are matched with other statements.
    let mut sets: BTreeMap<Option<&Repositories>, Vec<&Arc<Feature>>> = BTreeMap::new();
    for feature in features {
        let set = sets.entry(feature.repositories.as_deref());
        set.or_default().push(feature);
    }
    let mut ids = BTreeSet::new();
    for features in sets.into_values() {
        let old = findings(&features, before, written)?;
        let new = findings(&features, after, written)?;
        let of_old = old.iter().filter(|(key, said)| new.get(key) != Some(said));
        let of_new = new.iter().filter(|(key, _)| !old.contains_key(*key));
        ids.extend(of_old.chain(of_new).map(|((_, id), _)| id.clone()));
    }
    Ok(ids)
}

/// What is found, by feature and id.
fn findings(
    features: &[&Arc<Feature>],
    view: &View,
    written: &Index,
) -> Result<BTreeMap<(usize, String), Said>, FindError> {
    let features: Vec<&Feature> = features.iter().map(|feature| &***feature).collect();
    let found = found::vulnerabilities(&features, view, written)?.into_iter();
    let said = found.map(|(place, found)| match found {
        Found::Feed(finding, words) => {
            let severity = words.map_or(finding.severity, |words| words.severity);
            let said = (severity, finding.fixed_version, Some(finding.fix_state));
            ((place, finding.id), said)
        }
        Found::Caller(written, fixed) => (
            (place, written.name.clone()),
            (written.severity, fixed, None),
        ),
    });
    Ok(said.collect())
}

/// Both sides of each vulnerability. Blocks.
fn sides(
    namespace: &str,
    ids: BTreeSet<String>,
    before: &View,
    after: &View,
    written: &Index,
) -> Result<Vec<NewNotification>, SnapshotError> {
    let side = |view: &View, name: &str| -> Result<Option<Vulnerability>, SnapshotError> {
        if let Some(stored) = written.named(namespace, name) {
            return feed::beside(view, stored).map(Some);
        }
        if feed::is_hidden(view, written, namespace, name)? {
            return Ok(None);
        }
        let advisory = feed::advisory(view, namespace, name)?;
        Ok(advisory.map(|it| feed::of_advisory(&it, namespace, name).vulnerability))
    };
    let mut told = Vec::with_capacity(ids.len());
    for id in ids {
        let (old, new) = (side(before, &id)?, side(after, &id)?);
        if old.is_some() || new.is_some() {
            told.push(NewNotification { old, new });
        }
    }
    Ok(told)
}
