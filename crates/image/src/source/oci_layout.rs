//! OCI image layout in a directory: `oci-layout`, `index.json`, `blobs/ALGORITHM/HEX`.
//!
//! An index leads to manifests, or to further indexes: one for each tag, below it one for each
//! platform. Where the reference names no image and entries carry different names, or some a name and
//! others none, or two are for one platform, we ask instead of guessing: a tool that writes to one tag
//! again leaves the image before without a name. What has one name is chosen by platform.
//! Attestations that BuildKit adds (platform `unknown/unknown`) are no images, nor are signatures.
//!
//! Manifest and configuration are always verified. No symbolic link inside the layout is followed.

mod candidates;

use std::collections::BTreeSet;
use std::path::Path;

use pellucid_model::{Digest, Platform};

use crate::document::{self, Config, Descriptor, Document};
use crate::region::Region;
use crate::source::{Asked, Found, Opened, Regions, Source, warning};
use crate::{ImageError, Limits, OpenOptions};
use candidates::{Candidate, Candidates, Root};

/// The `oci:` source.
pub(crate) struct OciLayout;

impl Source for OciLayout {
    fn name(&self) -> &'static str {
        "oci"
    }

    fn recognises(&self, found: &Found, _: &OpenOptions) -> bool {
        matches!(found, Found::Folder(_)) && found.has("index.json") && found.has("oci-layout")
    }

    fn open(&self, asked: Asked<'_>) -> Result<Opened, ImageError> {
        match &asked.found {
            Found::Folder(_) => open(self.name(), &asked),
            _ => Err(ImageError::NotAnImage {
                path: asked.reference.path.clone(),
                reason: "an OCI layout is a directory; for an archive of one write oci-archive:"
                    .to_owned(),
            }),
        }
    }

    fn open_all(&self, asked: Asked<'_>) -> Result<Vec<Opened>, ImageError> {
        open_all(self.name(), &asked)
    }
}

/// Opens the image that a descriptor leads to, in a place that holds blobs as a layout does.
pub(crate) fn open_entry(asked: &Asked<'_>, entry: Descriptor) -> Result<Opened, ImageError> {
    let layout = Layout::of(asked);
    let candidates = layout.manifests(vec![Root::unnamed(entry)])?;
    layout.one(candidates, asked.options.platform.as_ref())
}

/// Opens all images that a descriptor leads to.
pub(crate) fn open_entries(
    asked: &Asked<'_>,
    entry: Descriptor,
) -> Result<Vec<Opened>, ImageError> {
    let layout = Layout::of(asked);
    let candidates = layout.manifests(vec![Root::unnamed(entry)])?;
    layout.all(candidates)
}

/// Opens all images of a layout that the reference names.
pub(crate) fn open_all(source: &str, asked: &Asked<'_>) -> Result<Vec<Opened>, ImageError> {
    let layout = Layout::of(asked);
    let candidates = layout.candidates(asked.reference.image.as_deref())?;
    let mut images = layout.all(candidates)?;
    for opened in &mut images {
        opened.image.reference = format!("{source}:{}", layout.path.display());
    }
    Ok(images)
}

/// Opens the image of a layout, in a directory or an archive.
pub(crate) fn open(source: &str, asked: &Asked<'_>) -> Result<Opened, ImageError> {
    let layout = Layout::of(asked);
    let candidates = layout.candidates(asked.reference.image.as_deref())?;
    let mut opened = layout.one(candidates, asked.options.platform.as_ref())?;
    opened.image.reference = format!("{source}:{}", layout.path.display());
    Ok(opened)
}

/// Opens the image for the platform that is asked for, of the entry that leads to the manifest with this
/// configuration. `None` if there is no such entry.
pub(crate) fn open_beside(asked: &Asked<'_>, config: Digest) -> Result<Option<Opened>, ImageError> {
    let layout = Layout::of(asked);
    let Some(candidates) = layout.beside(config)? else {
        return Ok(None);
    };
    let opened = layout.one(candidates, asked.options.platform.as_ref())?;
    Ok(Some(opened))
}

/// The same for all platforms. `None` too if the entry is no index, but the image of one platform.
pub(crate) fn open_all_beside(
    asked: &Asked<'_>,
    config: Digest,
) -> Result<Option<Vec<Opened>>, ImageError> {
    let layout = Layout::of(asked);
    match layout.beside(config)? {
        Some(candidates) if candidates.is_of_index() => layout.all(candidates).map(Some),
        _ => Ok(None),
    }
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
    let manifests = layout.manifests(Root::all(layout.entries()?))?;
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

impl<'a> Layout<'a> {
    /// Where the reference leads.
    fn of(asked: &'a Asked<'_>) -> Self {
        Self {
            found: &asked.found,
            limits: &asked.options.limits,
            path: &asked.reference.path,
        }
    }

    /// The image of a platform.
    fn one(&self, candidates: Candidates, asked: Option<&Platform>) -> Result<Opened, ImageError> {
        let (chosen, tags) = self.by_platform(candidates, asked)?;
        let mut opened = self.image(&chosen)?;
        opened.image.tags = tags;
        if let (Some(wanted), Some(own)) = (asked, &opened.image.platform)
            && !own.serves(wanted)
        {
            let message = format!("the image is for {own}, not {wanted}, and there is no other");
            opened.warnings.push(warning(message));
        }
        Ok(opened)
    }

    /// The images of all platforms.
    fn all(&self, candidates: Candidates) -> Result<Vec<Opened>, ImageError> {
        let candidates = self.every_platform(candidates)?;
        let images = candidates.there.iter().map(|candidate| {
            let mut opened = self.image(candidate)?;
            opened.image.tags = candidates.tags(candidate);
            Ok(opened)
        });
        let mut images = images.collect::<Result<Vec<_>, ImageError>>()?;
        let absent: BTreeSet<_> = candidates
            .absent
            .iter()
            .map(|entry| match entry.platform() {
                Some(platform) => platform.to_string(),
                None => entry.digest.to_string(),
            })
            .collect();
        if let (Some(first), false) = (images.first_mut(), absent.is_empty()) {
            let absent: Vec<_> = absent.into_iter().collect();
            first.warnings.push(warning(format!(
                "the image's index names what is not here, and was not looked at: {}",
                absent.join(", ")
            )));
        }
        Ok(images)
    }

    /// What the entry leads to that also leads to the manifest with this configuration.
    fn beside(&self, config: Digest) -> Result<Option<Candidates>, ImageError> {
        let all = self.manifests(Root::all(self.entries()?))?;
        match all.root_of(config) {
            Some(root) => self.manifests(vec![root]).map(Some),
            None => Ok(None),
        }
    }

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

    fn manifest(&self, descriptor: &Descriptor) -> Result<Document, ImageError> {
        let name = format!("manifest {}", descriptor.digest);
        Document::parse(&name, &self.document(&name, descriptor)?)
    }

    fn config(&self, descriptor: &Descriptor) -> Result<Config, ImageError> {
        let name = format!("configuration {}", descriptor.digest);
        document::json(&name, &self.document(&name, descriptor)?)
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
        let parsed = self.config(config)?;
        let described = document::described(manifest, config, &parsed, &layers, self.limits)?;
        let regions = layers
            .iter()
            .enumerate()
            .map(|(index, layer)| self.blob(&format!("layer {index}"), layer))
            .collect::<Result<_, _>>()?;
        Ok(Opened {
            image: described.image,
            warnings: described.warnings,
            expected: described.expected,
            layers: Box::new(Regions(regions)),
            read_through: matches!(self.found, Found::Archive(archive) if archive.spooled),
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

fn blob_path(digest: Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm(), digest.hex())
}
