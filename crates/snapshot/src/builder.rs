//! The writing of a snapshot: advisories in any order in, one sorted immutable file out.
//!
//! The file is a function of the set of advisories and of [`Meta`]: adding them in another order, or
//! one of them twice, gives the same bytes and so the same digest. One id may be added again and
//! again (Debian's tracker names a CVE under each of its packages): the parts become one advisory.
//!
//! Memory stays within two sort buffers of 24 MiB plus the distinct ids and names; what does not fit
//! goes to unnamed temporary files beside the target.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use pellucid_model::{Advisory, Affected, Digest, Namespace, Severity};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::advisory_record::{self, encode_places};
use crate::codec::{MAX_ROW, Packer, Reader, Writer};
use crate::runs::Runs;
use crate::{SnapshotError, package_row, schema};

/// Bytes of one block of advisories before compression. Half the size costs a tenth more file.
const BLOCK: usize = 128 << 10;
/// Advisory numbers in one row of a namespace's listing.
const LISTING: usize = 4096;

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

/// SHA-256 and length of a file.
pub(crate) fn digest_of(path: &Path) -> Result<(Digest, u64), SnapshotError> {
    let mut file = std::fs::File::open(path).map_err(SnapshotError::io("read", path))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    let mut total = 0;
    loop {
        let read = file
            .read(&mut buffer)
            .map_err(SnapshotError::io("read", path))?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
            return Ok((Digest::Sha256(hash.finalize().into()), total));
        };
        hash.update(bytes);
        total += read as u64;
    }
}

/// A key whose byte order is the order of the tuple of texts: 0 is written 0 255, the end 0 0.
fn text_key(texts: &[&str]) -> Vec<u8> {
    let mut key = Vec::with_capacity(texts.iter().map(|text| text.len() + 2).sum());
    for text in texts {
        for byte in text.bytes() {
            key.push(byte);
            if byte == 0 {
                key.push(255);
            }
        }
        key.extend_from_slice(&[0, 0]);
    }
    key
}

/// The texts of a [`text_key`].
fn texts_of(key: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    let mut text = Vec::new();
    let mut bytes = key.iter();
    while let Some(byte) = bytes.next() {
        if *byte != 0 {
            text.push(*byte);
        } else if bytes.next() == Some(&255) {
            text.push(0);
        } else {
            texts.push(String::from_utf8_lossy(&text).into_owned());
            text.clear();
        }
    }
    texts
}

/// One place where an advisory speaks of a package, by number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    advisory: u32,
    namespace: u32,
    name: u32,
}

struct Writing<'a> {
    path: &'a Path,
    connection: &'a Connection,
    packer: Packer,
    names: Vec<Box<str>>,
    counts: Vec<NamespaceCount>,
    places: Vec<Place>,
}

impl Writing<'_> {
    fn sql<T>(&self, result: rusqlite::Result<T>) -> Result<T, SnapshotError> {
        result.map_err(SnapshotError::build(self.path))
    }

    fn io<T>(&self, result: io::Result<T>) -> Result<T, SnapshotError> {
        result.map_err(SnapshotError::io("write", self.path))
    }

    fn begin(&self) -> Result<(), SnapshotError> {
        // Nobody sees the file before it is whole, so that no journal is needed.
        self.sql(self.connection.execute_batch(&format!(
            "PRAGMA page_size = 4096;
             PRAGMA journal_mode = OFF;
             PRAGMA synchronous = OFF;
             PRAGMA locking_mode = EXCLUSIVE;
             PRAGMA cache_size = -8192;
             PRAGMA application_id = {};
             PRAGMA user_version = {};
             BEGIN;
             {}",
            schema::APPLICATION_ID,
            schema::FORMAT,
            schema::TABLES,
        )))
    }

    /// Writes the rows per package and gathers the places.
    fn affected(
        &mut self,
        runs: Runs,
        ranks: &[u32],
        severities: &[Severity],
    ) -> Result<(), SnapshotError> {
        let mut merge = self.io(runs.merge())?;
        let mut key = Vec::new();
        let mut entries: Vec<(u32, Affected)> = Vec::new();
        while let Some((next, value)) = self.io(merge.next())? {
            if next != key {
                self.package(&key, &mut entries)?;
                key = next;
            }
            // The row itself names neither: they are in its key.
            let one = package_row::decode(&value, &Namespace::new(""), "")
                .map_err(SnapshotError::damaged(self.path, "a temporary row"))?;
            for (number, mut affected) in one {
                // What equals the advisory's own severity is not said twice.
                affected.severity = affected
                    .severity
                    .filter(|own| severities.get(number as usize) != Some(own));
                let rank = ranks.get(number as usize).copied().unwrap_or_default();
                entries.push((rank, affected));
            }
        }
        self.package(&key, &mut entries)
    }

    fn package(
        &mut self,
        key: &[u8],
        entries: &mut Vec<(u32, Affected)>,
    ) -> Result<(), SnapshotError> {
        if entries.is_empty() {
            return Ok(());
        }
        entries.sort_unstable();
        let mut texts = texts_of(key).into_iter();
        let namespace = Namespace::new(texts.next().unwrap_or_default());
        let name = texts.next().unwrap_or_default();
        let number = self
            .counts
            .binary_search_by(|count| count.namespace.cmp(&namespace));
        let (Ok(number), Ok(name_number)) = (
            number,
            self.names.binary_search_by(|probe| (**probe).cmp(&name)),
        ) else {
            // Both were gathered from these very rows.
            return Ok(());
        };
        let row = package_row::encode(entries);
        if row.len() > MAX_ROW {
            return Err(SnapshotError::TooLarge {
                path: self.path.to_owned(),
                what: format!("package {name}"),
            });
        }
        let packed = self.packer.pack(&row);
        let packed = self.io(packed)?;
        let mut insert = self.sql(
            self.connection
                .prepare_cached("INSERT INTO affected VALUES (?1, ?2, ?3)"),
        )?;
        self.sql(insert.execute(params![number as i64, name, packed]))?;
        if let Some(count) = self.counts.get_mut(number) {
            count.affected += entries.len() as u64;
            count.packages += 1;
        }
        let mut before = None;
        for (advisory, _) in entries.drain(..) {
            if before != Some(advisory) {
                before = Some(advisory);
                self.places.push(Place {
                    advisory,
                    namespace: number as u32,
                    name: name_number as u32,
                });
            }
        }
        Ok(())
    }

    /// Writes the blocks, the listings and the aliases.
    fn advisories(&mut self, runs: Runs, ids: &[(Box<str>, u32)]) -> Result<(), SnapshotError> {
        let mut places = std::mem::take(&mut self.places);
        places.sort_unstable();
        let mut places = places.as_slice();
        let mut aliases = Runs::new(match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        });
        let mut listings: Vec<Listing> = self.counts.iter().map(|_| Listing::default()).collect();
        let mut block = Block::default();
        let mut merge = self.io(runs.merge())?;
        let mut pending = self.io(merge.next())?;
        for (rank, (id, _)) in ids.iter().enumerate() {
            let rank = rank as u32;
            let key = text_key(&[id]);
            let mut parts = Vec::new();
            while let Some((next, value)) = pending.take() {
                if next != key {
                    pending = Some((next, value));
                    break;
                }
                let part = advisory_record::decode(id, &mut Reader::new(&value))
                    .map_err(SnapshotError::damaged(self.path, "a temporary row"))?;
                parts.push(part);
                pending = self.io(merge.next())?;
            }
            let Some(advisory) = advisory_record::merge(parts.into_iter()) else {
                continue;
            };
            let count = places
                .iter()
                .take_while(|place| place.advisory == rank)
                .count();
            let (own, rest) = places.split_at_checked(count).unwrap_or_default();
            places = rest;
            let own: Vec<(u32, Vec<u32>)> = own
                .chunk_by(|a, b| a.namespace == b.namespace)
                .filter_map(|chunk| {
                    let namespace = chunk.first()?.namespace;
                    Some((namespace, chunk.iter().map(|place| place.name).collect()))
                })
                .collect();
            for (namespace, _) in &own {
                if let Some(count) = self.counts.get_mut(*namespace as usize) {
                    count.advisories += 1;
                }
                if let Some(listing) = listings.get_mut(*namespace as usize) {
                    listing.push(rank);
                }
            }
            for alias in advisory.aliases.iter().chain(&advisory.related) {
                self.io(aliases.add(&text_key(&[alias]), &rank.to_be_bytes()))?;
            }
            let mut record = Writer::new();
            record.append(&advisory_record::encode(&advisory));
            encode_places(&own, &mut record);
            if block.is_full_with(record.as_bytes().len()) {
                self.block(&mut block)?;
            }
            block.push(rank, id, record.as_bytes());
        }
        self.block(&mut block)?;
        self.listings(listings)?;
        self.aliases(aliases)
    }

    fn block(&mut self, block: &mut Block) -> Result<(), SnapshotError> {
        let Some((first, name)) = block.head.take() else {
            return Ok(());
        };
        let records = std::mem::take(&mut block.records).into_bytes();
        if records.len() > MAX_ROW {
            return Err(SnapshotError::TooLarge {
                path: self.path.to_owned(),
                what: name,
            });
        }
        let packed = self.packer.pack(&records);
        let packed = self.io(packed)?;
        let mut insert = self.sql(
            self.connection
                .prepare_cached("INSERT INTO block VALUES (?1, ?2, ?3)"),
        )?;
        self.sql(insert.execute(params![first, name, packed]))?;
        Ok(())
    }

    fn listings(&mut self, listings: Vec<Listing>) -> Result<(), SnapshotError> {
        let mut insert = self.sql(
            self.connection
                .prepare_cached("INSERT INTO listing VALUES (?1, ?2, ?3)"),
        )?;
        for (namespace, listing) in listings.into_iter().enumerate() {
            for (first, numbers) in listing.rows {
                let bytes = numbers.into_bytes();
                self.sql(insert.execute(params![namespace as i64, first, bytes]))?;
            }
        }
        Ok(())
    }

    fn aliases(&self, aliases: Runs) -> Result<(), SnapshotError> {
        let mut insert = self.sql(
            self.connection
                .prepare_cached("INSERT INTO alias VALUES (?1, ?2)"),
        )?;
        let mut merge = self.io(aliases.merge())?;
        while let Some((key, value)) = self.io(merge.next())? {
            let name = texts_of(&key).into_iter().next();
            let number = value.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
            if let (Some(name), Some(number)) = (name, number) {
                self.sql(insert.execute(params![name, number]))?;
            }
        }
        Ok(())
    }

    /// Writes names, namespaces and meta, and closes the transaction.
    fn finish(self, meta: &Meta, advisories: u64) -> Result<Vec<NamespaceCount>, SnapshotError> {
        let mut name = self.sql(
            self.connection
                .prepare_cached("INSERT INTO name VALUES (?1, ?2)"),
        )?;
        for (number, text) in self.names.iter().enumerate() {
            self.sql(name.execute(params![number as i64, &**text]))?;
        }
        let mut namespace = self.sql(
            self.connection
                .prepare_cached("INSERT INTO namespace VALUES (?1, ?2, ?3, ?4, ?5)"),
        )?;
        for (number, count) in self.counts.iter().enumerate() {
            self.sql(namespace.execute(params![
                number as i64,
                count.namespace.as_str(),
                count.affected as i64,
                count.packages as i64,
                count.advisories as i64,
            ]))?;
        }
        let mut row = self.sql(
            self.connection
                .prepare_cached("INSERT INTO meta VALUES (?1, ?2)"),
        )?;
        self.sql(row.execute(params!["advisories", advisories as i64]))?;
        self.sql(row.execute(params!["as_of", meta.as_of]))?;
        self.sql(row.execute(params!["feed", meta.feed]))?;
        self.sql(row.execute(params!["key", meta.key]))?;
        drop((name, namespace, row));
        self.sql(self.connection.execute_batch(schema::INDEXES))?;
        self.sql(self.connection.execute_batch("COMMIT"))?;
        self.connection.flush_prepared_statement_cache();
        Ok(self.counts)
    }
}

/// Advisories that are compressed together.
#[derive(Default)]
struct Block {
    head: Option<(u32, String)>,
    records: Writer,
}

impl Block {
    fn is_full_with(&self, more: usize) -> bool {
        self.head.is_some() && self.records.as_bytes().len() + more > BLOCK
    }

    fn push(&mut self, rank: u32, id: &str, record: &[u8]) {
        self.head.get_or_insert_with(|| (rank, id.to_owned()));
        self.records.text(id);
        self.records.len(record.len());
        self.records.append(record);
    }
}

/// A namespace's advisory numbers, in rows of at most [`LISTING`], each less the one before.
#[derive(Default)]
struct Listing {
    rows: Vec<(u32, Writer)>,
    in_row: usize,
    before: u32,
}

impl Listing {
    fn push(&mut self, rank: u32) {
        if self.in_row == LISTING || self.rows.is_empty() {
            self.rows.push((rank, Writer::new()));
            self.in_row = 0;
            self.before = rank;
        }
        if let Some((_, row)) = self.rows.last_mut() {
            row.int(u64::from(rank - self.before));
            self.before = rank;
            self.in_row += 1;
        }
    }
}
