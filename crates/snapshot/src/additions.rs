//! What changed between two snapshots of a feed that adds to findings and speaks of no package: CISA's
//! catalog, EPSS, NVD.
//!
//! Compared are severity, CVSS vectors, weaknesses, exploitation and its likelihood; texts, links and
//! dates may change without a word. Both files are in the order of ids and are walked side by side.

use std::cmp::Ordering;
use std::sync::Arc;

use pellucid_model::Advisory;

use crate::{AdvisoryRef, Snapshot, SnapshotError};

/// A change of what is known of a vulnerability.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Addition {
    /// The vulnerability's id.
    pub id: String,
    /// What was known; `None` if it is new.
    pub old: Option<Advisory>,
    /// What is known; `None` if it is gone.
    pub new: Option<Advisory>,
}

/// Changes from one snapshot to another, in the order of ids.
pub fn additions(
    old: Arc<Snapshot>,
    new: Arc<Snapshot>,
) -> impl Iterator<Item = Result<Addition, SnapshotError>> {
    let same = old.digest() == new.digest();
    let mut sides = (!same).then(|| (Side::new(old), Side::new(new)));
    std::iter::from_fn(move || {
        let (old, new) = sides.as_mut()?;
        let change = next(old, new).transpose()?;
        if change.is_err() {
            // Nothing after a damaged row is worth anything.
            sides = None;
        }
        Some(change)
    })
}

/// The next change on two sides.
fn next(old: &mut Side, new: &mut Side) -> Result<Option<Addition>, SnapshotError> {
    loop {
        let order = match (old.peek()?, new.peek()?) {
            (None, None) => return Ok(None),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(before), Some(after)) => before.id.cmp(&after.id),
        };
        let before = old.next.take_if(|_| order.is_le());
        let after = new.next.take_if(|_| order.is_ge());
        if before.as_ref().map(meaning) == after.as_ref().map(meaning) {
            continue;
        }
        let id = before.as_ref().or(after.as_ref());
        return Ok(id.map(|advisory| advisory.id.clone()).map(|id| Addition {
            id,
            old: before.clone(),
            new: after.clone(),
        }));
    }
}

fn meaning(advisory: &Advisory) -> impl PartialEq + '_ {
    (
        advisory.severity,
        &advisory.cvss,
        &advisory.cwes,
        &advisory.kev,
        &advisory.epss,
    )
}

/// The advisories of a snapshot in order, one ahead.
struct Side {
    snapshot: Arc<Snapshot>,
    following: std::ops::Range<u32>,
    next: Option<Advisory>,
}

impl Side {
    fn new(snapshot: Arc<Snapshot>) -> Self {
        let count = u32::try_from(snapshot.advisories()).unwrap_or(u32::MAX);
        Self {
            snapshot,
            following: 0..count,
            next: None,
        }
    }

    fn peek(&mut self) -> Result<Option<&Advisory>, SnapshotError> {
        if self.next.is_none()
            && let Some(number) = self.following.next()
        {
            self.next = Some(self.snapshot.advisory(AdvisoryRef::new(number))?);
        }
        Ok(self.next.as_ref())
    }
}
