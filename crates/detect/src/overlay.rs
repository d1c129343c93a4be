//! Layers laid over each other, as a container engine does it.
//!
//! Source: OCI image-spec `layer.md` (whiteouts hide lower layers only, whatever their place in
//! the tar), and what engines do when unpacking: the folders of an entry's path are resolved
//! through links of all layers so far, a folder merges with a folder, anything else replaces what
//! is there with all below it, a link's own name is replaced and not followed.
//!
//! Pure: the same inventories give the same answer. Where links lead to a file that no detector
//! asked for when its layer was read, the answer is a list of [`Need`]s: read these, ask again.

mod answer;
mod history;
mod tree;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::rc::Rc;

use pellucid_image::Want;
use pellucid_model::{Image, Inventory};

use crate::detector::Candidate;
use crate::dispatch::{Set, detectors, dispatch};
use crate::layer::{Facts, Kind, LayerInventory};
use crate::path::{below, split};
use crate::{DetectError, DetectOptions, RawPath};

use history::History;
use tree::{Content, NodeKind, Place, Tree};

/// Path components that may be walked for one image.
const STEPS: u64 = 50_000_000;

/// A file that must be read (again) before the layers can be laid over each other.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Need {
    /// The file and what to read it with.
    pub key: NeedKey,
    /// Path that the detector knows the file by.
    pub path: RawPath,
}

/// A file, the detector to read it, and the file to read together with it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NeedKey {
    /// Name of the detector.
    pub detector: &'static str,
    /// Index of the layer, and number of the entry in it.
    pub file: (u32, u32),
    /// The same of [`Detector::addition_of`](crate::Detector::addition_of).
    pub addition: Option<(u32, u32)>,
}

/// What was read because it was needed.
pub type NeedFacts = BTreeMap<NeedKey, Facts>;

/// The outcome of laying layers over each other.
#[derive(Debug)]
pub enum Overlaid {
    /// Everything found in the image.
    Done(Box<Inventory>),
    /// Files to be read first.
    Needs(Vec<Need>),
}

/// Lays layers over each other, the lowest first.
///
/// With `last`, needs that are still open become warnings, and errors where a package database is
/// concerned.
///
/// # Errors
/// [`DetectError::Database`] if a package database of the image cannot be read, and the limits on
/// links and names.
pub fn overlay<L: AsRef<LayerInventory>>(
    image: &Image,
    layers: &[L],
    read: &NeedFacts,
    last: bool,
    options: &DetectOptions,
) -> Result<Overlaid, DetectError> {
    if image.layers.len() != layers.len() {
        return Err(DetectError::LayerCount {
            layers: image.layers.len(),
            inventories: layers.len(),
        });
    }
    let layers: Vec<&LayerInventory> = layers.iter().map(AsRef::as_ref).collect();
    let mut watch = Watch::default();
    let hidden = options.hidden;
    let mut laid = lay(&layers, read, &watch, hidden)?;
    // Each round can reveal where further links lead.
    for _ in 0..4 {
        let more = laid.unseen(&watch);
        if !watch.add(more) {
            break;
        }
        laid = lay(&layers, read, &watch, hidden)?;
    }
    if !laid.history.needs.is_empty() && !last {
        let needs = std::mem::take(&mut laid.history.needs);
        return Ok(Overlaid::Needs(
            needs
                .into_iter()
                .map(|(key, path)| Need { key, path })
                .collect(),
        ));
    }
    answer::answer(image, &mut laid, watch.is_short, options)
        .map(|inventory| Overlaid::Done(Box::new(inventory)))
}

/// Places that matter only because links lead there.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Watch {
    /// A file's real path, the path that detectors know it by, and those detectors.
    files: BTreeMap<RawPath, BTreeMap<RawPath, Set>>,
    /// The same for folders.
    folders: BTreeMap<RawPath, BTreeMap<RawPath, Set>>,
    /// Whether there were more places than are watched.
    is_short: bool,
}

impl Watch {
    /// Most files: a store of packages, as pnpm keeps one, holds all that an image has as links to it.
    const FILES: usize = 100_000;
    /// Most folders, each of which is asked for every name.
    const FOLDERS: usize = 10_000;

    /// Adds places; whether there were new ones.
    fn add(&mut self, more: Self) -> bool {
        let before = (self.files.clone(), self.folders.clone());
        let limits = [Self::FILES, Self::FOLDERS];
        let own = [&mut self.files, &mut self.folders];
        for ((places, more), limit) in own.into_iter().zip([more.files, more.folders]).zip(limits) {
            for (place, names) in more {
                if places.len() < limit || places.contains_key(&place) {
                    places.entry(place).or_default().extend(names);
                } else {
                    self.is_short = true;
                }
            }
        }
        before.0 != self.files || before.1 != self.folders
    }

    /// The names that detectors know a real path by, beside its own, with those detectors.
    fn names(&self, path: &[u8]) -> Vec<(Vec<u8>, Set)> {
        let mut names: Vec<(Vec<u8>, Set)> = Vec::new();
        if let Some(known) = self.files.get(&RawPath::new(path)) {
            names.extend(
                known
                    .iter()
                    .map(|(name, set)| (name.bytes().to_vec(), *set)),
            );
        }
        for (folder, known) in &self.folders {
            if let Some(rest) = below(path, folder.bytes()) {
                for (name, set) in known {
                    names.push(([name.bytes(), b"/", rest].concat(), *set));
                }
            }
        }
        names
    }
}

/// The state after the last layer.
struct Laid<'a> {
    tree: Tree,
    history: History<'a>,
    /// Real paths of files that hard links need.
    linked: BTreeSet<RawPath>,
    /// Files that could not be placed, as their path leads through a circle of links.
    lost: Vec<(usize, RawPath)>,
    /// Folders that hold a watched file.
    watched: HashSet<Vec<u8>>,
    /// The folder that was asked about last: its real path, and whether something in it is watched.
    asked: Option<(Rc<Place>, Vec<u8>, bool)>,
}

fn lay<'a>(
    layers: &[&'a LayerInventory],
    read: &'a NeedFacts,
    watch: &Watch,
    hidden: bool,
) -> Result<Laid<'a>, DetectError> {
    let mut laid = Laid {
        tree: Tree::new(),
        history: History::new(layers, read, hidden),
        linked: BTreeSet::new(),
        lost: Vec::new(),
        watched: watch
            .files
            .keys()
            .map(|file| split(file.bytes()).0.to_vec())
            .collect(),
        asked: None,
    };
    for (index, layer) in layers.iter().enumerate() {
        laid.apply(index, layer, watch)?;
        let touched = laid.tree.take_touched().ok_or(DetectError::Facts {
            layer: index,
            limit: Tree::TOUCHED_BYTES,
        })?;
        laid.history.layer(index, &mut laid.tree, watch, &touched);
        laid.check(index)?;
    }
    Ok(laid)
}

impl Laid<'_> {
    fn check(&self, layer: usize) -> Result<(), DetectError> {
        if self.tree.steps() > STEPS {
            return Err(DetectError::Links { limit: STEPS });
        }
        if self.tree.is_full() {
            return Err(DetectError::Facts {
                layer,
                limit: Tree::NODES * 128,
            });
        }
        Ok(())
    }

    fn apply(
        &mut self,
        index: usize,
        layer: &LayerInventory,
        watch: &Watch,
    ) -> Result<(), DetectError> {
        // What a layer removes, it removes from the layers below, wherever it says so.
        let mut entries = layer.entries.iter();
        while let Some((kind, path)) = entries.next() {
            match kind {
                Kind::Whiteout => {
                    let (_, name) = split(path);
                    if let Ok(folder) = self.tree.locate_folder(path)
                        && folder.rest.is_empty()
                    {
                        self.tree.clear(&folder, name);
                    }
                }
                Kind::Opaque => {
                    if let Ok(place) = self.tree.locate(path, true)
                        && place.rest.is_empty()
                    {
                        self.tree.empty(place.folder);
                    }
                }
                _ => {}
            }
        }
        let layer_number = u32::try_from(index).unwrap_or(u32::MAX);
        let mut links = layer.links.iter().peekable();
        let mut files = layer.files.iter().peekable();
        let mut entries = layer.entries.iter();
        let mut number = 0_u32;
        while let Some((kind, path)) = entries.next() {
            let entry = number;
            number += 1;
            let target = links
                .next_if(|(of, _)| *of == entry)
                .map(|(_, target)| target);
            let mut has_facts = false;
            while files.next_if(|facts| facts.entry == entry).is_some() {
                has_facts = true;
            }
            if number.is_multiple_of(1024) {
                self.check(index)?;
            }
            if matches!(kind, Kind::Whiteout | Kind::Opaque) || path.is_empty() {
                continue;
            }
            let name = split(path).1;
            let Ok(folder) = self.tree.locate_folder(path) else {
                if has_facts {
                    self.lost.push((index, RawPath::new(path)));
                }
                continue;
            };
            let content: Content = (layer_number, entry);
            match (kind, target) {
                (Kind::Directory, _) => {
                    let keep = folder.rest.is_empty() && self.is_folder(&folder, name);
                    if !keep {
                        self.tree.clear(&folder, name);
                    }
                }
                (Kind::Symlink, Some(target)) => {
                    self.tree
                        .put(&folder, name, NodeKind::Link(target.bytes().into()));
                }
                (Kind::Hardlink, Some(target)) => {
                    self.hard_link(&folder, name, path, target, watch)
                }
                (Kind::File, _) if has_facts || self.matters(&folder, name, watch) => {
                    self.tree.put(&folder, name, NodeKind::File(content));
                }
                _ => self.tree.clear(&folder, name),
            }
        }
        Ok(())
    }

    fn is_folder(&self, folder: &Place, name: &[u8]) -> bool {
        matches!(
            self.tree.child_of(folder, name),
            Some((_, NodeKind::Folder(_)))
        )
    }

    /// Whether a file that no detector asked for lies where one looks, because of links.
    fn matters(&mut self, folder: &Rc<Place>, name: &[u8], watch: &Watch) -> bool {
        let watching = !watch.files.is_empty() || !watch.folders.is_empty();
        if !watching && !folder.through_link {
            return false;
        }
        let (known, real, watched) = match self.asked.take() {
            Some(asked) if Rc::ptr_eq(&asked.0, folder) => asked,
            _ => {
                let real = self.tree.place_path(folder);
                let inside = joined(&real, b"x");
                let mut folders = watch.folders.keys();
                let watched = self.watched.contains(&real)
                    || folders.any(|one| below(&inside, one.bytes()).is_some());
                (Rc::clone(folder), real, watched)
            }
        };
        let mut matters = false;
        if watched || folder.through_link {
            let path = joined(&real, name);
            matters = (folder.through_link && wanted(&path, Set::MAX))
                || (watched
                    && (watch.files.contains_key(&RawPath::new(&path))
                        || watch
                            .names(&path)
                            .iter()
                            .any(|(name, set)| wanted(name, *set))));
        }
        self.asked = Some((known, real, watched));
        matters
    }

    fn hard_link(
        &mut self,
        folder: &Rc<Place>,
        name: &[u8],
        path: &[u8],
        target: &RawPath,
        watch: &Watch,
    ) {
        let to = self.tree.locate(target.bytes(), false).ok();
        let kind = to
            .as_ref()
            .and_then(|place| self.tree.at(place))
            .and_then(|id| match self.tree.kind(id)? {
                NodeKind::Folder(_) => None,
                kind => Some(kind.clone()),
            });
        match (kind, to) {
            (Some(kind), _) => self.tree.put(folder, name, kind),
            (None, Some(to)) => {
                if wanted(path, Set::MAX) || self.matters(folder, name, watch) {
                    self.linked.insert(RawPath::new(&self.tree.place_path(&to)));
                }
                self.tree.clear(folder, name);
            }
            (None, None) => self.tree.clear(folder, name),
        }
    }

    /// Places that links of the final tree lead detectors to, and that were not watched yet.
    fn unseen(&mut self, watch: &Watch) -> Watch {
        let mut more = Watch::default();
        for path in std::mem::take(&mut self.linked) {
            more.files.entry(path).or_default();
        }
        for (root, set) in &dispatch().roots {
            let Ok(place) = self.tree.locate(root, true) else {
                continue;
            };
            let real = self.tree.place_path(&place);
            if real == *root {
                continue;
            }
            let name = RawPath::new(root);
            // A root is a file for some detectors and a folder for others; both are watched.
            let same = self.tree.at(&place).and_then(|id| self.tree.kind(id));
            let as_folder: Set = folder_set(root) & set;
            let as_file: Set = set & !as_folder;
            let known = |names: &BTreeMap<RawPath, BTreeMap<RawPath, Set>>| {
                names
                    .get(&RawPath::new(&real))
                    .is_some_and(|names| names.contains_key(&name))
            };
            if as_file != 0 && !known(&watch.files) {
                // Nothing new to learn where the same detectors look at the real path anyway.
                let rest = remaining(&real, as_file);
                if rest != 0 || same.is_none() {
                    more.files
                        .entry(RawPath::new(&real))
                        .or_default()
                        .insert(name.clone(), rest);
                }
            }
            if as_folder != 0 && !known(&watch.folders) {
                let covered = folder_set(&real);
                if as_folder & !covered != 0 {
                    more.folders
                        .entry(RawPath::new(&real))
                        .or_default()
                        .insert(name, as_folder & !covered);
                }
            }
        }
        let links: Vec<_> = self
            .tree
            .leaves()
            .filter(|(_, kind)| matches!(kind, NodeKind::Link(_)))
            .map(|(id, _)| id)
            .collect();
        for id in links {
            let path = RawPath::new(&self.tree.path(id));
            for (name, set) in history::names(&path, watch) {
                let Ok(place) = self.tree.locate(path.bytes(), true) else {
                    continue;
                };
                let real = self.tree.place_path(&place);
                let rest = remaining(&real, set);
                if rest != 0 {
                    let names = more.files.entry(RawPath::new(&real)).or_default();
                    names.insert(RawPath::new(&name), rest);
                }
            }
        }
        more
    }
}

/// The path of something in a folder.
fn joined(folder: &[u8], name: &[u8]) -> Vec<u8> {
    match folder {
        b"" => name.to_vec(),
        folder => [folder, b"/", name].concat(),
    }
}

/// Whether one of these detectors wants a file of this path.
fn wanted(path: &[u8], set: Set) -> bool {
    wanting(path, set) != 0
}

/// Those of these detectors that want a file of this path. Detectors that are asked about every
/// file decide by more than its path, so that no other name of it would tell them anything.
fn wanting(path: &[u8], set: Set) -> Set {
    let candidate = Candidate::of_path(path);
    let asked = dispatch().asked(path) & set & !dispatch().any;
    detectors(asked)
        .filter(|detector| !matches!(detector.wants(&candidate), Want::Skip))
        .fold(0, |wanting, detector| {
            wanting | crate::dispatch::bit(detector)
        })
}

/// Those of these detectors that do not want a file of this path anyway.
fn remaining(path: &[u8], set: Set) -> Set {
    set & !wanting(path, set)
}

/// Detectors that look at all files below this folder.
fn folder_set(path: &[u8]) -> Set {
    dispatch()
        .folders
        .iter()
        .filter(|(folder, _)| *folder == path)
        .fold(0, |set, (_, of)| set | of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_places_than_are_watched_are_not_forgotten() {
        let places = |from: usize, to: usize| {
            let place = |number| {
                (
                    RawPath::new(format!("{number:06}").as_bytes()),
                    BTreeMap::new(),
                )
            };
            (from..to).map(place).collect()
        };
        let mut watch = Watch::default();
        let whole = Watch {
            files: places(0, Watch::FILES),
            ..Watch::default()
        };
        assert!(watch.add(whole.clone()) && !watch.is_short);
        assert!(!watch.add(whole) && !watch.is_short);
        let one = Watch {
            files: places(Watch::FILES, Watch::FILES + 1),
            ..Watch::default()
        };
        assert!(!watch.add(one) && watch.is_short);
    }
}
