//! Rows that never change once they are committed, kept in memory: feature versions both ways, the sets
//! of repositories they share, numbers of namespaces, and analyses of layers. Bounded: when the young half is
//! full the old half is forgotten.
//!
//! Committed rows are lost all the same where a server takes over that had not heard of them, and their numbers are
//! given out again. So everything is known of one epoch of the engine: in a later one it is forgotten, and what was
//! found out in an earlier one is not taken.

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
    epoch: u64,
}

impl<K, V> Default for Halves<K, V> {
    fn default() -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            weight: 0,
            epoch: 0,
        }
    }
}

impl<K: Eq + Hash, V: Clone> Halves<K, V> {
    fn get(&self, key: &K, epoch: u64) -> Option<V> {
        let known = self.young.get(key).or_else(|| self.old.get(key));
        known.filter(|_| self.epoch == epoch).cloned()
    }

    fn put(&mut self, key: K, value: V, weight: usize, limit: usize, epoch: u64) {
        if epoch < self.epoch {
            return;
        }
        if epoch > self.epoch {
            *self = Self {
                epoch,
                ..Self::default()
            };
        }
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
    pub(crate) fn features(&self, ids: &[i64], epoch: u64) -> Vec<Option<Arc<Feature>>> {
        let known = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        ids.iter().map(|id| known.get(id, epoch)).collect()
    }

    /// The numbers that are known of these, in their order.
    pub(crate) fn ids(&self, identities: &[Identity], epoch: u64) -> Vec<Option<i64>> {
        let known = self
            .by_identity
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        identities
            .iter()
            .map(|identity| known.get(identity, epoch))
            .collect()
    }

    pub(crate) fn learn_features(&self, rows: &[(i64, Arc<Feature>)], epoch: u64) {
        let mut known = self.by_id.write().unwrap_or_else(PoisonError::into_inner);
        for (id, feature) in rows {
            known.put(*id, Arc::clone(feature), 1, FEATURES, epoch);
        }
    }

    /// Only after the transaction that read or made them was committed: a number that was rolled
    /// back is given out again.
    pub(crate) fn learn_ids(&self, rows: &[(Identity, i64)], epoch: u64) {
        let mut known = self
            .by_identity
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        for (identity, id) in rows {
            known.put(*identity, *id, 1, FEATURES, epoch);
        }
    }

    /// The one copy of a set that all features share. Its key is a hash over it: it is the same everywhere.
    pub(crate) fn shared(&self, set: Repositories) -> Arc<Repositories> {
        let known = self.repositories.write();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = known.get(&set.key, 0) {
            return shared;
        }
        let set = Arc::new(set);
        known.put(set.key.clone(), Arc::clone(&set), 1, REPOSITORIES, 0);
        set
    }
}

impl Namespaces {
    /// The number of a namespace that is there with a format, if it has one here.
    pub(crate) fn id(&self, namespace: &Namespace, epoch: u64) -> Option<i64> {
        let known = self.by_itself.read();
        let known = known.unwrap_or_else(PoisonError::into_inner);
        known.get(namespace, epoch)
    }

    /// Only after the transaction that read or made them was committed.
    pub(crate) fn learn(&self, rows: Vec<(Namespace, i64)>, epoch: u64) {
        let known = self.by_itself.write();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        for (namespace, id) in rows {
            known.put(namespace, id, 1, NAMESPACES, epoch);
        }
    }
}

impl Analyses {
    pub(crate) fn get(&self, id: i64, epoch: u64) -> Option<Arc<[u8]>> {
        self.by_id
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id, epoch)
    }

    pub(crate) fn learn(&self, id: i64, data: &Arc<[u8]>, epoch: u64) {
        if data.len() <= ANALYSIS_BYTES {
            let mut known = self.by_id.write().unwrap_or_else(PoisonError::into_inner);
            known.put(id, Arc::clone(data), data.len(), ANALYSIS_BYTES, epoch);
        }
    }
}
