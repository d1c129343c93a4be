//! The advisory data in use, behind one handle that is swapped as a whole.
//!
//! A view is a frozen choice of snapshots: whoever holds one gets answers of one moment. Its number
//! is part of the key of every cached answer, so that a swap makes all of them new.
//!
//! A snapshot whose file cannot be opened is as one that is not there: the others answer, and it is fetched
//! anew (`updates`).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use pellucid_matcher::{Source, Sources};
use pellucid_model::Namespace;
use pellucid_snapshot::{Catalog, Snapshot, SnapshotError};

/// Namespaces whose sources a view remembers.
const REMEMBERED: usize = 1024;

/// The handle. Cheap to clone.
#[derive(Clone)]
pub struct Snapshots {
    inner: Arc<Inner>,
}

struct Inner {
    catalog: Arc<Catalog>,
    current: RwLock<Arc<View>>,
    /// Keys whose current snapshot cannot be opened.
    damaged: RwLock<BTreeSet<String>>,
    next: AtomicU64,
}

/// The snapshots of one moment.
pub(crate) struct View {
    /// Higher for every later view of this process.
    pub(crate) number: u64,
    current: BTreeMap<String, (Arc<Snapshot>, i64)>,
    by_namespace: Mutex<HashMap<Namespace, Arc<[Source]>>>,
}

impl Snapshots {
    /// The snapshots that a catalog now names.
    pub fn of(catalog: Arc<Catalog>) -> Self {
        let (view, damaged) = View::of(&catalog, 1, None);
        for (key, error) in &damaged {
            unusable(key, error);
        }
        Self {
            inner: Arc::new(Inner {
                catalog,
                current: RwLock::new(Arc::new(view)),
                damaged: RwLock::new(damaged.into_keys().collect()),
                next: AtomicU64::new(2),
            }),
        }
    }

    /// The catalog they come from.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.inner.catalog
    }

    /// Reads the catalog again, and swaps if it names other snapshots. Says whether it did. Of a key whose
    /// snapshot is damaged, what was in use stays in use. Blocks on files.
    ///
    /// # Errors
    /// The manifest is damaged; what was in use stays in use.
    pub fn refresh(&self) -> Result<bool, SnapshotError> {
        self.inner.catalog.reload()?;
        let before = self.view();
        let number = self.inner.next.fetch_add(1, Relaxed);
        let (view, damaged) = View::of(&self.inner.catalog, number, Some(&before));
        let known = std::mem::replace(
            &mut *self
                .inner
                .damaged
                .write()
                .unwrap_or_else(PoisonError::into_inner),
            damaged.keys().cloned().collect(),
        );
        for (key, error) in damaged.iter().filter(|(key, _)| !known.contains(*key)) {
            unusable(key, error);
        }
        if view.digests().eq(before.digests()) {
            return Ok(false);
        }
        let mut current = self
            .inner
            .current
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(view);
        Ok(true)
    }

    /// Whether the current snapshot of a key cannot be opened.
    pub(crate) fn is_damaged(&self, key: &str) -> bool {
        let damaged = self.inner.damaged.read();
        damaged
            .unwrap_or_else(PoisonError::into_inner)
            .contains(key)
    }

    /// Whether any current snapshot cannot be opened.
    pub(crate) fn has_damaged(&self) -> bool {
        let damaged = self.inner.damaged.read();
        !damaged.unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Whether there is any advisory data.
    pub(crate) fn is_empty(&self) -> bool {
        self.view().current.is_empty()
    }

    pub(crate) fn view(&self) -> Arc<View> {
        let current = self
            .inner
            .current
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }
}

fn unusable(key: &str, error: &SnapshotError) {
    tracing::error!(
        feed.key = key,
        error = error as &dyn std::error::Error,
        "the snapshot of {key} cannot be opened: what it covers is not covered until it is fetched again"
    );
}

impl View {
    /// The current snapshots, and those that cannot be opened: of these what was in use before stays.
    fn of(
        catalog: &Catalog,
        number: u64,
        before: Option<&Self>,
    ) -> (Self, BTreeMap<String, SnapshotError>) {
        let mut current = BTreeMap::new();
        let mut damaged = BTreeMap::new();
        for key in catalog.entries().into_keys() {
            match catalog.current(&key) {
                Ok(None) => {}
                Ok(Some(snapshot)) => {
                    if let Some(reference) = catalog.reference(&key) {
                        current.insert(key, (snapshot, reference.fetched_at));
                    }
                }
                Err(error) => {
                    if let Some(known) = before.and_then(|before| before.current.get(&key)) {
                        current.insert(key.clone(), known.clone());
                    }
                    damaged.insert(key, error);
                }
            }
        }
        let view = Self {
            number,
            current,
            by_namespace: Mutex::default(),
        };
        (view, damaged)
    }

    /// This view, but for the snapshot of one key; `None` is none.
    pub(crate) fn with(&self, key: &str, snapshot: Option<Arc<Snapshot>>) -> Self {
        let mut current = self.current.clone();
        match snapshot {
            Some(snapshot) => current.insert(key.to_owned(), (snapshot, 0)),
            None => current.remove(key),
        };
        Self {
            number: self.number,
            current,
            by_namespace: Mutex::default(),
        }
    }

    /// Whether any snapshot knows a namespace.
    pub(crate) fn covers(&self, namespace: &str) -> bool {
        self.sources_of(&Namespace::new(namespace))
            .iter()
            .any(|source| {
                let known = source.snapshot.namespaces();
                known.iter().any(|it| it.namespace == source.namespace)
            })
    }

    fn digests(&self) -> impl Iterator<Item = (&str, pellucid_model::Digest)> {
        self.current
            .iter()
            .map(|(key, (snapshot, _))| (key.as_str(), snapshot.digest()))
    }

    /// The snapshots that speak of a namespace, the vendor's first.
    pub(crate) fn sources_of(&self, namespace: &Namespace) -> Arc<[Source]> {
        let mut known = self
            .by_namespace
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(sources) = known.get(namespace) {
            return Arc::clone(sources);
        }
        let sources: Arc<[Source]> = pellucid_feeds::covering(namespace)
            .into_iter()
            .filter_map(|answer| {
                let (snapshot, fetched_at) = self.current.get(&answer.key)?;
                Some(Source {
                    snapshot: Arc::clone(snapshot),
                    namespace: answer.namespace,
                    fetched_at: *fetched_at,
                })
            })
            .collect();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(namespace.clone(), Arc::clone(&sources));
        sources
    }

    /// The sources of all these namespaces, for the matcher.
    pub(crate) fn sources<'a>(&self, namespaces: impl Iterator<Item = &'a Namespace>) -> Sources {
        let mut sources = Sources::new();
        for namespace in namespaces {
            for source in self.sources_of(namespace).iter() {
                sources.add(namespace.clone(), source.clone());
            }
            if let Some(answer) = pellucid_feeds::repositories(namespace)
                && let Some((snapshot, fetched_at)) = self.current.get(&answer.key)
            {
                let source = Source {
                    snapshot: Arc::clone(snapshot),
                    namespace: answer.namespace,
                    fetched_at: *fetched_at,
                };
                sources.with_repositories(namespace.clone(), source);
            }
        }
        for feed in pellucid_feeds::enriching() {
            for key in feed.parts() {
                if let Some((snapshot, fetched_at)) = self.current.get(&key) {
                    sources.enrich_with(Arc::clone(snapshot), *fetched_at);
                }
            }
        }
        sources
    }

    /// The snapshot of a key.
    pub(crate) fn snapshot(&self, key: &str) -> Option<Arc<Snapshot>> {
        let (snapshot, _) = self.current.get(key)?;
        Some(Arc::clone(snapshot))
    }
}
