//! Files below one directory of the host, without leaving it.
//!
//! Every part of a path is opened relative to the directory before it and never through a symbolic
//! link, so that nothing inside the directory can lead out of it, even while it is being changed.
//! Files are opened without waiting, because a pipe would wait for ever, and only regular ones are
//! read.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags, openat};

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// A directory of the host.
#[derive(Debug)]
pub(crate) struct Rooted {
    root: OwnedFd,
}

impl Rooted {
    /// Opens the directory; the path to it is the caller's and may hold links.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self {
            root: rustix::fs::open(path, flags, Mode::empty())?,
        })
    }

    /// Opens the directory at a relative path; the root itself if the path is empty.
    pub(crate) fn directory(&self, path: &[u8]) -> io::Result<OwnedFd> {
        let mut current = self.root.try_clone()?;
        for part in path.split(|byte| *byte == b'/') {
            if part == b".." {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            if !part.is_empty() {
                current = openat(&current, OsStr::from_bytes(part), DIRECTORY, Mode::empty())?;
            }
        }
        Ok(current)
    }

    /// A directory below as a root of its own.
    pub(crate) fn below(&self, path: &[u8]) -> io::Result<Self> {
        let root = self.directory(path)?;
        Ok(Self { root })
    }

    /// Opens the regular file at a relative path.
    pub(crate) fn file(&self, path: &[u8]) -> io::Result<File> {
        let slash = path.iter().rposition(|byte| *byte == b'/');
        let (parent, name) = match slash.and_then(|slash| path.split_at_checked(slash)) {
            Some((parent, name)) => (parent, name.strip_prefix(b"/").unwrap_or(name)),
            None => (&b""[..], path),
        };
        if name.is_empty() || name == b"." || name == b".." {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let parent = self.directory(parent)?;
        let file = File::from(openat(
            &parent,
            OsStr::from_bytes(name),
            FILE,
            Mode::empty(),
        )?);
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file",
            )),
        }
    }
}
