//! What changed between two snapshots, on meaning.
//!
//! Compared are status, ranges, versions, severity, architectures, module and CPEs of every
//! statement; texts, links, scores and notes may change without a word. The packages of both files
//! stand in one order, so that they are walked side by side; memory holds the severities of all
//! advisories and the changes of one namespace.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pellucid_model::{Advisory, Affected, NameKind, Namespace, Severity, Status};
use pellucid_version::Range;

use crate::{Entry, Snapshot, SnapshotError};

/// A change of what an advisory says about a namespace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// The namespace.
    pub namespace: Namespace,
    /// The advisory's id.
    pub id: String,
    /// Packages about which something else is said now, sorted.
    pub packages: Vec<String>,
    /// The advisory before, with all it said about the namespace; `None` if it is new there.
    pub old: Option<Advisory>,
    /// The advisory now; `None` if it no longer speaks of the namespace.
    pub new: Option<Advisory>,
}

/// Changes from one snapshot to another, sorted by namespace and advisory id.
///
/// # Errors
/// One of the files is damaged.
pub fn diff(old: Arc<Snapshot>, new: Arc<Snapshot>) -> Result<Diff, SnapshotError> {
    let namespaces: BTreeSet<Namespace> = old
        .namespaces()
        .iter()
        .chain(new.namespaces())
        .map(|count| count.namespace.clone())
        .collect();
    let same = old.digest() == new.digest();
    let (old, new) = (Side::read(old)?, Side::read(new)?);
    let namespaces = if same { BTreeSet::new() } else { namespaces };
    Ok(Diff {
        old,
        new,
        namespaces,
        namespace: None,
        changed: BTreeMap::new(),
    })
}

/// The changes, one namespace at a time.
pub struct Diff {
    old: Side,
    new: Side,
    namespaces: BTreeSet<Namespace>,
    namespace: Option<Namespace>,
    /// Changed ids of the namespace, and the packages they changed for.
    changed: BTreeMap<Arc<str>, Vec<String>>,
}

impl Iterator for Diff {
    type Item = Result<Change, SnapshotError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let (Some(namespace), Some((id, packages))) =
                (&self.namespace, self.changed.pop_first())
            {
                let view = |side: &Side| side.snapshot.get(namespace.as_str(), &id);
                return Some(view(&self.old).and_then(|old| {
                    let new = view(&self.new)?;
                    let (namespace, id) = (namespace.clone(), (*id).to_owned());
                    Ok(Change {
                        namespace,
                        id,
                        packages,
                        old,
                        new,
                    })
                }));
            }
            let namespace = self.namespaces.pop_first()?;
            let changed = self.compare(&namespace);
            self.namespace = Some(namespace);
            match changed {
                Ok(changed) => self.changed = changed,
                Err(error) => {
                    // Nothing after a damaged row is worth anything.
                    self.namespaces.clear();
                    return Some(Err(error));
                }
            }
        }
    }
}

impl Diff {
    /// Changed ids of a namespace and their packages.
    fn compare(
        &self,
        namespace: &Namespace,
    ) -> Result<BTreeMap<Arc<str>, Vec<String>>, SnapshotError> {
        let mut changed: BTreeMap<Arc<str>, Vec<String>> = BTreeMap::new();
        let mut old = Packages::new(&self.old, namespace);
        let mut new = Packages::new(&self.new, namespace);
        let (mut before, mut after) = (old.next()?, new.next()?);
        loop {
            let (name, left, right) = match (before.take(), after.take()) {
                (None, None) => return Ok(changed),
                (Some((name, left)), None) => {
                    before = old.next()?;
                    (name, left, Vec::new())
                }
                (None, Some((name, right))) => {
                    after = new.next()?;
                    (name, Vec::new(), right)
                }
                (Some(left), Some(right)) if left.0 < right.0 => {
                    after = Some(right);
                    before = old.next()?;
                    (left.0, left.1, Vec::new())
                }
                (Some(left), Some(right)) if left.0 > right.0 => {
                    before = Some(left);
                    after = new.next()?;
                    (right.0, Vec::new(), right.1)
                }
                (Some(left), Some(right)) => {
                    (before, after) = (old.next()?, new.next()?);
                    (left.0, left.1, right.1)
                }
            };
            self.compare_package(&name, &left, &right, &mut changed);
        }
    }

    /// Notes the ids for which another thing is said of a package. Both lists are in the order of ids.
    fn compare_package(
        &self,
        name: &str,
        left: &[Entry],
        right: &[Entry],
        changed: &mut BTreeMap<Arc<str>, Vec<String>>,
    ) {
        let by_id = |a: &Entry, b: &Entry| a.advisory == b.advisory;
        let (mut left, mut right) = (left.chunk_by(by_id), right.chunk_by(by_id));
        let (mut before, mut after) = (self.old.take(&mut left), self.new.take(&mut right));
        loop {
            let order = match (&before, &after) {
                (None, None) => return,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(a), Some(b)) => a.id.cmp(b.id),
            };
            let old = if order.is_le() { before.take() } else { None };
            let new = if order.is_ge() { after.take() } else { None };
            if let Some(id) = old.as_ref().or(new.as_ref()).map(|said| said.id)
                && !same(old.as_ref(), new.as_ref())
            {
                changed
                    .entry(Arc::clone(id))
                    .or_default()
                    .push(name.to_owned());
            }
            if order.is_le() {
                before = self.old.take(&mut left);
            }
            if order.is_ge() {
                after = self.new.take(&mut right);
            }
        }
    }
}

/// What one advisory says of one package.
struct Said<'a> {
    id: &'a Arc<str>,
    severity: Severity,
    entries: &'a [Entry],
}

/// Whether both sides mean the same.
fn same(old: Option<&Said<'_>>, new: Option<&Said<'_>>) -> bool {
    let (Some(old), Some(new)) = (old, new) else {
        return false;
    };
    // Nearly every statement is unchanged to the letter.
    if old.severity == new.severity
        && old
            .entries
            .iter()
            .map(|entry| &entry.affected)
            .eq(new.entries.iter().map(|entry| &entry.affected))
    {
        return true;
    }
    meanings(old) == meanings(new)
}

fn meanings<'a>(said: &Said<'a>) -> BTreeSet<Meaning<'a>> {
    said.entries
        .iter()
        .map(|entry| meaning(&entry.affected, said.severity))
        .collect()
}

/// A snapshot with the ids and severities of its advisories.
struct Side {
    snapshot: Arc<Snapshot>,
    advisories: Vec<(Arc<str>, Severity)>,
}

/// What an entry means, without its words.
type Meaning<'a> = (
    Status,
    NameKind,
    Severity,
    Vec<&'a Range>,
    Vec<&'a String>,
    Vec<&'a String>,
    Option<&'a String>,
    Vec<&'a String>,
);

impl Side {
    fn read(snapshot: Arc<Snapshot>) -> Result<Self, SnapshotError> {
        let mut advisories = Vec::new();
        snapshot.each_advisory(|advisory| {
            advisories.push((Arc::from(advisory.id), advisory.severity));
        })?;
        Ok(Self {
            snapshot,
            advisories,
        })
    }

    /// The next advisory of a package.
    fn take<'a>(&'a self, entries: &mut impl Iterator<Item = &'a [Entry]>) -> Option<Said<'a>> {
        let entries = entries.next()?;
        let (id, severity) = self.advisories.get(entries.first()?.advisory.index())?;
        Some(Said {
            id,
            severity: *severity,
            entries,
        })
    }
}

fn meaning(affected: &Affected, severity: Severity) -> Meaning<'_> {
    (
        affected.status,
        affected.name_kind,
        affected.severity.unwrap_or(severity),
        sorted(&affected.ranges),
        sorted(&affected.versions),
        sorted(&affected.arches),
        affected.module.as_ref(),
        sorted(&affected.cpes),
    )
}

fn sorted<T: Ord>(list: &[T]) -> Vec<&T> {
    let mut sorted: Vec<&T> = list.iter().collect();
    sorted.sort_unstable();
    sorted.dedup();
    sorted
}

/// The packages of a namespace in order, a page at a time.
struct Packages<'a> {
    snapshot: &'a Snapshot,
    namespace: Option<u32>,
    page: std::vec::IntoIter<(String, Vec<Entry>)>,
    last: Option<String>,
}

impl<'a> Packages<'a> {
    fn new(side: &'a Side, namespace: &Namespace) -> Self {
        let number = side.snapshot.namespace_number(namespace.as_str());
        Self {
            snapshot: &side.snapshot,
            namespace: number,
            page: Vec::new().into_iter(),
            last: None,
        }
    }

    fn next(&mut self) -> Result<Option<(String, Vec<Entry>)>, SnapshotError> {
        let Some(namespace) = self.namespace else {
            return Ok(None);
        };
        if self.page.as_slice().is_empty() {
            self.page = self
                .snapshot
                .package_page(namespace, self.last.as_deref())?
                .into_iter();
        }
        let next = self.page.next();
        self.last = next.as_ref().map(|(name, _)| name.clone());
        if next.is_none() {
            self.namespace = None;
        }
        Ok(next)
    }
}
