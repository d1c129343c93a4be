//! A small window over a part of a file: what no one wants is never read.
//!
//! Reads at explicit offsets, so that several layers of one archive can be read at once through one
//! open file. The window is small after a jump, because another jump is likely to follow the next
//! header, and grows while bytes are read in a row.

use crate::LayerFault;
use crate::layer::input::Input;
use crate::region::Region;

const FIRST: usize = 4 << 10;
const LARGEST: usize = 128 << 10;

/// The window.
pub(crate) struct Window<'a> {
    region: &'a Region,
    /// Bytes of the region from `start` on, of which the first `filled` are there.
    buffer: Vec<u8>,
    start: u64,
    filled: usize,
    /// The current place in the region.
    place: u64,
    next: usize,
}

impl<'a> Window<'a> {
    pub(crate) fn new(region: &'a Region) -> Self {
        Self {
            region,
            buffer: Vec::new(),
            start: 0,
            filled: 0,
            place: 0,
            next: FIRST,
        }
    }

    fn end(&self) -> u64 {
        self.start + self.filled as u64
    }
}

impl Input for Window<'_> {
    fn fill(&mut self) -> Result<&[u8], LayerFault> {
        if self.place < self.start || self.place >= self.end() {
            if self.place == self.end() && self.place != 0 {
                self.next = (self.next * 2).min(LARGEST);
            } else {
                self.next = FIRST;
            }
            if self.buffer.len() < self.next {
                self.buffer.resize(self.next, 0);
            }
            let buffer = self.buffer.get_mut(..self.next).unwrap_or_default();
            self.filled = self
                .region
                .read_at(self.place, buffer)
                .map_err(LayerFault::Read)?;
            self.start = self.place;
        }
        let from = usize::try_from(self.place - self.start).unwrap_or(usize::MAX);
        Ok(self.buffer.get(from..self.filled).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.place += count as u64;
    }

    fn skip(&mut self, count: u64) -> Result<u64, LayerFault> {
        let count = count.min(self.region.len().saturating_sub(self.place));
        self.place += count;
        Ok(count)
    }

    fn offset(&self) -> u64 {
        self.place
    }
}
