//! A run of bytes of a kept file, read by position or from its start.
//!
//! A kept file may lie in a spool and be hundreds of megabytes long: nothing here reads more of it
//! than was asked for.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};

use pellucid_image::Body;

use crate::DetectError;

/// A run of bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Region<'a> {
    body: &'a Body<'a>,
    start: u64,
    len: u64,
}

impl<'a> Region<'a> {
    /// All of a body.
    pub(crate) fn of(body: &'a Body<'a>) -> Result<Self, DetectError> {
        let len = body.len().map_err(DetectError::Body)?;
        Ok(Self {
            body,
            start: 0,
            len,
        })
    }

    /// Bytes of the region.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// A region inside this one; `None` where it would reach beyond the end.
    pub(crate) fn part(&self, start: u64, len: u64) -> Option<Self> {
        let inside = start.checked_add(len).is_some_and(|end| end <= self.len);
        inside.then(|| Self {
            body: self.body,
            start: self.start + start,
            len,
        })
    }

    /// Fills `buffer` from `offset` on; returns how many bytes there were.
    pub(crate) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, DetectError> {
        let left = self.len.saturating_sub(offset);
        let count = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let buffer = buffer.get_mut(..count).unwrap_or_default();
        self.body
            .read_at(self.start.saturating_add(offset), buffer)
            .map_err(DetectError::Body)
    }

    /// All bytes of the region, where they are in memory anyway.
    pub(crate) fn in_memory(&self) -> Option<&'a [u8]> {
        let Body::Memory(bytes) = self.body else {
            return None;
        };
        let start = usize::try_from(self.start).ok()?;
        let len = usize::try_from(self.len).ok()?;
        bytes.get(start..start.checked_add(len)?)
    }

    /// Exactly `N` bytes; `None` where there are not so many.
    pub(crate) fn array<const N: usize>(
        &self,
        offset: u64,
    ) -> Result<Option<[u8; N]>, DetectError> {
        let mut bytes = [0; N];
        Ok((self.read_at(offset, &mut bytes)? == N).then_some(bytes))
    }

    /// Shows all bytes of the region in order, in one piece where they are in memory.
    pub(crate) fn each(&self, mut piece: impl FnMut(&[u8])) -> Result<(), DetectError> {
        if let Some(bytes) = self.in_memory() {
            piece(bytes);
            return Ok(());
        }
        let mut at = 0;
        let mut buffer = vec![0; 64 << 10];
        loop {
            let read = self.read_at(at, &mut buffer)?;
            if read == 0 {
                return Ok(());
            }
            at += read as u64;
            piece(buffer.get(..read).unwrap_or_default());
        }
    }

    /// Up to `most` bytes from `offset` on, not copied where they are in memory.
    pub(crate) fn slice(&self, offset: u64, most: usize) -> Result<Cow<'a, [u8]>, DetectError> {
        let len = self.len.saturating_sub(offset).min(most as u64);
        match self.part(offset, len).and_then(|part| part.in_memory()) {
            Some(bytes) => Ok(Cow::Borrowed(bytes)),
            None => self.bytes(offset, most).map(Cow::Owned),
        }
    }

    /// Up to `most` bytes from `offset` on.
    pub(crate) fn bytes(&self, offset: u64, most: usize) -> Result<Vec<u8>, DetectError> {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; most.min(left)];
        let read = self.read_at(offset, &mut bytes)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Reads from the start on in pieces of some size, not copied where they are in memory.
    pub(crate) fn buffered(self, capacity: usize) -> Box<dyn BufRead + 'a> {
        match self.in_memory() {
            Some(bytes) => Box::new(bytes),
            None => Box::new(BufReader::with_capacity(capacity, self.reader())),
        }
    }

    /// Reads from the start on. Not buffered.
    pub(crate) fn reader(self) -> Reader<'a> {
        Reader {
            region: self,
            next: 0,
        }
    }
}

/// Reads a region from its start on.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    region: Region<'a>,
    next: u64,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self
            .region
            .read_at(self.next, buffer)
            .map_err(|error| match error {
                DetectError::Body(error) => error,
                other => io::Error::other(other),
            })?;
        self.next += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn nothing_outside_a_region_is_read() {
        let body = Body::Memory((0..100).collect());
        let region = Region::of(&body).unwrap().part(10, 5).unwrap();
        assert_eq!(region.bytes(0, 99).unwrap(), [10, 11, 12, 13, 14]);
        assert_eq!(region.bytes(3, 1).unwrap(), [13]);
        assert!(region.bytes(u64::MAX, 4).unwrap().is_empty());
        assert_eq!(region.array::<3>(3).unwrap(), None);
        assert_eq!(region.in_memory(), Some(&[10, 11, 12, 13, 14][..]));
        assert!(region.part(1, 5).is_none());
        assert!(region.part(u64::MAX, 2).is_none());
        let mut all = Vec::new();
        region.reader().read_to_end(&mut all).unwrap();
        assert_eq!(all, [10, 11, 12, 13, 14]);
    }

    #[test]
    fn bytes_of_a_spool_and_of_memory_are_the_same() {
        let all: Vec<u8> = (0..200_000_u32).map(|number| number as u8).collect();
        let mut spool = tempfile::tempfile().unwrap();
        spool.write_all(&all).unwrap();
        for body in [Body::Memory(all.clone()), Body::Spool(spool)] {
            let region = Region::of(&body).unwrap().part(1000, 150_000).unwrap();
            let mut pieces = Vec::new();
            region
                .each(|piece| pieces.extend_from_slice(piece))
                .unwrap();
            assert_eq!(pieces, all[1000..151_000]);
            let mut read = Vec::new();
            region.buffered(4096).read_to_end(&mut read).unwrap();
            assert_eq!(read, pieces);
            assert_eq!(*region.slice(149_990, 99).unwrap(), pieces[149_990..]);
            assert!(region.slice(u64::MAX, 4).unwrap().is_empty());
        }
    }
}
