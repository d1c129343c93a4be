//! Layers whose manifest says where their table of contents is: eStargz and zstd:chunked.
//!
//! The table counts only if the manifest has its digest (so that it is as trustworthy as the layer's),
//! and the registry answers with parts of blobs. In every other case, and for small layers, the whole
//! blob is read; nothing is said about it.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use pellucid_model::Digest;

use super::blob::BlobReader;
use super::client::{Client, Endpoint};
use crate::Limits;
use crate::document::Descriptor;
use crate::layer::digest::digest_like;
use crate::layer::tar::{Kind, Member, Tar};
use crate::layer::toc::{Codec, Ranges, Toc};
use crate::layer::window::Window;
use crate::region::Region;

/// Layers smaller than this are read whole: the table and a request a file cost as much.
const SMALL: u64 = 1 << 20;

/// Bytes at the end of an eStargz blob that say where its table is.
const FOOTER: u64 = 51;

/// Where a layer's table is, as its descriptor says.
#[derive(Clone, Debug)]
pub(crate) enum Table {
    /// At the blob's end; its digest when decompressed.
    Stargz(Digest),
    /// Between these bytes; decompressed size, and its digest as it lies there.
    Chunked {
        at: u64,
        length: u64,
        size: u64,
        digest: Digest,
    },
}

impl Table {
    /// Where a descriptor says a table is, if the layer is large enough to be read by it.
    pub(super) fn of(layer: &Descriptor) -> Option<Self> {
        (layer.size >= SMALL).then(|| Self::said(layer))?
    }

    /// Where a descriptor says a table is.
    pub(crate) fn said(layer: &Descriptor) -> Option<Self> {
        if let Some(digest) = layer.annotation("containerd.io/snapshot/stargz/toc.digest") {
            return digest.parse().ok().map(Self::Stargz);
        }
        // The first makers wrote the shorter name.
        let chunked = |name: &str| {
            layer
                .annotation(&format!(
                    "io.github.containers.zstd-chunked.manifest-{name}"
                ))
                .or_else(|| {
                    layer.annotation(&format!("io.containers.zstd-chunked.manifest-{name}"))
                })
        };
        let digest = chunked("checksum")?.parse().ok()?;
        let mut numbers = chunked("position")?.split(':').map(str::parse::<u64>);
        let mut next = || numbers.next()?.ok();
        let (at, length, size, kind) = (next()?, next()?, next()?, next()?);
        let is_inside = at.checked_add(length)? <= layer.size;
        (kind == 1 && is_inside).then_some(Self::Chunked {
            at,
            length,
            size,
            digest,
        })
    }

    /// The table, read from parts of a blob of so many bytes. `is_vouched_for` tells whether bytes have
    /// the digest that is declared.
    pub(crate) fn read(
        &self,
        blob: u64,
        bytes: impl Fn(u64, u64) -> Option<Vec<u8>>,
        is_vouched_for: impl Fn(&Digest, &[u8]) -> bool,
        limits: &Limits,
    ) -> Option<Toc> {
        // What is compressed is not larger than what comes out, or not worth reading first.
        let part = |at: u64, end: u64| match end.checked_sub(at)? <= limits.table_bytes {
            true => bytes(at, end),
            false => None,
        };
        match self {
            Self::Stargz(digest) => {
                let end = blob.checked_sub(FOOTER)?;
                let footer = bytes(end, blob)?;
                let at = footer_offset(&footer)?;
                let compressed = part(at, end)?;
                let mut tar = Vec::new();
                pellucid_inflate::Gunzip::new(&*compressed)
                    .take(limits.table_bytes)
                    .read_to_end(&mut tar)
                    .ok()?;
                let json = only_file(&tar, limits)?;
                is_vouched_for(digest, &json).then(|| Toc::parse(&json, Codec::Gzip, at, limits))?
            }
            Self::Chunked {
                at,
                length,
                size,
                digest,
            } => {
                if *size > limits.table_bytes {
                    return None;
                }
                let compressed = part(*at, at.checked_add(*length)?)?;
                if !is_vouched_for(digest, &compressed) {
                    return None;
                }
                let size = usize::try_from(*size).ok()?;
                let json = zstd::bulk::decompress(&compressed, size).ok()?;
                Toc::parse(&json, Codec::Zstd, *at, limits)
            }
        }
    }
}

/// One blob, by parts.
pub(super) struct Parts<'a> {
    pub(super) client: &'a Client,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) digest: String,
    pub(super) size: u64,
    pub(super) transferred: AtomicU64,
}

impl Parts<'_> {
    /// The layer's table of contents, if it can be had.
    pub(super) fn table(&self, table: &Table, limits: &Limits) -> Option<Toc> {
        let has = |digest: &Digest, bytes: &[u8]| digest_like(Some(digest), bytes) == *digest;
        table.read(self.size, |at, end| self.bytes(at, end), has, limits)
    }

    /// A part, if the registry gives parts.
    fn bytes(&self, at: u64, end: u64) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut reader =
            BlobReader::part(self.client, self.endpoints.clone(), &self.digest, at, end);
        if !reader.is_partial().ok()? {
            return None;
        }
        reader.read_to_end(&mut bytes).ok()?;
        self.transferred.fetch_add(bytes.len() as u64, Relaxed);
        (bytes.len() as u64 == end - at).then_some(bytes)
    }
}

impl Ranges for Parts<'_> {
    fn range(&self, at: u64, end: u64) -> Box<dyn Read + Send + '_> {
        let endpoints = self.endpoints.clone();
        let reader = BlobReader::part(self.client, endpoints, &self.digest, at, end);
        Box::new(Counted {
            reader,
            transferred: &self.transferred,
        })
    }

    fn transferred(&self) -> u64 {
        self.transferred.load(Relaxed)
    }
}

struct Counted<'a> {
    reader: BlobReader<'a>,
    transferred: &'a AtomicU64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.transferred.fetch_add(count as u64, Relaxed);
        Ok(count)
    }
}

/// Where the table of an eStargz blob begins: 16 hexadecimal digits before `STARGZ`, in the extra
/// field of an empty gzip member.
fn footer_offset(footer: &[u8]) -> Option<u64> {
    let digits = footer.get(16..32)?;
    if footer.get(..4)? != [0x1f, 0x8b, 8, 4]
        || footer.get(12..14)? != b"SG"
        || footer.get(32..38)? != b"STARGZ"
    {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// The content of the table's file, in a tar of its own.
fn only_file(tar: &[u8], limits: &Limits) -> Option<Vec<u8>> {
    use std::io::Write as _;
    let mut spool = tempfile::tempfile().ok()?;
    spool.write_all(tar).ok()?;
    let region = Region::whole(spool).ok()?;
    let mut members = Tar::new(Window::new(&region), limits);
    let mut member = Member::default();
    while members.next(&mut member).ok()?.is_none() {
        if member.kind == Kind::File && member.name == b"stargz.index.json" {
            return region.part(member.data, member.size)?.bytes().ok();
        }
    }
    None
}
