//! The check of a new snapshot against the current one before it takes over.
//!
//! A feed that lost a fifth of its advisories overnight is more likely broken than cured. It goes to
//! quarantine: the last good snapshot stays and the reason is shown.

use std::collections::BTreeMap;

use crate::{Built, NamespaceCount, Stored};

/// How much a feed may shrink in one update.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Gate {
    /// Largest share of advisories or statements that may go, 0 to 1.
    pub max_drop: f64,
    /// Counts up to this many are not judged by their share: three of ten may well be withdrawn.
    pub small: u64,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            max_drop: 0.20,
            small: 20,
        }
    }
}

/// Why a new snapshot was not taken over.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what} fell from {before} to {after}")]
pub struct Quarantine {
    /// What shrank: `advisories`, `statements`, or a namespace.
    pub what: String,
    /// How many there were.
    pub before: u64,
    /// How many there are.
    pub after: u64,
}

impl Gate {
    /// Compares the counts of the current snapshot with those of a new one.
    ///
    /// # Errors
    /// The new one lost too much.
    pub fn check(&self, current: &Stored, new: &Built) -> Result<(), Quarantine> {
        self.count("advisories", current.advisories, new.advisories)?;
        self.count("statements", current.affected, new.affected)?;
        let new: BTreeMap<_, _> = new.namespaces.iter().map(key).collect();
        for (namespace, before) in current.namespaces.iter().map(key) {
            let after = new.get(namespace).copied().unwrap_or(0);
            self.count(&format!("advisories of {namespace}"), before, after)?;
        }
        Ok(())
    }

    fn count(&self, what: &str, before: u64, after: u64) -> Result<(), Quarantine> {
        let lost = before.saturating_sub(after);
        // An empty feed is never right, however small it was.
        let emptied = after == 0 && before > 0;
        let shrank = before > self.small && lost as f64 > before as f64 * self.max_drop;
        if emptied || shrank {
            return Err(Quarantine {
                what: what.to_owned(),
                before,
                after,
            });
        }
        Ok(())
    }
}

fn key(count: &NamespaceCount) -> (&str, u64) {
    (count.namespace.as_str(), count.advisories)
}
