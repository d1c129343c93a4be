//! The tables of a snapshot, filled in one pass each.
//!
//! First the rows per package, which tell where each advisory speaks of what; then the advisories
//! with those places; last what is small.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use pellucid_model::{Affected, Namespace, Severity};
use rusqlite::{Connection, params};

use crate::advisory_record::{self, encode_places};
use crate::built_from::{self, Gathered};
use crate::codec::{MAX_ROW, Packer, Reader, Writer};
use crate::package_row::{self, MAX_DECODED};
use crate::runs::Runs;
use crate::text_key::{text_key, texts_of};
use crate::{Meta, NamespaceCount, SnapshotError, schema};

/// Bytes of one block of advisories before compression. Half the size costs a tenth more file.
const BLOCK: usize = 128 << 10;
/// Advisory numbers in one row of a namespace's listing.
const LISTING: usize = 4096;

/// One place where an advisory speaks of a package, by number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    advisory: u32,
    namespace: u32,
    name: u32,
}

/// The file while its tables are filled, in order.
pub(super) struct Writing<'a> {
    pub(super) path: &'a Path,
    pub(super) connection: &'a Connection,
    pub(super) packer: Packer,
    pub(super) names: Vec<Box<str>>,
    pub(super) counts: Vec<NamespaceCount>,
    pub(super) places: Vec<Place>,
}

impl Writing<'_> {
    fn sql<T>(&self, result: rusqlite::Result<T>) -> Result<T, SnapshotError> {
        result.map_err(SnapshotError::build(self.path))
    }

    fn io<T>(&self, result: io::Result<T>) -> Result<T, SnapshotError> {
        result.map_err(SnapshotError::io("write", self.path))
    }

    pub(super) fn begin(&self) -> Result<(), SnapshotError> {
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
    pub(super) fn affected(
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
        // What is written must be read again.
        let costs = entries.iter().map(|(_, one)| package_row::cost(one));
        let strings = row.len() * size_of::<&str>();
        if row.len() > MAX_ROW || costs.sum::<usize>() + strings > MAX_DECODED {
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
    pub(super) fn advisories(
        &mut self,
        runs: Runs,
        ids: &[(Box<str>, u32)],
    ) -> Result<(), SnapshotError> {
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

    /// Writes what the binary packages of the namespaces were built from.
    pub(super) fn built_from(
        &mut self,
        gathered: &HashMap<Namespace, Gathered>,
    ) -> Result<(), SnapshotError> {
        let rows: Vec<(String, Vec<u8>)> = self
            .counts
            .iter()
            .filter_map(|count| {
                let row = gathered.get(&count.namespace)?.encode()?;
                Some((built_from::key(count.namespace.as_str()), row))
            })
            .collect();
        for (key, row) in rows {
            if row.len() > MAX_ROW {
                return Err(SnapshotError::TooLarge {
                    path: self.path.to_owned(),
                    what: key,
                });
            }
            let packed = self.packer.pack(&row);
            let packed = self.io(packed)?;
            let mut insert = self.sql(
                self.connection
                    .prepare_cached("INSERT INTO meta VALUES (?1, ?2)"),
            )?;
            self.sql(insert.execute(params![key, packed]))?;
        }
        Ok(())
    }

    /// Writes names, namespaces and meta, and closes the transaction.
    pub(super) fn finish(
        self,
        meta: &Meta,
        advisories: u64,
    ) -> Result<Vec<NamespaceCount>, SnapshotError> {
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
