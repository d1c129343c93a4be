//! Rows that never change once they are committed, kept in memory: feature versions both ways, the sets
//! of repositories they share, numbers of namespaces, and analyses of layers. Bounded: when the young half is
//! full the old half is forgotten.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock};

use crate::feature::{Feature, Identity, Namespace};
use crate::repositories::Repositories;

/// Feature versions kept in each half.
const FEATURES: usize = 16_384;
/// Sets of repositories kept in each half.
const REPOSITORIES: usize = 512;
/// Namespaces kept in each half.
const NAMESPACES: usize = 1024;
/// Bytes of analyses kept in each half.
const ANALYSIS_BYTES: usize = 8 << 20;

#[derive(Default)]
pub(crate) struct Features {
    by_id: RwLock<Halves<i64, Arc<Feature>>>,
    by_identity: RwLock<Halves<Identity, i64>>,
    repositories: RwLock<Halves<String, Arc<Repositories>>>,
}

#[derive(Default)]
pub(crate) struct Namespaces {
    by_itself: RwLock<Halves<Namespace, i64>>,
}

#[derive(Default)]
pub(crate) struct Analyses {
    by_id: RwLock<Halves<i64, Arc<[u8]>>>,
}

struct Halves<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    weight: usize,
}

impl<K, V> Default for Halves<K, V> {
    fn default() -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            weight: 0,
        }
    }
}

impl<K: Eq + Hash, V: Clone> Halves<K, V> {
    fn get(&self, key: &K) -> Option<V> {
        self.young.get(key).or_else(|| self.old.get(key)).cloned()
    }

    fn put(&mut self, key: K, value: V, weight: usize, limit: usize) {
        if self.weight.saturating_add(weight) > limit {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
        if self.young.insert(key, value).is_none() {
            self.weight = self.weight.saturating_add(weight);
        }
    }
}

impl Features {
    /// What is known of these, in their order.
    pub(crate) fn features(&self, ids: &[i64]) -> Vec<Option<Arc<Feature>>> {
        let known = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        ids.iter().map(|id| known.get(id)).collect()
    }

    /// The numbers that are known of these, in their order.
    pub(crate) fn ids(&self, identities: &[Identity]) -> Vec<Option<i64>> {
        let known = self
            .by_identity
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        identities
            .iter()
            .map(|identity| known.get(identity))
            .collect()
    }

    pub(crate) fn learn_features(&self, rows: &[(i64, Arc<Feature>)]) {
        let mut known = self.by_id.write().unwrap_or_else(PoisonError::into_inner);
        for (id, feature) in rows {
            known.put(*id, Arc::clone(feature), 1, FEATURES);
        }
    }

    /// Only after the transaction that read or made them was committed: a number that was rolled
    /// back is given out again.
    pub(crate) fn learn_ids(&self, rows: &[(Identity, i64)]) {
        let mut known = self
            .by_identity
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        for (identity, id) in rows {
            known.put(*identity, *id, 1, FEATURES);
        }
    }

    /// The one copy of a set that all features share.
    pub(crate) fn shared(&self, set: Repositories) -> Arc<Repositories> {
        let known = self.repositories.write();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = known.get(&set.key) {
            return shared;
        }
        let set = Arc::new(set);
        known.put(set.key.clone(), Arc::clone(&set), 1, REPOSITORIES);
        set
    }
}

impl Namespaces {
    /// The number of a namespace that is there with a format, if it has one here.
    pub(crate) fn id(&self, namespace: &Namespace) -> Option<i64> {
        let known = self.by_itself.read();
        known.unwrap_or_else(PoisonError::into_inner).get(namespace)
    }

    /// Only after the transaction that read or made them was committed.
    pub(crate) fn learn(&self, rows: Vec<(Namespace, i64)>) {
        let known = self.by_itself.write();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        for (namespace, id) in rows {
            known.put(namespace, id, 1, NAMESPACES);
        }
    }
}

impl Analyses {
    pub(crate) fn get(&self, id: i64) -> Option<Arc<[u8]>> {
        self.by_id
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
    }

    pub(crate) fn learn(&self, id: i64, data: &Arc<[u8]>) {
        if data.len() <= ANALYSIS_BYTES {
            let mut known = self.by_id.write().unwrap_or_else(PoisonError::into_inner);
            known.put(id, Arc::clone(data), data.len(), ANALYSIS_BYTES);
        }
    }
}
