//! A blob's bytes on their way to the decompressor: counted, hashed and read in large pieces.

use std::io::{self, BufRead, Read};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use pellucid_model::Digest;

use crate::layer::digest::Hasher;
use crate::layer::meter::Meter;
use crate::{LayerFault, Progress};

pub(crate) const BUFFER: usize = 128 << 10;

/// A blob being read.
pub(crate) struct Blob<'a> {
    source: &'a mut (dyn Read + Send),
    buffer: Vec<u8>,
    next: usize,
    filled: usize,
    hasher: Hasher,
    /// Bytes read from the source; the decompressor's side looks at it too.
    read: &'a AtomicU64,
    meter: Meter<'a>,
    progress: Option<(&'a dyn Progress, usize)>,
}

impl<'a> Blob<'a> {
    pub(crate) fn new(
        source: &'a mut (dyn Read + Send),
        declared: Option<&Digest>,
        read: &'a AtomicU64,
        meter: Meter<'a>,
        progress: Option<(&'a dyn Progress, usize)>,
    ) -> Self {
        Self {
            source,
            buffer: vec![0; BUFFER],
            next: 0,
            filled: 0,
            hasher: Hasher::like(declared),
            read,
            meter,
            progress,
        }
    }

    /// The digest of all that was read.
    pub(crate) fn finish(self) -> Digest {
        self.hasher.finish()
    }
}

impl BufRead for Blob<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.next == self.filled {
            self.next = 0;
            self.filled = 0;
            while let Some(rest) = self.buffer.get_mut(self.filled..).filter(|r| !r.is_empty()) {
                match self.source.read(rest) {
                    Ok(0) => break,
                    Ok(count) => {
                        self.filled += count;
                        self.meter.time().map_err(io::Error::other)?;
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(io::Error::other(LayerFault::Read(error))),
                }
            }
            self.hasher
                .update(self.buffer.get(..self.filled).unwrap_or_default());
            let read = self.read.fetch_add(self.filled as u64, Relaxed) + self.filled as u64;
            self.meter.blob(read).map_err(io::Error::other)?;
            if let Some((progress, layer)) = self.progress {
                progress.bytes(layer, read);
            }
        }
        Ok(self.buffer.get(self.next..self.filled).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.next = (self.next + count).min(self.filled);
    }
}

impl Read for Blob<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let there = self.fill_buf()?;
        let count = there.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), there.get(..count)) {
            to.copy_from_slice(from);
        }
        self.consume(count);
        Ok(count)
    }
}
