//! The file list of an RPM header.
//!
//! A path is a directory and a name: `BASENAMES` and `DIRINDEXES` run in parallel, an index picks
//! from `DIRNAMES`, which end in `/`. Packages built by rpm 3 have whole paths in `OLDFILENAMES`.
//! Digests are hexadecimal, MD5 where no algorithm is named, and empty for what is no regular file.
//! A ghost belongs to the package without being installed by it.
//!
//! Directory and name stay apart, as a hostile header could pair one long directory with a million
//! names: whoever joins them pays for it.

use super::HeaderFault;
use super::header::{Strings, Tags};

const OLD_FILE_NAMES: u32 = 1027;
const FILE_DIGESTS: u32 = 1035;
const FILE_FLAGS: u32 = 1037;
const DIR_INDEXES: u32 = 1116;
const BASE_NAMES: u32 = 1117;
const DIR_NAMES: u32 = 1118;
const FILE_DIGEST_ALGORITHM: u32 = 5011;

/// Longest directory and longest name, as on Linux.
const MAX_PATH: usize = 4096;

/// What a package's file digests are; numbers of OpenPGP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestAlgorithm {
    /// 1
    Md5,
    /// 2
    Sha1,
    /// 8
    Sha256,
    /// 9
    Sha384,
    /// 10
    Sha512,
    /// 11
    Sha224,
    /// Any other number.
    Other(u32),
}

/// One file, directory or link that a package owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File<'a> {
    /// Its directory with the final `/`; empty in packages of rpm 3, whose names are whole paths.
    pub directory: &'a [u8],
    /// Its name in the directory.
    pub name: &'a [u8],
    /// Digest in hexadecimal; `None` for what is no regular file.
    pub digest: Option<&'a [u8]>,
    /// rpm's `RPMFILE_*` bits.
    pub flags: u32,
}

impl File<'_> {
    /// The whole path, at most 8192 bytes.
    #[must_use]
    pub fn path(&self) -> Vec<u8> {
        [self.directory, self.name].concat()
    }

    /// Whether the package owns the path without installing anything there.
    #[must_use]
    pub fn is_ghost(&self) -> bool {
        const GHOST: u32 = 1 << 6;
        self.flags & GHOST != 0
    }
}

/// The files of a package.
#[derive(Debug, Clone)]
pub struct Files<'a> {
    names: Option<Strings<'a>>,
    directories: Vec<&'a [u8]>,
    directory_of: &'a [[u8; 4]],
    digests: Option<Strings<'a>>,
    flags: &'a [[u8; 4]],
    at: usize,
    algorithm: DigestAlgorithm,
}

impl Files<'_> {
    /// What the digests are.
    #[must_use]
    pub fn algorithm(&self) -> DigestAlgorithm {
        self.algorithm
    }
}

impl<'a> Iterator for Files<'a> {
    type Item = File<'a>;

    fn next(&mut self) -> Option<File<'a>> {
        let name = self.names.as_mut()?.next()?;
        let at = self.at;
        self.at += 1;
        let directory = self
            .directory_of
            .get(at)
            .map(|index| u32::from_be_bytes(*index) as usize);
        let directory = directory.and_then(|index| self.directories.get(index));
        let digest = self.digests.as_mut().and_then(Iterator::next);
        Some(File {
            directory: directory.copied().unwrap_or_default(),
            name,
            digest: digest.filter(|digest| !digest.is_empty()),
            flags: self
                .flags
                .get(at)
                .copied()
                .map(u32::from_be_bytes)
                .unwrap_or_default(),
        })
    }
}

/// A header seen as the tags of its file list.
pub(super) struct FileTags<'a>(pub(super) Tags<'a>);

impl<'a> FileTags<'a> {
    /// The list, checked whole: iterating over it meets no surprise.
    pub(super) fn list(&self, limit: usize) -> Result<Files<'a>, HeaderFault> {
        let tags = &self.0;
        let mut list = Files {
            names: None,
            directories: Vec::new(),
            directory_of: &[],
            digests: None,
            flags: &[],
            at: 0,
            algorithm: algorithm(tags.number(FILE_DIGEST_ALGORITHM)?),
        };
        let expected = if let Some(names) = tags.strings(BASE_NAMES)? {
            let count = checked(BASE_NAMES, &names, limit)?;
            let directories = tags
                .strings(DIR_NAMES)?
                .ok_or(HeaderFault::MissingTag { tag: DIR_NAMES })?;
            checked(DIR_NAMES, &directories, limit)?;
            list.directories.extend(directories);
            list.directory_of = parallel(DIR_INDEXES, tags.numbers(DIR_INDEXES)?, count)?;
            list.names = Some(names);
            count
        } else if let Some(names) = tags.strings(OLD_FILE_NAMES)? {
            let count = checked(OLD_FILE_NAMES, &names, limit)?;
            list.names = Some(names);
            count
        } else {
            return Ok(list);
        };
        let unlisted =
            |index: &[u8; 4]| u32::from_be_bytes(*index) as usize >= list.directories.len();
        if let Some(file) = list.directory_of.iter().position(unlisted) {
            return Err(HeaderFault::NoDirectory { file });
        }
        if let Some(digests) = tags.strings(FILE_DIGESTS)? {
            let found = checked(FILE_DIGESTS, &digests, limit)?;
            same_count(FILE_DIGESTS, found, expected)?;
            list.digests = Some(digests);
        }
        if let Some(flags) = tags.numbers(FILE_FLAGS)? {
            list.flags = parallel(FILE_FLAGS, Some(flags), expected)?;
        }
        Ok(list)
    }
}

/// The number of strings, once they are all there, in number and length within bounds.
fn checked(tag: u32, strings: &Strings<'_>, limit: usize) -> Result<usize, HeaderFault> {
    let found = strings.count();
    if found > limit {
        return Err(HeaderFault::TooManyFiles { found, limit });
    }
    let mut there = 0;
    for string in strings.clone() {
        if string.len() > MAX_PATH {
            return Err(HeaderFault::BadTag { tag });
        }
        there += 1;
    }
    if there == found {
        Ok(found)
    } else {
        Err(HeaderFault::BadTag { tag })
    }
}

fn parallel<T>(tag: u32, values: Option<&[T]>, expected: usize) -> Result<&[T], HeaderFault> {
    let values = values.ok_or(HeaderFault::MissingTag { tag })?;
    same_count(tag, values.len(), expected)?;
    Ok(values)
}

fn same_count(tag: u32, found: usize, expected: usize) -> Result<(), HeaderFault> {
    if found == expected {
        Ok(())
    } else {
        Err(HeaderFault::FileCount {
            tag,
            found,
            expected,
        })
    }
}

fn algorithm(number: Option<u32>) -> DigestAlgorithm {
    match number {
        None | Some(0 | 1) => DigestAlgorithm::Md5,
        Some(2) => DigestAlgorithm::Sha1,
        Some(8) => DigestAlgorithm::Sha256,
        Some(9) => DigestAlgorithm::Sha384,
        Some(10) => DigestAlgorithm::Sha512,
        Some(11) => DigestAlgorithm::Sha224,
        Some(other) => DigestAlgorithm::Other(other),
    }
}
