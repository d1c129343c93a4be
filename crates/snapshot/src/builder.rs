//! The writing of a snapshot: advisories in any order in, one sorted immutable file out.
//!
//! The file is a function of the set of advisories and of [`Meta`]: adding them in another order, or
//! one of them twice, gives the same bytes and so the same digest. One id may be added again and
//! again (Debian's tracker names a CVE under each of its packages): the parts become one advisory.
//!
//! Memory stays within two sort buffers of 24 MiB plus the distinct ids and names; what does not fit
//! goes to unnamed temporary files beside the target.

mod writing;

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use pellucid_model::{Advisory, Digest, Namespace, Severity};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use self::writing::Writing;
use crate::built_from::Gathered;
use crate::codec::{MAX_LIST, MAX_ROW, Packer};
use crate::digest::digest_of;
use crate::runs::Runs;
use crate::text_key::text_key;
use crate::{Snapshot, SnapshotError, advisory_record, package_row};

/// What a snapshot is of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Meta {
    /// Key of the snapshot: the feed's name, and its part where it has parts (`alpine/v3.20`).
    pub key: String,
    /// The feed's name.
    pub feed: String,
    /// The date of the data as upstream gives it, in seconds since the epoch.
    pub as_of: Option<i64>,
}

/// How much a snapshot says about a namespace.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NamespaceCount {
    /// The namespace.
    pub namespace: Namespace,
    /// Statements: pairs of advisory and package, once per architecture, module or product.
    pub affected: u64,
    /// Packages with at least one statement.
    pub packages: u64,
    /// Advisories with at least one statement.
    pub advisories: u64,
}

/// A snapshot that was just written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Built {
    /// Where it was written.
    pub path: PathBuf,
    /// What it is of.
    pub meta: Meta,
    /// Digest of the file.
    pub digest: Digest,
    /// Size of the file.
    pub bytes: u64,
    /// Advisories of distinct id.
    pub advisories: u64,
    /// Statements in all namespaces.
    pub affected: u64,
    /// The same per namespace, sorted by name.
    pub namespaces: Vec<NamespaceCount>,
}

/// Writes one snapshot.
pub struct Builder {
    path: PathBuf,
    meta: Meta,
    /// Number of each id in order of arrival; ranked when all are there.
    ids: HashMap<Box<str>, u32>,
    /// Highest severity given under each number.
    severities: Vec<Severity>,
    names: HashSet<Box<str>>,
    namespaces: HashSet<Namespace>,
    built_from: HashMap<Namespace, Gathered>,
    advisories: Runs,
    affected: Runs,
}

impl Builder {
    /// Begins a snapshot at this path. A file that is there is replaced when the snapshot is
    /// finished; until then nothing with a name is written.
    ///
    /// # Errors
    /// The folder is not there.
    pub fn create(path: impl Into<PathBuf>, meta: Meta) -> Result<Self, SnapshotError> {
        let path = path.into();
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        std::fs::metadata(directory).map_err(SnapshotError::io("read", directory))?;
        let (advisories, affected) = (Runs::new(directory), Runs::new(directory));
        Ok(Self {
            path,
            meta,
            ids: HashMap::new(),
            severities: Vec::new(),
            names: HashSet::new(),
            namespaces: HashSet::new(),
            built_from: HashMap::new(),
            advisories,
            affected,
        })
    }

    /// Adds what one advisory says. May be called again with the same id: lists are joined, text
    /// fills gaps, and the highest severity stays; a package keeps the severity of the part that
    /// names it, unless that part has none.
    ///
    /// # Errors
    /// No room for temporary files, or an advisory of more than 64 MiB.
    pub fn add(&mut self, advisory: &Advisory) -> Result<(), SnapshotError> {
        let number = match self.ids.get(advisory.id.as_str()) {
            Some(number) => *number,
            None => {
                let number = u32::try_from(self.ids.len())
                    .map_err(|_| self.too_large("too many advisories"))?;
                self.ids.insert(advisory.id.as_str().into(), number);
                self.severities.push(Severity::Unknown);
                number
            }
        };
        if let Some(severity) = self.severities.get_mut(number as usize) {
            *severity = advisory.severity.max(*severity);
        }
        let record = advisory_record::encode(advisory);
        if record.len() > MAX_ROW / 2 {
            return Err(self.too_large(&advisory.id));
        }
        self.advisories
            .add(&text_key(&[&advisory.id]), &record)
            .map_err(SnapshotError::io("write", &self.path))?;
        for affected in &advisory.affected {
            if !self.names.contains(affected.package.as_str()) {
                self.names.insert(affected.package.as_str().into());
            }
            if !self.namespaces.contains(&affected.namespace) {
                self.namespaces.insert(affected.namespace.clone());
            }
            let key = text_key(&[affected.namespace.as_str(), &affected.package]);
            let mut affected = affected.clone();
            // Another part may raise the advisory's severity; this package keeps what was said of it.
            if affected.severity.is_none() && advisory.severity != Severity::Unknown {
                affected.severity = Some(advisory.severity);
            }
            let entry = (number, affected);
            self.affected
                .add(&key, &package_row::encode(std::slice::from_ref(&entry)))
                .map_err(SnapshotError::io("write", &self.path))?;
        }
        Ok(())
    }

    /// Adds what a namespace's binary package was built from. Kept for namespaces that an advisory speaks of.
    ///
    /// # Errors
    /// More than a million pairs in a namespace.
    pub fn built_from(
        &mut self,
        namespace: &Namespace,
        binary: &str,
        source: &str,
    ) -> Result<(), SnapshotError> {
        if !self.built_from.contains_key(namespace) {
            self.built_from
                .insert(namespace.clone(), Gathered::default());
        }
        let gathered = self.built_from.get_mut(namespace);
        if gathered.is_some_and(|gathered| gathered.add(binary, source) > MAX_LIST) {
            return Err(self.too_large("too many binary packages"));
        }
        Ok(())
    }

    /// Adds every advisory of another snapshot whose id is to be carried over, with all that it says
    /// of packages, as if each were added by itself; and what binary packages were built from.
    ///
    /// # Errors
    /// The other snapshot is damaged, or as for [`Self::add`].
    pub fn carry_over(
        &mut self,
        from: &Snapshot,
        carried: impl Fn(&str) -> bool,
    ) -> Result<(), SnapshotError> {
        let mut ids: Vec<Option<String>> = Vec::new();
        let mut failed = Ok(());
        from.each_advisory(|advisory| {
            let carry = carried(&advisory.id);
            if carry && failed.is_ok() {
                failed = self.add(&advisory);
            }
            ids.push(carry.then_some(advisory.id));
        })?;
        failed?;
        for count in from.namespaces() {
            let namespace = &count.namespace;
            let built_from = from.all_built_from(namespace.as_str())?;
            for (binary, source) in built_from.pairs() {
                self.built_from(namespace, binary, source)?;
            }
        }
        // Packages in the order of the file: asking for those of one advisory after the other would
        // decode the row of a common package thousands of times.
        for namespace in 0..from.namespaces().len() {
            from.each_package(namespace as u32, |_, entries| {
                for entry in entries {
                    if let Some(Some(id)) = ids.get(entry.advisory.index()) {
                        let mut part = Advisory::new(id.as_str());
                        part.affected = vec![entry.affected];
                        self.add(&part)?;
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Number of distinct ids added so far.
    pub fn advisories(&self) -> usize {
        self.ids.len()
    }

    /// Sorts and writes everything.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(self) -> Result<Built, SnapshotError> {
        let path = self.path.clone();
        let built = self.write();
        if built.is_err() {
            // Best effort: the error that matters is the one returned.
            let _ = std::fs::remove_file(&path);
        }
        built
    }

    fn write(self) -> Result<Built, SnapshotError> {
        let Self {
            path,
            meta,
            ids,
            severities,
            names,
            namespaces,
            built_from,
            advisories,
            affected,
        } = self;
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(SnapshotError::io("replace", &path)(error));
            }
            _ => {}
        }
        let mut sorted: Vec<(Box<str>, u32)> = ids.into_iter().collect();
        sorted.sort_unstable();
        let mut ranks = vec![0_u32; sorted.len()];
        for (rank, (_, number)) in sorted.iter().enumerate() {
            if let Some(slot) = ranks.get_mut(*number as usize) {
                *slot = rank as u32;
            }
        }
        let mut names: Vec<Box<str>> = names.into_iter().collect();
        names.sort_unstable();
        let mut namespaces: Vec<Namespace> = namespaces.into_iter().collect();
        namespaces.sort_unstable();

        let connection = Connection::open(&path).map_err(SnapshotError::build(&path))?;
        let mut writing = Writing {
            path: &path,
            connection: &connection,
            packer: Packer::new().map_err(SnapshotError::io("write", &path))?,
            names,
            counts: namespaces
                .into_iter()
                .map(|namespace| NamespaceCount {
                    namespace,
                    affected: 0,
                    packages: 0,
                    advisories: 0,
                })
                .collect(),
            places: Vec::new(),
        };
        writing.begin()?;
        writing.affected(affected, &ranks, &severities)?;
        drop((ranks, severities));
        let total = sorted.len() as u64;
        writing.advisories(advisories, &sorted)?;
        writing.built_from(&built_from)?;
        let counts = writing.finish(&meta, total)?;
        connection
            .close()
            .map_err(|(_, error)| SnapshotError::build(&path)(error))?;

        let (digest, bytes) = digest_of(&path)?;
        let affected = counts.iter().map(|count| count.affected).sum();
        Ok(Built {
            path,
            meta,
            digest,
            bytes,
            advisories: total,
            affected,
            namespaces: counts,
        })
    }

    fn too_large(&self, what: &str) -> SnapshotError {
        SnapshotError::TooLarge {
            path: self.path.clone(),
            what: what.chars().take(200).collect(),
        }
    }
}
