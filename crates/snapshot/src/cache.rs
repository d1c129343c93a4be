//! A bounded cache of decoded rows.
//!
//! Two generations: when the young one is full it becomes the old one, and the old one is dropped.
//! What is used again moves to the young one. So an entry costs one insertion, and nothing is ever
//! scanned to make room.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

pub(crate) struct Cache<K, V> {
    /// Total cost that one generation may hold.
    limit: usize,
    generations: Mutex<Generations<K, V>>,
}

struct Generations<K, V> {
    young: HashMap<K, (V, usize)>,
    old: HashMap<K, (V, usize)>,
    cost: usize,
}

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    /// A cache that holds at most twice this cost.
    pub(crate) fn new(limit: usize) -> Self {
        let generations = Generations {
            young: HashMap::new(),
            old: HashMap::new(),
            cost: 0,
        };
        Self {
            limit,
            generations: Mutex::new(generations),
        }
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let mut generations = self
            .generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((value, _)) = generations.young.get(key) {
            return Some(value.clone());
        }
        let (key, (value, cost)) = generations.old.remove_entry(key)?;
        generations.put(self.limit, key, value.clone(), cost);
        Some(value)
    }

    pub(crate) fn put(&self, key: K, value: V, cost: usize) {
        let mut generations = self
            .generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        generations.put(self.limit, key, value, cost);
    }
}

impl<K: Hash + Eq, V> Generations<K, V> {
    fn put(&mut self, limit: usize, key: K, value: V, cost: usize) {
        if self.cost + cost > limit {
            self.old = std::mem::take(&mut self.young);
            self.cost = 0;
        }
        self.cost += cost;
        if let Some((_, replaced)) = self.young.insert(key, (value, cost)) {
            self.cost = self.cost.saturating_sub(replaced);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_goes() {
        let cache = Cache::new(10);
        cache.put(0, "kept", 1);
        for key in 1..1000 {
            cache.put(key, "passing", 1);
            assert_eq!(cache.get(&0), Some("kept"));
            let generations = cache.generations.lock().unwrap();
            assert!(generations.young.len() + generations.old.len() <= 20);
        }
        assert_eq!(cache.get(&5), None);
    }
}
