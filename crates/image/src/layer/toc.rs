//! A layer read by its table of contents: eStargz and zstd:chunked compress every file by itself and
//! say where it lies, so that only the files that a visitor wants are fetched.
//!
//! Where the bytes come from is the source's business ([`Ranges`]); the table itself is verified by
//! a digest in the manifest before it gets here, and each file read whole by its digest in the table.
//! That the table names everything in the tar is its maker's word: the layer's digest stays declared.
//!
//! Sources: stargz-snapshotter `docs/estargz.md`; containers/storage `docs/containers-storage-zstd-chunked.md`.
//! Not here: finding and fetching the table.

use std::fs::File;
use std::io::{self, Read};

use pellucid_model::{Digest, DigestState};
use serde::Deserialize;

use crate::body::MEMORY_BYTES;
use crate::layer::digest::digest_like;
use crate::layer::meter::Meter;
use crate::layer::tar::{Kind, Member};
use crate::layer::walk::{Notes, kind_of};
use crate::{
    Body, Entry, EntryKind, Expected, LayerFault, LayerRead, LayerVisitor, Limits, Mismatch,
    Progress, Want,
};

/// How files are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Gzip,
    Zstd,
}

/// Parts of a layer's blob.
pub(crate) trait Ranges: Send {
    /// The bytes from `at` to before `end`.
    fn range(&self, at: u64, end: u64) -> Box<dyn Read + '_>;

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
    /// Decompressed bytes before it.
    skip: u64,
    size: u64,
    /// Nothing but zeros, which lie nowhere.
    zeros: bool,
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
}

impl Toc {
    /// Reads a table whose files all lie before `end`. Nothing where it is not as we expect it: the
    /// layer is then read whole.
    pub(crate) fn parse(json: &[u8], codec: Codec, end: u64, limits: &Limits) -> Option<Self> {
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
        for listed in &document.entries {
            let is_chunk = listed.kind == "chunk";
            if !is_chunk {
                items.push(item(listed)?);
            }
            let last = items.last_mut()?;
            let is_data = is_chunk || listed.kind == "reg";
            if is_data && last.member.size > 0 {
                let before: u64 = last.parts.iter().map(|part| part.size).sum();
                let size = match listed.chunk_size {
                    0 => last.member.size.checked_sub(before)?,
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
                    size,
                    zeros,
                };
                if !zeros && (part.at >= part.end || part.end > end) {
                    return None;
                }
                last.parts.push(part);
            }
        }
        let is_whole = |item: &Item| {
            let size = item
                .parts
                .iter()
                .try_fold(0_u64, |sum, part| sum.checked_add(part.size));
            item.member.kind != Kind::File || size == Some(item.member.size)
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
    let digest = match listed.digest.as_deref() {
        Some(digest) if !digest.is_empty() => Some(digest.parse().ok()?),
        _ => None,
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
        digest,
    })
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
struct Files<'a> {
    codec: Codec,
    ranges: &'a dyn Ranges,
    meter: Meter<'a>,
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
        if let Want::Head(count) = want {
            let count = count.min(self.meter.limits.head_bytes) as u64;
            want = visitor.head(entry, &self.head(item, count.min(size))?);
        }
        let Want::Whole { limit } = want else {
            return Ok(());
        };
        let limit = limit.min(self.meter.limits.file_bytes);
        if size > limit {
            visitor.too_large(entry, limit);
            return Ok(());
        }
        let body = if size > MEMORY_BYTES {
            Body::Spool(self.spool(item)?)
        } else {
            let mut bytes = Vec::new();
            self.copy(item, size, &mut bytes)?;
            if let Some(declared) = item.digest {
                check(declared, digest_like(Some(&declared), &bytes))?;
            }
            Body::Memory(bytes)
        };
        visitor.file(entry, &body);
        Ok(())
    }

    /// The first bytes, from as little of the blob as that takes.
    fn head(&self, item: &Item, count: u64) -> Result<Vec<u8>, LayerFault> {
        let mut bytes = Vec::new();
        if let Some(part) = item
            .parts
            .first()
            .filter(|part| !part.zeros && part.size >= count)
        {
            for guess in GUESSES {
                let guess = guess.saturating_add(part.skip).saturating_add(count);
                if part.end - part.at <= guess.saturating_mul(2) {
                    break;
                }
                let source = self.ranges.range(part.at, part.at + guess);
                // What is cut short is no fault here, but it may not be enough.
                let _ = self.part(source, part, count, &mut bytes);
                if bytes.len() as u64 == count {
                    return Ok(bytes);
                }
                bytes.clear();
            }
        }
        self.copy(item, count, &mut bytes)?;
        Ok(bytes)
    }

    fn spool(&self, item: &Item) -> Result<File, LayerFault> {
        let mut file = tempfile::tempfile().map_err(LayerFault::Spool)?;
        self.copy(item, item.member.size, &mut file)?;
        if let Some(declared) = item.digest {
            use crate::layer::digest::Hasher;
            let mut hasher = Hasher::like(Some(&declared));
            let (mut at, mut buffer) = (0, vec![0; 64 << 10]);
            loop {
                use std::os::unix::fs::FileExt as _;
                let count = file.read_at(&mut buffer, at).map_err(LayerFault::Spool)?;
                if count == 0 {
                    break;
                }
                at += count as u64;
                hasher.update(buffer.get(..count).unwrap_or_default());
            }
            check(declared, hasher.finish())?;
        }
        Ok(file)
    }

    /// Writes the first `count` bytes of a file.
    fn copy(&self, item: &Item, count: u64, out: &mut dyn io::Write) -> Result<(), LayerFault> {
        let mut left = count;
        for part in &item.parts {
            let wanted = part.size.min(left);
            if wanted == 0 {
                break;
            }
            self.meter.time()?;
            if part.zeros {
                let copied = io::copy(&mut io::repeat(0).take(wanted), out);
                copied.map_err(LayerFault::Spool)?;
            } else {
                self.part(self.ranges.range(part.at, part.end), part, wanted, out)?;
            }
            left -= wanted;
        }
        Ok(())
    }

    fn part(
        &self,
        source: Box<dyn Read + '_>,
        part: &Part,
        wanted: u64,
        mut out: &mut dyn io::Write,
    ) -> Result<(), LayerFault> {
        let format = match self.codec {
            Codec::Gzip => "gzip",
            Codec::Zstd => "zstd",
        };
        let fault = |source| LayerFault::Compression { format, source };
        let source = io::BufReader::with_capacity(32 << 10, source);
        let mut decoder: Box<dyn Read + '_> = match self.codec {
            Codec::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(source)),
            Codec::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(source).map_err(fault)?;
                let window = self.meter.limits.window_bytes.max(1 << 10).ilog2().min(31);
                decoder.window_log_max(window).map_err(fault)?;
                Box::new(decoder)
            }
        };
        io::copy(&mut (&mut decoder).take(part.skip), &mut io::sink()).map_err(fault)?;
        let copied = io::copy(&mut decoder.take(wanted), &mut out).map_err(fault)?;
        out.flush().map_err(LayerFault::Spool)?;
        if copied == wanted {
            Ok(())
        } else {
            Err(fault(io::ErrorKind::UnexpectedEof.into()))
        }
    }
}

fn check(declared: Digest, actual: Digest) -> Result<(), LayerFault> {
    if declared == actual {
        return Ok(());
    }
    Err(LayerFault::File(Box::new(Mismatch { declared, actual })))
}
