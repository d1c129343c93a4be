//! All bytes of one file of an image.
//!
//! Small ones are in memory. Larger ones lie in a file of the temporary directory that has no name
//! (it is gone as soon as it is closed, whatever happens to us), so that memory stays bounded
//! however many layers are read at once.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// Bodies up to this many bytes are kept in memory.
pub(crate) const MEMORY_BYTES: u64 = 4 << 20;

/// All bytes of one file of an image.
#[derive(Debug)]
pub enum Body {
    /// In memory.
    Memory(Vec<u8>),
    /// In an unnamed temporary file.
    Spool(File),
}

impl Body {
    /// Bytes of the file.
    ///
    /// # Errors
    /// When the temporary file cannot be asked.
    pub fn len(&self) -> io::Result<u64> {
        match self {
            Self::Memory(bytes) => Ok(bytes.len() as u64),
            Self::Spool(file) => file.metadata().map(|metadata| metadata.len()),
        }
    }

    /// Whether the file has no bytes.
    ///
    /// # Errors
    /// As [`Self::len`].
    pub fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|len| len == 0)
    }

    /// All bytes, read into memory where they are not there yet.
    ///
    /// # Errors
    /// When the temporary file cannot be read.
    pub fn bytes(&self) -> io::Result<Cow<'_, [u8]>> {
        match self {
            Self::Memory(bytes) => Ok(Cow::Borrowed(bytes)),
            Self::Spool(file) => {
                let len = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
                let mut bytes = vec![0; len];
                file.read_exact_at(&mut bytes, 0)?;
                Ok(Cow::Owned(bytes))
            }
        }
    }

    /// Fills `buffer` from `offset` on; returns how many bytes there were.
    ///
    /// # Errors
    /// When the temporary file cannot be read.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Memory(bytes) => {
                let rest = usize::try_from(offset)
                    .ok()
                    .and_then(|start| bytes.get(start..));
                let count = rest.unwrap_or_default().len().min(buffer.len());
                for (to, from) in buffer.iter_mut().zip(rest.unwrap_or_default()) {
                    *to = *from;
                }
                Ok(count)
            }
            Self::Spool(file) => {
                let mut done = 0;
                while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
                    match file.read_at(rest, offset.saturating_add(done as u64)) {
                        Ok(0) => break,
                        Ok(count) => done += count,
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(done)
            }
        }
    }
}
