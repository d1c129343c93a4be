//! A snapshot that is read: look-ups by package, by id, by namespace.
//!
//! The file is opened read-only, immutable and memory-mapped; nothing is checked twice while it is
//! open. Opening reads the header and the table of namespaces; the digest is checked by
//! [`Snapshot::verify`], not on every start. A damaged row is an error that names the file, never an
//! empty answer.

mod block;
mod opening;
mod rows;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use pellucid_model::{Advisory, Affected, Digest};
use rusqlite::Connection;

use self::block::Block;
use self::opening::{check_header, check_schema, connect, namespaces};
use crate::built_from::BuiltFrom;
use crate::cache::Cache;
use crate::codec::Malformed;
use crate::digest::digest_of;
use crate::{Meta, NamespaceCount, SnapshotError};

/// Decoded package entries kept, in bytes of memory as far as they can be told.
const CACHED_PACKAGES: usize = 12 << 20;
/// Inflated blocks of advisories kept, in bytes.
const CACHED_BLOCKS: usize = 4 << 20;

/// Number of an advisory within one snapshot, in the order of ids.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct AdvisoryRef(u32);

impl AdvisoryRef {
    pub(crate) const fn new(number: u32) -> Self {
        Self(number)
    }

    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// What one advisory says of a package.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The advisory.
    pub advisory: AdvisoryRef,
    /// What it says.
    pub affected: Affected,
}

/// An open snapshot. Shared between threads as it is.
pub struct Snapshot {
    path: PathBuf,
    digest: Digest,
    bytes: u64,
    meta: Meta,
    advisories: u32,
    namespaces: Vec<NamespaceCount>,
    /// First id and number of every block, in order.
    blocks: OnceLock<Vec<(Box<str>, u32)>>,
    /// What packages were built from, by number of their namespace.
    built_from: Vec<OnceLock<BuiltFrom>>,
    idle: Mutex<Vec<Connection>>,
    packages: Cache<(u32, Box<str>), Arc<[Entry]>>,
    inflated: Cache<u32, Arc<Block>>,
}

impl Snapshot {
    /// Opens the snapshot of this digest. Header, format and size are checked, the digest is not.
    ///
    /// # Errors
    /// The file is not there, is no snapshot, is cut short, or has another format.
    pub fn open(path: impl Into<PathBuf>, digest: Digest) -> Result<Self, SnapshotError> {
        let path = path.into();
        let bytes = check_header(&path)?;
        let connection = connect(&path)?;
        check_schema(&connection, &path)?;
        let unreadable = SnapshotError::unreadable;
        let text = |key: &str| {
            connection
                .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| {
                    row.get(0)
                })
                .map_err(unreadable(&path))
        };
        let number = |key: &str| -> Result<Option<i64>, SnapshotError> {
            connection
                .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| {
                    row.get(0)
                })
                .map_err(unreadable(&path))
        };
        let meta = Meta {
            key: text("key")?,
            feed: text("feed")?,
            as_of: number("as_of")?,
        };
        let advisories = number("advisories")?.and_then(|count| u32::try_from(count).ok());
        let advisories = advisories.ok_or(Malformed("has no number of advisories"));
        let advisories = advisories.map_err(SnapshotError::damaged(&path, "table meta"))?;
        let namespaces = namespaces(&connection, bytes).map_err(unreadable(&path))?;
        let namespaces = namespaces.ok_or(Malformed("is out of order"));
        let namespaces = namespaces.map_err(SnapshotError::damaged(&path, "table namespace"))?;
        Ok(Self {
            path,
            digest,
            bytes,
            meta,
            advisories,
            built_from: namespaces.iter().map(|_| OnceLock::new()).collect(),
            namespaces,
            blocks: OnceLock::new(),
            idle: Mutex::new(vec![connection]),
            packages: Cache::new(CACHED_PACKAGES / 2),
            inflated: Cache::new(CACHED_BLOCKS / 2),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Digest that the file was opened under.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Size of the file in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What it is of.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Number of advisories.
    pub fn advisories(&self) -> u64 {
        u64::from(self.advisories)
    }

    /// Namespaces with what is said about each, sorted by name.
    pub fn namespaces(&self) -> &[NamespaceCount] {
        &self.namespaces
    }

    /// Hashes the file and reads every row of it.
    ///
    /// # Errors
    /// The digest is another one, or a row is damaged.
    pub fn verify(&self) -> Result<(), SnapshotError> {
        let (found, _) = digest_of(&self.path)?;
        if found != self.digest {
            return Err(SnapshotError::Digest {
                path: self.path.clone(),
                found: Box::new(found),
                expected: Box::new(self.digest),
            });
        }
        for (number, count) in self.namespaces.iter().enumerate() {
            self.each_package(number as u32, |_, _| Ok(()))?;
            self.all_built_from(count.namespace.as_str())?;
        }
        for number in 0..self.advisories {
            self.with_record(AdvisoryRef(number), |advisory, _| advisory)?;
        }
        Ok(())
    }

    /// Everything said of a package in a namespace, sorted by advisory id. Empty if nothing is.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn affected(&self, namespace: &str, package: &str) -> Result<Arc<[Entry]>, SnapshotError> {
        let Some(number) = self.namespace_number(namespace) else {
            return Ok(Arc::new([]));
        };
        self.entries(number, package)
    }

    /// The source packages, of other names, that a binary package of a namespace was built from in any of the
    /// versions that the advisories know. Empty where they do not say.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn built_from(&self, namespace: &str, binary: &str) -> Result<Vec<String>, SnapshotError> {
        let built_from = self.all_built_from(namespace)?;
        Ok(built_from.sources(binary).map(str::to_owned).collect())
    }

    /// Whether anything is known of what a namespace's binary packages were built from.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn knows_sources(&self, namespace: &str) -> Result<bool, SnapshotError> {
        Ok(self.all_built_from(namespace)?.pairs().next().is_some())
    }

    /// The binary packages of a namespace, of other names, that were built from any of these sources.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn built(
        &self,
        namespace: &str,
        sources: &BTreeSet<String>,
    ) -> Result<BTreeSet<String>, SnapshotError> {
        let pairs = self.all_built_from(namespace)?.pairs();
        let own = pairs.filter(|(_, source)| sources.contains(*source));
        Ok(own.map(|(binary, _)| binary.to_owned()).collect())
    }

    /// An advisory without its packages.
    ///
    /// # Errors
    /// The file is damaged, or the reference is of another snapshot.
    pub fn advisory(&self, advisory: AdvisoryRef) -> Result<Advisory, SnapshotError> {
        self.with_record(advisory, |advisory, _| advisory)
    }

    /// The advisory of exactly this id.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn find(&self, id: &str) -> Result<Option<AdvisoryRef>, SnapshotError> {
        let number = self.first_not_before(id)?;
        if number >= self.advisories {
            return Ok(None);
        }
        let block = self.block_of(number)?;
        let (found, _) = block
            .record(number)
            .ok_or_else(|| self.no_advisory(number))?;
        Ok((found == id).then_some(AdvisoryRef(number)))
    }

    /// The advisory of this id with what it says of packages in the namespace; `None` if it is not
    /// there or says nothing about the namespace.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn get(&self, namespace: &str, id: &str) -> Result<Option<Advisory>, SnapshotError> {
        let (Some(number), Some(advisory)) = (self.namespace_number(namespace), self.find(id)?)
        else {
            return Ok(None);
        };
        let whole = self.with_places(advisory, |place| place == number)?;
        Ok(Some(whole).filter(|advisory| !advisory.affected.is_empty()))
    }

    /// An advisory with everything it says of packages in every namespace.
    ///
    /// # Errors
    /// The file is damaged, or the reference is of another snapshot.
    pub fn whole(&self, advisory: AdvisoryRef) -> Result<Advisory, SnapshotError> {
        self.with_places(advisory, |_| true)
    }

    /// Advisories that speak of a namespace, in the order of their ids, without their packages:
    /// those after the given id, at most `limit`.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn list(
        &self,
        namespace: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Advisory>, SnapshotError> {
        let Some(namespace) = self.namespace_number(namespace) else {
            return Ok(Vec::new());
        };
        let from = match after {
            None => 0,
            Some(id) => {
                let at = self.first_not_before(id)?;
                at + u32::from(self.find(id)?.is_some())
            }
        };
        let numbers = self.listed(namespace, from, limit)?;
        numbers
            .into_iter()
            .map(|number| self.advisory(AdvisoryRef(number)))
            .collect()
    }

    /// Advisories that carry this id or alias, else those that speak of a package of this name, however
    /// its ecosystem lets it be spelt; in the order of ids, at most `limit`.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn search(&self, text: &str, limit: usize) -> Result<Vec<AdvisoryRef>, SnapshotError> {
        let mut hits = Vec::new();
        for spelling in [text.to_owned(), text.to_uppercase()] {
            hits.extend(self.find(&spelling)?);
            hits.extend(self.aliased(&spelling)?);
        }
        if hits.is_empty() {
            for (number, count) in self.namespaces.iter().enumerate() {
                let mut entries = self.entries(number as u32, text)?;
                if entries.is_empty() {
                    let name = count.namespace.normalise(text);
                    entries = self.entries(number as u32, &name)?;
                }
                hits.extend(entries.iter().map(|entry| entry.advisory));
            }
        }
        hits.sort_unstable();
        hits.dedup();
        hits.truncate(limit);
        Ok(hits)
    }

    /// Advisories that name this id among their aliases or the vulnerabilities they fix.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn aliased(&self, id: &str) -> Result<Vec<AdvisoryRef>, SnapshotError> {
        self.with(|connection| {
            let mut query = connection
                .prepare_cached("SELECT advisory FROM alias WHERE name = ?1 ORDER BY advisory")?;
            query
                .query_map([id], |row| row.get(0).map(AdvisoryRef))?
                .collect()
        })
    }
}
