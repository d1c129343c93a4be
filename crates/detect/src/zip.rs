//! Zip archives, read by their central directory.
//!
//! Source: PKWARE's APPNOTE. The directory lies at the end and is found by a record that a comment
//! may follow; a program may stand before the archive, so that every offset is too small by its
//! length. What the directory says of an entry counts, as it does for Java; the local header is
//! only asked where the data begins. Sizes and offsets that do not fit 32 bits are in an extra
//! field (zip64).
//!
//! Nothing is believed before it was read: an entry is inflated up to the caller's limit, whatever
//! size it declares. Not here: encryption, archives over several disks, checksums.

use std::io::{self, BufRead, Read};

use pellucid_inflate::Inflate;

use crate::DetectError;
use crate::region::Region;

const DIRECTORY: [u8; 4] = *b"PK\x01\x02";
const LOCAL: [u8; 4] = *b"PK\x03\x04";
const END: [u8; 4] = *b"PK\x05\x06";
const END64: [u8; 4] = *b"PK\x06\x06";
const LOCATOR64: [u8; 4] = *b"PK\x06\x07";

/// Bytes of the record at the end, without its comment.
const END_BYTES: usize = 22;

/// Places in a comment that look like the record at the end.
const CANDIDATES: usize = 64;

/// Entries of one archive that are looked at.
const ENTRIES: u64 = 2_000_000;

/// A zip archive.
#[derive(Debug)]
pub(crate) struct Archive<'a> {
    region: Region<'a>,
    directory: Region<'a>,
    /// Bytes that stand before the archive.
    before: u64,
}

/// An entry, as the central directory has it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Name as written.
    pub(crate) name: Vec<u8>,
    /// Declared size.
    pub(crate) size: u64,
    packed: u64,
    method: u16,
    encrypted: bool,
    header: u64,
}

/// The bytes of an entry.
pub(crate) enum Content<'a> {
    /// They stand in the archive as they are.
    Stored(Region<'a>),
    /// They must be inflated.
    Deflated(Inflate<Box<dyn BufRead + 'a>>),
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stored(region) => {
                let mut reader = region.reader();
                let read = reader.read(buffer)?;
                *region = region
                    .part(read as u64, region.len().saturating_sub(read as u64))
                    .unwrap_or(*region);
                Ok(read)
            }
            Self::Deflated(decoder) => decoder.read(buffer),
        }
    }
}

impl<'a> Archive<'a> {
    /// Finds the central directory.
    pub(crate) fn open(region: Region<'a>) -> Result<Self, DetectError> {
        const NONE: DetectError = DetectError::Malformed("a zip archive without a directory");
        let tail_at = region.len().saturating_sub((END_BYTES + 0xffff) as u64);
        let tail = region.slice(tail_at, END_BYTES + 0xffff)?;
        let mut end = tail.len();
        for _ in 0..CANDIDATES {
            let Some(at) = tail.get(..end).and_then(|bytes| rfind(bytes, END)) else {
                break;
            };
            // The last byte of this signature may not be found again.
            end = at + 3;
            if let Some(archive) = Self::at(region, tail_at + at as u64)? {
                return Ok(archive);
            }
        }
        Err(NONE)
    }

    /// The archive whose end record stands at `at`, if it is one.
    fn at(region: Region<'a>, at: u64) -> Result<Option<Self>, DetectError> {
        let Some(record) = region.array::<END_BYTES>(at)? else {
            return Ok(None);
        };
        let mut fields = Fields(record.get(12..).unwrap_or_default());
        let (size, offset) = (u64::from(fields.u32()), u64::from(fields.u32()));
        let comment = u64::from(fields.u16());
        if at + END_BYTES as u64 + comment > region.len() {
            return Ok(None);
        }
        let wide = size == 0xffff_ffff || offset == 0xffff_ffff;
        if let Some((end, size, offset)) = Self::wide(region, at)?
            && let Some(archive) = Self::with(region, end, size, offset)?
        {
            return Ok(Some(archive));
        }
        if wide {
            return Ok(None);
        }
        Self::with(region, at, size, offset)
    }

    /// What the zip64 records before the end record at `at` say: where they begin, size and offset.
    fn wide(region: Region<'a>, at: u64) -> Result<Option<(u64, u64, u64)>, DetectError> {
        let Some(locator_at) = at.checked_sub(20) else {
            return Ok(None);
        };
        let Some(locator) = region
            .array::<20>(locator_at)?
            .filter(|l| l.starts_with(&LOCATOR64))
        else {
            return Ok(None);
        };
        let declared = Fields(locator.get(8..).unwrap_or_default()).u64();
        // The record has 56 bytes unless it has fields that no one uses.
        for record_at in [Some(declared), locator_at.checked_sub(56)]
            .into_iter()
            .flatten()
        {
            let Some(record) = region
                .array::<56>(record_at)?
                .filter(|r| r.starts_with(&END64))
            else {
                continue;
            };
            let mut fields = Fields(record.get(40..).unwrap_or_default());
            return Ok(Some((record_at, fields.u64(), fields.u64())));
        }
        Ok(None)
    }

    fn with(
        region: Region<'a>,
        end: u64,
        size: u64,
        offset: u64,
    ) -> Result<Option<Self>, DetectError> {
        let Some(start) = end.checked_sub(size).filter(|start| *start >= offset) else {
            return Ok(None);
        };
        let Some(directory) = region.part(start, size) else {
            return Ok(None);
        };
        let begins = size == 0 || directory.array::<4>(0)? == Some(DIRECTORY);
        Ok(begins.then_some(Self {
            region,
            directory,
            before: start - offset,
        }))
    }

    /// Bytes of the central directory.
    pub(crate) fn directory_bytes(&self) -> u64 {
        self.directory.len()
    }

    /// The entries, in the order of the directory.
    pub(crate) fn entries(&self) -> Entries<'a> {
        Entries {
            directory: self.directory.buffered(32 << 10),
            name: Vec::new(),
            extra: Vec::new(),
            count: 0,
            left: self.directory.len(),
        }
    }

    /// The bytes of an entry.
    pub(crate) fn content(&self, entry: &Entry) -> Result<Content<'a>, DetectError> {
        const OUTSIDE: DetectError = DetectError::Malformed("an entry outside of its zip archive");
        if entry.encrypted {
            return Err(DetectError::Malformed(
                "an encrypted entry of a zip archive",
            ));
        }
        let at = entry.header.checked_add(self.before).ok_or(OUTSIDE)?;
        let header = self
            .region
            .array::<30>(at)?
            .filter(|header| header.starts_with(&LOCAL))
            .ok_or(OUTSIDE)?;
        let mut fields = Fields(header.get(26..).unwrap_or_default());
        let skip = 30 + u64::from(fields.u16()) + u64::from(fields.u16());
        let data = self.region.part(at + skip, entry.packed).ok_or(OUTSIDE)?;
        match entry.method {
            0 => Ok(Content::Stored(data)),
            8 => Ok(Content::Deflated(Inflate::new(data.buffered(32 << 10)))),
            _ => Err(DetectError::Malformed(
                "an entry of a zip archive packed in an unknown way",
            )),
        }
    }

    /// The first `most` bytes of an entry, and whether that is all of it.
    pub(crate) fn read(&self, entry: &Entry, most: usize) -> Result<(Vec<u8>, bool), DetectError> {
        let mut bytes = Vec::new();
        self.content(entry)?
            .take(most as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|_| {
                DetectError::Malformed("an entry of a zip archive that does not inflate")
            })?;
        let whole = bytes.len() <= most;
        bytes.truncate(most);
        Ok((bytes, whole))
    }
}

/// Goes through a central directory.
pub(crate) struct Entries<'a> {
    directory: Box<dyn BufRead + 'a>,
    name: Vec<u8>,
    extra: Vec<u8>,
    count: u64,
    left: u64,
}

impl Entries<'_> {
    /// The next entry whose name is wanted; `None` at the end.
    ///
    /// # Errors
    /// [`DetectError::Malformed`] where the directory breaks off or has too many entries.
    pub(crate) fn next(
        &mut self,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<Option<Entry>, DetectError> {
        const BROKEN: DetectError =
            DetectError::Malformed("a zip archive whose directory breaks off");
        loop {
            if self.left == 0 {
                return Ok(None);
            }
            if self.count == ENTRIES {
                return Err(DetectError::Malformed(
                    "a zip archive with too many entries",
                ));
            }
            self.count += 1;
            let mut header = [0; 46];
            self.directory.read_exact(&mut header).map_err(|_| BROKEN)?;
            if !header.starts_with(&DIRECTORY) {
                return Err(BROKEN);
            }
            let mut fields = Fields(header.get(8..).unwrap_or_default());
            let (flags, method) = (fields.u16(), fields.u16());
            fields.skip(8);
            let (packed, size) = (fields.u32(), fields.u32());
            let (name, extra, comment) = (fields.u16(), fields.u16(), fields.u16());
            fields.skip(8);
            let offset = fields.u32();
            let lengths = u64::from(name) + u64::from(extra) + u64::from(comment);
            self.left = self.left.checked_sub(46 + lengths).ok_or(BROKEN)?;
            self.name.resize(usize::from(name), 0);
            self.directory
                .read_exact(&mut self.name)
                .map_err(|_| BROKEN)?;
            self.extra.resize(usize::from(extra), 0);
            self.directory
                .read_exact(&mut self.extra)
                .map_err(|_| BROKEN)?;
            self.skip(comment).map_err(|_| BROKEN)?;
            if !wanted(&self.name) {
                continue;
            }
            let mut entry = Entry {
                name: self.name.clone(),
                size: u64::from(size),
                packed: u64::from(packed),
                method,
                encrypted: flags & 1 != 0,
                header: u64::from(offset),
            };
            widen(&mut entry, &self.extra);
            return Ok(Some(entry));
        }
    }

    fn skip(&mut self, count: u16) -> io::Result<()> {
        if count > 0 {
            io::copy(
                &mut self.directory.by_ref().take(u64::from(count)),
                &mut io::sink(),
            )?;
        }
        Ok(())
    }
}

/// Takes what does not fit 32 bits from the zip64 field.
fn widen(entry: &mut Entry, extra: &[u8]) {
    const WIDE: u64 = 0xffff_ffff;
    let mut rest = Fields(extra);
    while rest.0.len() >= 4 {
        let (id, length) = (rest.u16(), rest.u16());
        let (field, after) = rest
            .0
            .split_at_checked(usize::from(length))
            .unwrap_or((rest.0, &[]));
        if id == 1 {
            let mut field = Fields(field);
            for value in [&mut entry.size, &mut entry.packed, &mut entry.header] {
                if *value == WIDE && field.0.len() >= 8 {
                    *value = field.u64();
                }
            }
            return;
        }
        rest = Fields(after);
    }
}

/// Little-endian numbers one after the other; 0 behind the end.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn skip(&mut self, count: usize) {
        self.0 = self.0.get(count..).unwrap_or_default();
    }

    fn u16(&mut self) -> u16 {
        let value = self
            .0
            .first_chunk()
            .map_or(0, |bytes| u16::from_le_bytes(*bytes));
        self.skip(2);
        value
    }

    fn u32(&mut self) -> u32 {
        let value = self
            .0
            .first_chunk()
            .map_or(0, |bytes| u32::from_le_bytes(*bytes));
        self.skip(4);
        value
    }

    fn u64(&mut self) -> u64 {
        let value = self
            .0
            .first_chunk()
            .map_or(0, |bytes| u64::from_le_bytes(*bytes));
        self.skip(8);
        value
    }
}

fn rfind(bytes: &[u8], signature: [u8; 4]) -> Option<usize> {
    bytes.windows(4).rposition(|window| window == signature)
}

#[cfg(test)]
mod tests {
    use pellucid_image::Body;

    use super::*;

    /// An archive of one stored entry `a` with the content `xyz`, every number in zip64 fields.
    fn wide(before: &[u8], locator: bool) -> Vec<u8> {
        let le = |number: u64, bytes: usize| number.to_le_bytes()[..bytes].to_vec();
        let local = [&b"PK\x03\x04"[..], &[0; 22], &le(1, 2), &le(0, 2), b"axyz"].concat();
        let extra = [le(1, 2), le(24, 2), le(3, 8), le(3, 8), le(0, 8)].concat();
        let directory = [
            &b"PK\x01\x02"[..],
            &[0; 16],
            &[0xff; 8],
            &le(1, 2),
            &le(extra.len() as u64, 2),
            &[0; 10],
            &[0xff; 4],
            b"a",
            &extra,
        ]
        .concat();
        let (at, size) = (local.len() as u64, directory.len() as u64);
        let record = [
            &b"PK\x06\x06"[..],
            &le(44, 8),
            &[0; 12],
            &le(1, 8),
            &le(1, 8),
            &le(size, 8),
            &le(at, 8),
        ]
        .concat();
        let found = [&b"PK\x06\x07"[..], &[0; 4], &le(at + size, 8), &le(1, 4)].concat();
        let end = [&b"PK\x05\x06"[..], &[0; 4], &[0xff; 12], &le(3, 2), b"end"].concat();
        let found = if locator { found } else { Vec::new() };
        [before, &local, &directory, &record, &found, &end].concat()
    }

    /// Names and contents.
    type All = Vec<(Vec<u8>, Vec<u8>)>;

    fn read(bytes: &[u8]) -> Result<All, DetectError> {
        let body = Body::Memory(bytes.to_vec());
        let archive = Archive::open(Region::of(&body)?)?;
        let mut entries = archive.entries();
        let mut all = Vec::new();
        while let Some(entry) = entries.next(|_| true)? {
            let (content, _) = archive.read(&entry, 1 << 20)?;
            all.push((entry.name, content));
        }
        Ok(all)
    }

    #[test]
    fn wide_archives_are_read_also_behind_a_program() {
        let expected = [(b"a".to_vec(), b"xyz".to_vec())];
        assert_eq!(read(&wide(b"", true)).unwrap(), expected);
        assert_eq!(
            read(&wide(b"#!/bin/sh PK\x05\x06\n", true)).unwrap(),
            expected
        );
        assert!(read(&wide(b"", false)).is_err());
    }

    #[test]
    fn a_cut_archive_is_an_error() {
        let whole = wide(b"", true);
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn changed_bytes_never_panic() {
        let whole = wide(b"abc", true);
        for at in 0..whole.len() {
            for byte in [0, 1, 0x7f, 0xff] {
                let mut changed = whole.clone();
                changed[at] = byte;
                let _ = read(&changed);
            }
        }
    }
}
