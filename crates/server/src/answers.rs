//! Rendered answers, kept in memory.
//!
//! A key holds everything that an answer depends on, so an entry is never wrong, only unused.
//!
//! Answers are made a few at a time: when many ask for the same at once, one makes it and the others
//! find it; when they ask for many different ones, memory stays bounded.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::halves::Halves;

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
    /// Which server may have answered for it.
    pub(crate) epoch: u64,
    /// Number of the view of the snapshots.
    pub(crate) view: u64,
    /// Whether vulnerabilities are asked for, beside features.
    pub(crate) vulnerabilities: bool,
    /// Whether it is compressed.
    pub(crate) gzip: bool,
}

/// The answers.
pub(crate) struct Answers {
    halves: Mutex<Halves<Key, Bytes>>,
    making: Semaphore,
}

impl Default for Answers {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            halves: Mutex::new(Halves::new(HALF)),
            making: Semaphore::new(processors.max(2)),
        }
    }
}

impl Answers {
    /// Waits until one more answer may be made; look again then whether it was. `None` never comes:
    /// the turns are not closed.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.making.acquire().await.ok()
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Bytes> {
        let halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        halves.get(key)
    }

    pub(crate) fn put(&self, key: Key, answer: Bytes) {
        if answer.len() > LARGEST {
            return;
        }
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        let weight = answer.len();
        halves.put(key, answer, weight);
    }
}
