//! The write-ahead log of an SQLite database: `rpmdb.sqlite-wal`.
//!
//! A head of 32 bytes, then frames: 24 bytes and one page. A frame counts if it has the head's two
//! salts and its running checksum is right; frames behind them are left from an earlier round of the
//! log. A transaction counts once its last frame gives the database's size in pages, so frames after
//! the last such frame are dropped, as SQLite drops them.
//! Source: <https://www.sqlite.org/fileformat2.html#walformat>.
//!
//! SQLite also drops, silently, whatever follows a torn frame. Here a frame with the right salts and
//! a wrong checksum, or only a part of a frame, is an error: packages may be missing.

use std::collections::BTreeMap;

use super::super::{RpmdbError, array, be32};

const HEAD: usize = 32;
const FRAME_HEAD: usize = 24;
const MAGIC: u32 = 0x377f_0682;

/// The pages of all committed transactions.
#[derive(Default)]
pub(super) struct Wal<'a> {
    committed: BTreeMap<u32, &'a [u8]>,
    page_size: Option<usize>,
    pages: Option<u32>,
}

impl<'a> Wal<'a> {
    /// Whether the bytes begin with the magic of a log.
    pub(super) fn recognises(log: &[u8]) -> bool {
        // The lowest bit tells the byte order of checksums.
        be32(log, 0).is_some_and(|magic| magic & !1 == MAGIC)
    }

    pub(super) fn open(log: &'a [u8]) -> Result<Self, RpmdbError> {
        let mut wal = Self::default();
        // A log that was checkpointed and cut.
        if log.is_empty() {
            return Ok(wal);
        }
        let Some((head, mut frames)) = log.split_at_checked(HEAD) else {
            return damaged(0, "it ends within its head");
        };
        if !Self::recognises(head) || be32(head, 4) != Some(3_007_000) {
            return damaged(0, "a head that is no log's");
        }
        let page_size = be32(head, 8).unwrap_or_default() as usize;
        if !page_size.is_power_of_two() || !(512..=65536).contains(&page_size) {
            return damaged(8, "an impossible page size");
        }
        let mut sum = Checksum {
            big_endian: be32(head, 0) == Some(MAGIC | 1),
            a: 0,
            b: 0,
        };
        sum.add(head.get(..24).unwrap_or_default());
        if !sum.is_at(head, 24) {
            return damaged(24, "a head with a wrong checksum");
        }
        let salts: Option<[u8; 8]> = array(head, 16);
        let mut open = Vec::new();
        while !frames.is_empty() {
            let at = log.len() - frames.len();
            let Some((frame, rest)) = frames.split_at_checked(FRAME_HEAD) else {
                return damaged(at, "it ends within a frame");
            };
            if array(frame, 8) != salts {
                break;
            }
            let Some((page, rest)) = rest.split_at_checked(page_size) else {
                return damaged(at, "it ends within a frame");
            };
            sum.add(frame.get(..8).unwrap_or_default());
            sum.add(page);
            if !sum.is_at(frame, 16) {
                return damaged(at, "a frame with a wrong checksum");
            }
            let (number, pages) = (be32(frame, 0).unwrap_or_default(), be32(frame, 4));
            if number == 0 {
                return damaged(at, "a frame of page 0");
            }
            open.push((number, page));
            if let Some(pages) = pages.filter(|pages| *pages > 0) {
                wal.committed.extend(open.drain(..));
                wal.pages = Some(pages);
                wal.page_size = Some(page_size);
            }
            frames = rest;
        }
        Ok(wal)
    }

    /// The newest content of a page, if the log has one.
    pub(super) fn page(&self, number: u32) -> Option<&'a [u8]> {
        self.committed.get(&number).copied()
    }

    /// Page size of the log, if a transaction in it counts.
    pub(super) fn page_size(&self) -> Option<usize> {
        self.page_size
    }

    /// Pages of the database after the last transaction that counts.
    pub(super) fn pages(&self) -> Option<u32> {
        self.pages
    }
}

/// The running sum over pairs of 32-bit words.
struct Checksum {
    big_endian: bool,
    a: u32,
    b: u32,
}

impl Checksum {
    fn add(&mut self, bytes: &[u8]) {
        let word = if self.big_endian {
            u32::from_be_bytes
        } else {
            u32::from_le_bytes
        };
        for [a, b] in bytes.as_chunks().0.as_chunks().0 {
            self.a = self.a.wrapping_add(word(*a)).wrapping_add(self.b);
            self.b = self.b.wrapping_add(word(*b)).wrapping_add(self.a);
        }
    }

    fn is_at(&self, bytes: &[u8], at: usize) -> bool {
        (be32(bytes, at), be32(bytes, at + 4)) == (Some(self.a), Some(self.b))
    }
}

fn damaged<T>(offset: usize, what: &'static str) -> Result<T, RpmdbError> {
    Err(RpmdbError::DamagedWal {
        offset: offset as u64,
        what,
    })
}
