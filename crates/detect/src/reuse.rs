//! What detectors found in files that an image has several times.
//!
//! A library copied into twenty layers is looked into once. Taking a file's digest costs about as
//! much as many a detector, so it is taken only once a second file of the same size was seen: the
//! first of them is looked into twice at most.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::DetectError;
use crate::detector::{DetectFile, Detector};
use crate::layer::{Facts, facts};
use crate::path::split;
use crate::region::Region;

/// Files smaller than this are looked into every time.
const SMALL: u64 = 4 << 10;

/// Sizes and results that are remembered.
const SIZES: usize = 1 << 18;
const RESULTS: usize = 1 << 14;

/// Packages in all remembered results.
const PACKAGES: usize = 1 << 17;

/// Results by content, for one run.
#[derive(Default, Debug)]
pub(crate) struct Reuse {
    state: Mutex<State>,
}

#[derive(Default, Debug)]
struct State {
    sizes: HashSet<(&'static str, u64)>,
    results: HashMap<Key, Facts>,
    packages: usize,
}

/// A detector, the file's last name and its digest.
type Key = (&'static str, Vec<u8>, [u8; 32]);

impl Reuse {
    /// What a detector makes of a file, or made of the same before; that may take so many bytes of
    /// memory, about.
    pub(crate) fn facts(
        &self,
        detector: &'static dyn Detector,
        file: &DetectFile<'_>,
        limit: usize,
    ) -> Facts {
        match self.key(detector, file) {
            Ok(Some(key)) => {
                if let Some(known) = self.with(|state| state.results.get(&key).cloned()) {
                    return known;
                }
                let facts = facts(detector, file, limit);
                if !matches!(facts, Facts::Unread(_)) {
                    self.with(|state| state.keep(key, &facts));
                }
                facts
            }
            _ => facts(detector, file, limit),
        }
    }

    /// Under what a file is known; `None` where it is the first of its size.
    fn key(
        &self,
        detector: &'static dyn Detector,
        file: &DetectFile<'_>,
    ) -> Result<Option<Key>, DetectError> {
        if !detector.reuses() {
            return Ok(None);
        }
        let region = Region::of(file.body)?;
        let size = (detector.name(), region.len());
        let first = region.len() < SMALL
            || self.with(|state| state.sizes.len() < SIZES && state.sizes.insert(size));
        if first {
            return Ok(None);
        }
        let mut digest = Sha256::new();
        region.each(|bytes| digest.update(bytes))?;
        let name = split(file.path).1.to_vec();
        Ok(Some((detector.name(), name, digest.finalize().into())))
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn keep(&mut self, key: Key, facts: &Facts) {
        let packages = match facts {
            Facts::Found(found) => found.packages.len(),
            _ => 0,
        };
        if self.results.len() < RESULTS && self.packages + packages <= PACKAGES {
            self.packages += packages;
            self.results.insert(key, facts.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use pellucid_image::{Body, Want};

    use super::*;
    use crate::detector::{Candidate, Class, Detected, Trigger};

    /// Counts how often it was asked.
    struct Counting(AtomicUsize);

    impl Detector for Counting {
        fn name(&self) -> &'static str {
            "counting"
        }

        fn version(&self) -> u32 {
            1
        }

        fn class(&self) -> Class {
            Class::Language
        }

        fn triggers(&self) -> &'static [Trigger] {
            &[]
        }

        fn wants(&self, _candidate: &Candidate<'_>) -> Want {
            Want::Skip
        }

        fn reuses(&self) -> bool {
            true
        }

        fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            out.bad_record(1, format!("{:?}", file.bytes()?.last()));
            Ok(())
        }
    }

    #[test]
    fn the_same_file_is_looked_into_twice_at_most() {
        static COUNTING: Counting = Counting(AtomicUsize::new(0));
        let reuse = Reuse::default();
        let ask = |path: &str, last: u8| {
            let mut bytes = vec![0; 8 << 10];
            bytes.push(last);
            let file = DetectFile {
                path: path.as_bytes(),
                body: &Body::Memory(bytes),
                addition: None,
            };
            let facts = reuse.facts(&COUNTING, &file, 1 << 20);
            (format!("{facts:?}"), COUNTING.0.load(Ordering::Relaxed))
        };
        let (first, _) = ask("a/x.jar", 1);
        for layer in 0..20 {
            assert_eq!(ask(&format!("{layer}/x.jar"), 1), (first.clone(), 2));
        }
        // Another name or another content is another file, though of the same size.
        assert_eq!(ask("a/y.jar", 1), (first.clone(), 3));
        let (other, count) = ask("a/x.jar", 2);
        assert_ne!(other, first);
        assert_eq!(count, 4);
    }
}
