//! A block of advisories: ids and records, one after the other.

use crate::codec::{Malformed, Reader};

/// Some hundreds of advisories, inflated.
pub(super) struct Block {
    first: u32,
    pub(super) bytes: Vec<u8>,
    /// Where each record's id begins.
    records: Vec<u32>,
}

impl Block {
    pub(super) fn read(first: u32, bytes: Vec<u8>) -> Result<Self, Malformed> {
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

    pub(super) fn record(&self, number: u32) -> Option<(&str, Reader<'_>)> {
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
    pub(super) fn first_not_before(&self, id: &str) -> u32 {
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
