//! Which of a layout's manifests is the image that was asked for.

use std::collections::{BTreeSet, HashSet};

use pellucid_model::{Digest, Platform};

use super::{Layout, blob_path};
use crate::ImageError;
use crate::document::{Descriptor, Document, serving};
use crate::reference::names;

/// A manifest that may be the one; what it lists is read again when it is.
pub(super) struct Candidate {
    pub(super) descriptor: Descriptor,
    pub(super) config: Box<Descriptor>,
    pub(super) platform: Option<Platform>,
}

/// All manifests of an index, as far as they are there.
#[derive(Default)]
pub(super) struct Candidates {
    pub(super) there: Vec<Candidate>,
    /// Engines leave out the platforms they never pulled, but not from the index.
    pub(super) absent: Vec<Descriptor>,
}

impl Layout<'_> {
    /// The entries that the reference names.
    pub(super) fn chosen(
        &self,
        entries: Vec<Descriptor>,
        wanted: Option<&str>,
    ) -> Result<Vec<Descriptor>, ImageError> {
        let Some(wanted) = wanted else {
            return Ok(entries);
        };
        let place = wanted
            .strip_prefix('@')
            .and_then(|place| place.parse::<usize>().ok());
        let digest = wanted
            .strip_prefix('@')
            .unwrap_or(wanted)
            .parse::<Digest>()
            .ok();
        let available = entries
            .iter()
            .enumerate()
            .map(|(at, e)| listed(e, at))
            .take(50)
            .collect();
        let chosen: Vec<_> = entries
            .into_iter()
            .enumerate()
            .filter(|(at, entry)| {
                let called = entry_names(entry).any(|name| name == wanted || names(name, wanted));
                called || place == Some(*at) || digest == Some(entry.digest)
            })
            .map(|(_, entry)| entry)
            .collect();
        if chosen.is_empty() {
            let (path, wanted) = (self.path.to_owned(), wanted.to_owned());
            return Err(ImageError::NoSuchImage {
                path,
                wanted,
                available,
            });
        }
        Ok(chosen)
    }

    /// All manifests that the entries lead to, each once.
    pub(super) fn manifests(&self, entries: Vec<Descriptor>) -> Result<Candidates, ImageError> {
        let mut seen = HashSet::new();
        let mut candidates = Candidates::default();
        let mut level = entries;
        for _ in 0..=self.limits.index_depth {
            let mut below = Vec::new();
            for descriptor in level {
                if descriptor.is_attestation() || !seen.insert(descriptor.digest) {
                    continue;
                }
                if seen.len() > self.limits.index_entries {
                    return Err(self.limit("index_entries", self.limits.index_entries));
                }
                if self.found.file(&blob_path(descriptor.digest))?.is_none() {
                    candidates.absent.push(descriptor);
                    continue;
                }
                match self.manifest(&descriptor)? {
                    Document::Index(entries) => below.extend(entries),
                    Document::Manifest { config, .. } => {
                        let platform = descriptor.platform();
                        candidates.there.push(Candidate {
                            descriptor,
                            config,
                            platform,
                        });
                    }
                }
            }
            if below.is_empty() {
                return Ok(candidates);
            }
            level = below;
        }
        Err(self.limit("index_depth", self.limits.index_depth))
    }

    /// The candidate to read: the only one, or the one for the platform.
    pub(super) fn by_platform(
        &self,
        mut candidates: Candidates,
        asked: Option<&Platform>,
    ) -> Result<Candidate, ImageError> {
        let there = &mut candidates.there;
        let alone = there.len() == 1 && (candidates.absent.is_empty() || asked.is_none());
        if there.is_empty()
            && let Some(absent) = candidates.absent.first()
        {
            let name = blob_path(absent.digest);
            return Err(ImageError::Missing {
                document: "the image's index".to_owned(),
                name,
            });
        }
        if !alone && !there.is_empty() {
            for candidate in there
                .iter_mut()
                .filter(|candidate| candidate.platform.is_none())
            {
                candidate.platform = self.config(&candidate.config)?.platform();
            }
            let wanted = asked.cloned().unwrap_or_else(Platform::host);
            let platforms = there.iter().map(|candidate| candidate.platform.as_ref());
            let at = serving(platforms, &wanted).ok_or_else(|| self.none_serves(there, wanted))?;
            return Ok(there.swap_remove(at));
        }
        there.pop().ok_or_else(|| ImageError::NotAnImage {
            path: self.path.to_owned(),
            reason: "its index lists no image".to_owned(),
        })
    }

    fn none_serves(&self, there: &[Candidate], wanted: Platform) -> ImageError {
        let platforms: BTreeSet<_> = there
            .iter()
            .filter_map(|candidate| candidate.platform.as_ref().map(ToString::to_string))
            .collect();
        if !platforms.is_empty() {
            let available = platforms.into_iter().collect();
            return ImageError::NoSuchPlatform { wanted, available };
        }
        let all = there
            .iter()
            .enumerate()
            .map(|(at, manifest)| listed(&manifest.descriptor, at));
        let available = all.take(50).collect();
        ImageError::SeveralImages {
            path: self.path.to_owned(),
            available,
        }
    }

    fn limit(&self, limit: &'static str, allowed: usize) -> ImageError {
        let what = "the nesting of the image's indexes".to_owned();
        ImageError::Limit {
            what,
            limit,
            allowed: allowed as u64,
        }
    }
}

pub(super) fn name(entry: &Descriptor) -> Option<&str> {
    entry_names(entry).next()
}

/// The names that an index gives an image: containerd writes the whole one, OCI the tag alone.
fn entry_names(entry: &Descriptor) -> impl Iterator<Item = &str> {
    [
        "io.containerd.image.name",
        "org.opencontainers.image.ref.name",
    ]
    .into_iter()
    .filter_map(|key| entry.annotation(key))
}

fn listed(entry: &Descriptor, at: usize) -> String {
    name(entry).map_or_else(|| format!("@{at}"), str::to_owned)
}
