//! Counts what a layer costs against the limits, while it is read.
//!
//! Layers of an image share totals. A layer that is read a second time (to follow a link) counts
//! once: what counts is the furthest it was read.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use crate::{LayerFault, Limits};

/// What all layers of one image have cost so far, and until when they may be read.
pub(crate) struct Totals {
    deadline: Option<Instant>,
    bytes: Total,
    entries: Total,
    /// Layers that are being read through now.
    reading: AtomicUsize,
}

struct Total {
    all: AtomicU64,
    layers: Vec<AtomicU64>,
}

impl Totals {
    /// Totals of an image of so many layers, whose time begins at `start`.
    pub(crate) fn new(layers: usize, start: Instant, limits: &Limits) -> Self {
        let total = || Total {
            all: AtomicU64::new(0),
            layers: std::iter::repeat_with(AtomicU64::default)
                .take(layers)
                .collect(),
        };
        Self {
            deadline: start.checked_add(limits.wall),
            bytes: total(),
            entries: total(),
            reading: AtomicUsize::new(0),
        }
    }
}

impl Total {
    fn reached(&self, layer: usize, count: u64) -> u64 {
        let before = self
            .layers
            .get(layer)
            .map_or(0, |own| own.fetch_max(count, Relaxed));
        let more = count.saturating_sub(before);
        self.all.fetch_add(more, Relaxed).saturating_add(more)
    }
}

/// Bytes of tar after which a layer takes it that the layers read beside it have begun.
const ALONE_AFTER: u64 = 1 << 20;

/// Counts one layer.
#[derive(Clone, Copy)]
pub(crate) struct Meter<'a> {
    pub(crate) limits: &'a Limits,
    totals: &'a Totals,
    layer: usize,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(limits: &'a Limits, totals: &'a Totals, layer: usize) -> Self {
        Self {
            limits,
            totals,
            layer,
        }
    }

    /// Says that a layer is being read through, until the returned value is dropped.
    pub(crate) fn reading(&self) -> Reading<'a> {
        self.totals.reading.fetch_add(1, Relaxed);
        Reading(&self.totals.reading)
    }

    /// Whether there are more processors than layers being read through, as seen from one of which
    /// so many bytes of tar were read: in its first, others may just be about to begin.
    pub(crate) fn is_processor_idle(&self, tar: u64) -> bool {
        static PROCESSORS: LazyLock<usize> =
            LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));
        let begun = tar >= ALONE_AFTER || self.totals.bytes.layers.len() < *PROCESSORS;
        begun && self.totals.reading.load(Relaxed) < *PROCESSORS
    }

    /// So many bytes of the blob were read.
    pub(crate) fn blob(&self, bytes: u64) -> Result<(), LayerFault> {
        self.time()?;
        within("blob_bytes", bytes, self.limits.blob_bytes)
    }

    /// So many bytes of tar came out of so many bytes of blob.
    pub(crate) fn tar(&self, blob: u64, tar: u64) -> Result<(), LayerFault> {
        self.time()?;
        within("layer_bytes", tar, self.limits.layer_bytes)?;
        within(
            "image_bytes",
            self.totals.bytes.reached(self.layer, tar),
            self.limits.image_bytes,
        )?;
        if tar > self.limits.ratio_after && tar / self.limits.ratio.max(1) > blob {
            return Err(LayerFault::Limit {
                limit: "ratio",
                allowed: self.limits.ratio,
            });
        }
        Ok(())
    }

    /// So many entries were seen.
    pub(crate) fn entries(&self, entries: u64) -> Result<(), LayerFault> {
        within("layer_entries", entries, self.limits.layer_entries)?;
        let all = self.totals.entries.reached(self.layer, entries);
        within("image_entries", all, self.limits.image_entries)?;
        if entries.is_multiple_of(512) {
            self.time()
        } else {
            Ok(())
        }
    }

    /// Whether there is time left.
    pub(crate) fn time(&self) -> Result<(), LayerFault> {
        match self.totals.deadline {
            Some(deadline) if Instant::now() > deadline => Err(LayerFault::Limit {
                limit: "wall",
                allowed: self.limits.wall.as_secs(),
            }),
            _ => Ok(()),
        }
    }
}

/// A layer that is being read through.
pub(crate) struct Reading<'a>(&'a AtomicUsize);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

fn within(limit: &'static str, value: u64, allowed: u64) -> Result<(), LayerFault> {
    if value > allowed {
        Err(LayerFault::Limit { limit, allowed })
    } else {
        Ok(())
    }
}
