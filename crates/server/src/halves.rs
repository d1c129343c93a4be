//! A bounded memory: when the young half is full the old half is forgotten.

use std::collections::HashMap;
use std::hash::Hash;

/// Values by key, of a bounded total weight.
pub(crate) struct Halves<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    weight: usize,
    /// Weight that each half may have.
    half: usize,
}

impl<K: Eq + Hash, V: Clone> Halves<K, V> {
    pub(crate) fn new(half: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            weight: 0,
            half,
        }
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let found = self.young.get(key).or_else(|| self.old.get(key));
        found.cloned()
    }

    /// Keeps a value; one that is heavier than a half is not kept.
    pub(crate) fn put(&mut self, key: K, value: V, weight: usize) {
        if weight > self.half || self.young.contains_key(&key) {
            return;
        }
        if self.weight + weight > self.half {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
        self.weight += weight;
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_by_its_weight() {
        let mut halves = Halves::new(10);
        halves.put(0, 'x', 11);
        assert_eq!(halves.get(&0), None);
        for key in 1..100 {
            halves.put(key, 'x', 3);
            halves.put(key, 'y', 3);
            assert_eq!(halves.get(&key), Some('x'));
            assert!(halves.young.len() + halves.old.len() <= 6);
        }
        assert_eq!(halves.get(&1), None);
    }
}
