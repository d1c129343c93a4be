//! Pages of a Berkeley DB file.
//!
//! Every page begins with 26 bytes: log position, own number, previous and next page, entries, free
//! space, level, kind; then 16-bit offsets of its items, which lie at its end. An overflow page has
//! its length where others have their free space.

use super::super::{RpmdbError, array};
use super::{BTREE_MAGIC, HASH_MAGIC, damaged, unsupported};

const META_PAGE: usize = 512;
/// Size of what every page begins with.
pub(super) const PAGE_HEAD: usize = 26;

/// The file as pages in one byte order.
#[derive(Clone, Copy)]
pub(super) struct Pages<'a> {
    bytes: &'a [u8],
    big_endian: bool,
    size: usize,
    /// Number of the last page.
    pub(super) last: u32,
}

impl<'a> Pages<'a> {
    /// The file's pages and its meta page, once that is one we can read.
    pub(super) fn open(bytes: &'a [u8]) -> Result<(Self, Page<'a>), RpmdbError> {
        let Some(head) = bytes.get(..META_PAGE) else {
            return damaged(0, "the file ends within its meta page");
        };
        let magic = array(head, 12).map(u32::from_be_bytes);
        let big_endian = matches!(magic, Some(HASH_MAGIC | BTREE_MAGIC));
        let meta = Page {
            bytes: head,
            offset: 0,
            big_endian,
        };
        let versions = if meta.u32(12) == HASH_MAGIC {
            8..=10
        } else {
            9..=10
        };
        if !versions.contains(&meta.u32(16)) {
            return unsupported("an unknown version of the format");
        }
        if meta.u8(24) != 0 {
            return unsupported("it is encrypted");
        }
        if meta.u8(26) != 0 || meta.u32(36) != 0 {
            return unsupported("it is checksummed or partitioned");
        }
        let size = meta.u32(20) as usize;
        if !size.is_power_of_two() || !(META_PAGE..=65536).contains(&size) {
            return damaged(0, "an impossible page size");
        }
        let last = meta.u32(32);
        if bytes.len() / size <= last as usize {
            return damaged(bytes.len(), "the file ends before its last page");
        }
        Ok((
            Self {
                bytes,
                big_endian,
                size,
                last,
            },
            meta,
        ))
    }

    /// A page other than the meta page.
    pub(super) fn page(&self, number: u32) -> Result<Page<'a>, RpmdbError> {
        let page = self.unchecked(number);
        if number == 0 || number > self.last {
            return page.damaged("a reference to a page that is not there");
        }
        if page.u32(8) != number {
            return page.damaged("a page that carries another page's number");
        }
        Ok(page)
    }

    /// Whatever is at a page's place; nothing past the end of the file.
    pub(super) fn unchecked(&self, number: u32) -> Page<'a> {
        let offset = number as usize * self.size;
        let bytes = self
            .bytes
            .get(offset..)
            .and_then(|rest| rest.get(..self.size));
        Page {
            bytes: bytes.unwrap_or_default(),
            offset,
            big_endian: self.big_endian,
        }
    }
}

/// One page; what lies past its end reads as zero.
#[derive(Clone, Copy)]
pub(super) struct Page<'a> {
    pub(super) bytes: &'a [u8],
    offset: usize,
    big_endian: bool,
}

impl<'a> Page<'a> {
    pub(super) fn u8(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or_default()
    }

    pub(super) fn u16(&self, at: usize) -> usize {
        let bytes = array(self.bytes, at).unwrap_or_default();
        let value = if self.big_endian {
            u16::from_be_bytes
        } else {
            u16::from_le_bytes
        };
        usize::from(value(bytes))
    }

    pub(super) fn u32(&self, at: usize) -> u32 {
        self.decode(array(self.bytes, at).unwrap_or_default())
    }

    /// A number in the file's byte order.
    pub(super) fn decode(&self, bytes: [u8; 4]) -> u32 {
        if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    }

    pub(super) fn previous(&self) -> u32 {
        self.u32(12)
    }

    pub(super) fn next(&self) -> u32 {
        self.u32(16)
    }

    pub(super) fn entries(&self) -> usize {
        self.u16(20)
    }

    pub(super) fn kind(&self) -> u8 {
        self.u8(25)
    }

    /// Offset in the page of its item `index`, which lies behind the array of offsets.
    pub(super) fn item(&self, index: usize) -> Result<usize, RpmdbError> {
        let at = self.u16(PAGE_HEAD + 2 * index);
        if at < PAGE_HEAD + 2 * self.entries() || at >= self.bytes.len() {
            return self.damaged("an item outside its page");
        }
        Ok(at)
    }

    pub(super) fn damaged<T>(&self, what: &'static str) -> Result<T, RpmdbError> {
        damaged(self.offset, what)
    }
}
