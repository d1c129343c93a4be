//! All bytes of one file of an image.
//!
//! Small ones are in memory. Larger ones lie in a file of the temporary directory that has no name
//! (it is gone as soon as it is closed, whatever happens to us), so that memory stays bounded
//! however many layers are read at once. Of a layer that is read by its table of contents, what is
//! asked for is fetched when it is asked for.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// All bytes of one file of an image.
#[derive(Debug)]
pub enum Body<'a> {
    /// In memory.
    Memory(Vec<u8>),
    /// In an unnamed temporary file.
    Spool(File),
    /// Elsewhere, and fetched as far as it is read.
    Remote(Remote<'a>),
}

/// A file that is fetched as far as it is read.
#[derive(Debug)]
pub struct Remote<'a>(pub(crate) Box<dyn Fetch + 'a>);

/// Fetches parts of a file into a spool file.
pub(crate) trait Fetch: std::fmt::Debug + Send {
    /// Bytes of the file.
    fn len(&self) -> u64;

    /// The spool file, which has at least these bytes of the file by then.
    fn fetched(&self, offset: u64, count: u64) -> io::Result<&File>;
}

impl Body<'_> {
    /// A body with the same bytes that outlives this one. What is in a temporary file is shared.
    ///
    /// # Errors
    /// When the temporary file cannot be read, or the rest of the file not be fetched.
    pub fn kept(&self) -> io::Result<Body<'static>> {
        match self {
            Self::Memory(bytes) => Ok(Body::Memory(bytes.clone())),
            Self::Spool(file) => file.try_clone().map(Body::Spool),
            Self::Remote(Remote(remote)) => {
                let file = remote.fetched(0, remote.len())?;
                file.try_clone().map(Body::Spool)
            }
        }
    }

    /// Bytes of the file.
    ///
    /// # Errors
    /// When the temporary file cannot be asked.
    pub fn len(&self) -> io::Result<u64> {
        match self {
            Self::Memory(bytes) => Ok(bytes.len() as u64),
            Self::Spool(file) => file.metadata().map(|metadata| metadata.len()),
            Self::Remote(Remote(remote)) => Ok(remote.len()),
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
    /// When the temporary file cannot be read, or the file not be fetched.
    pub fn bytes(&self) -> io::Result<Cow<'_, [u8]>> {
        if let Self::Memory(bytes) = self {
            return Ok(Cow::Borrowed(bytes));
        }
        let mut bytes = vec![0; usize::try_from(self.len()?).map_err(io::Error::other)?];
        if self.read_at(0, &mut bytes)? < bytes.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Cow::Owned(bytes))
    }

    /// Fills `buffer` from `offset` on; returns how many bytes there were.
    ///
    /// # Errors
    /// When the temporary file cannot be read, or this part of the file not be fetched.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let file = match self {
            Self::Memory(bytes) => {
                let rest = usize::try_from(offset)
                    .ok()
                    .and_then(|start| bytes.get(start..));
                let count = rest.unwrap_or_default().len().min(buffer.len());
                for (to, from) in buffer.iter_mut().zip(rest.unwrap_or_default()) {
                    *to = *from;
                }
                return Ok(count);
            }
            Self::Spool(file) => file,
            Self::Remote(Remote(remote)) => remote.fetched(offset, buffer.len() as u64)?,
        };
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
