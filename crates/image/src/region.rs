//! A part of an open file: a blob in an archive, or a blob that is a file of its own.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

/// A part of an open file. Cheap to clone; reads do not move a shared position.
#[derive(Clone, Debug)]
pub(crate) struct Region {
    file: Arc<File>,
    offset: u64,
    len: u64,
}

impl Region {
    /// A whole file.
    pub(crate) fn whole(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self {
            file: Arc::new(file),
            offset: 0,
            len,
        })
    }

    /// `len` bytes of this region from `offset` on, if it has them.
    pub(crate) fn part(&self, offset: u64, len: u64) -> Option<Self> {
        let end = offset.checked_add(len)?;
        (end <= self.len).then(|| Self {
            file: Arc::clone(&self.file),
            offset: self.offset + offset,
            len,
        })
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Fills `buffer` from `place` on; fewer bytes only at the region's end.
    pub(crate) fn read_at(&self, place: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(place)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..wanted).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, self.offset + place + done as u64) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    /// All bytes; the caller has checked [`Self::len`].
    pub(crate) fn bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(self.len).map_err(io::Error::other)?];
        self.read_at(0, &mut bytes)?;
        Ok(bytes)
    }

    /// The bytes in order.
    pub(crate) fn reader(&self) -> RegionReader<'_> {
        RegionReader {
            region: self,
            place: 0,
        }
    }
}

/// Reads a region from its start.
pub(crate) struct RegionReader<'a> {
    region: &'a Region,
    place: u64,
}

impl Read for RegionReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.region.read_at(self.place, buffer)?;
        self.place += count as u64;
        Ok(count)
    }
}
