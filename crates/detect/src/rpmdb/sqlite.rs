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
//! Another program's database is read for the texts of one of its tables ([`texts`]): DNF's history.
//!
//! Not here: SQL, indices, the free list and any other table; nothing of the schema is run.
//! A rollback `-journal` is not replayed.

mod page;
mod row;
mod wal;

use std::collections::HashSet;

use page::BTreePage;
use row::{Record, Row, varint};
use wal::Wal;

use super::{Backend, HeaderFault, RpmdbError, Sink, be16, be32};

/// First bytes of the file.
pub(super) const MAGIC: &[u8] = b"SQLite format 3\0";

const FILE_HEAD: usize = 100;
/// The most that a record adds to its blob: its size and two kinds.
const RECORD_HEAD: usize = 27;
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
    let mut tree = Tree::open(database, wal, sink.limits.header_bytes)?;
    let Some(root) = tree.table("Packages")? else {
        return damaged(0, "a schema without a table of packages");
    };
    tree.rows(
        root,
        &mut |number, row| match Record::of(row).and_then(|mut row| row.nth(1)) {
            Some(column) if column.kind >= 12 => sink.blob(number, column.bytes),
            _ => sink.fault(number, HeaderFault::NotABlob),
        },
    )
}

/// Calls `each` with the text of the second column of every row of a table of an SQLite database that is
/// no RPM database, the first column being its `INTEGER PRIMARY KEY`. Its rows have `limit` bytes at most.
///
/// # Errors
/// The database is damaged, or has no such table. What `each` got before that must be dropped.
pub(crate) fn texts(
    database: &[u8],
    wal: Option<&[u8]>,
    table: &str,
    limit: usize,
    each: &mut dyn FnMut(&[u8]),
) -> Result<(), RpmdbError> {
    let mut tree = Tree::open(database, wal, limit)?;
    let Some(root) = tree.table(table)? else {
        return damaged(0, "a schema without the table");
    };
    tree.rows(root, &mut |_, row| {
        let column = Record::of(row).and_then(|mut row| row.nth(1));
        if let Some(column) = column.filter(|column| column.kind >= 13 && column.kind % 2 == 1) {
            each(column.bytes);
        }
        Ok(())
    })
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
    limit: usize,
}

impl<'a> Tree<'a> {
    fn open(database: &'a [u8], wal: Option<&'a [u8]>, limit: usize) -> Result<Self, RpmdbError> {
        let wal = wal.map_or_else(|| Ok(Wal::default()), Wal::open)?;
        Ok(Self {
            file: File::open(database, wal)?,
            visited: HashSet::new(),
            payload: Vec::new(),
            limit,
        })
    }

    /// The root page of a table of the schema.
    fn table(&mut self, table: &str) -> Result<Option<u32>, RpmdbError> {
        let mut root = None;
        self.rows(1, &mut |_, row| {
            let mut columns = Record::of(row);
            let mut next = || columns.as_mut().and_then(Iterator::next);
            let (kind, name, _, page) = (next(), next(), next(), next());
            if kind.is_some_and(|kind| kind.is_text("table"))
                && name.is_some_and(|name| name.is_text(table))
            {
                root = root.or(page.and_then(|page| page.integer()));
            }
            Ok(())
        })?;
        match root.map(u32::try_from) {
            None => Ok(None),
            Some(Ok(root)) => Ok(Some(root)),
            Some(Err(_)) => damaged(0, "a table without a page"),
        }
    }

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
        let (number, size, limit) = (row.number, row.length, self.limit);
        let length = usize::try_from(size).unwrap_or(usize::MAX);
        if length.saturating_sub(RECORD_HEAD) > limit {
            return Err(RpmdbError::HeaderTooLarge {
                number,
                size,
                limit,
            });
        }
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

fn damaged<T>(offset: usize, what: &'static str) -> Result<T, RpmdbError> {
    Err(RpmdbError::Damaged {
        backend: Backend::Sqlite,
        offset: offset as u64,
        what,
    })
}
