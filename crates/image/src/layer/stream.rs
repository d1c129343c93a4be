//! A layer read through from its first to its last byte, on one thread or two.
//!
//! As long as other layers keep every processor busy, a layer stays on its thread, where a chunk is
//! decompressed, hashed and walked while it is in that processor's cache. When a processor is idle,
//! another thread goes on with reading the blob, hashing it and decompressing; this one hashes the
//! tar and walks it. Chunks go from one to the other and come back empty, so that memory is four
//! chunks whatever the layer's size. Small blobs stay on one thread: starting another costs more
//! than it saves.

use std::io::{self, BufRead as _, Read};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::{Builder, Scope};

use pellucid_model::Digest;

use crate::layer::blob::{BUFFER, Blob};
use crate::layer::compression::{Compression, is_of_window};
use crate::layer::digest::Hasher;
use crate::layer::input::Input;
use crate::layer::meter::Meter;
use crate::{Expected, LayerFault, Limits, Progress};

const CHUNK: usize = 256 << 10;

/// What all bytes of a layer showed.
pub(crate) struct Sums {
    pub(crate) digest: Digest,
    pub(crate) diff_id: Digest,
    pub(crate) blob_bytes: u64,
    pub(crate) tar_bytes: u64,
}

/// Reads a layer through: `walk` gets its tar.
pub(crate) fn read<T>(
    source: &mut (dyn Read + Send),
    expected: &Expected,
    meter: Meter<'_>,
    progress: &dyn Progress,
    walk: impl FnOnce(&mut Chunks<'_, '_>) -> Result<T, LayerFault>,
) -> Result<(T, Sums), LayerFault> {
    let _reading = meter.reading();
    let read = AtomicU64::new(0);
    let progress = expected.index.map(|index| (progress, index));
    let mut blob = Blob::new(source, expected.digest.as_ref(), &read, meter, progress);
    let first = blob
        .fill_buf()
        .map_err(|error| fault(error, Compression::None, meter.limits))?;
    let small = first.len() < BUFFER;
    let compression = Compression::of(first);
    // The tar of an uncompressed blob is the blob: one hash serves both digests.
    let hasher = match (compression, &expected.digest, &expected.diff_id) {
        (Compression::None, Some(digest), Some(diff_id))
            if digest.algorithm() != diff_id.algorithm() =>
        {
            Some(Hasher::like(Some(diff_id)))
        }
        (Compression::None, None, Some(diff_id)) => Some(Hasher::like(Some(diff_id))),
        (Compression::None, ..) => None,
        (_, _, diff_id) => Some(Hasher::like(diff_id.as_ref())),
    };
    let unread = |error| fault(error, compression, meter.limits);
    let decoder = compression
        .decoder(&mut blob, meter.limits)
        .map_err(unread)?;
    let unpacker = Unpacker {
        decoder,
        compression,
        read: &read,
        meter,
        tar_bytes: 0,
    };
    let (walked, (tar_bytes, diff_id)) = std::thread::scope(|scope| {
        let mut chunks = Chunks::new(unpacker, hasher, (!small).then_some(scope));
        let walked = walk(&mut chunks)?;
        Ok((walked, chunks.finish()?))
    })?;
    let rest = blob.fill_buf().map_err(unread)?;
    if !rest.is_empty() {
        let source = io::Error::new(io::ErrorKind::InvalidData, "bytes follow its end");
        return Err(LayerFault::Compression {
            format: compression.name(),
            source,
        });
    }
    let digest = blob.finish();
    let diff_id = diff_id.unwrap_or(digest);
    Ok((
        walked,
        Sums {
            digest,
            diff_id,
            blob_bytes: read.into_inner(),
            tar_bytes,
        },
    ))
}

/// Decompresses chunk by chunk.
struct Unpacker<'a> {
    decoder: Box<dyn Read + Send + 'a>,
    compression: Compression,
    /// Bytes of the blob read so far.
    read: &'a AtomicU64,
    meter: Meter<'a>,
    tar_bytes: u64,
}

impl Unpacker<'_> {
    /// Fills a chunk; it is empty at the end, and full before.
    fn fill(&mut self, chunk: &mut Vec<u8>) -> Result<(), LayerFault> {
        chunk.resize(CHUNK, 0);
        let mut filled = 0;
        while let Some(rest) = chunk.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.decoder.read(rest) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(fault(error, self.compression, self.meter.limits)),
            }
        }
        chunk.truncate(filled);
        self.tar_bytes += filled as u64;
        self.meter.tar(self.read.load(Relaxed), self.tar_bytes)
    }
}

/// What a decompressor's error means: it may be one of the blob below it.
pub(crate) fn fault(error: io::Error, compression: Compression, limits: &Limits) -> LayerFault {
    match error.downcast::<LayerFault>() {
        Ok(fault) => fault,
        Err(source) if is_of_window(&source) => LayerFault::Limit {
            limit: "window_bytes",
            allowed: limits.window_bytes,
        },
        Err(source) => LayerFault::Compression {
            format: compression.name(),
            source,
        },
    }
}

enum Feed<'env> {
    Here(Unpacker<'env>),
    There(There),
}

/// Chunks that another thread fills.
struct There {
    chunks: Receiver<Result<Vec<u8>, LayerFault>>,
    empty: SyncSender<Vec<u8>>,
}

impl There {
    /// Starts the other thread, which ends at the latest when this is dropped.
    fn start<'scope, 'env>(
        mut unpacker: Unpacker<'env>,
        scope: &'scope Scope<'scope, 'env>,
    ) -> Result<Self, LayerFault> {
        let (full, chunks) = sync_channel(2);
        let (empty, recycled) = sync_channel(4);
        let unpack = move || {
            loop {
                let mut chunk = match recycled.try_recv() {
                    Ok(chunk) => chunk,
                    Err(TryRecvError::Empty) => Vec::new(),
                    Err(TryRecvError::Disconnected) => return,
                };
                let fault = unpacker.fill(&mut chunk).err();
                let over = fault.is_some() || chunk.is_empty();
                // No one listens any more when the walk has failed.
                if full.send(fault.map_or(Ok(chunk), Err)).is_err() || over {
                    return;
                }
            }
        };
        Builder::new()
            .name("layer".to_owned())
            .spawn_scoped(scope, unpack)
            .map_err(LayerFault::Read)?;
        Ok(Self { chunks, empty })
    }

    /// The next chunk, for one that is done with.
    fn next(&mut self, done: Vec<u8>) -> Result<Vec<u8>, LayerFault> {
        // A buffer that finds no room is one too many.
        let _ = self.empty.try_send(done);
        self.chunks.recv().map_err(|_| ended())?
    }
}

fn ended() -> LayerFault {
    LayerFault::Read(io::Error::other("the decompressing thread has ended"))
}

/// The tar in chunks, hashed as they come.
pub(crate) struct Chunks<'scope, 'env> {
    feed: Option<Feed<'env>>,
    /// Where another thread may be started, until one was.
    scope: Option<&'scope Scope<'scope, 'env>>,
    chunk: Vec<u8>,
    next: usize,
    /// Bytes of the chunks before this one.
    before: u64,
    over: bool,
    hasher: Option<Hasher>,
}

impl<'scope, 'env> Chunks<'scope, 'env> {
    fn new(
        unpacker: Unpacker<'env>,
        hasher: Option<Hasher>,
        scope: Option<&'scope Scope<'scope, 'env>>,
    ) -> Self {
        Self {
            feed: Some(Feed::Here(unpacker)),
            scope,
            chunk: Vec::new(),
            next: 0,
            before: 0,
            over: false,
            hasher,
        }
    }

    /// Reads to the end; returns the bytes there were and their digest.
    fn finish(mut self) -> Result<(u64, Option<Digest>), LayerFault> {
        self.skip(u64::MAX)?;
        Ok((self.offset(), self.hasher.map(Hasher::finish)))
    }

    /// Has another thread decompress from here on, where a processor is idle.
    fn divide(&mut self) -> Result<(), LayerFault> {
        let (Some(Feed::Here(unpacker)), Some(scope)) = (&self.feed, self.scope) else {
            return Ok(());
        };
        if unpacker.meter.is_processor_idle(unpacker.tar_bytes) {
            self.scope = None;
            if let Some(Feed::Here(unpacker)) = self.feed.take() {
                self.feed = Some(Feed::There(There::start(unpacker, scope)?));
            }
        }
        Ok(())
    }

    fn next_chunk(&mut self) -> Result<(), LayerFault> {
        let mut chunk = std::mem::take(&mut self.chunk);
        self.before += chunk.len() as u64;
        self.next = 0;
        self.divide()?;
        match &mut self.feed {
            Some(Feed::Here(unpacker)) => {
                unpacker.fill(&mut chunk)?;
                self.chunk = chunk;
            }
            Some(Feed::There(there)) => self.chunk = there.next(chunk)?,
            None => return Err(ended()),
        }
        self.over = self.chunk.is_empty();
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&self.chunk);
        }
        Ok(())
    }
}

impl Input for Chunks<'_, '_> {
    fn fill(&mut self) -> Result<&[u8], LayerFault> {
        if self.next >= self.chunk.len() && !self.over {
            self.next_chunk()?;
        }
        Ok(self.chunk.get(self.next..).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.next += count;
    }

    fn skip(&mut self, count: u64) -> Result<u64, LayerFault> {
        let mut left = count;
        while left > 0 {
            let there = self.fill()?.len();
            let step = usize::try_from(left).unwrap_or(usize::MAX).min(there);
            if step == 0 {
                break;
            }
            self.consume(step);
            left -= step as u64;
        }
        Ok(count - left)
    }

    fn offset(&self) -> u64 {
        self.before + self.next as u64
    }
}

impl<I: Input> Input for &mut I {
    fn fill(&mut self) -> Result<&[u8], LayerFault> {
        (**self).fill()
    }

    fn consume(&mut self, count: usize) {
        (**self).consume(count);
    }

    fn skip(&mut self, count: u64) -> Result<u64, LayerFault> {
        (**self).skip(count)
    }

    fn offset(&self) -> u64 {
        (**self).offset()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::Instant;

    use sha2::{Digest as _, Sha256};

    use super::*;
    use crate::layer::meter::Totals;

    /// Bytes that hardly get smaller, so that the blob is not a small one.
    fn noise(count: usize) -> Vec<u8> {
        let mut state = 1_u32;
        std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(count)
        .collect()
    }

    #[test]
    fn a_layer_is_divided_once_a_processor_is_idle_and_reads_the_same() {
        let tar = noise(3 << 20);
        let mut blob = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        blob.write_all(&tar).unwrap();
        let blob = blob.finish().unwrap();
        let limits = Limits::default();
        let totals = Totals::new(2, Instant::now(), &limits);
        let meter = Meter::new(&limits, &totals, 0);
        let processors = std::thread::available_parallelism().unwrap().get();
        // Two layers, of which the other is about to begin or has ended, and as many as processors.
        for (others, busy_until) in [(0, 0), (processors, 2 << 20), (processors, u64::MAX)] {
            let mut beside: Vec<_> = (0..others).map(|_| meter.reading()).collect();
            let (divided_at, sums) =
                read(&mut &*blob, &Expected::default(), meter, &(), |chunks| {
                    let mut divided_at = None;
                    while !chunks.fill()?.is_empty() {
                        if chunks.offset() >= busy_until {
                            beside.clear();
                        }
                        if matches!(chunks.feed, Some(Feed::There(_))) {
                            divided_at.get_or_insert(chunks.offset());
                        }
                        chunks.skip(CHUNK as u64)?;
                    }
                    Ok(divided_at)
                })
                .unwrap();
            assert_eq!(sums.diff_id, Digest::Sha256(Sha256::digest(&tar).into()));
            assert_eq!(sums.digest, Digest::Sha256(Sha256::digest(&blob).into()));
            assert_eq!(sums.tar_bytes, tar.len() as u64);
            match (processors, busy_until) {
                (1, _) | (_, u64::MAX) => assert_eq!(divided_at, None),
                (2, 0) => assert_eq!(divided_at, Some(1 << 20), "the other had time to begin"),
                (_, 0) => assert_eq!(divided_at, Some(0), "there are more than layers"),
                _ => assert!(divided_at > Some(busy_until), "{divided_at:?}"),
            }
        }
    }
}
