//! The repositories that the packages of a layer came from, interned as a set.
//!
//! Images have few different sets, and a set belongs to hundreds of packages: its key, a hash over the names,
//! stands with each of them, the names stand in one row. The empty set, an image that does not say, is
//! the empty key and needs no row.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use sha2::{Digest as _, Sha256};

use crate::StoreError;
use crate::cache::Features;
use crate::value::Row;

/// Names of repositories, sorted, each once.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Repositories {
    pub(crate) key: String,
    names: Vec<String>,
}

impl Repositories {
    /// The set of these; the order and repetitions do not matter. None at all: the image does not say.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        let mut names: Vec<String> = names.into_iter().collect();
        names.sort_unstable();
        names.dedup();
        let mut hash = Sha256::new();
        for name in &names {
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name.as_bytes());
        }
        let digest: [u8; 32] = hash.finalize().into();
        let key = match names.as_slice() {
            [] => String::new(),
            _ => hex::encode(digest.first_chunk::<20>().unwrap_or(&[0; 20])),
        };
        Self { key, names }
    }

    /// The names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The set as a row of the statement that interns; `None` where it needs none.
    pub(crate) fn row(&self) -> Option<(&str, String)> {
        // Text only: there is no way to fail.
        let names = serde_json::to_string(&self.names).unwrap_or_default();
        (!self.key.is_empty()).then_some((self.key.as_str(), names))
    }
}

/// The set that has no row.
static NONE: LazyLock<Arc<Repositories>> = LazyLock::new(|| Arc::new(Repositories::new([])));

/// Sets by their keys, as the rows of an answer have them.
pub(crate) struct Sets(HashMap<String, Arc<Repositories>>);

impl Sets {
    /// Takes the names out of rows of `feature_version/get.sql`.
    pub(crate) fn of(rows: &mut [Row], cache: &Features) -> Result<Self, StoreError> {
        let mut sets = HashMap::new();
        for row in rows {
            if let Some(names) = row.opt_text(14)? {
                let names: Vec<String> = serde_json::from_str(&names).map_err(|_| DAMAGED)?;
                let set = cache.shared(Repositories::new(names));
                sets.insert(set.key.clone(), set);
            }
        }
        Ok(Self(sets))
    }

    pub(crate) fn get(&self, key: &str) -> Result<Arc<Repositories>, StoreError> {
        if key.is_empty() {
            return Ok(Arc::clone(&NONE));
        }
        self.0.get(key).cloned().ok_or(DAMAGED)
    }
}

const DAMAGED: StoreError = StoreError::Damaged {
    what: "set of repositories",
};

/// The rows of the sets that features have, each once.
pub(crate) fn rows<'a>(sets: impl Iterator<Item = &'a Repositories>) -> Vec<(&'a str, String)> {
    let sets: BTreeMap<&str, &Repositories> = sets.map(|set| (set.key.as_str(), set)).collect();
    sets.into_values().filter_map(Repositories::row).collect()
}
