//! OCI image layout in a directory: `oci-layout`, `index.json`, `blobs/ALGORITHM/HEX`.
//!
//! An index leads to manifests, or to further indexes: one for each tag, below it one for each
//! platform. Where the reference names no image and all entries carry different names, we ask
//! instead of guessing; what has one name is chosen by platform. Attestations that BuildKit adds
//! (platform `unknown/unknown`) are no images.
//!
//! Manifest and configuration are always verified. No symbolic link inside the layout is followed.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use pellucid_model::{Digest, DigestState, Image, Layer, Platform, Warning, WarningKind};

use crate::document::{self, Config, Descriptor, Document};
use crate::reference::names;
use crate::region::Region;
use crate::source::{Asked, Found, Opened, Regions, Source};
use crate::{Expected, ImageError, Limits};

/// The `oci:` source.
pub(crate) struct OciLayout;

impl Source for OciLayout {
    fn name(&self) -> &'static str {
        "oci"
    }

    fn recognises(&self, found: &Found) -> bool {
        matches!(found, Found::Folder(_)) && found.has("index.json") && found.has("oci-layout")
    }

    fn open(&self, asked: Asked<'_>) -> Result<Opened, ImageError> {
        match &asked.found {
            Found::Folder(_) => open(self.name(), &asked),
            Found::Archive(_) => Err(ImageError::NotAnImage {
                path: asked.reference.path.clone(),
                reason: "an OCI layout is a directory; for an archive of one write oci-archive:"
                    .to_owned(),
            }),
        }
    }
}

/// Opens the image of a layout, in a directory or an archive.
pub(crate) fn open(source: &str, asked: &Asked<'_>) -> Result<Opened, ImageError> {
    let layout = Layout {
        found: &asked.found,
        limits: &asked.options.limits,
        path: &asked.reference.path,
    };
    let entries = layout.entries()?;
    let entries = layout.chosen(entries, asked.reference.image.as_deref())?;
    let tags: BTreeSet<_> = entries.iter().filter_map(name).map(str::to_owned).collect();
    if tags.len() > 1 && asked.reference.image.is_none() {
        let available = tags.into_iter().collect();
        return Err(ImageError::SeveralImages {
            path: layout.path.to_owned(),
            available,
        });
    }
    let candidates = layout.manifests(entries)?;
    let chosen = layout.by_platform(candidates, asked.options.platform.as_ref())?;
    let mut opened = layout.image(&chosen)?;
    let wanted = asked.options.platform.as_ref();
    if let (Some(wanted), Some(own)) = (wanted, &opened.image.platform)
        && !own.serves(wanted)
    {
        let message = format!("the image is for {own}, not {wanted}, and there is no other");
        opened.warnings.push(warning(message));
    }
    opened.image.reference = format!("{source}:{}", layout.path.display());
    opened.image.tags = tags.into_iter().collect();
    opened.read_through = matches!(&asked.found, Found::Archive(archive) if archive.spooled);
    Ok(opened)
}

/// The digest of the manifest, somewhere in a layout's index, whose configuration is `config`.
pub(crate) fn manifest_of(
    found: &Found,
    config: Digest,
    path: &Path,
    limits: &Limits,
) -> Result<Option<Digest>, ImageError> {
    let layout = Layout {
        found,
        limits,
        path,
    };
    let manifests = layout.manifests(layout.entries()?)?;
    let mut of = manifests
        .there
        .iter()
        .filter(|manifest| manifest.config.digest == config);
    Ok(of.next().map(|manifest| manifest.descriptor.digest))
}

struct Layout<'a> {
    found: &'a Found,
    limits: &'a Limits,
    path: &'a Path,
}

/// A manifest that may be the one; what it lists is read again when it is.
struct Candidate {
    descriptor: Descriptor,
    config: Box<Descriptor>,
    platform: Option<Platform>,
}

/// All manifests of an index, as far as they are there.
#[derive(Default)]
struct Candidates {
    there: Vec<Candidate>,
    /// Engines leave out the platforms they never pulled, but not from the index.
    absent: Vec<Descriptor>,
}

impl Layout<'_> {
    /// The entries of `index.json`.
    fn entries(&self) -> Result<Vec<Descriptor>, ImageError> {
        let missing = || ImageError::NotAnImage {
            path: self.path.to_owned(),
            reason: "there is no index.json, so it is no OCI layout".to_owned(),
        };
        let region = self.found.file("index.json")?.ok_or_else(missing)?;
        let bytes = document::read("index.json", &region, self.limits)?;
        match Document::parse("index.json", &bytes)? {
            Document::Index(entries) => Ok(entries
                .into_iter()
                .filter(|entry| !entry.is_attestation())
                .collect()),
            Document::Manifest { .. } => Err(ImageError::Document {
                document: "index.json".to_owned(),
                reason: "it is a manifest".to_owned(),
            }),
        }
    }

    /// The entries that the reference names.
    fn chosen(
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
    fn manifests(&self, entries: Vec<Descriptor>) -> Result<Candidates, ImageError> {
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
    fn by_platform(
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
            let at = serving(there, &wanted).ok_or_else(|| self.none_serves(there, wanted))?;
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

    fn manifest(&self, descriptor: &Descriptor) -> Result<Document, ImageError> {
        let name = format!("manifest {}", descriptor.digest);
        Document::parse(&name, &self.document(&name, descriptor)?)
    }

    fn config(&self, descriptor: &Descriptor) -> Result<Config, ImageError> {
        let name = format!("configuration {}", descriptor.digest);
        document::json(&name, &self.document(&name, descriptor)?)
    }

    fn limit(&self, limit: &'static str, allowed: usize) -> ImageError {
        let what = "the nesting of the image's indexes".to_owned();
        ImageError::Limit {
            what,
            limit,
            allowed: allowed as u64,
        }
    }

    /// The image of a manifest.
    fn image(&self, chosen: &Candidate) -> Result<Opened, ImageError> {
        let Candidate {
            descriptor: manifest,
            config,
            ..
        } = chosen;
        let layers = match self.manifest(manifest)? {
            Document::Manifest { layers, .. } => layers,
            Document::Index(_) => Vec::new(),
        };
        let name = format!("manifest {}", manifest.digest);
        check_layer_count(layers.len(), self.limits)?;
        document::check_config_type(&name, config.media_type.as_deref())?;
        for layer in &layers {
            document::check_layer_type(&name, layer.media_type.as_deref())?;
        }
        let parsed = self.config(config)?;
        let config_name = format!("configuration {}", config.digest);
        let diff_ids = parsed.diff_ids(&config_name, layers.len())?;
        let mut warnings = Vec::new();
        let steps = steps(&parsed, layers.len(), &mut warnings);
        let mut image = Image {
            reference: String::new(),
            id: Some(config.digest),
            digest: Some(manifest.digest),
            tags: Vec::new(),
            platform: parsed.platform().or_else(|| manifest.platform()),
            created: parsed.created.clone(),
            layers: Vec::new(),
        };
        let (mut regions, mut expected) = (Vec::new(), Vec::new());
        for (index, ((layer, diff_id), created_by)) in
            layers.into_iter().zip(diff_ids).zip(steps).enumerate()
        {
            regions.push(self.blob(&format!("layer {index}"), &layer)?);
            image.layers.push(Layer {
                digest: Some(layer.digest),
                diff_id: Some(diff_id),
                digest_state: DigestState::Declared,
                size: layer.size,
                created_by,
            });
            expected.push(Expected {
                index: Some(index),
                digest: Some(layer.digest),
                diff_id: Some(diff_id),
                size: Some(layer.size),
            });
        }
        let layers = Box::new(Regions(regions));
        Ok(Opened {
            image,
            warnings,
            expected,
            layers,
            read_through: false,
        })
    }

    /// A document's bytes, with size and digest checked.
    fn document(&self, name: &str, descriptor: &Descriptor) -> Result<Vec<u8>, ImageError> {
        let region = self.blob(name, descriptor)?;
        let bytes = document::read(name, &region, self.limits)?;
        document::verify(name, descriptor.digest, &bytes)?;
        Ok(bytes)
    }

    /// A blob, with its size checked.
    fn blob(&self, name: &str, descriptor: &Descriptor) -> Result<Region, ImageError> {
        let digest = descriptor.digest;
        let path = blob_path(digest);
        let region = self.found.file(&path)?.ok_or_else(|| ImageError::Missing {
            document: format!("the image ({name})"),
            name: path,
        })?;
        if region.len() == descriptor.size {
            return Ok(region);
        }
        Err(ImageError::Size {
            document: format!("{name} ({digest})"),
            declared: descriptor.size,
            actual: region.len(),
        })
    }
}

/// The best candidate for a platform: the very same first, then the most general one.
fn serving(candidates: &[Candidate], wanted: &Platform) -> Option<usize> {
    let platforms = candidates
        .iter()
        .map(|candidate| candidate.platform.as_ref());
    let serving: Vec<_> = platforms
        .enumerate()
        .filter_map(|(at, platform)| Some((at, platform?)))
        .filter(|(_, platform)| platform.serves(wanted))
        .collect();
    let same = serving.iter().find(|(_, platform)| *platform == wanted);
    let general = || {
        serving
            .iter()
            .find(|(_, platform)| platform.variant.is_none())
    };
    same.or_else(general)
        .or_else(|| serving.first())
        .map(|(at, _)| *at)
}

/// The build step of each layer.
pub(crate) fn steps(
    config: &Config,
    layers: usize,
    warnings: &mut Vec<Warning>,
) -> Vec<Option<String>> {
    config.steps(layers).unwrap_or_else(|| {
        if config.has_history() {
            let message = "the image's history does not fit its layers, so no layer's build step \
                           is known";
            warnings.push(warning(message.to_owned()));
        }
        vec![None; layers]
    })
}

/// Refuses an image of too many layers.
pub(crate) fn check_layer_count(layers: usize, limits: &Limits) -> Result<(), ImageError> {
    match layers > limits.image_layers {
        true => Err(ImageError::Limit {
            what: format!("the image's number of layers ({layers})"),
            limit: "image_layers",
            allowed: limits.image_layers as u64,
        }),
        false => Ok(()),
    }
}

/// A warning about an image's description.
pub(crate) fn warning(message: String) -> Warning {
    Warning {
        kind: WarningKind::Image,
        layer: None,
        path: None,
        line: None,
        message,
    }
}

fn blob_path(digest: Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm(), digest.hex())
}

fn name(entry: &Descriptor) -> Option<&str> {
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
