//! Layers that are files of this machine.
//!
//! Below a listed folder every part of a path is opened relative to the one before and never through
//! a link, so nothing leads out. Where every file is allowed, it is as in Clair: the server's own
//! view. Either way only regular files are read, and opening one never waits: a pipe would for ever.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, open, openat};

use super::{Blob, FIRST, FetchError, Rest};

const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);
const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

/// The files that may be read.
#[derive(Clone, Debug)]
pub(super) struct Files {
    folders: Arc<[PathBuf]>,
    any: bool,
}

impl Files {
    pub(super) fn new(folders: &[PathBuf], any: bool) -> Self {
        Self {
            folders: folders.into(),
            any,
        }
    }

    pub(super) fn open(&self, path: &str) -> Result<Blob, FetchError> {
        let path = Path::new(path);
        let below = self
            .folders
            .iter()
            .find_map(|folder| Some((folder, path.strip_prefix(folder).ok()?)));
        let mut file = match below {
            Some((folder, rest)) => beneath(folder, rest),
            None if self.any => open(path, FILE, Mode::empty())
                .map(File::from)
                .map_err(io::Error::from),
            None => return Err(FetchError::Denied("files")),
        }
        .map_err(FetchError::File)?;
        let metadata = file.metadata().map_err(FetchError::File)?;
        let kind = metadata.file_type();
        if kind.is_dir() {
            return Err(FetchError::Directory);
        }
        if !kind.is_file() {
            return Err(FetchError::File(io::ErrorKind::InvalidInput.into()));
        }
        // One byte more than there is to read, so that the end is seen without more room.
        let length = usize::try_from(metadata.len()).unwrap_or(FIRST);
        let mut first = Vec::with_capacity(length.min(FIRST).saturating_add(1));
        let read = (&mut file).take(FIRST as u64).read_to_end(&mut first);
        Ok(match read {
            Ok(count) if count < FIRST => Blob::whole(first),
            // What went wrong goes wrong again for whoever reads on.
            Ok(_) | Err(_) => Blob {
                first,
                rest: Rest::Bytes(Box::new(file)),
            },
        })
    }
}

fn beneath(folder: &Path, rest: &Path) -> io::Result<File> {
    let parts: Vec<&OsStr> = rest
        .components()
        .map(|part| match part {
            Component::Normal(name) => Ok(name),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        })
        .collect::<io::Result<_>>()?;
    let (name, folders) = parts
        .split_last()
        .ok_or(io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut current = open(folder, FOLDER, Mode::empty())?;
    for part in folders {
        current = openat(&current, *part, FOLDER | OFlags::NOFOLLOW, Mode::empty())?;
    }
    let file = openat(&current, *name, FILE | OFlags::NOFOLLOW, Mode::empty())?;
    Ok(File::from(file))
}
