//! One page of a table's b-tree.
//!
//! A head of 8 bytes (leaf) or 12 (interior), an array of cell offsets in key order, and at the end
//! of the page the content area, which cells, free blocks and up to 255 stray bytes fill entirely.

use super::super::{RpmdbError, be16, be32};
use super::{FILE_HEAD, damaged};

const TABLE_INTERIOR: u8 = 5;
const TABLE_LEAF: u8 = 13;

/// A page of a table's b-tree.
pub(super) struct BTreePage<'a> {
    pub(super) bytes: &'a [u8],
    offset: usize,
    /// Where the page's own head is: behind the file's on page 1.
    head: usize,
    pointers: &'a [[u8; 2]],
    /// The last child; a leaf has none.
    pub(super) rightmost: Option<u32>,
}

impl<'a> BTreePage<'a> {
    pub(super) fn of(number: u32, offset: usize, bytes: &'a [u8]) -> Result<Self, RpmdbError> {
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
    pub(super) fn cells(&self) -> impl DoubleEndedIterator<Item = usize> {
        self.pointers
            .iter()
            .map(|pointer| usize::from(u16::from_be_bytes(*pointer)))
    }

    /// Fails unless cells, free blocks and fragments fill the content area exactly.
    pub(super) fn check_sum(
        &self,
        cell_bytes: impl Fn(usize) -> Option<usize>,
    ) -> Result<(), RpmdbError> {
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

    pub(super) fn damaged<T>(&self, what: &'static str) -> Result<T, RpmdbError> {
        damaged(self.offset, what)
    }
}
