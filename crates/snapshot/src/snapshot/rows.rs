//! Rows of an open snapshot: fetched, inflated, decoded, kept.

use std::sync::{Arc, PoisonError};

use pellucid_model::{Advisory, Namespace};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::block::Block;
use super::opening::connect;
use super::{AdvisoryRef, Entry, Snapshot};
use crate::SnapshotError;
use crate::advisory_record::{self, Places, decode_places};
use crate::built_from::{self, BuiltFrom};
use crate::codec::{Reader, unpack};
use crate::package_row::{self, MAX_DECODED};

/// Bytes of packages after which no more of the file are read at once.
const PAGE: usize = 1 << 20;
/// Bytes of memory after which no more are decoded at once.
const PAGE_DECODED: usize = 16 << 20;

impl Snapshot {
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

    /// Some packages of a namespace after a name, in the order of names; none at the end. How many is
    /// bounded by number, by bytes of the file, and by what they become.
    pub(crate) fn package_page(
        &self,
        namespace: u32,
        after: Option<&str>,
    ) -> Result<Vec<(String, Vec<Entry>)>, SnapshotError> {
        let packed: Vec<(String, Vec<u8>)> = self.with(|connection| {
            let mut query = connection.prepare_cached(
                "SELECT name, entries FROM affected
                 WHERE namespace = ?1 AND (?2 IS NULL OR name > ?2) ORDER BY name LIMIT 256",
            )?;
            let mut rows = query.query(params![namespace, after])?;
            let mut page = Vec::new();
            let mut bytes = 0;
            while bytes < PAGE
                && let Some(row) = rows.next()?
            {
                let (name, entries): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
                bytes += name.len() + entries.len();
                page.push((name, entries));
            }
            Ok(page)
        })?;
        let mut page: Vec<(String, Vec<Entry>)> = Vec::with_capacity(packed.len());
        let mut bytes = 0;
        for (name, entries) in packed {
            // Without an order there is no end.
            let before = page.last().map(|(name, _)| name.as_str()).or(after);
            if before.is_some_and(|before| *before >= *name) {
                return Err(self.out_of_order("packages"));
            }
            if bytes >= PAGE_DECODED {
                break;
            }
            let entries = self.decode(namespace, &name, &entries)?;
            let costs = entries
                .iter()
                .map(|entry| package_row::cost(&entry.affected));
            bytes += costs.sum::<usize>();
            page.push((name, entries));
        }
        Ok(page)
    }

    fn out_of_order(&self, what: &str) -> SnapshotError {
        SnapshotError::Damaged {
            path: self.path.clone(),
            what: format!("{what} are out of order"),
        }
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

    pub(super) fn entries(
        &self,
        namespace: u32,
        package: &str,
    ) -> Result<Arc<[Entry]>, SnapshotError> {
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
        let packed = row.as_ref().map_or(0, Vec::len);
        let entries: Arc<[Entry]> = match row {
            Some(bytes) => self.decode(namespace, package, &bytes)?.into(),
            None => Arc::new([]),
        };
        // What an entry points to is about as large as its share of the row is packed.
        let cost = 2 * package.len() + packed + 128 + size_of_val(&*entries);
        self.packages.put(key, entries.clone(), cost);
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

    /// What the binary packages of a namespace were built from.
    pub(crate) fn all_built_from(&self, namespace: &str) -> Result<&BuiltFrom, SnapshotError> {
        static NOTHING: BuiltFrom = BuiltFrom::new();
        let number = self.namespace_number(namespace);
        let Some(slot) = number.and_then(|number| self.built_from.get(number as usize)) else {
            return Ok(&NOTHING);
        };
        if let Some(known) = slot.get() {
            return Ok(known);
        }
        let key = built_from::key(namespace);
        let row: Option<Vec<u8>> = self.with(|connection| {
            connection
                .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
                .query_row([&key], |row| row.get(0))
                .optional()
        })?;
        let read = row.map_or(Ok(BuiltFrom::new()), |row| {
            unpack(&row).and_then(|row| BuiltFrom::decode(&row))
        });
        let read = read.map_err(SnapshotError::damaged(&self.path, &key))?;
        Ok(slot.get_or_init(|| read))
    }

    pub(super) fn with_places(
        &self,
        advisory: AdvisoryRef,
        wanted: impl Fn(u32) -> bool,
    ) -> Result<Advisory, SnapshotError> {
        let (mut whole, places) =
            self.with_record(advisory, |advisory, places| (advisory, places))?;
        // A package's row is bounded; an advisory may speak of many.
        let mut left = MAX_DECODED;
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
                for Entry { affected, .. } in own {
                    left = left
                        .checked_sub(package_row::cost(affected))
                        .ok_or_else(|| self.too_large(&whole.id))?;
                    whole.affected.push(affected.clone());
                }
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

    pub(super) fn with_record<T>(
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

    fn too_large(&self, id: &str) -> SnapshotError {
        SnapshotError::Damaged {
            path: self.path.clone(),
            what: format!("advisory {id:?} becomes larger than one may"),
        }
    }

    pub(super) fn no_advisory(&self, number: u32) -> SnapshotError {
        let what = format!("advisory number {number} is not there");
        SnapshotError::Damaged {
            path: self.path.clone(),
            what,
        }
    }

    /// Number of the first advisory whose id is not less than this one.
    pub(super) fn first_not_before(&self, id: &str) -> Result<u32, SnapshotError> {
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
        let blocks: Option<Vec<(Box<str>, u32)>> = self.with(|connection| {
            // The index holds both columns, so that no block is touched.
            let mut query = connection.prepare("SELECT name, first FROM block ORDER BY name")?;
            let mut rows = query.query([])?;
            let mut blocks: Vec<(Box<str>, u32)> = Vec::new();
            let mut left = self.bytes;
            while let Some(row) = rows.next()? {
                let (name, first): (Box<str>, u32) = (row.get(0)?, row.get(1)?);
                let is_next = blocks
                    .last()
                    .is_none_or(|(before, number)| **before < *name && *number < first);
                // The file holds each name once.
                let Some(after) = left.checked_sub(name.len() as u64).filter(|_| is_next) else {
                    return Ok(None);
                };
                left = after;
                blocks.push((name, first));
            }
            Ok(Some(blocks))
        })?;
        let blocks = blocks.ok_or_else(|| self.out_of_order("blocks"))?;
        Ok(self.blocks.get_or_init(|| blocks))
    }

    pub(super) fn block_of(&self, number: u32) -> Result<Arc<Block>, SnapshotError> {
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
    pub(super) fn listed(
        &self,
        namespace: u32,
        from: u32,
        limit: usize,
    ) -> Result<Vec<u32>, SnapshotError> {
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
            if i64::from(first) <= after {
                return Err(self.out_of_order("listings"));
            }
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
    pub(super) fn with<T>(
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

#[cfg(test)]
mod tests {
    use pellucid_model::{Affected, NameKind, Status};
    use pellucid_version::Range;

    use super::*;
    use crate::{Builder, Meta};

    #[test]
    fn packages_are_read_in_pages_of_bounded_size() {
        let directory = tempfile::tempdir().unwrap();
        let meta = Meta {
            key: "debian".to_owned(),
            feed: "debian".to_owned(),
            as_of: None,
        };
        let mut builder = Builder::create(directory.path().join("a"), meta).unwrap();
        // Text that zstd makes hardly shorter.
        let mut seed = 1_u64;
        let mut noise = || -> String {
            let mut letter = || {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                char::from(b' ' + (seed >> 40) as u8 % 90)
            };
            (0..128 << 10).map(|_| letter()).collect()
        };
        for number in 0..40 {
            let mut advisory = Advisory::new(format!("CVE-2024-{number:04}"));
            advisory.affected.push(Affected {
                namespace: Namespace::from("debian:12"),
                package: format!("p{number:02}"),
                name_kind: NameKind::Source,
                status: Status::Affected,
                ranges: vec![Range::all()],
                versions: Vec::new(),
                severity: None,
                arches: Vec::new(),
                module: None,
                cpes: Vec::new(),
                note: Some(noise()),
            });
            builder.add(&advisory).unwrap();
        }
        let built = builder.finish().unwrap();
        let snapshot = Snapshot::open(built.path, built.digest).unwrap();
        let first = snapshot.package_page(0, None).unwrap();
        assert!((1..20).contains(&first.len()), "{}", first.len());
        let mut names = Vec::new();
        let call = |name, _| {
            names.push(name);
            Ok(())
        };
        snapshot.each_package(0, call).unwrap();
        assert_eq!(names.len(), 40);
        snapshot.verify().unwrap();
    }
}
