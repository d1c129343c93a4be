//! Sparse files: which parts of a file are in the archive; the rest is zeros.
//!
//! Four forms. Old GNU (type `S`): four entries in the header, 21 in each extension block. PAX 0.0:
//! repeated records; 0.1: one record with commas; 1.0: lines of decimal numbers in front of the
//! data, filled up to a block, which belong to the member's size.
//!
//! A map whose parts overlap, go backwards, or do not add up to the data there is, is an error, as
//! it is in Go.

use super::BLOCK;
use super::header::{field, number};
use super::pax::decimal;

/// A part of a sparse file that is in the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// Whether there is a hole at `place`, and how many bytes it or the data has from there on.
/// `current` is where the last search ended; `place` never goes back.
pub(crate) fn run(segments: &[Segment], current: &mut usize, place: u64) -> (bool, u64) {
    while let Some(segment) = segments.get(*current) {
        if place < segment.offset {
            return (true, segment.offset - place);
        }
        let end = segment.offset + segment.length;
        if place < end {
            return (false, end - place);
        }
        *current += 1;
    }
    (true, u64::MAX)
}

/// Whether the parts follow each other inside the file, and are what the archive holds.
pub(crate) fn check(segments: &[Segment], size: u64, data: u64) -> Result<(), &'static str> {
    let mut end = 0;
    let mut sum = 0;
    for segment in segments {
        if segment.offset < end {
            return Err("the parts of a sparse file overlap");
        }
        end = match segment.offset.checked_add(segment.length) {
            Some(end) if end <= size => end,
            _ => return Err("a part of a sparse file is outside of it"),
        };
        sum += segment.length;
    }
    match sum == data {
        true => Ok(()),
        false => Err("a sparse file's map and data do not agree"),
    }
}

/// The map of an old GNU sparse file.
pub(crate) struct OldMap {
    pub(crate) size: u64,
    pub(crate) segments: Vec<Segment>,
}

impl OldMap {
    /// Reads the map in the header: four entries and a flag.
    pub(super) fn begin(size: u64, fields: &[u8]) -> Result<(Self, bool), &'static str> {
        let mut map = Self {
            size,
            segments: Vec::new(),
        };
        let more = map.add(fields, 4)?;
        Ok((map, more))
    }

    /// Reads an extension block; says whether another one follows.
    pub(super) fn extend(&mut self, block: &[u8; BLOCK]) -> Result<bool, &'static str> {
        self.add(block, 21)
    }

    fn add(&mut self, fields: &[u8], entries: usize) -> Result<bool, &'static str> {
        for entry in fields.chunks_exact(24).take(entries) {
            let offset = field(entry, 0, 12);
            if offset.first() == Some(&0) {
                break;
            }
            let part = |field| number(field).and_then(|number| u64::try_from(number).ok());
            match (part(offset), part(field(entry, 12, 12))) {
                (Some(offset), Some(length)) => self.segments.push(Segment { offset, length }),
                _ => return Err("the sparse map is not made of numbers"),
            }
        }
        Ok(fields.get(entries * 24).is_some_and(|flag| *flag != 0))
    }
}

/// The map of a PAX 1.0 sparse file, block by block.
#[derive(Default)]
pub(super) struct Lines {
    line: Vec<u8>,
    /// Numbers still to come; `None` before the count itself.
    left: Option<u64>,
    offset: Option<u64>,
    pub(super) segments: Vec<Segment>,
}

impl Lines {
    pub(super) fn done(&self) -> bool {
        self.left == Some(0)
    }

    pub(super) fn block(&mut self, block: &[u8; BLOCK]) -> Result<(), &'static str> {
        for byte in block {
            if self.done() {
                break;
            }
            if *byte != b'\n' {
                self.line.push(*byte);
                if self.line.len() > 20 {
                    return Err("the sparse map is not made of numbers");
                }
                continue;
            }
            let number = decimal(&self.line).ok_or("the sparse map is not made of numbers")?;
            self.line.clear();
            match (self.left, self.offset.take()) {
                (None, _) => self.left = Some(number.saturating_mul(2)),
                (Some(left), None) => {
                    self.offset = Some(number);
                    self.left = Some(left - 1);
                }
                (Some(left), Some(offset)) => {
                    self.segments.push(Segment {
                        offset,
                        length: number,
                    });
                    self.left = Some(left - 1);
                }
            }
        }
        Ok(())
    }
}
