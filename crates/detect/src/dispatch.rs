//! Which detectors an entry could concern, found in a few table look-ups.
//!
//! Built once from the triggers of [`DETECTORS`]. Sets of detectors are bit sets.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

use pellucid_image::Want;

use crate::detector::{Candidate, Class, DETECTORS, Detector, Trigger};
use crate::path::{below, split};

/// A set of indices into [`DETECTORS`].
pub(crate) type Set = u64;

/// The tables.
pub(crate) struct Dispatch {
    paths: Table,
    names: Table,
    extensions: Table,
    pub(crate) folders: Vec<(&'static [u8], Set)>,
    /// Detectors that are asked about every file.
    pub(crate) any: Set,
    languages: Set,
    /// Files and folders that detectors know by their place, with those detectors.
    pub(crate) roots: Vec<(&'static [u8], Set)>,
}

type Table = HashMap<&'static [u8], Set, BuildHasherDefault<Fnv>>;

/// The tables over [`DETECTORS`].
pub(crate) fn dispatch() -> &'static Dispatch {
    static DISPATCH: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(DETECTORS));
    &DISPATCH
}

/// The detectors of a set.
pub(crate) fn detectors(set: Set) -> impl Iterator<Item = &'static dyn Detector> {
    DETECTORS
        .iter()
        .enumerate()
        .filter(move |(index, _)| set & 1 << index != 0)
        .map(|(_, one)| *one)
}

/// The detector of this name.
pub(crate) fn by_name(name: &str) -> Option<&'static dyn Detector> {
    DETECTORS
        .iter()
        .copied()
        .find(|detector| detector.name() == name)
}

/// The set of just this detector.
pub(crate) fn bit(detector: &dyn Detector) -> Set {
    DETECTORS
        .iter()
        .position(|known| known.name() == detector.name())
        .map_or(0, |index| 1 << index)
}

impl Dispatch {
    fn new(table: &[&'static dyn Detector]) -> Self {
        let mut dispatch = Self {
            paths: Table::default(),
            names: Table::default(),
            extensions: Table::default(),
            folders: Vec::new(),
            any: 0,
            languages: 0,
            roots: Vec::new(),
        };
        let add = |list: &mut Vec<(&'static [u8], Set)>, key: &'static [u8], bit: Set| match list
            .iter_mut()
            .find(|(known, _)| *known == key)
        {
            Some((_, set)) => *set |= bit,
            None => list.push((key, bit)),
        };
        for (index, detector) in table.iter().enumerate() {
            let bit: Set = 1 << index;
            if detector.class() == Class::Language {
                dispatch.languages |= bit;
            }
            for trigger in detector.triggers() {
                match trigger {
                    Trigger::Path(path) => {
                        *dispatch.paths.entry(path.as_bytes()).or_default() |= bit;
                        add(&mut dispatch.roots, path.as_bytes(), bit);
                    }
                    Trigger::Folder(folder) => {
                        add(&mut dispatch.folders, folder.as_bytes(), bit);
                        add(&mut dispatch.roots, folder.as_bytes(), bit);
                    }
                    Trigger::Name(name) => {
                        *dispatch.names.entry(name.as_bytes()).or_default() |= bit;
                    }
                    Trigger::Extension(extension) => {
                        *dispatch.extensions.entry(extension.as_bytes()).or_default() |= bit;
                    }
                    Trigger::Any => dispatch.any |= bit,
                }
            }
        }
        dispatch
    }

    /// Detectors that must be asked about a path.
    pub(crate) fn asked(&self, path: &[u8]) -> Set {
        let name = split(path).1;
        let mut set = self.any;
        set |= self.paths.get(path).copied().unwrap_or_default();
        set |= self.names.get(name).copied().unwrap_or_default();
        if !self.extensions.is_empty()
            && let Some(extension) = name.rsplit(|byte| *byte == b'.').next()
            && extension.len() < name.len().min(24)
        {
            let mut lower = [0; 24];
            let lower = lower.get_mut(..extension.len()).unwrap_or_default();
            lower.copy_from_slice(extension);
            lower.make_ascii_lowercase();
            set |= self.extensions.get(&*lower).copied().unwrap_or_default();
        }
        for (folder, detectors) in &self.folders {
            if below(path, folder).is_some() {
                set |= detectors;
            }
        }
        set
    }

    /// Detectors that want an entry, each with how much of it.
    pub(crate) fn wanted<'c>(
        &self,
        candidate: &'c Candidate<'c>,
    ) -> impl Iterator<Item = (&'static dyn Detector, Want)> + 'c {
        detectors(self.asked(candidate.path))
            .map(|detector| (detector, detector.wants(candidate)))
            .filter(|(_, want)| !matches!(want, Want::Skip))
    }

    /// Whether detectors of language packages are there at all.
    pub(crate) fn has_languages(&self) -> bool {
        self.languages != 0
    }

    /// Whether a detector of language packages wants a file of this path.
    pub(crate) fn any_language(&self, path: &[u8]) -> bool {
        let candidate = Candidate::of_path(path);
        detectors(self.asked(path) & self.languages)
            .any(|detector| !matches!(detector.wants(&candidate), Want::Skip))
    }
}

/// FNV-1a: short keys, a fixed table, nothing an attacker could fill.
#[derive(Clone, Copy)]
pub(crate) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_room_for_every_detector() {
        assert!(DETECTORS.len() <= Set::BITS as usize);
    }
}
