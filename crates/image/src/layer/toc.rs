//! A layer read by its table of contents: eStargz and zstd:chunked compress every file by itself and
//! say where it lies, so that only the files that a visitor wants are fetched.
//!
//! Where the bytes come from is the source's business ([`Ranges`]); the table itself is verified by
//! a digest in the manifest before it gets here, and each file, or each part of one that is fetched in
//! parts, by its digest in the table.
//! That the table names everything in the tar is its maker's word: the layer's digest stays declared.
//!
//! Sources: stargz-snapshotter `docs/estargz.md`; containers/storage `docs/containers-storage-zstd-chunked.md`.
//! Not here: finding and fetching the table.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use pellucid_model::{Digest, DigestState};
use serde::Deserialize;

use crate::body::{Fetch, Remote};
use crate::layer::compression::Compression;
use crate::layer::digest::{Hasher, digest_like};
use crate::layer::fault;
use crate::layer::meter::Meter;
use crate::layer::tar::{Kind, Member};
use crate::layer::walk::{Notes, kind_of};
use crate::{
    Body, Entry, EntryKind, Expected, LayerFault, LayerRead, LayerVisitor, Limits, Mismatch,
    Progress, Want,
};

/// Bytes that an entry of a table has at least, as their makers write them: what it takes in memory is not
/// much more.
const LEAST: usize = 48;

/// Bytes of a table whose entries may be smaller.
const FEW: usize = 1 << 20;

/// How files are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Gzip,
    Zstd,
}

/// Parts of a layer's blob.
pub(crate) trait Ranges: Send + Sync {
    /// The bytes from `at` to before `end`.
    fn range(&self, at: u64, end: u64) -> Box<dyn Read + Send + '_>;

    /// Bytes that came so far.
    fn transferred(&self) -> u64;
}

/// What a layer contains, and where.
#[derive(Debug)]
pub(crate) struct Toc {
    codec: Codec,
    items: Vec<Item>,
}

#[derive(Debug)]
struct Item {
    member: Member,
    parts: Vec<Part>,
    digest: Option<Digest>,
}

/// Where a part of a file lies.
#[derive(Debug)]
struct Part {
    at: u64,
    end: u64,
    /// Decompressed bytes between `at` and it.
    skip: u64,
    /// Its place in the file.
    start: u64,
    size: u64,
    /// Nothing but zeros, which lie nowhere.
    zeros: bool,
    digest: Option<Digest>,
}

#[derive(Deserialize)]
struct Document {
    version: u64,
    entries: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    link_name: String,
    #[serde(default)]
    mode: i64,
    #[serde(default)]
    offset: u64,
    #[serde(default)]
    end_offset: Option<u64>,
    #[serde(default)]
    inner_offset: u64,
    #[serde(default)]
    chunk_size: u64,
    #[serde(default)]
    chunk_type: Option<String>,
    #[serde(default)]
    digest: Option<String>,
    #[serde(default)]
    chunk_digest: Option<String>,
}

impl Toc {
    /// Reads a table whose files all lie before `end`. Nothing where it is not as we expect it: the
    /// layer is then read whole.
    pub(crate) fn parse(json: &[u8], codec: Codec, end: u64, limits: &Limits) -> Option<Self> {
        let entries = json.iter().filter(|byte| **byte == b'{').count();
        if json.len() > FEW && entries > json.len() / LEAST {
            return None;
        }
        let document: Document = serde_json::from_slice(json).ok()?;
        if document.version != 1 || document.entries.len() as u64 > limits.layer_entries {
            return None;
        }
        let mut starts: Vec<u64> = document.entries.iter().map(|one| one.offset).collect();
        starts.push(end);
        starts.sort_unstable();
        starts.dedup();
        let end_of = |listed: &Listed| match listed.end_offset {
            Some(end) => Some(end),
            None => {
                let next = starts.partition_point(|start| *start <= listed.offset);
                starts.get(next).copied()
            }
        };
        let mut items: Vec<Item> = Vec::new();
        let mut all_zeros: u64 = 0;
        for listed in &document.entries {
            let is_chunk = listed.kind == "chunk";
            if !is_chunk {
                items.push(item(listed)?);
            }
            let last = items.last_mut()?;
            let is_data = is_chunk || listed.kind == "reg";
            if is_data && last.member.size > 0 {
                let start = match last.parts.last() {
                    Some(part) => part.start.checked_add(part.size)?,
                    None => 0,
                };
                let size = match listed.chunk_size {
                    0 => last.member.size.checked_sub(start)?,
                    size => size,
                };
                let zeros = listed.chunk_type.as_deref() == Some("zeros");
                let part = Part {
                    at: listed.offset,
                    end: if zeros {
                        listed.offset
                    } else {
                        end_of(listed)?
                    },
                    skip: listed.inner_offset,
                    start,
                    size,
                    zeros,
                    digest: digest(listed.chunk_digest.as_deref())?,
                };
                if !zeros && (part.at >= part.end || part.end > end) {
                    return None;
                }
                // More than may come out of so few bytes: the meter of a whole layer shall tell.
                let most = limits
                    .ratio
                    .saturating_mul(part.end.saturating_sub(part.at));
                if !zeros && part.skip.saturating_add(part.size) > most.max(limits.ratio_after) {
                    return None;
                }
                // Zeros take no bytes at all. Those of files that are never shown whole cost nothing.
                if zeros && last.member.size <= limits.file_bytes {
                    all_zeros = all_zeros.saturating_add(part.size);
                    if all_zeros > limits.ratio_after {
                        return None;
                    }
                }
                last.parts.push(part);
            }
        }
        let is_whole = |item: &Item| {
            let end = match item.parts.last() {
                Some(part) => part.start.checked_add(part.size),
                None => Some(0),
            };
            item.member.kind != Kind::File || end == Some(item.member.size)
        };
        items.iter().all(is_whole).then_some(Self { codec, items })
    }
}

fn item(listed: &Listed) -> Option<Item> {
    let kind = match listed.kind.as_str() {
        "reg" => Kind::File,
        "dir" => Kind::Directory,
        "symlink" => Kind::Symlink,
        "hardlink" => Kind::Hardlink,
        "char" | "block" | "fifo" => Kind::Other,
        _ => return None,
    };
    Some(Item {
        member: Member {
            name: listed.name.clone().into_bytes(),
            link: listed.link_name.clone().into_bytes(),
            kind,
            size: if kind == Kind::File { listed.size } else { 0 },
            mode: u32::try_from(listed.mode & 0o7777).unwrap_or_default(),
            ..Member::default()
        },
        parts: Vec::new(),
        digest: digest(listed.digest.as_deref())?,
    })
}

/// A digest, where the table has one; nothing where it is none that we know.
fn digest(listed: Option<&str>) -> Option<Option<Digest>> {
    match listed {
        Some(digest) if !digest.is_empty() => digest.parse().ok().map(Some),
        _ => Some(None),
    }
}

impl Item {
    /// Whether parts of it can be fetched and checked by themselves.
    fn is_in_parts(&self) -> bool {
        self.parts.len() > 1
            && self
                .parts
                .iter()
                .all(|part| part.zeros || part.digest.is_some())
    }
}

/// Shows every entry of a table to `visitor`, and fetches what it wants.
pub(crate) fn read(
    toc: &Toc,
    ranges: &dyn Ranges,
    expected: &Expected,
    meter: Meter<'_>,
    visitor: &mut dyn LayerVisitor,
    progress: &dyn Progress,
) -> Result<LayerRead, LayerFault> {
    let mut notes = Notes::new(expected.index, meter.limits.layer_warnings);
    let (mut path, mut target) = (Vec::new(), Vec::new());
    let mut entries = 0;
    let unpacked = AtomicU64::new(0);
    for item in &toc.items {
        entries += 1;
        meter.entries(entries)?;
        let kind = kind_of(
            &item.member,
            &mut path,
            &mut target,
            meter.limits,
            &mut notes,
        )?;
        let Some(kind) = kind else { continue };
        let entry = Entry {
            path: &path,
            kind,
            mode: item.member.mode,
        };
        let want = visitor.entry(&entry);
        if let EntryKind::File { size } = kind {
            let files = Files {
                codec: toc.codec,
                ranges,
                meter,
                unpacked: &unpacked,
            };
            files.show(item, &entry, size, want, visitor)?;
            meter.blob(ranges.transferred())?;
        }
    }
    if let (Some(index), Some(size)) = (expected.index, expected.size) {
        progress.bytes(index, size);
    }
    Ok(LayerRead {
        digest: expected.digest,
        diff_id: expected.diff_id,
        digest_state: DigestState::Declared,
        blob_bytes: ranges.transferred(),
        tar_bytes: 0,
        entries,
        warnings: notes.finish(),
    })
}

/// Fetches files.
#[derive(Clone, Copy)]
struct Files<'a> {
    codec: Codec,
    ranges: &'a dyn Ranges,
    meter: Meter<'a>,
    /// Bytes that came out of all parts, those before a file too.
    unpacked: &'a AtomicU64,
}

/// Compressed bytes that may hold the beginning of a file: zstd gives nothing before a block is whole,
/// and a block may be of 128 KiB.
const GUESSES: [u64; 3] = [1 << 10, 16 << 10, 130 << 10];

impl Files<'_> {
    fn show(
        &self,
        item: &Item,
        entry: &Entry<'_>,
        size: u64,
        mut want: Want,
        visitor: &mut dyn LayerVisitor,
    ) -> Result<(), LayerFault> {
        let mut begun = Vec::new();
        if let Want::Head(count) = want {
            let count = count.min(self.meter.limits.head_bytes) as u64;
            want = visitor.head(entry, &self.head(item, count.min(size), &mut begun)?);
        }
        let Want::Whole { limit } = want else {
            return Ok(());
        };
        let limit = limit.min(self.meter.limits.file_bytes);
        if size > limit {
            visitor.too_large(entry, limit);
            return Ok(());
        }
        if item.is_in_parts() {
            let fault = OnceLock::new();
            let remote = InParts::new(*self, item, begun, &fault)?;
            visitor.file(entry, &Body::Remote(Remote(Box::new(remote))));
            // What could not be fetched is a fault of the layer, whatever the visitor made of it.
            return fault.into_inner().map_or(Ok(()), Err);
        }
        let body = if size > self.meter.limits.spool_after {
            let file = tempfile::tempfile().map_err(LayerFault::Spool)?;
            let mut out = Checked::new(&file, 0, item.digest);
            self.copy(item, size, &begun, &mut out)?;
            out.check()?;
            Body::Spool(file)
        } else {
            let mut bytes = Vec::new();
            self.copy(item, size, &begun, &mut bytes)?;
            if let Some(declared) = item.digest {
                check(declared, digest_like(Some(&declared), &bytes))?;
            }
            Body::Memory(bytes)
        };
        visitor.file(entry, &body);
        Ok(())
    }

    /// The first bytes, from as little of the blob as that takes. What of it was fetched is in
    /// `begun` then.
    fn head(&self, item: &Item, count: u64, begun: &mut Vec<u8>) -> Result<Vec<u8>, LayerFault> {
        let mut bytes = Vec::new();
        if let Some(part) = item
            .parts
            .first()
            .filter(|part| !part.zeros && part.size >= count)
        {
            for guess in GUESSES {
                let needed = part.skip.saturating_add(guess + count);
                let end = part.at.saturating_add(needed);
                self.ranges
                    .range(part.at + begun.len() as u64, end.min(part.end))
                    .read_to_end(begun)
                    .map_err(LayerFault::Read)?;
                // What is cut short is no fault here, but it may not be enough.
                let _ = self.unpack(&**begun, part, count, &mut bytes);
                if bytes.len() as u64 == count {
                    return Ok(bytes);
                }
                bytes.clear();
            }
        }
        self.copy(item, count, begun, &mut bytes)?;
        Ok(bytes)
    }

    /// Writes the first `count` bytes of a file.
    fn copy(
        &self,
        item: &Item,
        count: u64,
        begun: &[u8],
        out: &mut dyn Write,
    ) -> Result<(), LayerFault> {
        let mut left = count;
        for part in &item.parts {
            let wanted = part.size.min(left);
            if wanted == 0 {
                break;
            }
            let begun = if part.start == 0 { begun } else { &[] };
            self.part(part, wanted, begun, out)?;
            left -= wanted;
        }
        Ok(())
    }

    /// Writes the first `wanted` bytes of a part, whose first compressed bytes are `begun`.
    fn part(
        &self,
        part: &Part,
        wanted: u64,
        begun: &[u8],
        out: &mut dyn Write,
    ) -> Result<(), LayerFault> {
        self.meter.time()?;
        if part.zeros {
            self.count(wanted)?;
            let copied = io::copy(&mut io::repeat(0).take(wanted), out);
            return copied.map(|_| ()).map_err(LayerFault::Spool);
        }
        let rest = self.ranges.range(part.at + begun.len() as u64, part.end);
        self.unpack(begun.chain(rest), part, wanted, out)
    }

    fn unpack(
        &self,
        source: impl Read + Send,
        part: &Part,
        wanted: u64,
        out: &mut dyn Write,
    ) -> Result<(), LayerFault> {
        let compression = match self.codec {
            Codec::Gzip => Compression::Gzip,
            Codec::Zstd => Compression::Zstd,
        };
        let fault = |error| fault(error, compression, self.meter.limits);
        let source = io::BufReader::with_capacity(32 << 10, source);
        let mut decoder = compression
            .decoder(source, self.meter.limits)
            .map_err(fault)?;
        let mut buffer = vec![0; 32 << 10];
        let mut place = 0;
        let end = part.skip.saturating_add(wanted);
        while place < end {
            let next = if place < part.skip { part.skip } else { end };
            let room = usize::try_from(next - place).unwrap_or(usize::MAX);
            let room = room.min(buffer.len());
            let count = match decoder.read(buffer.get_mut(..room).unwrap_or_default()) {
                Ok(0) => return Err(fault(io::ErrorKind::UnexpectedEof.into())),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other.map_err(fault)?,
            };
            if place >= part.skip {
                let bytes = buffer.get(..count).unwrap_or_default();
                out.write_all(bytes).map_err(LayerFault::Spool)?;
            }
            place += count as u64;
            self.count(count as u64)?;
        }
        out.flush().map_err(LayerFault::Spool)
    }

    /// So many more bytes came out.
    fn count(&self, bytes: u64) -> Result<(), LayerFault> {
        let before = self.unpacked.fetch_add(bytes, Relaxed);
        let unpacked = before.saturating_add(bytes);
        self.meter.tar(self.ranges.transferred(), unpacked)
    }
}

/// A file of several parts, of which those that are read are fetched, each once.
struct InParts<'a> {
    files: Files<'a>,
    item: &'a Item,
    /// The first compressed bytes of the first part.
    begun: Vec<u8>,
    spool: File,
    /// Which parts are in the spool.
    there: RefCell<Vec<bool>>,
    /// Why a part could not be fetched.
    fault: &'a OnceLock<LayerFault>,
}

impl<'a> InParts<'a> {
    fn new(
        files: Files<'a>,
        item: &'a Item,
        begun: Vec<u8>,
        fault: &'a OnceLock<LayerFault>,
    ) -> Result<Self, LayerFault> {
        // They are there as soon as the spool has its length.
        let zeros = item.parts.iter().filter(|part| part.zeros);
        files.count(zeros.fold(0, |sum: u64, part| sum.saturating_add(part.size)))?;
        let spool = tempfile::tempfile().map_err(LayerFault::Spool)?;
        spool.set_len(item.member.size).map_err(LayerFault::Spool)?;
        Ok(Self {
            files,
            item,
            begun,
            spool,
            there: RefCell::new(item.parts.iter().map(|part| part.zeros).collect()),
            fault,
        })
    }

    fn fetch(&self, part: &Part) -> Result<(), LayerFault> {
        let begun = if part.start == 0 { &*self.begun } else { &[] };
        let mut out = Checked::new(&self.spool, part.start, part.digest);
        self.files.part(part, part.size, begun, &mut out)?;
        out.check()
    }
}

impl Fetch for InParts<'_> {
    fn len(&self) -> u64 {
        self.item.member.size
    }

    fn fetched(&self, offset: u64, count: u64) -> io::Result<&File> {
        let end = offset.saturating_add(count);
        let parts = &self.item.parts;
        let first = parts.partition_point(|part| part.start + part.size <= offset);
        let mut there = self.there.borrow_mut();
        for (part, there) in parts.iter().zip(there.iter_mut()).skip(first) {
            if part.start >= end {
                break;
            }
            if !*there {
                self.fetch(part).map_err(|fault| {
                    let error = io::Error::other(fault.to_string());
                    let _ = self.fault.set(fault);
                    error
                })?;
                *there = true;
            }
        }
        Ok(&self.spool)
    }
}

impl std::fmt::Debug for InParts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InParts")
            .field("item", self.item)
            .finish_non_exhaustive()
    }
}

/// Writes to a place in a file, and takes the digest of what is written if one is declared.
struct Checked<'f> {
    file: &'f File,
    at: u64,
    declared: Option<(Digest, Hasher)>,
}

impl<'f> Checked<'f> {
    fn new(file: &'f File, at: u64, declared: Option<Digest>) -> Self {
        let declared = declared.map(|digest| (digest, Hasher::like(Some(&digest))));
        Self { file, at, declared }
    }

    fn check(self) -> Result<(), LayerFault> {
        match self.declared {
            Some((declared, hasher)) => check(declared, hasher.finish()),
            None => Ok(()),
        }
    }
}

impl Write for Checked<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write_at(bytes, self.at)?;
        self.at += count as u64;
        if let Some((_, hasher)) = &mut self.declared {
            hasher.update(bytes.get(..count).unwrap_or_default());
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn check(declared: Digest, actual: Digest) -> Result<(), LayerFault> {
    if declared == actual {
        return Ok(());
    }
    Err(LayerFault::File(Box::new(Mismatch { declared, actual })))
}
