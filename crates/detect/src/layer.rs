//! What one layer says, alone.
//!
//! The order of the entries is kept: a layer may hold a path twice (the later one wins) or write
//! below a link that it made itself, and what comes of that depends on the layers below. Facts are
//! tied to the number of the entry that was read, not to its path.

mod entries;

use std::io;
use std::sync::Arc;

use pellucid_image::{Body, Entry, EntryKind, LayerVisitor, Want};
use serde::{Deserialize, Serialize};

pub(crate) use entries::{Entries, Kind};

use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, FACTS, run};
use crate::dispatch::{bit, dispatch};
use crate::ownership::Digests;
use crate::path::LONGEST;
use crate::reuse::Reuse;
use crate::{DetectError, DetectOptions, RawPath};

/// What one layer says, alone: a function of the layer's bytes and the analysis version.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct LayerInventory {
    /// Every entry's path and kind, in the order of the tar.
    pub(crate) entries: Entries,
    /// Targets of symbolic and hard links, by the entry's number, ascending.
    pub(crate) links: Vec<(u32, RawPath)>,
    /// What detectors found, by the entry's number, ascending.
    pub(crate) files: Vec<FileFacts>,
    /// Digests of files that prove a language's package, by the entry's number, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) digests: Vec<(u32, Digests)>,
}

/// What a detector made of one file of a layer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileFacts {
    /// Number of the entry in the layer, first is 0.
    pub entry: u32,
    /// The detector.
    pub detector: String,
    /// Number of the entry that was read together with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addition: Option<u32>,
    /// What it made of it.
    pub facts: Facts,
}

/// What a detector made of a file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Facts {
    /// What the file says.
    Found(Box<Detected>),
    /// It could not be read, and why.
    Failed(String),
    /// This machine could not read it, for this error of the operating system: no room for temporary
    /// files, most likely. No inventory holds it.
    Unread(i32),
    /// It is larger than this limit, in bytes.
    TooLarge(u64),
    /// What it says needs more memory than this limit, in bytes.
    TooHeavy(u64),
    /// It says something only together with its main file.
    Addition {
        /// Whether it has no bytes, so that it says nothing.
        empty: bool,
    },
}

impl Facts {
    /// Of a kept file whose bytes cannot be read back.
    pub(crate) fn of(error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(code) => Self::Unread(code),
            None => Self::Failed(format!("kept file could not be read back: {error}")),
        }
    }
}

impl LayerInventory {
    /// Number of entries in the layer.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the layer has no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory that it takes, about.
    #[must_use]
    pub fn weight(&self) -> usize {
        let links: usize = self
            .links
            .iter()
            .map(|(_, target)| target.bytes().len() + 32)
            .sum();
        let files: usize = self
            .files
            .iter()
            .map(|file| match &file.facts {
                Facts::Found(found) => found.weight() + FILE,
                _ => FILE,
            })
            .sum();
        self.entries.bytes() + links + files + self.digests.len() * Digests::BYTES
    }

    /// What detectors found, in the order of the layer's entries.
    #[must_use]
    pub fn files(&self) -> &[FileFacts] {
        &self.files
    }
}

/// A visitor for a layer's reader that collects a [`LayerInventory`].
#[must_use]
pub fn layer() -> LayerReader {
    LayerReader::default()
}

/// The same, for one of several layers that may hold the same files.
pub(crate) fn layer_of(reuse: &Arc<Reuse>, options: &DetectOptions) -> LayerReader {
    LayerReader {
        reuse: Arc::clone(reuse),
        facts: FACTS.min(options.facts),
        database: options.database,
        ..LayerReader::default()
    }
}

/// Collects what a layer says while it is read.
pub struct LayerReader {
    inventory: LayerInventory,
    overflow: bool,
    /// Detectors that wait for the body of the entry being read.
    pending: Vec<(&'static dyn Detector, Want)>,
    /// Main files and additions, kept until the layer's end.
    held: Vec<Held>,
    /// The operating system's error where this machine could not read a file.
    unread: Option<i32>,
    /// Bytes that the facts take, about.
    weight: usize,
    /// Bytes that they may take, about.
    facts: usize,
    /// Bytes of a file that is read into memory as a whole.
    database: u64,
    /// What was found in the same files before.
    reuse: Arc<Reuse>,
}

impl Default for LayerReader {
    fn default() -> Self {
        Self {
            inventory: LayerInventory::default(),
            overflow: false,
            pending: Vec::new(),
            held: Vec::new(),
            unread: None,
            weight: 0,
            facts: FACTS,
            database: DetectOptions::default().database,
            reuse: Arc::default(),
        }
    }
}

/// Bytes that facts of one file take beside what they say, here and in the overlay, about.
const FILE: usize = 700;

struct Held {
    entry: u32,
    path: RawPath,
    detector: &'static dyn Detector,
    is_addition: bool,
    body: Body<'static>,
}

impl LayerReader {
    /// The inventory, after the layer was read to its end without error.
    ///
    /// # Errors
    /// [`DetectError::Facts`] if the layer has more names or facts than fit, [`DetectError::Unread`] if this
    /// machine failed; `index` is for the message.
    pub fn finish(mut self, index: usize) -> Result<LayerInventory, DetectError> {
        if self.overflow {
            return Err(DetectError::Facts {
                layer: index,
                limit: Entries::LIMIT,
            });
        }
        self.read_held();
        if let Some(code) = self.unread {
            return Err(DetectError::unread(index, code));
        }
        if self.weight > self.facts {
            return Err(DetectError::Facts {
                layer: index,
                limit: self.facts,
            });
        }
        self.inventory.entries.shrink();
        self.inventory
            .files
            .sort_by(|a, b| (a.entry, &a.detector).cmp(&(b.entry, &b.detector)));
        Ok(self.inventory)
    }

    /// Number of the entry being read.
    fn current(&self) -> u32 {
        u32::try_from(self.inventory.entries.len())
            .unwrap_or(u32::MAX)
            .saturating_sub(1)
    }

    fn note(&mut self, entry: u32, detector: &dyn Detector, addition: Option<u32>, facts: Facts) {
        if let Facts::Unread(code) = facts {
            self.unread = Some(code);
            return;
        }
        self.weight += FILE;
        if let Facts::Found(found) = &facts {
            self.weight += found.weight();
        }
        if self.weight > self.facts {
            // The layer is refused at its end; until then nothing more is kept.
            self.inventory.files.clear();
            return;
        }
        let detector = detector.name().to_owned();
        self.inventory.files.push(FileFacts {
            entry,
            detector,
            addition,
            facts,
        });
    }

    fn read(&mut self, detector: &'static dyn Detector, path: &[u8], body: &Body) {
        let entry = self.current();
        let main = detector.main_of(path).is_some();
        if main || detector.addition_of(path).is_some() {
            match body.kept() {
                Ok(body) => {
                    if main {
                        let empty = body.is_empty().unwrap_or(false);
                        self.note(entry, detector, None, Facts::Addition { empty });
                    }
                    let path = RawPath::new(path);
                    // Only the last of several entries of a path counts.
                    self.held.retain(|held| held.path != path);
                    self.held.push(Held {
                        entry,
                        path,
                        detector,
                        is_addition: main,
                        body,
                    });
                }
                Err(error) => self.note(entry, detector, None, Facts::of(&error)),
            }
            return;
        }
        let facts = self.reuse.facts(
            detector,
            &DetectFile {
                path,
                body,
                addition: None,
            },
            self.facts,
        );
        // Of a detector that is asked about every file, silence is not kept.
        let asked_always = dispatch().any & bit(detector) != 0;
        if asked_always && matches!(&facts, Facts::Found(found) if **found == Detected::default()) {
            return;
        }
        let proves = matches!(&facts, Facts::Found(found) if !found.packages.is_empty());
        let digests = &mut self.inventory.digests;
        if proves
            && detector.class() == Class::Language
            && digests.last().is_none_or(|(last, _)| *last != entry)
            && let Some(own) = Digests::of(path, body)
        {
            self.weight += Digests::BYTES;
            digests.push((entry, own));
        }
        self.note(entry, detector, None, facts);
    }

    /// Reads main files together with their additions of the same layer.
    fn read_held(&mut self) {
        let held = std::mem::take(&mut self.held);
        for main in held.iter().filter(|one| !one.is_addition) {
            let addition = main
                .detector
                .addition_of(main.path.bytes())
                .and_then(|path| {
                    held.iter().rev().find(|one| {
                        one.is_addition
                            && one.path == path
                            && one.detector.name() == main.detector.name()
                            && !one.body.is_empty().unwrap_or(false)
                    })
                });
            let file = DetectFile {
                path: main.path.bytes(),
                body: &main.body,
                addition: addition.map(|one| &one.body),
            };
            let facts = facts(main.detector, &file, self.facts);
            self.note(
                main.entry,
                main.detector,
                addition.map(|one| one.entry),
                facts,
            );
        }
    }
}

/// What a detector makes of a file; that may take so many bytes of memory, about.
pub(crate) fn facts(detector: &dyn Detector, file: &DetectFile<'_>, limit: usize) -> Facts {
    match run(detector, file, limit) {
        Ok(found) => Facts::Found(Box::new(found)),
        Err(failure) => failure,
    }
}

impl LayerVisitor for LayerReader {
    fn entry(&mut self, entry: &Entry<'_>) -> Want {
        self.pending.clear();
        let kind = Kind::of(&entry.kind);
        if self.overflow || !self.inventory.entries.push(kind, entry.path) {
            self.overflow = true;
            return Want::Skip;
        }
        match entry.kind {
            EntryKind::Symlink { target } | EntryKind::Hardlink { target } => {
                let number = self.current();
                self.inventory.links.push((number, RawPath::new(target)));
                if !self.inventory.entries.reserve(target.len()) {
                    self.overflow = true;
                }
                Want::Skip
            }
            EntryKind::File { .. } if entry.path.len() > LONGEST => Want::Skip,
            EntryKind::File { size } => {
                let candidate = Candidate {
                    path: entry.path,
                    size: Some(size),
                    mode: entry.mode,
                };
                let wanted = dispatch().wanted(&candidate);
                let database = self.database;
                self.pending
                    .extend(wanted.map(|(one, want)| (one, bounded(one, want, database))));
                most(self.pending.iter().map(|(_, want)| *want))
            }
            _ => Want::Skip,
        }
    }

    fn head(&mut self, entry: &Entry<'_>, head: &[u8]) -> Want {
        let EntryKind::File { size } = entry.kind else {
            return Want::Skip;
        };
        let candidate = Candidate {
            path: entry.path,
            size: Some(size),
            mode: entry.mode,
        };
        for (detector, want) in &mut self.pending {
            if matches!(want, Want::Head(_)) {
                *want = detector.head(&candidate, head);
            }
        }
        self.pending
            .retain(|(_, want)| matches!(want, Want::Whole { .. }));
        most(self.pending.iter().map(|(_, want)| *want))
    }

    fn file(&mut self, entry: &Entry<'_>, body: &Body) {
        let EntryKind::File { size } = entry.kind else {
            return;
        };
        let candidate = Candidate {
            path: entry.path,
            size: Some(size),
            mode: entry.mode,
        };
        for (detector, mut want) in std::mem::take(&mut self.pending) {
            if let Want::Head(count) = want {
                let mut head = vec![0; count.min(64 << 10)];
                let read = body.read_at(0, &mut head).unwrap_or(0);
                want = detector.head(&candidate, head.get(..read).unwrap_or_default());
            }
            match want {
                Want::Whole { limit } if size > limit => {
                    self.note(self.current(), detector, None, Facts::TooLarge(limit));
                }
                Want::Whole { .. } => self.read(detector, entry.path, body),
                Want::Head(_) | Want::Skip => {}
            }
        }
    }

    fn too_large(&mut self, _entry: &Entry<'_>, limit: u64) {
        for (detector, want) in std::mem::take(&mut self.pending) {
            if let Want::Whole { limit: own } = want {
                self.note(
                    self.current(),
                    detector,
                    None,
                    Facts::TooLarge(own.min(limit)),
                );
            }
        }
    }
}

/// What a detector wants, but of a file that it reads into memory as a whole no more than `most` bytes.
pub(crate) fn bounded(detector: &dyn Detector, want: Want, most: u64) -> Want {
    match want {
        Want::Whole { limit } if detector.in_memory() => Want::Whole {
            limit: limit.min(most),
        },
        want => want,
    }
}

/// What serves all these wishes.
fn most(wants: impl Iterator<Item = Want>) -> Want {
    wants.fold(Want::Skip, |most, want| match (most, want) {
        (Want::Whole { limit: a }, Want::Whole { limit: b }) => Want::Whole { limit: a.max(b) },
        (Want::Whole { limit }, _) | (_, Want::Whole { limit }) => Want::Whole { limit },
        (Want::Head(a), Want::Head(b)) => Want::Head(a.max(b)),
        (Want::Head(count), Want::Skip) | (Want::Skip, Want::Head(count)) => Want::Head(count),
        (Want::Skip, Want::Skip) => Want::Skip,
    })
}
