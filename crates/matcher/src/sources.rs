//! Which snapshots answer for which namespace.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pellucid_model::{Namespace, PackageEntry, SnapshotRef};
use pellucid_snapshot::{Snapshot, SnapshotError};

/// Detectors whose lists of packages never say what these were built from, which is what advisories speak of.
pub(crate) const WITHOUT_SOURCES: &[&str] = &["chisel"];
/// Those whose lists may leave it out. Elsewhere a package of which nothing is said has its source's name.
const MAYBE_WITHOUT_SOURCES: &[&str] = &["sbom"];

/// A snapshot that may know something about a namespace.
#[derive(Clone)]
pub struct Source {
    /// The snapshot.
    pub snapshot: Arc<Snapshot>,
    /// Name of the namespace in it (`rhel:8` for `centos:8`).
    pub namespace: Namespace,
    /// When it was fetched, in seconds since the epoch.
    pub fetched_at: i64,
}

/// Snapshots by the namespace of the packages they are asked about.
///
/// The order in which the sources of a namespace are added is their rank: the vendor's first.
#[derive(Clone, Default)]
pub struct Sources {
    by_namespace: BTreeMap<Namespace, Vec<Source>>,
    notes: BTreeMap<Namespace, String>,
    repositories: BTreeMap<Namespace, Source>,
    enrichment: Vec<(Arc<Snapshot>, i64)>,
}

impl Source {
    /// How answers name the snapshot.
    pub fn reference(&self) -> SnapshotRef {
        reference(&self.snapshot, self.fetched_at)
    }

    /// Whether the snapshot says anything about the namespace. A release that upstream has stopped
    /// following is not covered, though the feed goes on.
    pub fn answers(&self) -> bool {
        let counts = self.snapshot.namespaces();
        counts
            .binary_search_by(|count| count.namespace.cmp(&self.namespace))
            .is_ok_and(|at| counts.get(at).is_some_and(|count| count.affected > 0))
    }
}

fn reference(snapshot: &Snapshot, fetched_at: i64) -> SnapshotRef {
    let meta = snapshot.meta();
    SnapshotRef {
        key: meta.key.clone(),
        digest: snapshot.digest(),
        as_of: meta.as_of,
        fetched_at,
    }
}

impl Sources {
    /// No sources.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks this source too about packages of the namespace, after those added before.
    pub fn add(&mut self, namespace: Namespace, source: Source) {
        self.by_namespace.entry(namespace).or_default().push(source);
    }

    /// Says in the coverage of a namespace what restricts its answer, or why there is none
    /// (`the update of debian failed: …`).
    pub fn note(&mut self, namespace: Namespace, note: impl Into<String>) {
        self.notes.insert(namespace, note.into());
    }

    /// Looks up in this source which products the repositories of a namespace's packages are part of.
    pub fn with_repositories(&mut self, namespace: Namespace, source: Source) {
        self.repositories.insert(namespace, source);
    }

    /// The source that knows a namespace's repositories.
    pub(crate) fn repositories(&self, namespace: &Namespace) -> Option<&Source> {
        self.repositories.get(namespace)
    }

    /// Adds what this snapshot says of a vulnerability to every finding of it, after those added
    /// before. The time is when it was fetched, in seconds since the epoch.
    pub fn enrich_with(&mut self, snapshot: Arc<Snapshot>, fetched_at: i64) {
        self.enrichment.push((snapshot, fetched_at));
    }

    /// The snapshots that add to findings.
    pub(crate) fn enriching(&self) -> impl Iterator<Item = &Snapshot> {
        self.enrichment.iter().map(|(snapshot, _)| &**snapshot)
    }

    /// How answers name the snapshots that add to findings, sorted by key.
    pub(crate) fn enrichment(&self) -> Vec<SnapshotRef> {
        let mut references: Vec<SnapshotRef> = self
            .enrichment
            .iter()
            .map(|(snapshot, fetched_at)| reference(snapshot, *fetched_at))
            .collect();
        references.sort_unstable();
        references
    }

    /// The sources of a namespace, by rank.
    pub fn of(&self, namespace: &Namespace) -> &[Source] {
        self.by_namespace.get(namespace).map_or(&[], Vec::as_slice)
    }

    /// Names of the sources that a distribution's package was built from, as the advisories' data knows it, where
    /// the list that has the package does not say it.
    ///
    /// # Errors
    /// A snapshot is damaged.
    pub fn built_from(
        &self,
        namespace: &Namespace,
        entry: &PackageEntry,
    ) -> Result<Vec<String>, SnapshotError> {
        let mut names = Vec::new();
        let package = &entry.package;
        let mut lists = WITHOUT_SOURCES.iter().chain(MAYBE_WITHOUT_SOURCES);
        let is_said = package.source.is_some() || lists.all(|list| *list != entry.detector);
        if !package.kind.is_os() || is_said {
            return Ok(names);
        }
        for source in self.of(namespace) {
            let inside = source.namespace.as_str();
            names.extend(source.snapshot.built_from(inside, &package.name)?);
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    /// Whether any data about a namespace knows what its packages were built from.
    pub(crate) fn knows_sources(&self, namespace: &Namespace) -> Result<bool, SnapshotError> {
        for source in self.of(namespace) {
            if source.snapshot.knows_sources(source.namespace.as_str())? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// These names of packages, and those of the packages that were built from them.
    ///
    /// # Errors
    /// A snapshot is damaged.
    pub fn with_built(
        &self,
        namespace: &Namespace,
        mut names: BTreeSet<String>,
    ) -> Result<BTreeSet<String>, SnapshotError> {
        let mut built = BTreeSet::new();
        for source in self.of(namespace) {
            built.extend(source.snapshot.built(source.namespace.as_str(), &names)?);
        }
        names.append(&mut built);
        Ok(names)
    }

    pub(crate) fn noted(&self, namespace: &Namespace) -> Option<&str> {
        self.notes.get(namespace).map(String::as_str)
    }
}
