//! An RPM header blob, as the database stores it.
//!
//! `u32 entries, u32 bytes`, then 16-byte index entries (tag, type, offset, count), then data, all
//! big-endian. Data may be shared and entries may come in any order: what rpm added on installation
//! follows the immutable region of the package, and replaces a tag of the region. Very old headers
//! begin with the magic that headers of package files have. A package without an epoch has no such
//! tag; `gpg-pubkey` has no architecture.
//! Source: rpm's `docs/manual/hregions.md` and `rpmtag.h`.
//!
//! Not here: the region's trailer, digests of the header itself, and tags nobody asked for.

use std::borrow::Cow;
use std::ffi::CStr;

use super::files::FileTags;
use super::{Files, Limits, be32};

const MAGIC: &[u8] = b"\x8e\xad\xe8\x01\0\0\0\0";
const INTRO: usize = 8;
const ENTRY: usize = 16;
const MAX_TEXT: usize = 64 << 10;

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const VENDOR: u32 = 1011;
const ARCH: u32 = 1022;
const SOURCE_RPM: u32 = 1044;
const MODULARITY_LABEL: u32 = 5096;

const INT32: u32 = 4;
const STRING: u32 = 6;
const STRING_ARRAY: u32 = 8;
const I18N_STRING: u32 = 9;

/// What a package's header says; text that is no UTF-8 has its odd bytes replaced.
#[derive(Debug, Clone)]
pub struct Header<'a> {
    /// The header's number in the database.
    pub number: i64,
    /// Package name.
    pub name: Cow<'a, str>,
    /// Epoch; absent is not the same text as 0, but orders as 0.
    pub epoch: Option<u32>,
    /// Version, without epoch and release.
    pub version: Cow<'a, str>,
    /// Release.
    pub release: Cow<'a, str>,
    /// Architecture, such as `x86_64` or `noarch`.
    pub arch: Option<Cow<'a, str>>,
    /// File name of the source package, `name-version-release.src.rpm`.
    pub source_rpm: Option<Cow<'a, str>>,
    /// Module the package belongs to: `name:stream:version:context`.
    pub modularity_label: Option<Cow<'a, str>>,
    /// Who built the package.
    pub vendor: Option<Cow<'a, str>>,
    /// The first of the four before that cannot be read, and so is absent: the package is there all the
    /// same.
    pub fault: Option<HeaderFault>,
    tags: Tags<'a>,
    limits: Limits,
}

impl<'a> Header<'a> {
    /// Reads a header blob; `number` is what the database calls it.
    ///
    /// # Errors
    /// [`HeaderError`] if the blob is no header, or name, epoch, version or release is malformed, or
    /// missing where every package has it.
    pub fn parse(number: i64, blob: &'a [u8], limits: &Limits) -> Result<Self, HeaderError> {
        Self::read(number, blob, limits).map_err(|fault| HeaderError { number, fault })
    }

    fn read(number: i64, blob: &'a [u8], limits: &Limits) -> Result<Self, HeaderFault> {
        let tags = Tags::of(blob)?;
        let needed = |tag| tags.text(tag)?.ok_or(HeaderFault::MissingTag { tag });
        let mut fault = None;
        let mut known = |tag| {
            let text = tags.text(tag);
            text.unwrap_or_else(|bad| {
                fault.get_or_insert(bad);
                None
            })
        };
        let (arch, source_rpm) = (known(ARCH), known(SOURCE_RPM));
        let (modularity_label, vendor) = (known(MODULARITY_LABEL), known(VENDOR));
        Ok(Self {
            number,
            name: needed(NAME)?,
            epoch: tags.number(EPOCH)?,
            version: needed(VERSION)?,
            release: needed(RELEASE)?,
            arch,
            source_rpm,
            modularity_label,
            vendor,
            fault,
            tags,
            limits: *limits,
        })
    }

    /// The files of the package, in its own order; empty if it has none.
    ///
    /// # Errors
    /// [`HeaderError`] if the tags of the file list contradict each other or break a limit.
    pub fn files(&self) -> Result<Files<'a>, HeaderError> {
        FileTags(self.tags)
            .list(self.limits.files)
            .map_err(|fault| HeaderError {
                number: self.number,
                fault,
            })
    }
}

/// A header that cannot be used; the rest of the database can.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("header {number} of the rpm database: {fault}")]
pub struct HeaderError {
    /// The header's number in the database.
    pub number: i64,
    /// What is wrong with it.
    pub fault: HeaderFault,
}

/// What is wrong with a header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderFault {
    /// The database's row holds something else than a blob.
    #[error("not a header blob")]
    NotABlob,
    /// The database's checksum of the blob is another.
    #[error("wrong checksum")]
    Checksum,
    /// Too short for the counts at its start, or longer than they say.
    #[error("its counts do not add up to its size of {size} bytes")]
    Size {
        /// Size of the blob.
        size: usize,
    },
    /// A tag that every package has is not there.
    #[error("tag {tag} is missing")]
    MissingTag {
        /// Number of the tag.
        tag: u32,
    },
    /// A tag has an unexpected type, lies outside the data, or is too long.
    #[error("tag {tag} is malformed")]
    BadTag {
        /// Number of the tag.
        tag: u32,
    },
    /// The arrays of the file list have different lengths.
    #[error("file list: tag {tag} has {found} entries instead of {expected}")]
    FileCount {
        /// Number of the tag.
        tag: u32,
        /// Entries it has.
        found: usize,
        /// Entries the file names ask for.
        expected: usize,
    },
    /// A file names a directory that is not in the list.
    #[error("file list: file {file} is in a directory that is not listed")]
    NoDirectory {
        /// Position of the file in the list.
        file: usize,
    },
    /// More files or directories than [`Limits::files`].
    #[error("file list: {found} entries, the limit is {limit}")]
    TooManyFiles {
        /// Entries it has.
        found: usize,
        /// The limit.
        limit: usize,
    },
}

/// The index of a header and the data it points into.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tags<'a> {
    index: &'a [[u8; ENTRY]],
    data: &'a [u8],
}

/// One index entry with the data from its offset on.
struct Entry<'a> {
    kind: u32,
    count: usize,
    data: &'a [u8],
}

impl<'a> Tags<'a> {
    fn of(blob: &'a [u8]) -> Result<Self, HeaderFault> {
        let size = blob.len();
        let blob = blob.strip_prefix(MAGIC).unwrap_or(blob);
        let split = || {
            let entries = be32(blob, 0)? as usize;
            let bytes = be32(blob, 4)? as usize;
            let body = blob.get(INTRO..)?;
            let (index, data) = body.split_at_checked(entries.checked_mul(ENTRY)?)?;
            (data.len() == bytes).then_some(Self {
                index: index.as_chunks().0,
                data,
            })
        };
        split().ok_or(HeaderFault::Size { size })
    }

    /// The last entry of `tag`: what was added later counts.
    fn entry(&self, tag: u32) -> Result<Option<Entry<'a>>, HeaderFault> {
        let tag_bytes = tag.to_be_bytes();
        let Some(entry) = self
            .index
            .iter()
            .rev()
            .find(|entry| entry.starts_with(&tag_bytes))
        else {
            return Ok(None);
        };
        let field = |at| be32(entry, at).unwrap_or_default();
        let data = self
            .data
            .get(field(8) as usize..)
            .ok_or(HeaderFault::BadTag { tag })?;
        Ok(Some(Entry {
            kind: field(4),
            count: field(12) as usize,
            data,
        }))
    }

    /// The text of a string tag; the first one of an array or of translations. Empty is absent.
    fn text(&self, tag: u32) -> Result<Option<Cow<'a, str>>, HeaderFault> {
        let Some(entry) = self.entry(tag)? else {
            return Ok(None);
        };
        if !matches!(entry.kind, STRING | STRING_ARRAY | I18N_STRING) {
            return Err(HeaderFault::BadTag { tag });
        }
        let start = entry.data.get(..MAX_TEXT).unwrap_or(entry.data);
        let text = CStr::from_bytes_until_nul(start).map_err(|_| HeaderFault::BadTag { tag })?;
        Ok(Some(text.to_string_lossy()).filter(|text| !text.is_empty()))
    }

    pub(super) fn number(&self, tag: u32) -> Result<Option<u32>, HeaderFault> {
        let first = self.numbers(tag)?.map(|numbers| {
            numbers
                .first()
                .copied()
                .map(u32::from_be_bytes)
                .ok_or(HeaderFault::BadTag { tag })
        });
        first.transpose()
    }

    /// The big-endian numbers of a 32-bit tag.
    pub(super) fn numbers(&self, tag: u32) -> Result<Option<&'a [[u8; 4]]>, HeaderFault> {
        let Some(entry) = self.entry(tag)? else {
            return Ok(None);
        };
        let numbers = entry.data.as_chunks().0.get(..entry.count);
        match numbers {
            Some(numbers) if entry.kind == INT32 => Ok(Some(numbers)),
            _ => Err(HeaderFault::BadTag { tag }),
        }
    }

    /// The strings of an array tag.
    pub(super) fn strings(&self, tag: u32) -> Result<Option<Strings<'a>>, HeaderFault> {
        let Some(entry) = self.entry(tag)? else {
            return Ok(None);
        };
        let single = entry.kind == STRING && entry.count == 1;
        if entry.kind != STRING_ARRAY && !single {
            return Err(HeaderFault::BadTag { tag });
        }
        Ok(Some(Strings {
            data: entry.data,
            left: entry.count,
        }))
    }
}

/// The strings of an array tag, one after the other; ends early where the data does.
#[derive(Debug, Clone)]
pub(super) struct Strings<'a> {
    data: &'a [u8],
    left: usize,
}

impl Strings<'_> {
    /// How many strings the tag says it has.
    pub(super) fn count(&self) -> usize {
        self.left
    }
}

impl<'a> Iterator for Strings<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        let string = CStr::from_bytes_until_nul(self.data).ok()?;
        self.data = self.data.get(string.count_bytes() + 1..)?;
        Some(string.to_bytes())
    }
}
