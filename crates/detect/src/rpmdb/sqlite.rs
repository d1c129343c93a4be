//! SQLite, as rpm uses it: `rpmdb.sqlite`.
//!
//! The headers are the rows of the table `Packages (hnum INTEGER PRIMARY KEY, blob BLOB)`. Its root
//! page is found in the schema table at page 1; from there the b-tree of leaf and interior pages is
//! walked, long rows continuing in chains of overflow pages. Pages of the write-ahead log replace
//! those of the file. A page of 65536 bytes has size 1 in the file's head, and the last bytes of
//! every page may be reserved. Each b-tree page accounts for all its bytes (cells, free blocks,
//! fragments), which is checked: a page that lost a cell does not add up.
//! Source: <https://www.sqlite.org/fileformat2.html>.
//!
//! Not here: SQL, indices, the free list and any table but that one; nothing of the schema is run.
//! A rollback `-journal` is not replayed.

use std::collections::HashSet;

use super::wal::Wal;
use super::{Backend, HeaderFault, RpmdbError, Sink, be16, be32};

/// First bytes of the file.
pub(super) const MAGIC: &[u8] = b"SQLite format 3\0";

const FILE_HEAD: usize = 100;
const TABLE_INTERIOR: u8 = 5;
const TABLE_LEAF: u8 = 13;
/// The deepest tree that SQLite itself follows.
const MAX_DEPTH: usize = 20;

/// Whether nothing of the database was ever written to its main file.
pub(super) fn is_blank(database: &[u8]) -> bool {
    database.iter().take(FILE_HEAD).all(|byte| *byte == 0)
}

/// Whether the bytes begin as a write-ahead log does.
pub(super) fn is_wal(log: &[u8]) -> bool {
    Wal::recognises(log)
}

pub(super) fn read(
    database: &[u8],
    wal: Option<&[u8]>,
    sink: &mut Sink<'_>,
) -> Result<(), RpmdbError> {
    let wal = wal.map_or_else(|| Ok(Wal::default()), Wal::open)?;
    let mut tree = Tree {
        file: File::open(database, wal)?,
        visited: HashSet::new(),
        payload: Vec::new(),
        max_payload: sink.limits.header_bytes.saturating_add(32),
    };
    let mut root = None;
    tree.rows(1, &mut |_, row| {
        let mut columns = Record::of(row);
        let mut next = || columns.as_mut().and_then(Iterator::next);
        let (kind, name, _, page) = (next(), next(), next(), next());
        if kind.is_some_and(|kind| kind.is_text("table"))
            && name.is_some_and(|name| name.is_text("Packages"))
        {
            root = root.or(page.and_then(|page| page.integer()));
        }
        Ok(())
    })?;
    let Some(root) = root else {
        return damaged(0, "a schema without a table of packages");
    };
    let Ok(root) = u32::try_from(root) else {
        return damaged(0, "a table of packages without a page");
    };
    tree.rows(
        root,
        &mut |number, row| match Record::of(row).and_then(|mut row| row.nth(1)) {
            Some(column) if column.kind >= 12 => sink.blob(number, column.bytes),
            _ => sink.fault(number, HeaderFault::NotABlob),
        },
    )
}

/// The main file under its write-ahead log.
struct File<'a> {
    main: &'a [u8],
    wal: Wal<'a>,
    page_size: usize,
    usable: usize,
    pages: u32,
}

impl<'a> File<'a> {
    fn open(main: &'a [u8], wal: Wal<'a>) -> Result<Self, RpmdbError> {
        let head = wal.page(1).unwrap_or(main);
        let page_size = page_size(head)?;
        if wal.page_size().is_some_and(|size| size != page_size)
            || !is_blank(main) && self::page_size(main)? != page_size
        {
            return damaged(16, "a page size that differs from its log's");
        }
        let reserved = usize::from(head.get(20).copied().unwrap_or_default());
        let usable = page_size - reserved;
        if usable < 480 || head.get(21..24) != Some(&[64, 32, 32]) {
            return damaged(20, "impossible payload fractions");
        }
        let whole = u32::try_from(main.len() / page_size).unwrap_or(u32::MAX);
        // The count in the head is only good if the last writer knew of it.
        let counted = be32(head, 28).filter(|pages| *pages > 0 && be32(head, 24) == be32(head, 92));
        let pages = match wal.pages() {
            Some(pages) => pages,
            None => counted.unwrap_or(whole),
        };
        if wal.pages().is_none() && pages > whole {
            return damaged(main.len(), "the file ends before its last page");
        }
        Ok(Self {
            main,
            wal,
            page_size,
            usable,
            pages,
        })
    }

    fn offset(&self, number: u32) -> usize {
        (number as usize).saturating_sub(1) * self.page_size
    }

    /// The usable part of a page.
    fn page(&self, number: u32) -> Result<&'a [u8], RpmdbError> {
        let at = self.offset(number);
        let main = || self.main.get(at..)?.get(..self.page_size);
        match self
            .wal
            .page(number)
            .or_else(main)
            .and_then(|page| page.get(..self.usable))
        {
            Some(page) if (1..=self.pages).contains(&number) => Ok(page),
            _ => damaged(at, "a reference to a page that is not there"),
        }
    }
}

/// The page size in a file's head.
fn page_size(head: &[u8]) -> Result<usize, RpmdbError> {
    if !head.starts_with(MAGIC) || head.len() < FILE_HEAD {
        return damaged(0, "a first page that is no database's");
    }
    match be16(head, 16).map(usize::from) {
        Some(1) => Ok(65536),
        Some(size) if size.is_power_of_two() && size >= 512 => Ok(size),
        _ => damaged(16, "an impossible page size"),
    }
}

type EachRow<'a> = &'a mut dyn FnMut(i64, &[u8]) -> Result<(), RpmdbError>;

/// A walk over the rows of tables.
struct Tree<'a> {
    file: File<'a>,
    visited: HashSet<u32>,
    payload: Vec<u8>,
    max_payload: usize,
}

impl<'a> Tree<'a> {
    /// Calls `each` with every row of the table at `root`, by ascending number.
    fn rows(&mut self, root: u32, each: EachRow<'_>) -> Result<(), RpmdbError> {
        let mut todo = vec![(root, 0)];
        let mut last = None;
        while let Some((number, depth)) = todo.pop() {
            let bytes = self.visit(number)?;
            let page = BTreePage::of(number, self.file.offset(number), bytes)?;
            if depth > MAX_DEPTH {
                return page.damaged("a tree that is too deep");
            }
            if let Some(rightmost) = page.rightmost {
                todo.push((rightmost, depth + 1));
                for cell in page.cells().rev() {
                    let child = be32(page.bytes, cell).unwrap_or_default();
                    todo.push((child, depth + 1));
                }
                page.check_sum(|cell| Some(4 + varint(page.bytes, cell + 4)?.1))?;
                continue;
            }
            let usable = self.file.usable;
            page.check_sum(|cell| Some(Row::of(page.bytes, cell, usable)?.cell_bytes))?;
            for cell in page.cells() {
                let Some(row) = Row::of(page.bytes, cell, usable) else {
                    return page.damaged("a row past the end of its page");
                };
                if last.is_some_and(|last| last >= row.number) {
                    return page.damaged("rows out of order");
                }
                last = Some(row.number);
                self.row(&page, &row, each)?;
            }
        }
        Ok(())
    }

    fn row(
        &mut self,
        page: &BTreePage<'a>,
        row: &Row<'a>,
        each: EachRow<'_>,
    ) -> Result<(), RpmdbError> {
        let length = match usize::try_from(row.length) {
            Ok(length) if length <= self.max_payload => length,
            _ => {
                let (number, size, limit) = (row.number, row.length, self.max_payload);
                return Err(RpmdbError::HeaderTooLarge {
                    number,
                    size,
                    limit,
                });
            }
        };
        let Some(mut next) = row.overflow else {
            return each(row.number, row.local);
        };
        self.payload.clear();
        self.payload.extend_from_slice(row.local);
        while self.payload.len() < length {
            if next == 0 {
                return page.damaged("an overflow chain that ends before its row");
            }
            let bytes = self.visit(next)?;
            let (link, content) = bytes.split_first_chunk().unwrap_or((&[0; 4], &[]));
            let missing = length - self.payload.len();
            self.payload
                .extend_from_slice(content.get(..missing).unwrap_or(content));
            next = u32::from_be_bytes(*link);
        }
        each(row.number, &self.payload)
    }

    fn visit(&mut self, number: u32) -> Result<&'a [u8], RpmdbError> {
        let page = self.file.page(number)?;
        if self.visited.insert(number) {
            Ok(page)
        } else {
            damaged(self.file.offset(number), "a page that is reached twice")
        }
    }
}

/// A page of a table's b-tree.
struct BTreePage<'a> {
    bytes: &'a [u8],
    offset: usize,
    /// Where the page's own head is: behind the file's on page 1.
    head: usize,
    pointers: &'a [[u8; 2]],
    rightmost: Option<u32>,
}

impl<'a> BTreePage<'a> {
    fn of(number: u32, offset: usize, bytes: &'a [u8]) -> Result<Self, RpmdbError> {
        let head = if number == 1 { FILE_HEAD } else { 0 };
        let (head_size, rightmost) = match bytes.get(head) {
            Some(&TABLE_LEAF) => (8, None),
            Some(&TABLE_INTERIOR) => (12, be32(bytes, head + 8)),
            _ => return damaged(offset, "a page of the tree that is no table page"),
        };
        let cells = be16(bytes, head + 3).map(usize::from).unwrap_or_default();
        let pointers = bytes
            .get(head + head_size..)
            .and_then(|rest| rest.as_chunks().0.get(..cells));
        let Some(pointers) = pointers else {
            return damaged(offset, "more cells than the page has room for");
        };
        Ok(Self {
            bytes,
            offset,
            head,
            pointers,
            rightmost,
        })
    }

    /// Offsets of the cells in the page, in key order.
    fn cells(&self) -> impl DoubleEndedIterator<Item = usize> {
        self.pointers
            .iter()
            .map(|pointer| usize::from(u16::from_be_bytes(*pointer)))
    }

    /// Fails unless cells, free blocks and fragments fill the content area exactly.
    fn check_sum(&self, cell_bytes: impl Fn(usize) -> Option<usize>) -> Result<(), RpmdbError> {
        let field = |at| be16(self.bytes, at).map(usize::from).unwrap_or_default();
        let head_size = if self.rightmost.is_some() { 12 } else { 8 };
        let content = match field(self.head + 5) {
            0 => 65536,
            content => content,
        };
        let first = self.head + head_size + 2 * self.pointers.len();
        if content < first || content > self.bytes.len() {
            return self.damaged("a content area outside its page");
        }
        let mut used = usize::from(self.bytes.get(self.head + 7).copied().unwrap_or_default());
        for cell in self.cells() {
            let bytes = cell_bytes(cell)
                .filter(|bytes| cell >= content && cell + bytes <= self.bytes.len());
            let Some(bytes) = bytes else {
                return self.damaged("a cell outside the content area");
            };
            used += bytes.max(4);
        }
        let mut block = field(self.head + 1);
        let mut end = content;
        while block != 0 {
            if block < end || block + 4 > self.bytes.len() {
                return self.damaged("free blocks out of order");
            }
            used += field(block + 2);
            end = block + 4;
            block = field(block);
        }
        if used == self.bytes.len() - content {
            Ok(())
        } else {
            self.damaged("cells and free space that do not add up to the page")
        }
    }

    fn damaged<T>(&self, what: &'static str) -> Result<T, RpmdbError> {
        damaged(self.offset, what)
    }
}

/// A cell of a table leaf.
struct Row<'a> {
    number: i64,
    length: u64,
    local: &'a [u8],
    overflow: Option<u32>,
    cell_bytes: usize,
}

impl<'a> Row<'a> {
    fn of(page: &'a [u8], cell: usize, usable: usize) -> Option<Self> {
        let (length, a) = varint(page, cell)?;
        let (number, b) = varint(page, cell + a)?;
        let most = usable - 35;
        let local = match usize::try_from(length) {
            Ok(length) if length <= most => length,
            _ => {
                let least = (usable - 12) * 32 / 255 - 23;
                let rest = length.wrapping_sub(least as u64) % (usable as u64 - 4);
                let size = least + usize::try_from(rest).ok()?;
                if size <= most { size } else { least }
            }
        };
        let start = cell + a + b;
        let end = start + local;
        let overflows = local as u64 != length;
        Some(Self {
            number: number.cast_signed(),
            length,
            local: page.get(start..end)?,
            overflow: if overflows {
                Some(be32(page, end)?)
            } else {
                None
            },
            cell_bytes: end - cell + if overflows { 4 } else { 0 },
        })
    }
}

/// The columns of a row.
struct Record<'a> {
    kinds: &'a [u8],
    bytes: &'a [u8],
}

struct Column<'a> {
    kind: u64,
    bytes: &'a [u8],
}

impl<'a> Record<'a> {
    fn of(row: &'a [u8]) -> Option<Self> {
        let (head, size) = varint(row, 0)?;
        let (head, bytes) = row.split_at_checked(usize::try_from(head).ok()?)?;
        Some(Self {
            kinds: head.get(size..)?,
            bytes,
        })
    }
}

impl<'a> Iterator for Record<'a> {
    type Item = Column<'a>;

    fn next(&mut self) -> Option<Column<'a>> {
        let (kind, size) = varint(self.kinds, 0)?;
        self.kinds = self.kinds.get(size..)?;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            _ => (kind - 12) / 2,
        };
        let (bytes, rest) = self.bytes.split_at_checked(usize::try_from(length).ok()?)?;
        self.bytes = rest;
        Some(Column { kind, bytes })
    }
}

impl Column<'_> {
    /// Whether this is `text` in any of SQLite's encodings and, as SQLite compares names, any case.
    fn is_text(&self, text: &str) -> bool {
        let letters = self
            .bytes
            .iter()
            .filter(|byte| **byte != 0)
            .map(u8::to_ascii_lowercase);
        self.kind >= 13 && letters.eq(text.bytes().map(|byte| byte.to_ascii_lowercase()))
    }

    fn integer(&self) -> Option<i64> {
        match self.kind {
            1..=6 => {
                let negative = self.bytes.first()?.cast_signed() < 0;
                let start = if negative { -1 } else { 0 };
                Some(
                    self.bytes
                        .iter()
                        .fold(start, |value, byte| value << 8 | i64::from(*byte)),
                )
            }
            8 => Some(0),
            9 => Some(1),
            _ => None,
        }
    }
}

/// A big-endian base-128 number of up to nine bytes, and its length.
fn varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0;
    for (index, byte) in bytes.get(at..)?.iter().take(9).enumerate() {
        if index == 8 {
            return Some((value << 8 | u64::from(*byte), 9));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

fn damaged<T>(offset: usize, what: &'static str) -> Result<T, RpmdbError> {
    Err(RpmdbError::Damaged {
        backend: Backend::Sqlite,
        offset: offset as u64,
        what,
    })
}
