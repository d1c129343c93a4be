//! `--memory SIZE`: how an image is read so that the process stays within so many bytes.
//!
//! What the program takes whatever it reads is set aside. Of the rest, half is for what is found, which
//! stays until the report is written, and half for the layers being read, and afterwards for the report:
//! as many layers at once as fit, each with its decompressor's window and the files that it keeps in
//! memory. Larger files lie in temporary files anyway. What does not fit is an error that says so.
//!
//! Not all can be reckoned beforehand: what lists of packages in JSON take, say, or matching. So a thread
//! looks at what the process has, the more often the less is left, and ends it with the same error
//! shortly before it would have more. Fetching advisory data is not meant, and not watched.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pellucid_detect::{DetectError, DetectOptions};
use pellucid_image::{LayerFault, Limits};

use crate::exit::Exit;
use crate::{hints, output, units};

const MIB: u64 = 1 << 20;

/// What the program takes whatever it reads: its code, its threads, a report's beginning.
const OWN: u64 = 24 * MIB;

/// What reading a layer takes beside window and kept files: chunks on their way, detectors' windows.
const LAYER: u64 = 6 * MIB;

/// The window that most layers compressed with zstd ask for.
const WINDOW: u64 = 8 * MIB;

/// How many times its size a layer's table of contents takes, while nothing else of the layer is read.
const TABLE: u64 = 6;

/// What may be taken between two looks at a process that has nearly all it may have, and until it has ended:
/// on a busy machine that takes some milliseconds.
const MARGIN: std::ops::RangeInclusive<u64> = 8 * MIB..=32 * MIB;

/// Held while the process is being ended for want of memory, so that nothing else ends it.
static ENDING: Mutex<()> = Mutex::new(());

/// Whether a thread looks already.
static WATCHED: AtomicBool = AtomicBool::new(false);

/// Whether what is taken now is not meant.
static NOT_MEANT: AtomicBool = AtomicBool::new(false);

/// The most that the process had when it last did what is not meant, in bytes.
static NOT_COUNTED: AtomicU64 = AtomicU64::new(0);

/// What it had kept of that when it went on, in bytes.
static KEPT: AtomicU64 = AtomicU64::new(0);

/// Time in which the allocator gives back what was freed, with some to spare.
const GIVEN_BACK: Duration = Duration::from_millis(300);

/// Bytes of memory that a run may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Memory(u64);

/// What a run may do within them.
#[derive(PartialEq, Eq, Debug)]
struct Budget {
    /// Layers read at once.
    layers: u64,
    /// Window of a decompressor.
    window: u64,
    /// Files of one layer that are in memory as a whole.
    files: u64,
    /// Names and facts, as the detectors weigh them.
    facts: u64,
}

impl Memory {
    /// The least that images can be read with.
    const LEAST: u64 = 64 * MIB;

    /// Reads a size.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let size = units::size(text)?;
        if size < Self::LEAST {
            let least = Self(Self::LEAST);
            return Err(format!(
                "reading an image may take {least}, which is the least"
            ));
        }
        Ok(Self(size))
    }

    fn budget(self) -> Budget {
        let rest = self.0.saturating_sub(OWN);
        let reading = rest / 2;
        let least = LAYER + WINDOW + WINDOW / 2;
        let layers = (reading / least).max(1);
        let left = (reading / layers).saturating_sub(LAYER);
        let files = left / 3;
        Budget {
            layers,
            window: left - files,
            files,
            facts: rest - reading,
        }
    }

    /// Lowers bounds on an image to what fits.
    pub(crate) fn limit(self, limits: &mut Limits) {
        let budget = self.budget();
        limits.window_bytes = limits.window_bytes.min(budget.window);
        limits.spool_after = limits.spool_after.min(budget.files);
        let table = (budget.window + budget.files) / TABLE;
        limits.table_bytes = limits.table_bytes.min(table);
    }

    /// Lowers what is looked for at once to what fits.
    pub(crate) fn detect(self, options: &mut DetectOptions) {
        let budget = self.budget();
        let small = |bytes| usize::try_from(bytes).unwrap_or(usize::MAX);
        options.threads = options.threads.min(small(budget.layers));
        options.facts = options.facts.min(small(budget.facts));
        options.database = options.database.min(budget.files);
    }

    /// Most bytes of a bill of materials: it is in memory as a whole, and beside it what it says.
    pub(crate) fn bill(self) -> u64 {
        self.0.saturating_sub(OWN) / 2
    }

    /// Ends the process with an error before it has more, from now on.
    pub(crate) fn watch(self) {
        if WATCHED.swap(true, Ordering::Relaxed) {
            return;
        }
        let watch = std::thread::Builder::new().name("memory".to_owned());
        if let Err(error) = watch.spawn(move || self.look()) {
            tracing::warn!("--memory is looked at only at the end: {error}");
        }
    }

    fn look(self) {
        let ceiling = self.ceiling();
        loop {
            // Asked first: what was had before work that is not meant has ended says nothing.
            let is_meant = !NOT_MEANT.load(Ordering::Acquire);
            let Some(peak) = peak() else { break };
            let left = ceiling.saturating_sub(peak);
            if left == 0 && is_meant {
                self.end(peak);
            }
            std::thread::sleep(pause(left));
        }
    }

    /// What is too near to the bound to go on.
    fn ceiling(self) -> u64 {
        self.0 - (self.0 / 8).clamp(*MARGIN.start(), *MARGIN.end())
    }

    fn end(self, peak: u64) -> ! {
        let _ending = ending();
        output::abandon();
        hints::print(&anyhow::Error::from(TooLittle {
            memory: self,
            peak: Some(peak),
        }));
        std::process::exit(i32::from(Exit::Failed.status()))
    }

    /// What an error means that these bounds may have led to.
    pub(crate) fn explain(self, error: anyhow::Error) -> anyhow::Error {
        let is_ours = error.chain().any(|cause| {
            let fault = cause.downcast_ref::<LayerFault>();
            let detect = cause.downcast_ref::<DetectError>();
            matches!(
                fault,
                Some(LayerFault::Limit {
                    limit: "window_bytes",
                    ..
                })
            ) || matches!(
                detect,
                Some(
                    DetectError::Facts { .. }
                        | DetectError::TooLarge { .. }
                        | DetectError::TooHeavy { .. }
                )
            )
        });
        if is_ours {
            error.context(self.too_little())
        } else {
            error
        }
    }

    /// Whether the run has kept to it so far.
    ///
    /// # Errors
    /// It took more.
    pub(crate) fn check(self) -> Result<(), TooLittle> {
        let _nobody_ends_it = ending();
        match peak() {
            Some(peak) if peak > self.0 => Err(TooLittle {
                memory: self,
                peak: Some(peak),
            }),
            _ => Ok(()),
        }
    }

    /// That it is too little, where that is known beforehand.
    pub(crate) fn too_little(self) -> TooLittle {
        TooLittle {
            memory: self,
            peak: None,
        }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&units::shown_size(self.0).replace(".00 ", ""))
    }
}

/// An image needs more memory than it may have.
#[derive(Debug, thiserror::Error)]
pub(crate) struct TooLittle {
    memory: Memory,
    /// What was taken, where that is how it was found out.
    peak: Option<u64>,
}

impl fmt::Display for TooLittle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--memory {} is too little for this image", self.memory)?;
        match self.peak {
            Some(peak) => write!(f, ", which took {}", units::shown_size(peak)),
            None => Ok(()),
        }
    }
}

/// Does what is not meant: fetching advisory data. Neither what it took nor what the allocator keeps of that
/// counts afterwards.
pub(crate) fn not_meant<T>(work: impl FnOnce() -> T) -> T {
    NOT_MEANT.store(true, Ordering::Relaxed);
    let before = had();
    let done = work();
    if let Some(before) = before.filter(|_| WATCHED.load(Ordering::Relaxed)) {
        std::thread::sleep(GIVEN_BACK);
        if let Some(after) = had() {
            let kept = after.now.saturating_sub(before.now);
            NOT_COUNTED.store(after.most, Ordering::Relaxed);
            KEPT.fetch_add(kept, Ordering::Relaxed);
        }
    }
    NOT_MEANT.store(false, Ordering::Release);
    done
}

fn ending() -> MutexGuard<'static, ()> {
    ENDING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long nobody needs to look where so much is left: nothing fills memory at more than a gigabyte a
/// second for long.
fn pause(left: u64) -> Duration {
    Duration::from_millis((left / MIB).clamp(1, 20))
}

/// What this process has and had in memory, in bytes.
struct Had {
    most: u64,
    now: u64,
}

/// Most bytes that this process has had in memory, where the kernel tells: since it last did what is not
/// meant, as far as that can be known.
fn peak() -> Option<u64> {
    let had = had()?;
    let is_counted = had.most > NOT_COUNTED.load(Ordering::Relaxed);
    let most = if is_counted { had.most } else { had.now };
    Some(most.saturating_sub(KEPT.load(Ordering::Relaxed)))
}

fn had() -> Option<Had> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kib << 10)
    };
    Some(Had {
        most: bytes("VmHWM:")?,
        now: bytes("VmRSS:")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_taken_together_is_within_the_memory() {
        for mib in [64, 96, 128, 256, 1024, 16 << 10] {
            let budget = Memory(mib * MIB).budget();
            let layer = LAYER + budget.window + budget.files;
            let reading = budget.layers * layer;
            // The report is made of the facts when no layer is read any more.
            let most = OWN + budget.facts + reading.max(budget.facts);
            assert!(most <= mib * MIB, "{mib} MiB: {budget:?}");
            assert!(budget.window >= WINDOW, "{mib} MiB: {budget:?}");
        }
    }

    #[test]
    fn more_memory_is_never_less_of_anything_but_the_window() {
        let mut last = Memory(64 * MIB).budget();
        for mib in 65..2048 {
            let budget = Memory(mib * MIB).budget();
            assert!(budget.layers >= last.layers && budget.facts >= last.facts);
            last = budget;
        }
    }

    #[test]
    fn nothing_that_is_added_between_two_looks_is_too_much() {
        for mib in [64, 96, 128, 256, 1024, 16 << 10] {
            let memory = Memory(mib * MIB);
            let ceiling = memory.ceiling();
            // A mebibyte in a millisecond.
            for left in (0..ceiling / MIB).rev() {
                let peak = ceiling - left * MIB;
                let added = u64::try_from(pause(left * MIB).as_millis()).unwrap() * MIB;
                assert!(peak + added <= mib * MIB, "{mib} MiB: {left} MiB left");
            }
        }
    }

    #[test]
    fn bounds_that_are_lower_already_stay() {
        let mut limits = Limits {
            window_bytes: 1,
            spool_after: 2,
            ..Limits::default()
        };
        Memory(64 * MIB).limit(&mut limits);
        assert_eq!((limits.window_bytes, limits.spool_after), (1, 2));
        let mut options = DetectOptions {
            threads: 1,
            facts: 3,
            database: 4,
            ..DetectOptions::default()
        };
        Memory(1024 * MIB).detect(&mut options);
        let bounds = (options.threads, options.facts, options.database);
        assert_eq!(bounds, (1, 3, 4));
    }

    #[test]
    fn too_little_is_refused_and_says_the_least() {
        assert_eq!(Memory::parse("256M"), Ok(Memory(256 * MIB)));
        let said = Memory::parse("63MiB").unwrap_err();
        assert!(said.contains("64MiB"), "{said}");
    }

    #[test]
    fn an_error_of_these_bounds_names_the_flag() {
        let memory = Memory(64 * MIB);
        let of = |limit| LayerFault::Limit { limit, allowed: 1 };
        let heavy = DetectError::TooHeavy {
            detector: "dpkg".to_owned(),
            path: "var/lib/dpkg/status".to_owned(),
            layer: 0,
            limit: 1,
        };
        let said = memory.explain(heavy.into()).to_string();
        assert_eq!(said, "--memory 64MiB is too little for this image");
        let said = memory.explain(of("window_bytes").into()).to_string();
        assert_eq!(said, "--memory 64MiB is too little for this image");
        let said = memory.explain(of("ratio").into()).to_string();
        assert!(!said.contains("--memory"), "{said}");
    }
}
