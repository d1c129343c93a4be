//! Rendered answers, kept in memory.
//!
//! A key holds everything that an answer depends on, so an entry is never wrong, only unused; two
//! halves bound the memory: when the young one is full the old one is forgotten.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

/// Bytes of answers in each half.
const HALF: usize = 8 << 20;
/// The largest answer that is kept.
const LARGEST: usize = 2 << 20;

/// Everything that an answer about a layer depends on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Key {
    /// Number of the layer in the database.
    pub(crate) layer: i64,
    /// Generation of the database.
    pub(crate) generation: u64,
    /// Number of the view of the snapshots.
    pub(crate) view: u64,
    /// Whether vulnerabilities are asked for, beside features.
    pub(crate) vulnerabilities: bool,
    /// Whether it is compressed.
    pub(crate) gzip: bool,
}

#[derive(Default)]
struct Halves {
    young: HashMap<Key, Bytes>,
    old: HashMap<Key, Bytes>,
    bytes: usize,
}

/// The answers.
#[derive(Default)]
pub(crate) struct Answers(Mutex<Halves>);

impl Answers {
    pub(crate) fn get(&self, key: &Key) -> Option<Bytes> {
        let halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = halves.young.get(key).or_else(|| halves.old.get(key));
        found.cloned()
    }

    pub(crate) fn put(&self, key: Key, answer: Bytes) {
        if answer.len() > LARGEST {
            return;
        }
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if halves.bytes + answer.len() > HALF {
            halves.old = std::mem::take(&mut halves.young);
            halves.bytes = 0;
        }
        halves.bytes += answer.len();
        halves.young.insert(key, answer);
    }
}
