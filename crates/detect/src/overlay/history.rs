//! Which files and packages the image showed after each layer, and since when.
//!
//! A package's layer is the first of an unbroken run of layers, up to the top, after each of which
//! the package was there. A distribution's package is the same wherever its database lies; a
//! language's package is another one in another place.

use std::collections::hash_map::Entry as MapEntry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use pellucid_model::{Owner, Package};

use super::tree::{Content, NodeKind, Tree};
use super::{NeedFacts, NeedKey, Watch, wanting};
use crate::RawPath;
use crate::detector::{Class, Detector, OwnedFiles};
use crate::dispatch::{Set, detectors, dispatch};
use crate::layer::{Facts, LayerInventory};
use crate::ownership::Digests;
use crate::path::split;

/// A file that a detector looks at.
#[derive(Clone)]
pub(super) struct Unit {
    pub(super) detector: &'static dyn Detector,
    /// Path that the detector knows it by.
    pub(super) name: RawPath,
    pub(super) file: Content,
    pub(super) addition: Option<Content>,
}

impl PartialEq for Unit {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key() && self.name == other.name
    }
}

impl Unit {
    /// Whether packages of it are other ones in another place: those of a language.
    fn has_place(&self) -> bool {
        matches!(self.detector.class(), Class::Language | Class::Lock)
    }

    fn key(&self) -> NeedKey {
        NeedKey {
            detector: self.detector.name(),
            file: self.file,
            addition: self.addition,
        }
    }
}

/// A package as the run of layers counts it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key<'a> {
    pub(super) detector: &'static str,
    /// Where it is, for a language's package.
    pub(super) place: Option<RawPath>,
    pub(super) package: &'a Package,
}

/// A package that was there after some layer.
#[derive(Clone, Copy)]
struct Run {
    files: u32,
    since: usize,
}

/// A package that an upper layer removed.
#[derive(Clone)]
pub(super) struct Gone {
    /// Layer that had brought it.
    pub(super) layer: usize,
    /// File that had proved it.
    pub(super) place: RawPath,
    /// The distribution's package whose file that was, where anybody asks.
    pub(super) owner: Option<Owner>,
}

/// What was there after each layer.
pub(super) struct History<'a> {
    layers: Vec<&'a LayerInventory>,
    read: &'a NeedFacts,
    /// Whether anybody asks for packages that are gone.
    hidden: bool,
    /// Files that detectors look at, by their real path; after the last layer, those of the image.
    pub(super) visible: BTreeMap<RawPath, Vec<Unit>>,
    packages: HashMap<Key<'a>, Run>,
    /// Packages that were there once; those that came back are still in it.
    pub(super) gone: BTreeMap<Key<'a>, Gone>,
    /// Files that were not read by the detector that looks at them.
    pub(super) needs: BTreeMap<NeedKey, RawPath>,
}

impl<'a> History<'a> {
    pub(super) fn new(layers: &[&'a LayerInventory], read: &'a NeedFacts, hidden: bool) -> Self {
        Self {
            layers: layers.to_vec(),
            read,
            hidden,
            visible: BTreeMap::new(),
            packages: HashMap::new(),
            gone: BTreeMap::new(),
            needs: BTreeMap::new(),
        }
    }

    /// Layer since which a package is there.
    pub(super) fn since(&self, key: &Key<'a>) -> Option<usize> {
        self.packages.get(key).map(|run| run.since)
    }

    /// What a detector made of a file.
    pub(super) fn facts(&self, unit: &Unit) -> Option<&'a Facts> {
        let layer = self.layers.get(unit.file.0 as usize)?;
        let first = layer
            .files
            .partition_point(|facts| facts.entry < unit.file.1);
        layer
            .files
            .get(first..)?
            .iter()
            .take_while(|facts| facts.entry == unit.file.1)
            .find(|facts| {
                facts.detector == unit.detector.name()
                    && facts.addition.map(|entry| (unit.file.0, entry)) == unit.addition
            })
            .map(|facts| &facts.facts)
            .or_else(|| self.read.get(&unit.key()))
    }

    /// The digests of a file that proves a package, where they were taken.
    pub(super) fn digests(&self, file: Content) -> Option<&'a Digests> {
        let digests = &self.layers.get(file.0 as usize)?.digests;
        let at = digests.binary_search_by_key(&file.1, |(entry, _)| *entry);
        digests.get(at.ok()?).map(|(_, digests)| digests)
    }

    /// Takes in the state after a layer that touched these files.
    pub(super) fn layer(
        &mut self,
        index: usize,
        tree: &mut Tree,
        watch: &Watch,
        touched: &BTreeSet<RawPath>,
    ) {
        let mut places = touched.clone();
        for place in touched {
            for (name, set) in names(place, watch) {
                for main in detectors(set).filter_map(|detector| detector.main_of(&name)) {
                    places.insert(beside(place, &main));
                }
            }
        }
        let mut before = Vec::new();
        let mut after = Vec::new();
        for place in places {
            let now = self.units(&place, tree, watch);
            let was = if now.is_empty() {
                self.visible.remove(&place)
            } else {
                self.visible.insert(place.clone(), now.clone())
            }
            .unwrap_or_default();
            if was != now {
                before.extend(was.into_iter().map(|unit| (place.clone(), unit)));
                after.extend(now.into_iter().map(|unit| (place.clone(), unit)));
            }
        }
        let owners = self.owners_of(&before, &after, tree);
        for (place, unit) in &after {
            if self.facts(unit).is_none() {
                self.needs.insert(unit.key(), unit.name.clone());
            }
            for key in self.keys(place, unit) {
                let run = self.packages.entry(key).or_insert(Run {
                    files: 0,
                    since: index,
                });
                run.files += 1;
            }
        }
        for (place, unit) in &before {
            for key in self.keys(place, unit) {
                let MapEntry::Occupied(mut run) = self.packages.entry(key) else {
                    continue;
                };
                run.get_mut().files -= 1;
                if run.get().files == 0 {
                    let (key, run) = run.remove_entry();
                    let gone = Gone {
                        layer: run.since,
                        owner: owners
                            .get(place)
                            .filter(|_| !key.package.kind.is_os())
                            .cloned(),
                        place: place.clone(),
                    };
                    self.gone.insert(key, gone);
                }
            }
        }
    }

    /// Packages of a distribution by the places of those files that a layer took away (`before`) or put
    /// something else in the place of (`after`), as it was below that layer. The packages that are counted
    /// are still those of that state.
    ///
    /// The tree is that after the layer: a folder's link that went with the files is not known any more.
    fn owners_of(
        &self,
        before: &[(RawPath, Unit)],
        after: &[(RawPath, Unit)],
        tree: &mut Tree,
    ) -> HashMap<RawPath, Owner> {
        let proofs = before.iter().filter(|(_, unit)| unit.has_place());
        let files: HashMap<&RawPath, Content> =
            proofs.map(|(place, unit)| (place, unit.file)).collect();
        if !self.hidden || files.is_empty() {
            return HashMap::new();
        }
        let changed: HashSet<&RawPath> = after.iter().map(|(place, _)| place).collect();
        let unchanged = self.visible.iter();
        let unchanged = unchanged.filter(|(place, _)| !changed.contains(place));
        let units = unchanged.flat_map(|(_, units)| units);
        let units = units.chain(before.iter().map(|(_, unit)| unit));
        let owned: Vec<&OwnedFiles> = units
            .filter_map(|unit| match self.facts(unit)? {
                Facts::Found(found) => Some(&found.owned),
                _ => None,
            })
            .flatten()
            .collect();
        let mut packages: Vec<&Package> = self
            .packages
            .keys()
            .filter(|key| key.place.is_none())
            .map(|key| key.package)
            .collect();
        packages.sort_unstable();
        let proofs = files.keys().copied().collect();
        crate::ownership::owners(&proofs, &packages, &owned, |path| {
            let mut place = RawPath::new(path);
            if !files.contains_key(&place) {
                let located = tree.locate(path, false).ok()?;
                place = RawPath::new(&tree.place_path(&located));
            }
            let digests = self.digests(*files.get(&place)?);
            Some((place, digests))
        })
    }

    /// The packages that a file proves.
    pub(super) fn keys(&self, place: &RawPath, unit: &Unit) -> Vec<Key<'a>> {
        let Some(Facts::Found(found)) = self.facts(unit) else {
            return Vec::new();
        };
        let place = unit.has_place().then_some(place);
        found
            .packages
            .iter()
            .map(|package| Key {
                detector: unit.detector.name(),
                place: place.cloned(),
                package,
            })
            .collect()
    }

    /// The detectors that look at the file at a real path.
    fn units(&self, place: &RawPath, tree: &mut Tree, watch: &Watch) -> Vec<Unit> {
        let Some(NodeKind::File(file)) = tree
            .exactly(place.bytes())
            .and_then(|id| tree.kind(id))
            .cloned()
        else {
            return Vec::new();
        };
        let mut units: Vec<Unit> = Vec::new();
        for (name, set) in names(place, watch) {
            for detector in detectors(set) {
                if units
                    .iter()
                    .any(|unit| unit.detector.name() == detector.name())
                    || detector.main_of(&name).is_some()
                {
                    continue;
                }
                let addition = detector
                    .addition_of(&name)
                    .and_then(|addition| tree.file_at(beside(place, &addition).bytes()))
                    .map(|(_, content)| content)
                    .filter(|content| !self.is_empty_addition(detector, *content));
                let name = RawPath::new(&name);
                units.push(Unit {
                    detector,
                    name,
                    file,
                    addition,
                });
            }
        }
        for detector in detectors(dispatch().any) {
            let unit = Unit {
                detector,
                name: place.clone(),
                file,
                addition: None,
            };
            if self.facts(&unit).is_some() {
                units.push(unit);
            }
        }
        units
    }

    fn is_empty_addition(&self, detector: &'static dyn Detector, content: Content) -> bool {
        let unit = Unit {
            detector,
            name: RawPath::default(),
            file: content,
            addition: None,
        };
        matches!(self.facts(&unit), Some(Facts::Addition { empty: true }))
    }
}

/// The names that detectors know a real path by, the path itself first, and who wants each.
pub(super) fn names(place: &RawPath, watch: &Watch) -> Vec<(Vec<u8>, Set)> {
    let mut names = vec![(place.bytes().to_vec(), Set::MAX)];
    names.extend(watch.names(place.bytes()));
    for (name, set) in &mut names {
        *set = wanting(name, *set);
    }
    names.retain(|(_, set)| *set != 0);
    names
}

/// The file of this name's last part in the folder of `place`.
fn beside(place: &RawPath, name: &RawPath) -> RawPath {
    let folder = split(place.bytes()).0;
    let name = split(name.bytes()).1;
    if folder.is_empty() {
        RawPath::new(name)
    } else {
        RawPath::new(&[folder, b"/", name].concat())
    }
}
