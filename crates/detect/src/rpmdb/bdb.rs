//! Berkeley DB, hash and btree: `Packages` of rpm before 4.16, and of rpm5.
//!
//! Page 0 is the meta page; its magic, in the byte order of the machine that wrote it, tells hash
//! (versions 8 to 10) from btree (9 and 10). Keys are 4-byte header numbers; key 0 holds the highest
//! number given out and no header. Blobs rarely fit a page: an off-page item names the first of a
//! chain of overflow pages and the total length. A hash bucket is a chain of pages; the meta page's
//! `spares` turn its number into its first page. A bucket that was allocated and never written is a
//! page of zeros, which rpm refuses and so do we.
//! Source: `db_page.h` of Berkeley DB, `lib/backend/bdb_ro.c` of rpm.
//!
//! Not here: checksummed, encrypted and partitioned files, duplicates (rpm writes none), and the
//! meta page's count of keys, which includes a hint given when the file was made.

mod page;

use std::collections::HashSet;

use page::{PAGE_HEAD, Page, Pages};

use super::{Backend, RpmdbError, Sink, array};

const HASH_MAGIC: u32 = 0x0006_1561;
const BTREE_MAGIC: u32 = 0x0005_3162;

const UNSORTED_HASH: u8 = 2;
const BTREE_INTERNAL: u8 = 3;
const BTREE_LEAF: u8 = 5;
const OVERFLOW: u8 = 7;
const SORTED_HASH: u8 = 13;

const ITEM_HERE: u8 = 1;
const ITEM_OFF_PAGE: u8 = 3;
const ITEM_DELETED: u8 = 0x80;

/// Whether the bytes begin with a Berkeley DB meta page of either method and byte order.
pub(super) fn recognises(database: &[u8]) -> bool {
    array(database, 12).is_some_and(|magic| {
        [HASH_MAGIC, BTREE_MAGIC]
            .into_iter()
            .any(|known| magic == known.to_le_bytes() || magic == known.to_be_bytes())
    })
}

pub(super) fn read(database: &[u8], sink: &mut Sink<'_>) -> Result<(), RpmdbError> {
    let (pages, meta) = Pages::open(database)?;
    let mut walk = Walk {
        pages,
        visited: HashSet::new(),
        buffer: Vec::new(),
        sink,
    };
    match meta.u32(12) {
        HASH_MAGIC => walk.hash(meta),
        _ => walk.btree(meta),
    }
}

/// A key or a value: on the page, or in a chain of overflow pages.
#[derive(Clone, Copy)]
enum Item<'a> {
    Here(&'a [u8]),
    Chain { page: u32, length: u32 },
}

struct Walk<'a, 's, 'l> {
    pages: Pages<'a>,
    visited: HashSet<u32>,
    buffer: Vec<u8>,
    sink: &'s mut Sink<'l>,
}

impl<'a> Walk<'a, '_, '_> {
    fn hash(&mut self, meta: Page<'a>) -> Result<(), RpmdbError> {
        let max_bucket = meta.u32(72);
        if max_bucket >= self.pages.last {
            return meta.damaged("more buckets than pages");
        }
        for bucket in 0..=max_bucket {
            // 32 split points, one for each bit of a bucket's number.
            let split = (u32::BITS - bucket.leading_zeros()).min(31) as usize;
            let first = bucket.wrapping_add(meta.u32(96 + 4 * split));
            let (mut number, mut previous) = (first, 0);
            while number != 0 || previous == 0 {
                let page = self.visit(number)?;
                if !matches!(page.kind(), UNSORTED_HASH | SORTED_HASH) {
                    return page.damaged("a bucket's page that is no hash page");
                }
                if page.previous() != previous {
                    return page.damaged("a bucket whose pages are not linked both ways");
                }
                self.hash_page(page)?;
                (number, previous) = (page.next(), number);
            }
        }
        self.no_bucket_lost()
    }

    /// Fails if a hash page with items belongs to no bucket: its chain was cut.
    fn no_bucket_lost(&self) -> Result<(), RpmdbError> {
        for number in 1..=self.pages.last {
            let page = self.pages.unchecked(number);
            if matches!(page.kind(), UNSORTED_HASH | SORTED_HASH)
                && page.entries() > 0
                && !self.visited.contains(&number)
            {
                return page.damaged("a page with items that belongs to no bucket");
            }
        }
        Ok(())
    }

    /// Items fill the page from its end, key before value, each as long as the gap to the one before.
    fn hash_page(&mut self, page: Page<'a>) -> Result<(), RpmdbError> {
        let entries = page.entries();
        if !entries.is_multiple_of(2) {
            return page.damaged("a key without a value");
        }
        let mut end = page.bytes.len();
        let mut key = None;
        for index in 0..entries {
            let start = page.item(index)?;
            let Some(bytes) = page.bytes.get(start..end) else {
                return page.damaged("items out of order");
            };
            end = start;
            let item = match bytes.split_first() {
                Some((&ITEM_HERE, item)) => Item::Here(item),
                Some((&ITEM_OFF_PAGE, _)) if bytes.len() == 12 => Item::Chain {
                    page: page.u32(start + 4),
                    length: page.u32(start + 8),
                },
                _ => return page.damaged("an item of a kind that rpm does not write"),
            };
            match key.take() {
                None => key = Some(item),
                Some(key) => self.pair(page, key, item)?,
            }
        }
        Ok(())
    }

    /// Visits the tree from its root, leaves in key order.
    fn btree(&mut self, meta: Page<'a>) -> Result<(), RpmdbError> {
        let mut todo = vec![meta.u32(88)];
        let (mut previous, mut next) = (0, None);
        while let Some(number) = todo.pop() {
            let page = self.visit(number)?;
            match page.kind() {
                BTREE_INTERNAL => {
                    if page.entries() == 0 {
                        return page.damaged("an inner page without children");
                    }
                    for index in (0..page.entries()).rev() {
                        let at = page.item(index)?;
                        todo.push(page.u32(at + 4));
                    }
                }
                BTREE_LEAF => {
                    if page.previous() != previous || next.is_some_and(|next| next != number) {
                        return page.damaged("leaves that are not linked in the tree's order");
                    }
                    self.leaf(page)?;
                    (previous, next) = (number, Some(page.next()));
                }
                _ => return page.damaged("a page of the tree that is no tree page"),
            }
        }
        if next != Some(0) {
            return self
                .pages
                .unchecked(previous)
                .damaged("a leaf that the tree misses");
        }
        Ok(())
    }

    fn leaf(&mut self, page: Page<'a>) -> Result<(), RpmdbError> {
        let entries = page.entries();
        if !entries.is_multiple_of(2) {
            return page.damaged("a key without a value");
        }
        // Offsets are free to repeat; bytes are not, or a page could yield more than it holds.
        let mut used = 0;
        for index in (0..entries).step_by(2) {
            let mut item = |index| {
                let at = page.item(index)?;
                let length = page.u16(at);
                used += 3;
                let item = match page.u8(at + 2) & !ITEM_DELETED {
                    ITEM_HERE => {
                        used += length;
                        let Some(bytes) = page.bytes.get(at + 3..at + 3 + length) else {
                            return page.damaged("an item past the end of its page");
                        };
                        Item::Here(bytes)
                    }
                    ITEM_OFF_PAGE => Item::Chain {
                        page: page.u32(at + 4),
                        length: page.u32(at + 8),
                    },
                    _ => return page.damaged("an item of a kind that rpm does not write"),
                };
                Ok((item, page.u8(at + 2) & ITEM_DELETED != 0))
            };
            let ((key, key_deleted), (value, value_deleted)) = (item(index)?, item(index + 1)?);
            if used > page.bytes.len() {
                return page.damaged("items that overlap");
            }
            if !key_deleted && !value_deleted {
                self.pair(page, key, value)?;
            }
        }
        Ok(())
    }

    fn pair(&mut self, page: Page<'a>, key: Item<'a>, value: Item<'a>) -> Result<(), RpmdbError> {
        let number = match key {
            Item::Here(bytes) if bytes.len() == 4 => array(bytes, 0).unwrap_or_default(),
            _ => return page.damaged("a key that is no header number"),
        };
        let number = match page.kind() {
            // rpm5 writes its keys in network order on every machine.
            BTREE_LEAF => u32::from_be_bytes(number),
            _ => page.decode(number),
        };
        match value {
            _ if number == 0 => Ok(()),
            Item::Here(blob) => self.sink.blob(number.into(), blob),
            Item::Chain {
                page: first,
                length,
            } => {
                self.sink.allow(number.into(), length.into())?;
                self.assemble(page, first, length as usize)?;
                self.sink.blob(number.into(), &self.buffer)
            }
        }
    }

    /// Puts `length` bytes of the chain that begins at page `first` into the buffer.
    fn assemble(&mut self, from: Page<'a>, first: u32, length: usize) -> Result<(), RpmdbError> {
        self.buffer.clear();
        let mut number = first;
        while self.buffer.len() < length {
            if number == 0 {
                return from.damaged("an overflow chain that ends before its item");
            }
            let page = self.visit(number)?;
            if page.kind() != OVERFLOW {
                return page.damaged("an overflow chain through a page of another kind");
            }
            let here = page.u16(22);
            let Some(bytes) = page.bytes.get(PAGE_HEAD..PAGE_HEAD + here) else {
                return page.damaged("an overflow page that holds more than a page");
            };
            if bytes.len() > length - self.buffer.len() {
                return page.damaged("an overflow chain longer than its item");
            }
            self.buffer.extend_from_slice(bytes);
            number = page.next();
        }
        Ok(())
    }

    fn visit(&mut self, number: u32) -> Result<Page<'a>, RpmdbError> {
        let page = self.pages.page(number)?;
        if self.visited.insert(number) {
            Ok(page)
        } else {
            page.damaged("a page that is reached twice")
        }
    }
}

fn unsupported<T>(what: &'static str) -> Result<T, RpmdbError> {
    Err(RpmdbError::Unsupported {
        backend: Backend::Bdb,
        what,
    })
}

fn damaged<T>(offset: usize, what: &'static str) -> Result<T, RpmdbError> {
    Err(RpmdbError::Damaged {
        backend: Backend::Bdb,
        offset: offset as u64,
        what,
    })
}
