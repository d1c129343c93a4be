//! Detecting a whole image: layers read in parallel, laid over each other, and what links lead to
//! read in further passes.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pellucid_image::{Body, Entry, EntryKind, LayerRead, LayerVisitor, OpenImage, Progress, Want};
use pellucid_model::{Digest, Image, Inventory};

use crate::detector::{Candidate, DetectFile};
use crate::dispatch::by_name;
use crate::known::KnownLayers;
use crate::layer::{Facts, LayerInventory, bounded, facts, layer_of};
use crate::overlay::{Need, NeedFacts, Overlaid, overlay};
use crate::reuse::Reuse;
use crate::{DetectError, RawPath};

/// Passes over layers for files that links lead to.
const ROUNDS: usize = 4;

/// What to look for, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DetectOptions {
    /// Whether packages that an upper layer removed are listed, marked as hidden.
    pub hidden: bool,
    /// Layers read at once; 0 means as many as there are processors.
    pub threads: usize,
    /// Whether packages of languages are listed.
    pub languages: bool,
    /// Whether packages that lock files name are listed, installed or not. In a folder of the host
    /// (`dir:`), which may be a project's, they are always.
    pub lock_files: bool,
    /// Bytes that names and facts of all layers may take together, about. Real images need a few
    /// megabytes.
    pub facts: usize,
    /// Bytes of a file that is read into memory as a whole: a database of packages.
    pub database: u64,
}

impl Default for DetectOptions {
    fn default() -> Self {
        Self {
            hidden: false,
            threads: 0,
            languages: true,
            lock_files: false,
            facts: 256 << 20,
            database: 512 << 20,
        }
    }
}

/// Finds what is in an image.
///
/// # Errors
/// When a layer cannot be read to its end or a package database not at all: there is no shorter
/// answer.
pub fn image(
    image: &OpenImage,
    options: &DetectOptions,
    progress: &dyn Progress,
) -> Result<Inventory, DetectError> {
    image_sharing(image, options, progress, &KnownLayers::default())
}

/// Finds what is in one of several images; a layer that another had is not read again.
///
/// # Errors
/// As [`image`].
pub fn image_sharing(
    image: &OpenImage,
    options: &DetectOptions,
    progress: &dyn Progress,
    known: &KnownLayers,
) -> Result<Inventory, DetectError> {
    let (layers, described, mut warnings) = read_layers(image, options, progress, known)?;
    let options = &DetectOptions {
        lock_files: options.lock_files || described.reference.starts_with("dir:"),
        ..options.clone()
    };
    let mut read = NeedFacts::new();
    for round in 0..=ROUNDS {
        match overlay(&described, &layers, &read, round == ROUNDS, options)? {
            Overlaid::Done(mut inventory) => {
                inventory.warnings.extend(image.warnings().iter().cloned());
                inventory.warnings.append(&mut warnings);
                inventory.warnings.sort();
                inventory.warnings.dedup();
                return Ok(*inventory);
            }
            Overlaid::Needs(needs) => read_needs(image, needs, options, &mut read)?,
        }
    }
    Err(DetectError::Links {
        limit: ROUNDS as u64,
    })
}

type Layers = (
    Vec<Arc<LayerInventory>>,
    Image,
    Vec<pellucid_model::Warning>,
);

fn read_layers(
    image: &OpenImage,
    options: &DetectOptions,
    progress: &dyn Progress,
    known: &KnownLayers,
) -> Result<Layers, DetectError> {
    let mut described = image.image().clone();
    // A layer that stands in the image several times is read once.
    let mut first: BTreeMap<Digest, usize> = BTreeMap::new();
    let of: Vec<usize> = described
        .layers
        .iter()
        .enumerate()
        .map(|(index, layer)| match layer.diff_id.or(layer.digest) {
            Some(digest) => *first.entry(digest).or_insert(index),
            None => index,
        })
        .collect();
    let mut todo: Vec<usize> = of
        .iter()
        .enumerate()
        .filter(|(index, of)| index == *of)
        .map(|(index, _)| index)
        .collect();
    // The largest first: begun last, it would keep one processor busy and the others waiting.
    todo.sort_by_key(|index| {
        let size = described.layers.get(*index).map(|layer| layer.size);
        (Reverse(size), *index)
    });
    let weight = AtomicUsize::new(0);
    let reuse = Arc::new(Reuse::default());
    let outcomes = in_parallel(&todo, options.threads, |index| {
        if let Some(layer) = image.image().layers.get(index)
            && let Some(read_before) = known.get(layer, index)
        {
            return Ok(read_before);
        }
        let mut visitor = layer_of(&reuse, options);
        let read = image
            .read_layer(index, &mut visitor, progress)
            .map_err(|source| DetectError::Layer {
                layer: index,
                source,
            })?;
        let inventory = visitor.finish(index)?;
        let own = inventory.weight();
        if weight.fetch_add(own, Ordering::Relaxed) + own > options.facts {
            // Which layer it is depends on the threads; that it happens does not.
            return Err(DetectError::Facts {
                layer: of.len() - 1,
                limit: options.facts,
            });
        }
        let inventory = Arc::new(inventory);
        known.keep(&inventory, &read);
        Ok((inventory, read))
    })?;
    let mut by_index: BTreeMap<usize, (Arc<LayerInventory>, LayerRead)> =
        outcomes.into_iter().collect();
    let mut layers = Vec::with_capacity(of.len());
    for (index, of) in of.iter().enumerate() {
        let Some((inventory, read)) = by_index.get(of) else {
            return Err(DetectError::Abandoned { layer: index });
        };
        layers.push(Arc::clone(inventory));
        if let Some(layer) = described.layers.get_mut(index) {
            layer.digest = read.digest.or(layer.digest);
            layer.diff_id = read.diff_id.or(layer.diff_id);
            layer.digest_state = read.digest_state;
        }
    }
    let warnings = by_index
        .values_mut()
        .flat_map(|(_, read)| std::mem::take(&mut read.warnings))
        .collect();
    Ok((layers, described, warnings))
}

/// Runs `work` for each of these numbers in their order, several at once, and returns each with its
/// outcome. Of several errors, the one of the lowest number is returned, however the threads ran:
/// after an error, numbers below it are still worked on.
fn in_parallel<T: Send>(
    numbers: &[usize],
    threads: usize,
    work: impl Fn(usize) -> Result<T, DetectError> + Sync,
) -> Result<Vec<(usize, T)>, DetectError> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = if threads == 0 { processors } else { threads }
        .min(numbers.len())
        .max(1);
    let next = AtomicUsize::new(0);
    let failed = AtomicUsize::new(usize::MAX);
    let outcomes: Mutex<Vec<(usize, Result<T, DetectError>)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        let run = || {
            while let Some(&number) = numbers.get(next.fetch_add(1, Ordering::Relaxed)) {
                if failed.load(Ordering::Relaxed) < number {
                    continue;
                }
                let outcome = work(number);
                if outcome.is_err() {
                    failed.fetch_min(number, Ordering::Relaxed);
                }
                outcomes
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((number, outcome));
            }
        };
        for _ in 1..threads {
            scope.spawn(run);
        }
        run();
    });
    let mut outcomes = outcomes
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    outcomes.sort_by_key(|(number, _)| *number);
    outcomes
        .into_iter()
        .map(|(number, outcome)| Ok((number, outcome?)))
        .collect()
}

/// Reads files that the overlay asks for.
fn read_needs(
    image: &OpenImage,
    needs: Vec<Need>,
    options: &DetectOptions,
    read: &mut NeedFacts,
) -> Result<(), DetectError> {
    let (pairs, single): (Vec<_>, Vec<_>) = needs
        .into_iter()
        .partition(|need| need.key.addition.is_some());
    let mut by_layer: BTreeMap<u32, BTreeMap<u32, Vec<Need>>> = BTreeMap::new();
    for need in single {
        let (layer, entry) = need.key.file;
        by_layer
            .entry(layer)
            .or_default()
            .entry(entry)
            .or_default()
            .push(need);
    }
    for (layer, wanted) in by_layer {
        let mut visitor = Again {
            number: 0,
            wanted,
            read,
            bodies: BTreeMap::new(),
            keep: false,
            database: options.database,
            facts: options.facts,
        };
        again(image, layer, &mut visitor)?;
    }
    for need in pairs {
        let mut bodies = BTreeMap::new();
        for (layer, entry) in [Some(need.key.file), need.key.addition]
            .into_iter()
            .flatten()
        {
            let wanted = BTreeMap::from([(entry, vec![need.clone()])]);
            let mut visitor = Again {
                number: 0,
                wanted,
                read,
                bodies: BTreeMap::new(),
                keep: true,
                database: options.database,
                facts: options.facts,
            };
            again(image, layer, &mut visitor)?;
            bodies.extend(
                visitor
                    .bodies
                    .into_iter()
                    .map(|(entry, body)| ((layer, entry), body)),
            );
        }
        let main = bodies.get(&need.key.file);
        let addition = need.key.addition.and_then(|addition| bodies.get(&addition));
        let outcome = match (by_name(need.key.detector), main, addition) {
            (Some(detector), Some(body), Some(_)) => facts(
                detector,
                &DetectFile {
                    path: need.path.bytes(),
                    body,
                    addition,
                },
                options.facts,
            ),
            _ => Facts::Failed("it or the file beside it is too large".to_owned()),
        };
        read.insert(need.key, outcome);
    }
    Ok(())
}

fn again(image: &OpenImage, layer: u32, visitor: &mut Again<'_>) -> Result<(), DetectError> {
    let layer = layer as usize;
    image
        .read_layer(layer, visitor, &())
        .map(|_| ())
        .map_err(|source| DetectError::Layer { layer, source })
}

/// Reads some entries of a layer once more.
struct Again<'a> {
    number: u32,
    wanted: BTreeMap<u32, Vec<Need>>,
    read: &'a mut NeedFacts,
    bodies: BTreeMap<u32, Body<'static>>,
    /// Whether bodies are kept and not looked into yet.
    keep: bool,
    /// Bytes of a file that is read into memory as a whole.
    database: u64,
    /// Bytes that what a file says may take, about.
    facts: usize,
}

impl Again<'_> {
    fn now(&self) -> Vec<Need> {
        self.wanted
            .get(&(self.number.saturating_sub(1)))
            .cloned()
            .unwrap_or_default()
    }
}

impl LayerVisitor for Again<'_> {
    fn entry(&mut self, entry: &Entry<'_>) -> Want {
        self.number += 1;
        let EntryKind::File { size } = entry.kind else {
            return Want::Skip;
        };
        let mut most = None;
        for need in self.now() {
            let path: &RawPath = &need.path;
            let candidate = Candidate {
                path: path.bytes(),
                size: Some(size),
                mode: entry.mode,
            };
            let detector = by_name(need.key.detector);
            let want = detector.map(|one| bounded(one, one.wants(&candidate), self.database));
            let limit = match want {
                Some(Want::Whole { limit }) => limit,
                Some(Want::Head(_)) => 64 << 20,
                _ => 0,
            };
            most = most.max(Some(limit));
        }
        most.map_or(Want::Skip, |limit| Want::Whole { limit })
    }

    fn file(&mut self, _entry: &Entry<'_>, body: &Body) {
        if self.keep {
            if let Ok(body) = body.kept() {
                self.bodies.insert(self.number.saturating_sub(1), body);
            }
            return;
        }
        for need in self.now() {
            if let Some(detector) = by_name(need.key.detector) {
                let file = DetectFile {
                    path: need.path.bytes(),
                    body,
                    addition: None,
                };
                self.read
                    .insert(need.key, facts(detector, &file, self.facts));
            }
        }
    }

    fn too_large(&mut self, _entry: &Entry<'_>, limit: u64) {
        if !self.keep {
            for need in self.now() {
                self.read.insert(need.key, Facts::TooLarge(limit));
            }
        }
    }
}
