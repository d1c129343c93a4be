//! A snapshot that is read: look-ups by package, by id, by namespace.
//!
//! The file is opened read-only, immutable and memory-mapped; nothing is checked twice while it is
//! open. Opening reads the header and the table of namespaces; the digest is checked by
//! [`Snapshot::verify`], not on every start. A damaged row is an error that names the file, never an
//! empty answer.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use pellucid_model::{Advisory, Affected, Digest, Namespace};
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

use crate::advisory_record::{self, Places, decode_places};
use crate::builder::digest_of;
use crate::cache::Cache;
use crate::codec::{MAX_ROW, Malformed, Reader, unpack};
use crate::{Meta, NamespaceCount, SnapshotError, package_row, schema};

/// Decoded package entries kept, in entries; a package without any counts as one.
const CACHED_ENTRIES: usize = 100_000;
/// Inflated blocks of advisories kept, in bytes.
const CACHED_BLOCKS: usize = 8 << 20;

/// Number of an advisory within one snapshot, in the order of ids.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct AdvisoryRef(u32);

impl AdvisoryRef {
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
        let namespaces = namespaces(&connection).map_err(unreadable(&path))?;
        Ok(Self {
            path,
            digest,
            bytes,
            meta,
            advisories,
            namespaces,
            blocks: OnceLock::new(),
            idle: Mutex::new(vec![connection]),
            packages: Cache::new(CACHED_ENTRIES / 2),
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
        for namespace in 0..self.namespaces.len() {
            self.each_package(namespace as u32, |_, _| Ok(()))?;
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

    /// Advisories that carry this id or alias, else those that speak of a package of this name; in
    /// the order of ids, at most `limit`.
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
            for namespace in 0..self.namespaces.len() {
                let entries = self.entries(namespace as u32, text)?;
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

    pub(crate) fn namespace_number(&self, namespace: &str) -> Option<u32> {
        self.namespaces
            .binary_search_by(|count| count.namespace.as_str().cmp(namespace))
            .ok()
            .map(|number| number as u32)
    }

    /// Calls with every package of a namespace, sorted by name.
    pub(crate) fn each_package(
        &self,
        namespace: u32,
        mut call: impl FnMut(String, Vec<Entry>) -> Result<(), SnapshotError>,
    ) -> Result<(), SnapshotError> {
        let mut after: Option<String> = None;
        loop {
            let page = self.package_page(namespace, after.as_deref())?;
            let Some((last, _)) = page.last() else {
                return Ok(());
            };
            after = Some(last.clone());
            for (name, entries) in page {
                call(name, entries)?;
            }
        }
    }

    /// Some packages of a namespace after a name, in the order of names; none at the end.
    pub(crate) fn package_page(
        &self,
        namespace: u32,
        after: Option<&str>,
    ) -> Result<Vec<(String, Vec<Entry>)>, SnapshotError> {
        let rows: Vec<(String, Vec<u8>)> = self.with(|connection| {
            let mut query = connection.prepare_cached(
                "SELECT name, entries FROM affected
                 WHERE namespace = ?1 AND (?2 IS NULL OR name > ?2) ORDER BY name LIMIT 256",
            )?;
            query
                .query_map(params![namespace, after], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?
                .collect()
        })?;
        rows.into_iter()
            .map(|(name, bytes)| {
                let entries = self.decode(namespace, &name, &bytes)?;
                Ok((name, entries))
            })
            .collect()
    }

    /// The id and severity-bearing part of every advisory, in order.
    pub(crate) fn each_advisory(
        &self,
        mut call: impl FnMut(Advisory),
    ) -> Result<(), SnapshotError> {
        for number in 0..self.advisories {
            self.with_record(AdvisoryRef(number), |advisory, _| call(advisory))?;
        }
        Ok(())
    }

    fn entries(&self, namespace: u32, package: &str) -> Result<Arc<[Entry]>, SnapshotError> {
        let key = (namespace, Box::<str>::from(package));
        if let Some(entries) = self.packages.get(&key) {
            return Ok(entries);
        }
        let row: Option<Vec<u8>> = self.with(|connection| {
            connection
                .prepare_cached("SELECT entries FROM affected WHERE namespace = ?1 AND name = ?2")?
                .query_row(params![namespace, package], |row| row.get(0))
                .optional()
        })?;
        let entries: Arc<[Entry]> = match row {
            Some(bytes) => self.decode(namespace, package, &bytes)?.into(),
            None => Arc::new([]),
        };
        self.packages
            .put(key, entries.clone(), entries.len().max(1));
        Ok(entries)
    }

    fn decode(
        &self,
        namespace: u32,
        package: &str,
        bytes: &[u8],
    ) -> Result<Vec<Entry>, SnapshotError> {
        let name = self
            .namespaces
            .get(namespace as usize)
            .map(|count| count.namespace.clone());
        let name = name.unwrap_or_else(|| Namespace::new(""));
        let row = unpack(bytes).and_then(|row| package_row::decode(&row, &name, package));
        let row = row.map_err(|malformed| {
            SnapshotError::damaged(&self.path, &format!("package {package:?} of {name}"))(malformed)
        })?;
        Ok(row
            .into_iter()
            .map(|(advisory, affected)| Entry {
                advisory: AdvisoryRef(advisory),
                affected,
            })
            .collect())
    }

    fn with_places(
        &self,
        advisory: AdvisoryRef,
        wanted: impl Fn(u32) -> bool,
    ) -> Result<Advisory, SnapshotError> {
        let (mut whole, places) =
            self.with_record(advisory, |advisory, places| (advisory, places))?;
        for (namespace, names) in places {
            if !wanted(namespace) {
                continue;
            }
            for name in names {
                let name = self.name(name)?;
                let entries = self.entries(namespace, &name)?;
                let from = entries.partition_point(|entry| entry.advisory < advisory);
                let own = entries
                    .iter()
                    .skip(from)
                    .take_while(|entry| entry.advisory == advisory);
                whole
                    .affected
                    .extend(own.map(|entry| entry.affected.clone()));
            }
        }
        Ok(whole)
    }

    fn name(&self, number: u32) -> Result<String, SnapshotError> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT name FROM name WHERE id = ?1")?
                .query_row([number], |row| row.get(0))
        })
    }

    fn with_record<T>(
        &self,
        advisory: AdvisoryRef,
        take: impl FnOnce(Advisory, Places) -> T,
    ) -> Result<T, SnapshotError> {
        let AdvisoryRef(number) = advisory;
        let block = self.block_of(number)?;
        let (id, mut reader) = block
            .record(number)
            .ok_or_else(|| self.no_advisory(number))?;
        let decoded = advisory_record::decode(id, &mut reader).and_then(|advisory| {
            let places = decode_places(&mut reader)?;
            reader.finish()?;
            Ok((advisory, places))
        });
        let (advisory, places) = decoded.map_err(|malformed| {
            SnapshotError::damaged(&self.path, &format!("advisory {id:?}"))(malformed)
        })?;
        Ok(take(advisory, places))
    }

    fn no_advisory(&self, number: u32) -> SnapshotError {
        let what = format!("advisory number {number} is not there");
        SnapshotError::Damaged {
            path: self.path.clone(),
            what,
        }
    }

    /// Number of the first advisory whose id is not less than this one.
    fn first_not_before(&self, id: &str) -> Result<u32, SnapshotError> {
        let blocks = self.block_index()?;
        let after = blocks.partition_point(|(name, _)| **name <= *id);
        let Some((_, first)) = after.checked_sub(1).and_then(|at| blocks.get(at)) else {
            return Ok(0);
        };
        let block = self.block_of(*first)?;
        Ok(*first + block.first_not_before(id))
    }

    fn block_index(&self) -> Result<&[(Box<str>, u32)], SnapshotError> {
        if let Some(blocks) = self.blocks.get() {
            return Ok(blocks);
        }
        let blocks: Vec<(Box<str>, u32)> = self.with(|connection| {
            // The index holds both columns, so that no block is touched.
            let mut query = connection.prepare("SELECT name, first FROM block ORDER BY name")?;
            query
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })?;
        if !blocks.is_sorted_by_key(|(_, first)| *first) {
            let what = "blocks are out of order".to_owned();
            return Err(SnapshotError::Damaged {
                path: self.path.clone(),
                what,
            });
        }
        Ok(self.blocks.get_or_init(|| blocks))
    }

    fn block_of(&self, number: u32) -> Result<Arc<Block>, SnapshotError> {
        let blocks = self.block_index()?;
        let after = blocks.partition_point(|(_, first)| *first <= number);
        let (_, first) = after
            .checked_sub(1)
            .and_then(|at| blocks.get(at))
            .ok_or_else(|| self.no_advisory(number))?;
        if let Some(block) = self.inflated.get(first) {
            return Ok(block);
        }
        let bytes: Vec<u8> = self.with(|connection| {
            connection
                .prepare_cached("SELECT advisories FROM block WHERE first = ?1")?
                .query_row([first], |row| row.get(0))
        })?;
        let block = unpack(&bytes).and_then(|bytes| Block::read(*first, bytes.into_owned()));
        let block = block.map_err(|malformed| {
            SnapshotError::damaged(&self.path, &format!("block {first}"))(malformed)
        })?;
        let block = Arc::new(block);
        self.inflated.put(*first, block.clone(), block.bytes.len());
        Ok(block)
    }

    /// At most `limit` advisory numbers of a namespace's listing, from a number on.
    fn listed(&self, namespace: u32, from: u32, limit: usize) -> Result<Vec<u32>, SnapshotError> {
        // The row that holds `from` begins at or before it.
        let mut after: i64 = self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT ifnull(max(first), 0) - 1 FROM listing
                     WHERE namespace = ?1 AND first <= ?2",
                )?
                .query_row(params![namespace, from], |row| row.get(0))
        })?;
        let mut numbers = Vec::new();
        while numbers.len() < limit {
            let row: Option<(u32, Vec<u8>)> = self.with(|connection| {
                connection
                    .prepare_cached(
                        "SELECT first, advisories FROM listing
                         WHERE namespace = ?1 AND first > ?2 ORDER BY first LIMIT 1",
                    )?
                    .query_row(params![namespace, after], |row| {
                        Ok((row.get(0)?, row.get(1)?))
                    })
                    .optional()
            })?;
            let Some((first, bytes)) = row else { break };
            after = i64::from(first);
            let (mut number, mut reader) = (first, Reader::new(&bytes));
            while !reader.is_empty() && numbers.len() < limit {
                let step = reader.int32().map_err(|malformed| {
                    SnapshotError::damaged(&self.path, "a listing")(malformed)
                })?;
                number = number.saturating_add(step);
                if number >= from {
                    numbers.push(number);
                }
            }
        }
        Ok(numbers)
    }

    /// Runs a query on an idle connection, or on a new one.
    fn with<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, SnapshotError> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connect(&self.path)?,
        };
        let answer = query(&connection);
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(connection);
        answer.map_err(SnapshotError::unreadable(&self.path))
    }
}

/// Some hundreds of advisories, inflated.
struct Block {
    first: u32,
    bytes: Vec<u8>,
    /// Where each record's id begins.
    records: Vec<u32>,
}

impl Block {
    fn read(first: u32, bytes: Vec<u8>) -> Result<Self, Malformed> {
        let mut records = Vec::new();
        let mut reader = Reader::new(&bytes);
        while !reader.is_empty() {
            records.push((bytes.len() - reader.remaining()) as u32);
            reader.text()?;
            let len = reader.count()?;
            reader.bytes(len)?;
        }
        Ok(Self {
            first,
            bytes,
            records,
        })
    }

    fn record(&self, number: u32) -> Option<(&str, Reader<'_>)> {
        self.nth(number.checked_sub(self.first)? as usize)
    }

    fn nth(&self, index: usize) -> Option<(&str, Reader<'_>)> {
        let start = *self.records.get(index)? as usize;
        let mut reader = Reader::new(self.bytes.get(start..)?);
        let id = reader.text().ok()?;
        let len = reader.count().ok()?;
        Some((id, Reader::new(reader.bytes(len).ok()?)))
    }

    /// How many ids of the block are less than this one.
    fn first_not_before(&self, id: &str) -> u32 {
        let (mut low, mut high) = (0, self.records.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.nth(middle).is_some_and(|(name, _)| name < id) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low as u32
    }
}

/// Checks SQLite's header, ours in it, and that the file is as long as it says; gives its length.
fn check_header(path: &Path) -> Result<u64, SnapshotError> {
    let damaged = |what| SnapshotError::Damaged {
        path: path.to_owned(),
        what,
    };
    let mut file = File::open(path).map_err(SnapshotError::io("open", path))?;
    let length = file
        .metadata()
        .map_err(SnapshotError::io("read", path))?
        .len();
    let mut header = [0; 100];
    if length < 100 {
        return Err(damaged("it is too short".to_owned()));
    }
    file.read_exact(&mut header)
        .map_err(SnapshotError::io("read", path))?;
    let number = |at: usize| {
        let bytes = header.get(at..).and_then(|bytes| bytes.first_chunk());
        i64::from(bytes.map_or(0, |bytes| u32::from_be_bytes(*bytes)))
    };
    if !header.starts_with(b"SQLite format 3\0") || number(68) != schema::APPLICATION_ID {
        return Err(damaged("it is no snapshot".to_owned()));
    }
    if number(60) != schema::FORMAT {
        let (path, expected) = (path.to_owned(), schema::FORMAT);
        return Err(SnapshotError::Format {
            path,
            found: number(60),
            expected,
        });
    }
    // Page size and page count: a copy that was cut short fails here and not in some look-up.
    let expected = (number(14) & 0xffff).unsigned_abs() * number(28).unsigned_abs();
    if expected != length {
        return Err(damaged(format!(
            "it has {length} bytes instead of {expected}"
        )));
    }
    Ok(length)
}

fn connect(path: &Path) -> Result<Connection, SnapshotError> {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            uri.push('%');
            for half in [byte >> 4, byte & 15] {
                uri.extend(char::from_digit(u32::from(half), 16));
            }
        }
    }
    uri.push_str("?mode=ro&immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(&uri, flags)?;
        connection.execute_batch(
            "PRAGMA trusted_schema = OFF; PRAGMA mmap_size = 17179869184; PRAGMA cache_size = -256;",
        )?;
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_ROW as i32 + 1024)?;
        Ok(connection)
    };
    open().map_err(SnapshotError::unreadable(path))
}

fn namespaces(connection: &Connection) -> rusqlite::Result<Vec<NamespaceCount>> {
    let mut query = connection
        .prepare("SELECT name, affected, packages, advisories FROM namespace ORDER BY id")?;
    let count = |row: &rusqlite::Row<'_>, at| row.get::<_, i64>(at).map(i64::unsigned_abs);
    query
        .query_map([], |row| {
            Ok(NamespaceCount {
                namespace: Namespace::new(row.get::<_, String>(0)?),
                affected: count(row, 1)?,
                packages: count(row, 2)?,
                advisories: count(row, 3)?,
            })
        })?
        .collect()
}
