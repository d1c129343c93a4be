//! Members of a zip or tar archive, one at a time and never on disk.
//!
//! Told by what the bytes are: a zip has its directory at the end and is read where it lies, a tar is
//! read as it is unpacked. Names are taken as they stand, for feeds to tell members apart; nothing is
//! ever written under them. Of a tar only regular files count, under their ustar, pax or GNU names.
//!
//! Not here: zips inside compressions or other archives, sparse files, multi-volume archives.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _};

use crate::unpack::{UnpackError, plain};

/// Longest name of a member, and most bytes of a header that extends another.
const EXTENSION: u64 = 64 << 10;
/// Most members; the largest archive of a feed has some 300,000.
const MEMBERS: usize = 4_000_000;
const BLOCK: usize = 512;

/// What is done with the members.
pub(crate) trait MemberSink {
    /// Why reading on makes no sense.
    type Error;

    /// Whether a member is read at all.
    fn wants(&mut self, name: &str) -> bool;
    /// A member's bytes.
    fn member(&mut self, name: &str, body: &[u8]) -> Result<(), Self::Error>;
    /// A member is larger than it may be, and is passed over.
    fn too_large(&mut self, name: &str);
}

/// Why not all members were read.
#[derive(Debug)]
pub(crate) enum MembersError<E> {
    /// The archive is at fault.
    Archive(UnpackError),
    /// The sink wants no more.
    Sink(E),
}

impl<E> From<UnpackError> for MembersError<E> {
    fn from(error: UnpackError) -> Self {
        Self::Archive(error)
    }
}

/// Most bytes of an archive and of a member, unpacked.
#[derive(Clone, Copy)]
pub(crate) struct ArchiveLimits {
    pub(crate) whole: u64,
    pub(crate) member: u64,
}

/// Reads an archive's members in its order.
pub(crate) fn members<S: MemberSink>(
    mut file: File,
    limits: ArchiveLimits,
    sink: &mut S,
) -> Result<(), MembersError<S::Error>> {
    let damaged = UnpackError::Damaged;
    let mut magic = Vec::new();
    (&file).take(4).read_to_end(&mut magic).map_err(damaged)?;
    file.rewind().map_err(damaged)?;
    if magic.starts_with(b"PK") {
        zip_members(file, limits, sink)
    } else {
        tar_members(plain(file)?, limits, sink)
    }
}

fn zip_members<S: MemberSink>(
    file: File,
    limits: ArchiveLimits,
    sink: &mut S,
) -> Result<(), MembersError<S::Error>> {
    let damaged = |error: zip::result::ZipError| UnpackError::Damaged(error.into());
    let mut archive =
        zip::ZipArchive::new(BufReader::with_capacity(64 << 10, file)).map_err(damaged)?;
    if archive.len() > MEMBERS {
        return Err(UnpackError::TooLarge.into());
    }
    let mut left = limits.whole;
    let mut body = Vec::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(damaged)?;
        let name = String::from_utf8_lossy(member.name_raw()).into_owned();
        if !member.is_file() || !sink.wants(&name) {
            continue;
        }
        body.clear();
        let allowed = limits.member.min(left);
        // The size in the directory may lie; the bytes are counted.
        member
            .by_ref()
            .take(allowed.saturating_add(1))
            .read_to_end(&mut body)
            .map_err(UnpackError::Damaged)?;
        left = left.saturating_sub(body.len() as u64);
        if body.len() as u64 <= allowed {
            sink.member(&name, &body).map_err(MembersError::Sink)?;
        } else if left == 0 {
            return Err(UnpackError::TooLarge.into());
        } else {
            sink.too_large(&name);
        }
    }
    Ok(())
}

fn tar_members<S: MemberSink>(
    reader: impl Read,
    limits: ArchiveLimits,
    sink: &mut S,
) -> Result<(), MembersError<S::Error>> {
    let mut reader = Counted {
        left: limits.whole,
        reader,
    };
    let mut body = Vec::new();
    let mut long_name: Option<String> = None;
    for _ in 0..MEMBERS {
        let Some(header) = reader.header()? else {
            return Ok(());
        };
        match header.kind {
            b'L' | b'x' if header.size > EXTENSION => {
                return Err(broken("a name is too long").into());
            }
            b'L' => {
                reader.read(header.size, &mut body)?;
                long_name = Some(text(&body));
            }
            b'x' => {
                reader.read(header.size, &mut body)?;
                long_name = pax_path(&body).or(long_name);
            }
            b'0' | 0 | b'7' => {
                let name = long_name.take().unwrap_or(header.name);
                if !sink.wants(&name) {
                    reader.skip(header.size)?;
                } else if header.size > limits.member {
                    sink.too_large(&name);
                    reader.skip(header.size)?;
                } else {
                    reader.read(header.size, &mut body)?;
                    sink.member(&name, &body).map_err(MembersError::Sink)?;
                }
            }
            _ => {
                // A global header names no member; everything else had the name for itself.
                if header.kind != b'g' {
                    long_name = None;
                }
                reader.skip(header.size)?;
            }
        }
    }
    Err(UnpackError::TooLarge.into())
}

/// One header of a tar.
struct Header {
    name: String,
    kind: u8,
    size: u64,
}

/// The tar's bytes, at most so many.
struct Counted<R> {
    left: u64,
    reader: R,
}

impl<R: Read> Counted<R> {
    /// The next header; `None` at the end of the archive.
    fn header(&mut self) -> Result<Option<Header>, UnpackError> {
        let mut block = [0; BLOCK];
        self.exactly(&mut block)?;
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let field = |from: usize, to: usize| block.get(from..to).unwrap_or_default();
        let sum: u64 = block
            .iter()
            .enumerate()
            .map(|(at, byte)| {
                u64::from(if (148..156).contains(&at) {
                    b' '
                } else {
                    *byte
                })
            })
            .sum();
        if number(field(148, 156)) != Some(sum) {
            return Err(broken("it is no tar archive"));
        }
        let size = number(field(124, 136)).ok_or_else(|| broken("a size is no number"))?;
        let mut name = text(field(0, 100));
        let prefix = text(field(345, 500));
        if field(257, 263) == b"ustar\0" && !prefix.is_empty() {
            name = format!("{prefix}/{name}");
        }
        let kind = field(156, 157).first().copied().unwrap_or(0);
        Ok(Some(Header { name, kind, size }))
    }

    /// The bytes of a member, without what fills its last block.
    fn read(&mut self, size: u64, body: &mut Vec<u8>) -> Result<(), UnpackError> {
        self.charge(size)?;
        body.clear();
        self.reader
            .by_ref()
            .take(size)
            .read_to_end(body)
            .map_err(UnpackError::Damaged)?;
        if (body.len() as u64) < size {
            return Err(broken("a member is cut short"));
        }
        self.discard(padding(size))
    }

    /// Passes over a member.
    fn skip(&mut self, size: u64) -> Result<(), UnpackError> {
        self.discard(size.saturating_add(padding(size)))
    }

    fn discard(&mut self, bytes: u64) -> Result<(), UnpackError> {
        self.charge(bytes)?;
        let discarded = io::copy(&mut self.reader.by_ref().take(bytes), &mut io::sink())
            .map_err(UnpackError::Damaged)?;
        if discarded < bytes {
            return Err(broken("a member is cut short"));
        }
        Ok(())
    }

    fn exactly(&mut self, bytes: &mut [u8]) -> Result<(), UnpackError> {
        self.charge(bytes.len() as u64)?;
        self.reader.read_exact(bytes).map_err(UnpackError::Damaged)
    }

    fn charge(&mut self, bytes: u64) -> Result<(), UnpackError> {
        self.left = self.left.checked_sub(bytes).ok_or(UnpackError::TooLarge)?;
        Ok(())
    }
}

fn broken(what: &'static str) -> UnpackError {
    UnpackError::Damaged(io::Error::new(io::ErrorKind::InvalidData, what))
}

/// Bytes that fill the last block of a member.
fn padding(size: u64) -> u64 {
    (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64
}

/// Octal digits among spaces and zero bytes, or GNU's base 256 with its first bit set.
fn number(field: &[u8]) -> Option<u64> {
    if let Some((first, rest)) = field.split_first()
        && first & 0x80 != 0
    {
        return rest
            .iter()
            .try_fold(u64::from(first & 0x7f), |number, byte| {
                number
                    .checked_mul(256)
                    .map(|number| number + u64::from(*byte))
            });
    }
    let digits = field.iter().filter(|byte| !matches!(byte, b' ' | 0));
    digits
        .map(|byte| (b'0'..=b'7').contains(byte).then(|| u64::from(byte - b'0')))
        .try_fold(0_u64, |number, digit| {
            number.checked_mul(8)?.checked_add(digit?)
        })
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0);
    String::from_utf8_lossy(field.get(..end.unwrap_or(field.len())).unwrap_or_default())
        .into_owned()
}

/// The path in a pax header: records of `length key=value` and a line feed.
fn pax_path(body: &[u8]) -> Option<String> {
    let mut rest = body;
    let mut path = None;
    while let Some(space) = rest.iter().position(|byte| *byte == b' ') {
        let length: usize = std::str::from_utf8(rest.get(..space)?).ok()?.parse().ok()?;
        let record = rest.get(space + 1..length)?;
        let record = record.strip_suffix(b"\n").unwrap_or(record);
        if let Some(value) = record.strip_prefix(b"path=") {
            path = Some(String::from_utf8_lossy(value).into_owned());
        }
        rest = rest.get(length..)?;
    }
    path
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[derive(Default)]
    struct Seen(Vec<(String, usize)>, Vec<String>);

    impl MemberSink for Seen {
        type Error = std::convert::Infallible;

        fn wants(&mut self, name: &str) -> bool {
            !name.contains("skip")
        }

        fn member(&mut self, name: &str, body: &[u8]) -> Result<(), Self::Error> {
            self.0.push((name.to_owned(), body.len()));
            Ok(())
        }

        fn too_large(&mut self, name: &str) {
            self.1.push(name.to_owned());
        }
    }

    const LIMITS: ArchiveLimits = ArchiveLimits {
        whole: 1 << 20,
        member: 2000,
    };

    fn read(bytes: &[u8]) -> Result<Seen, MembersError<std::convert::Infallible>> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        let mut seen = Seen::default();
        members(file, LIMITS, &mut seen).map(|()| seen)
    }

    fn files() -> Vec<(String, Vec<u8>)> {
        vec![
            ("a.json".to_owned(), vec![b'a'; 1]),
            ("skip/b.json".to_owned(), vec![b'b'; 700]),
            (format!("{}/c.json", "deep/".repeat(50)), vec![b'c'; 512]),
            ("empty".to_owned(), Vec::new()),
            ("large".to_owned(), vec![b'd'; 2001]),
            ("e:1.json".to_owned(), vec![b'e'; 2000]),
        ]
    }

    fn tar() -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, body) in files() {
            let mut header = tar::Header::new_gnu();
            header.set_size(body.len() as u64);
            header.set_mode(0o644);
            builder
                .append_data(&mut header, name, body.as_slice())
                .unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn zip() -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        for (name, body) in files() {
            let options = zip::write::SimpleFileOptions::default();
            writer.start_file(name, options).unwrap();
            writer.write_all(&body).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn members_of_both_kinds_come_in_order_and_large_ones_are_passed_over() {
        let packed = zstd::encode_all(tar().as_slice(), 1).unwrap();
        for (what, bytes) in [("tar", tar()), ("tar.zst", packed), ("zip", zip())] {
            let Seen(members, too_large) = read(&bytes).unwrap();
            let expected: Vec<_> = files()
                .into_iter()
                .filter(|(name, body)| !name.contains("skip") && body.len() <= 2000)
                .map(|(name, body)| (name, body.len()))
                .collect();
            assert_eq!(members, expected, "{what}");
            assert_eq!(too_large, ["large"], "{what}");
        }
    }

    #[test]
    fn an_archive_cut_anywhere_or_too_large_is_an_error() {
        for whole in [tar(), zip()] {
            for end in (0..whole.len() - 1024).step_by(61) {
                assert!(read(&whole[..end]).is_err(), "cut at {end}");
            }
        }
        assert!(read(b"").is_err());
        assert!(read(&vec![b'x'; 4096]).is_err());
        let mut many = tar::Builder::new(Vec::new());
        for _ in 0..700 {
            let mut header = tar::Header::new_gnu();
            header.set_size(1600);
            header.set_cksum();
            many.append_data(&mut header, "n", [b'n'; 1600].as_slice())
                .unwrap();
        }
        let bomb = zstd::encode_all(many.into_inner().unwrap().as_slice(), 1).unwrap();
        assert!(matches!(
            read(&bomb),
            Err(MembersError::Archive(UnpackError::TooLarge))
        ));
    }
}
