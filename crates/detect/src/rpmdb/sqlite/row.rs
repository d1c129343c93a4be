//! A row of a table: a cell of a leaf page, and the record in it.
//!
//! A cell is the record's length, the row's number and as much of the record as the page keeps; a
//! longer one goes on in overflow pages. A record is a list of column kinds, then the columns.

use super::super::be32;

/// A cell of a table leaf.
pub(super) struct Row<'a> {
    pub(super) number: i64,
    pub(super) length: u64,
    pub(super) local: &'a [u8],
    pub(super) overflow: Option<u32>,
    pub(super) cell_bytes: usize,
}

impl<'a> Row<'a> {
    pub(super) fn of(page: &'a [u8], cell: usize, usable: usize) -> Option<Self> {
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
pub(super) struct Record<'a> {
    kinds: &'a [u8],
    bytes: &'a [u8],
}

pub(super) struct Column<'a> {
    pub(super) kind: u64,
    pub(super) bytes: &'a [u8],
}

impl<'a> Record<'a> {
    pub(super) fn of(row: &'a [u8]) -> Option<Self> {
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
    pub(super) fn is_text(&self, text: &str) -> bool {
        let letters = self
            .bytes
            .iter()
            .filter(|byte| **byte != 0)
            .map(u8::to_ascii_lowercase);
        self.kind >= 13 && letters.eq(text.bytes().map(|byte| byte.to_ascii_lowercase()))
    }

    pub(super) fn integer(&self) -> Option<i64> {
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
pub(super) fn varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
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
