//! What callers wrote over the feeds' advisories, indexed for matching.
//!
//! The database numbers its changes, and every layer is read together with that number; so one
//! comparison says whether the index in memory is the present one.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use pellucid_store::{Feature, Store, StoreError, StoredVulnerability};

use super::standing::normal;

/// The index, made again when it is out of date.
#[derive(Default)]
pub(crate) struct Written {
    index: RwLock<Arc<Index>>,
    loading: tokio::sync::Mutex<()>,
}

/// Everything written, by what one looks for.
#[derive(Default)]
pub(crate) struct Index {
    number: Option<u64>,
    /// Which server of the database may have said it.
    epoch: u64,
    /// Generation of the database before it was read, where that was asked for.
    generation: Option<u64>,
    vulnerabilities: Vec<StoredVulnerability>,
    by_name: HashMap<String, HashMap<String, usize>>,
    by_feature: HashMap<String, HashMap<String, Vec<usize>>>,
    hidden: HashMap<String, HashMap<String, String>>,
}

impl Written {
    /// The index as of a change's number, or a later one.
    pub(crate) async fn at(&self, store: &Store, number: u64) -> Result<Arc<Index>, StoreError> {
        let epoch = store.epoch();
        let is_current = |index: &Index| {
            index.epoch == epoch && index.number.is_some_and(|known| known >= number)
        };
        self.unless(store, is_current, None).await
    }

    /// The index as of now. Without a layer at hand only the generation of the whole database says
    /// whether anything changed.
    pub(crate) async fn latest(&self, store: &Store) -> Result<Arc<Index>, StoreError> {
        let generation = store.generation().await?;
        let epoch = store.epoch();
        let is_current =
            |index: &Index| index.epoch == epoch && index.generation == Some(generation);
        self.unless(store, is_current, Some(generation)).await
    }

    async fn unless(
        &self,
        store: &Store,
        is_current: impl Fn(&Index) -> bool,
        generation: Option<u64>,
    ) -> Result<Arc<Index>, StoreError> {
        let known = || {
            let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
            Some(Arc::clone(&index)).filter(|index| is_current(index))
        };
        if let Some(index) = known() {
            return Ok(index);
        }
        let _one_at_a_time = self.loading.lock().await;
        if let Some(index) = known() {
            return Ok(index);
        }
        let epoch = store.epoch();
        let overlay = store.overlay().await?;
        let index = Arc::new(Index {
            epoch,
            ..Index::of(overlay, generation)
        });
        *self.index.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&index);
        Ok(index)
    }
}

impl Index {
    fn of(overlay: pellucid_store::Overlay, generation: Option<u64>) -> Self {
        let mut index = Self {
            number: Some(overlay.number),
            generation,
            ..Self::default()
        };
        for (at, stored) in overlay.vulnerabilities.iter().enumerate() {
            let one = &stored.vulnerability;
            let names = index.by_name.entry(one.namespace.clone()).or_default();
            names.insert(one.name.clone(), at);
            let features = index.by_feature.entry(one.namespace.clone()).or_default();
            for fix in &one.fixed_in {
                let name = normal(&one.namespace, &fix.feature).into_owned();
                features.entry(name).or_default().push(at);
            }
        }
        for hidden in overlay.hidden {
            let names = index.hidden.entry(hidden.namespace).or_default();
            names.insert(hidden.name, hidden.meaning);
        }
        index.vulnerabilities = overlay.vulnerabilities;
        index
    }

    /// Whether anything was written in a namespace.
    pub(crate) fn knows(&self, namespace: &str) -> bool {
        self.by_name.contains_key(namespace)
    }

    /// The vulnerability of this name, if it was written.
    pub(crate) fn named(&self, namespace: &str, name: &str) -> Option<&StoredVulnerability> {
        let at = self.by_name.get(namespace)?.get(name)?;
        self.vulnerabilities.get(*at)
    }

    /// The meaning that is hidden under this name.
    pub(crate) fn hidden(&self, namespace: &str, name: &str) -> Option<&str> {
        Some(self.hidden.get(namespace)?.get(name)?.as_str())
    }

    /// Everything written in a namespace, in the order of its last change.
    pub(crate) fn of_namespace<'a>(
        &'a self,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a StoredVulnerability> {
        self.vulnerabilities
            .iter()
            .filter(move |stored| stored.vulnerability.namespace == namespace)
    }

    /// What is written under a name of a feature or of a source of it; what it says of it is another question
    /// ([`super::standing`]).
    pub(crate) fn about(
        &self,
        feature: &Feature,
        built_from: &[String],
    ) -> impl Iterator<Item = &StoredVulnerability> {
        let namespace = feature.namespace.name.as_str();
        let mut found: BTreeSet<usize> = BTreeSet::new();
        if let Some(features) = self.by_feature.get(namespace) {
            let package = &feature.package;
            let own = [&feature.name, &package.name, package.source_name()];
            for name in own.into_iter().chain(built_from.iter().map(String::as_str)) {
                // The kind's own name beside it: software known by its binary is in Bitnami's namespace.
                for name in [normal(namespace, name), package.kind.normalise(name)] {
                    found.extend(features.get(name.as_ref()).into_iter().flatten());
                }
            }
        }
        found
            .into_iter()
            .filter_map(|at| self.vulnerabilities.get(at))
    }
}
