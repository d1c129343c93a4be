//! Which of a layout's manifests is the image that was asked for.
//!
//! An entry of `index.json` is an image, or the image for one platform. Which of both, its names and
//! platforms tell: entries of one name, or all without a name, are platforms of one image, unless two
//! are for the same platform. Below an entry the first of a platform counts, as OCI says.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use pellucid_model::{Digest, Platform};

use super::{Layout, blob_path};
use crate::ImageError;
use crate::document::{self, Descriptor, Document, serving};
use crate::reference::names;
use crate::source::storage::{is_id, is_id_of};

/// An entry of `index.json`: once, however often and under whatever names it stands there.
pub(super) struct Root {
    descriptor: Descriptor,
    /// What it is called when it is shown.
    pub(super) names: BTreeSet<String>,
    /// Every name that it answers to.
    answers: Vec<String>,
    places: Vec<usize>,
}

/// A manifest that may be the one; what it lists is read again when it is.
pub(super) struct Candidate {
    pub(super) descriptor: Descriptor,
    pub(super) config: Box<Descriptor>,
    pub(super) platform: Option<Platform>,
    /// The entries that lead to it.
    roots: Vec<usize>,
}

/// All manifests that entries lead to, as far as they are there.
#[derive(Default)]
pub(super) struct Candidates {
    roots: Vec<Root>,
    pub(super) there: Vec<Candidate>,
    /// Engines leave out the platforms they never pulled, but not from the index.
    pub(super) absent: Vec<Descriptor>,
}

impl Root {
    /// An entry without a name.
    pub(super) fn unnamed(descriptor: Descriptor) -> Self {
        Self {
            descriptor,
            names: BTreeSet::new(),
            answers: Vec::new(),
            places: Vec::new(),
        }
    }

    /// The entries of an index.
    pub(super) fn all(entries: Vec<Descriptor>) -> Vec<Self> {
        let mut roots: Vec<Self> = Vec::new();
        let mut known: HashMap<Digest, usize> = HashMap::new();
        for (place, entry) in entries.into_iter().enumerate() {
            let answers: Vec<String> = entry_names(&entry).map(str::to_owned).collect();
            let at = *known.entry(entry.digest).or_insert_with(|| {
                roots.push(Self::unnamed(entry));
                roots.len() - 1
            });
            if let Some(root) = roots.get_mut(at) {
                root.names.extend(answers.first().cloned());
                root.answers.extend(answers);
                root.places.push(place);
            }
        }
        roots
    }

    fn is_called(&self, wanted: &str) -> bool {
        let mut answers = self.answers.iter();
        let place = wanted.strip_prefix('@').and_then(|at| at.parse().ok());
        let digest = wanted.strip_prefix('@').unwrap_or(wanted).parse().ok();
        answers.any(|name| names(name, wanted))
            || place.is_some_and(|place| self.places.contains(&place))
            || digest == Some(self.descriptor.digest)
    }
}

impl Candidates {
    /// The names of a candidate: those of the entries that lead to it.
    pub(super) fn tags(&self, candidate: &Candidate) -> Vec<String> {
        let roots = candidate.roots.iter().filter_map(|at| self.roots.get(*at));
        let names: BTreeSet<_> = roots.flat_map(|root| root.names.iter().cloned()).collect();
        names.into_iter().collect()
    }

    /// The first entry that leads to the manifest with this configuration.
    pub(super) fn root_of(mut self, config: Digest) -> Option<Root> {
        let mut there = self.there.iter();
        let found = there.find(|candidate| candidate.config.digest == config)?;
        let at = *found.roots.first()?;
        (at < self.roots.len()).then(|| self.roots.swap_remove(at))
    }

    /// Whether an entry is an index, and no manifest itself.
    pub(super) fn is_of_index(&self) -> bool {
        let is_manifest = |root: &Root| {
            let mut there = self.there.iter();
            there.any(|candidate| candidate.descriptor.digest == root.descriptor.digest)
        };
        !self.roots.iter().all(is_manifest)
    }

    /// What chooses each of the entries that lead to an image here.
    fn choices(&self) -> Vec<String> {
        let at: BTreeSet<_> = self.there.iter().flat_map(|one| &one.roots).collect();
        choices(at.into_iter().filter_map(|at| self.roots.get(*at)))
    }

    /// Whether two are for one platform, and no entry leads to both.
    fn same_platform(&self) -> bool {
        let mut first: BTreeMap<String, &[usize]> = BTreeMap::new();
        self.there.iter().any(|candidate| {
            let platform = candidate.platform.as_ref().map(ToString::to_string);
            let roots = first
                .entry(platform.unwrap_or_default())
                .or_insert(&candidate.roots);
            are_apart(roots, &candidate.roots)
        })
    }
}

impl Layout<'_> {
    /// All manifests of the image that the reference names, or of the only one.
    pub(super) fn candidates(&self, wanted: Option<&str>) -> Result<Candidates, ImageError> {
        let roots = Root::all(self.entries()?);
        let Some(wanted) = wanted else {
            let named = roots.iter().filter(|root| !root.names.is_empty());
            if differ(named) {
                return Err(self.several(choices(roots.iter())));
            }
            let candidates = self.manifests(roots)?;
            let at: BTreeSet<_> = candidates.there.iter().flat_map(|one| &one.roots).collect();
            if differ(at.into_iter().filter_map(|at| candidates.roots.get(*at))) {
                return Err(self.several(candidates.choices()));
            }
            return Ok(candidates);
        };
        if roots.iter().any(|root| root.is_called(wanted)) {
            let chosen = roots.into_iter().filter(|root| root.is_called(wanted));
            return self.manifests(chosen.collect());
        }
        let available = choices(roots.iter());
        // What no entry is called may be the id of an image, or the digest of one platform's manifest.
        if is_id(wanted) {
            let mut candidates = self.manifests(roots)?;
            let is_it = |digest: Digest| is_id_of(&digest.to_string(), wanted);
            let mut there = std::mem::take(&mut candidates.there);
            there.retain(|one| is_it(one.config.digest) || is_it(one.descriptor.digest));
            if !there.is_empty() {
                candidates.there = there;
                candidates.absent.clear();
                return Ok(candidates);
            }
        }
        Err(ImageError::NoSuchImage {
            path: self.path.to_owned(),
            wanted: wanted.to_owned(),
            available,
        })
    }

    /// All manifests that the entries lead to, each once. What is no image counts only if there is
    /// nothing else: signatures and lists of packages lie in layouts as images do.
    pub(super) fn manifests(&self, roots: Vec<Root>) -> Result<Candidates, ImageError> {
        let mut candidates = Candidates::default();
        let mut known: HashMap<Digest, usize> = HashMap::new();
        let mut indexes: HashMap<Digest, Vec<Descriptor>> = HashMap::new();
        let mut seen = 0;
        for (root, entry) in roots.iter().enumerate() {
            let mut level = vec![entry.descriptor.clone()];
            let mut depth = 0;
            let mut of_root = BTreeSet::new();
            while !level.is_empty() {
                if depth > self.limits.index_depth {
                    return Err(self.limit("index_depth", self.limits.index_depth));
                }
                depth += 1;
                let mut below = Vec::new();
                for descriptor in level {
                    if !of_root.insert(descriptor.digest) {
                        continue;
                    }
                    seen += 1;
                    if seen > self.limits.index_entries {
                        return Err(self.limit("index_entries", self.limits.index_entries));
                    }
                    let candidate = known.get(&descriptor.digest);
                    if let Some(candidate) = candidate.and_then(|at| candidates.there.get_mut(*at))
                    {
                        candidate.roots.push(root);
                        continue;
                    }
                    // Read once, however many lead to it.
                    if let Some(entries) = indexes.get(&descriptor.digest) {
                        below.extend(entries.iter().cloned());
                        continue;
                    }
                    if self.found.file(&blob_path(descriptor.digest))?.is_none() {
                        candidates.absent.push(descriptor);
                        continue;
                    }
                    match self.manifest(&descriptor)? {
                        Document::Index(mut entries) => {
                            let mut own = HashSet::new();
                            entries.retain(|one| !one.is_attestation() && own.insert(one.digest));
                            below.extend(entries.iter().cloned());
                            indexes.insert(descriptor.digest, entries);
                        }
                        Document::Manifest { config, .. } => {
                            known.insert(descriptor.digest, candidates.there.len());
                            candidates.there.push(Candidate {
                                platform: descriptor.platform(),
                                descriptor,
                                config,
                                roots: vec![root],
                            });
                        }
                    }
                }
                level = below;
            }
        }
        let is_image = |candidate: &Candidate| {
            document::check_config_type("", candidate.config.media_type.as_deref()).is_ok()
        };
        if candidates.there.iter().any(is_image) {
            candidates.there.retain(is_image);
        }
        candidates.roots = roots;
        Ok(candidates)
    }

    /// The candidate to read: the only one, or the one for the platform. With its names.
    pub(super) fn by_platform(
        &self,
        mut candidates: Candidates,
        asked: Option<&Platform>,
    ) -> Result<(Candidate, Vec<String>), ImageError> {
        self.check_any(&candidates)?;
        let alone =
            candidates.there.len() == 1 && (candidates.absent.is_empty() || asked.is_none());
        let mut at = 0;
        if !alone {
            self.learn_platforms(&mut candidates)?;
            let there = &candidates.there;
            let wanted = asked.cloned().unwrap_or_else(Platform::host);
            let platforms = there.iter().map(|candidate| candidate.platform.as_ref());
            at =
                serving(platforms, &wanted).ok_or_else(|| self.none_serves(&candidates, wanted))?;
            let is_other = |one: &Candidate, other: &Candidate| {
                one.platform == other.platform && are_apart(&one.roots, &other.roots)
            };
            let chosen = there.get(at);
            if chosen.is_some_and(|chosen| there.iter().any(|other| is_other(chosen, other))) {
                return Err(self.several(candidates.choices()));
            }
        }
        let candidate = candidates.there.swap_remove(at);
        let tags = candidates.tags(&candidate);
        Ok((candidate, tags))
    }

    /// All candidates, which must be one image's.
    pub(super) fn every_platform(
        &self,
        mut candidates: Candidates,
    ) -> Result<Candidates, ImageError> {
        self.check_any(&candidates)?;
        self.learn_platforms(&mut candidates)?;
        match candidates.same_platform() {
            true => Err(self.several(candidates.choices())),
            false => Ok(candidates),
        }
    }

    /// What an index does not say of a platform, the configuration does.
    fn learn_platforms(&self, candidates: &mut Candidates) -> Result<(), ImageError> {
        for candidate in &mut candidates.there {
            if candidate.platform.is_none() {
                candidate.platform = self.config(&candidate.config)?.platform();
            }
        }
        Ok(())
    }

    fn check_any(&self, candidates: &Candidates) -> Result<(), ImageError> {
        match (candidates.there.first(), candidates.absent.first()) {
            (Some(_), _) => Ok(()),
            (None, Some(absent)) => Err(ImageError::Missing {
                document: "the image's index".to_owned(),
                name: blob_path(absent.digest),
            }),
            (None, None) => Err(ImageError::NotAnImage {
                path: self.path.to_owned(),
                reason: "its index lists no image".to_owned(),
            }),
        }
    }

    fn none_serves(&self, candidates: &Candidates, wanted: Platform) -> ImageError {
        let platforms: BTreeSet<_> = candidates
            .there
            .iter()
            .filter_map(|candidate| candidate.platform.as_ref().map(ToString::to_string))
            .collect();
        if platforms.is_empty() {
            return self.several(candidates.choices());
        }
        let available = platforms.into_iter().collect();
        ImageError::NoSuchPlatform { wanted, available }
    }

    fn several(&self, available: Vec<String>) -> ImageError {
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

/// Whether no entry leads to both.
fn are_apart(one: &[usize], other: &[usize]) -> bool {
    !one.iter().any(|root| other.contains(root))
}

/// Whether entries have different names, or some have one and others none: they are different images.
fn differ<'a>(roots: impl Iterator<Item = &'a Root>) -> bool {
    let mut names = roots.map(|root| &root.names);
    let first = names.next();
    names.any(|other| Some(other) != first)
}

/// What chooses each entry: its names, or its digest where it has none of its own.
fn choices<'a>(roots: impl Iterator<Item = &'a Root>) -> Vec<String> {
    let roots: Vec<&Root> = roots.collect();
    let mut bearers: HashMap<&str, usize> = HashMap::new();
    for name in roots.iter().flat_map(|root| &root.names) {
        *bearers.entry(name).or_default() += 1;
    }
    let mut all = BTreeSet::new();
    for root in &roots {
        let own = root
            .names
            .iter()
            .filter(|name| bearers.get(name.as_str()) == Some(&1));
        let before = all.len();
        all.extend(own.cloned());
        if all.len() == before {
            all.insert(root.descriptor.digest.to_string());
        }
    }
    all.into_iter().take(50).collect()
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
