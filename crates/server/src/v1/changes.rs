//! What a new snapshot changes in the answers about stored layers: one notification each.
//!
//! Two snapshots differ in many words and in few meanings, and fewer still touch anything that is
//! stored. So the packages that the diff names are looked up among the stored features, and those are
//! matched with both: what comes out differently is told, with both sides in full. Everything that
//! answers go by goes in here too: other sources of the namespace, what callers wrote or deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pellucid_matcher::{MatchError, MatchOptions, find};
use pellucid_model::{Affected, FixState, Namespace, PackageKind, Severity};
use pellucid_snapshot::{Snapshot, SnapshotError, diff};
use pellucid_store::{Feature, NewNotification, Repositories, Store, StoreError, Vulnerability};

use super::written::{Index, Written};
use super::{feed, inventory};
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
    #[error("the packages cannot be matched")]
    Match(#[from] MatchError),
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
        let names = installed(store, &namespace, names).await?;
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
    let stored = store.feature_names(namespace).await?.into_iter();
    Ok(stored
        .filter(|name| names.contains(kind.normalise(name).as_ref()))
        .collect())
}

/// The statements of the feed's advisory behind a notification; `None` where a caller wrote it.
pub(crate) fn said(vulnerability: &Vulnerability) -> Option<Vec<Affected>> {
    serde_json::from_str(vulnerability.detail.as_deref()?).ok()
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
type Said = (Severity, Option<String>, FixState);

/// Ids of the vulnerabilities that are found differently. Blocks.
fn differing(
    features: &[Arc<Feature>],
    before: &View,
    after: &View,
    written: &Index,
) -> Result<BTreeSet<String>, ChangesError> {
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
) -> Result<BTreeMap<(usize, String), Said>, ChangesError> {
    let inventory = inventory::of(features.iter().map(|feature| &***feature));
    let namespaces: BTreeSet<&Namespace> = inventory
        .packages
        .iter()
        .filter_map(|entry| entry.namespace.as_ref())
        .collect();
    let sources = view.sources(namespaces.into_iter());
    let options = MatchOptions {
        hidden: false,
        undetermined: false,
        today: 0,
    };
    let mut found = BTreeMap::new();
    for finding in find(&inventory, &sources, &options)?.findings {
        let Some(feature) = features.get(finding.package) else {
            continue;
        };
        if is_told_by_callers(view, written, &feature.namespace.name, &finding.id)? {
            continue;
        }
        found.insert(
            (finding.package, finding.id),
            (finding.severity, finding.fixed_version, finding.fix_state),
        );
    }
    Ok(found)
}

/// Whether answers go by what a caller wrote of a name, or hide what feeds say.
fn is_told_by_callers(
    view: &View,
    written: &Index,
    namespace: &str,
    name: &str,
) -> Result<bool, SnapshotError> {
    if written.named(namespace, name).is_some() {
        return Ok(true);
    }
    let Some(meaning) = written.hidden(namespace, name) else {
        return Ok(false);
    };
    let advisory = feed::advisory(view, namespace, name)?;
    Ok(advisory.is_some_and(|it| feed::of_advisory(&it, namespace, name).meaning == meaning))
}

/// Both sides of each vulnerability. Blocks.
fn sides(
    namespace: &str,
    ids: BTreeSet<String>,
    before: &View,
    after: &View,
    written: &Index,
) -> Result<Vec<NewNotification>, ChangesError> {
    let side = |view: &View, name: &str| -> Result<Option<Vulnerability>, ChangesError> {
        if is_told_by_callers(view, written, namespace, name)? {
            return Ok(None);
        }
        let advisory = feed::advisory(view, namespace, name)?;
        Ok(advisory.map(|advisory| {
            let mut told = feed::of_advisory(&advisory, namespace, name).vulnerability;
            let mut said = advisory.affected;
            for statement in &mut said {
                // Words change without a meaning.
                statement.note = None;
            }
            said.sort();
            told.detail = serde_json::to_string(&said).ok();
            told
        }))
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
