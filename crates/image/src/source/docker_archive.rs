//! What `docker save` writes, and skopeo, podman, buildah, kaniko and bazel in their ways.
//!
//! `manifest.json` lists the images, each with its configuration and its layers as paths in the
//! archive: `ID/layer.tar` up to Docker 24 (a layer that occurs twice is a link to the first),
//! `blobs/sha256/HEX` since 25, `DIFFID.tar` from skopeo. Layers are plain tars as a rule, but
//! compressed ones occur, so each is told by its first bytes.
//!
//! Only a path below `blobs/` declares a digest. Since Docker 25 the archive is an OCI layout as
//! well; from there come the manifest's digest, and the image for other platforms than that of
//! `manifest.json`, which lists one of them alone.
//!
//! Not here: archives from before Docker 1.10, which have no `manifest.json`.

use std::collections::BTreeSet;

use pellucid_model::{Digest, DigestState, Image, Layer};

use crate::document::{self, Config, Saved};
use crate::layer::compression::Compression;
use crate::layer::digest::digest_like;
use crate::reference::names;
use crate::region::Region;
use crate::source::oci_layout::{manifest_of, open_all_beside, open_beside};
use crate::source::storage::{is_id, is_id_of};
use crate::source::{Asked, Found, Opened, Regions, Source, only_one_platform, warning};
use crate::{Expected, ImageError, Mismatch, OpenOptions};

const MANIFEST: &str = "manifest.json";
const INDEX: &str = "index.json";

/// The `docker-archive:` source.
pub(crate) struct DockerArchive;

impl Source for DockerArchive {
    fn name(&self) -> &'static str {
        "docker-archive"
    }

    fn recognises(&self, found: &Found, _: &OpenOptions) -> bool {
        matches!(found, Found::Archive(_)) && found.has(MANIFEST)
    }

    fn open(&self, asked: Asked<'_>) -> Result<Opened, ImageError> {
        let saved = Chosen::of(&asked)?;
        let own = saved.config.platform();
        if let Some(wanted) = &asked.options.platform
            && !own.is_some_and(|own| own.serves(wanted))
            && asked.found.has(INDEX)
            && let Some(opened) = open_beside(&asked, saved.id)?
        {
            return Ok(self.named(&asked, saved.tags, opened));
        }
        self.image(&asked, saved)
    }

    fn open_all(&self, asked: Asked<'_>) -> Result<Vec<Opened>, ImageError> {
        let saved = Chosen::of(&asked)?;
        if asked.found.has(INDEX)
            && let Some(all) = open_all_beside(&asked, saved.id)?
        {
            let named = |opened| self.named(&asked, saved.tags.clone(), opened);
            return Ok(all.into_iter().map(named).collect());
        }
        let opened = self.image(&asked, saved)?;
        Ok(vec![only_one_platform(opened)])
    }
}

/// The image of `manifest.json` that is asked for.
struct Chosen {
    tags: Vec<String>,
    /// The layers' places.
    layers: Vec<String>,
    id: Digest,
    config: Config,
    /// What the configuration is called in messages.
    config_name: String,
}

impl Chosen {
    fn of(asked: &Asked<'_>) -> Result<Self, ImageError> {
        let limits = &asked.options.limits;
        let region = asked.found.file(MANIFEST)?;
        let region = region.ok_or_else(|| ImageError::NotAnImage {
            path: asked.reference.path.clone(),
            reason: "there is no manifest.json, so docker save did not write it".to_owned(),
        })?;
        let saved: Vec<Saved> =
            document::json(MANIFEST, &document::read(MANIFEST, &region, limits)?)?;
        let saved = choose(saved, asked)?;
        let region = member(&asked.found, &saved.config)?;
        let bytes = document::read(&saved.config, &region, limits)?;
        let config_name = format!("configuration {:?}", saved.config);
        let declared = digest_in(&saved.config);
        if let Some(declared) = declared {
            document::verify(&config_name, declared, &bytes)?;
        }
        Ok(Self {
            tags: saved.repo_tags.unwrap_or_default(),
            layers: saved.layers.unwrap_or_default(),
            id: digest_like(declared.as_ref(), &bytes),
            config: document::json(&config_name, &bytes)?,
            config_name,
        })
    }
}

impl DockerArchive {
    /// What the layout beside the list gives, under the names of the list.
    fn named(&self, asked: &Asked<'_>, tags: Vec<String>, mut opened: Opened) -> Opened {
        opened.image.reference = self.reference(asked);
        opened.image.tags = tags;
        opened
    }

    fn reference(&self, asked: &Asked<'_>) -> String {
        format!("{}:{}", self.name(), asked.reference.path.display())
    }

    fn image(&self, asked: &Asked<'_>, saved: Chosen) -> Result<Opened, ImageError> {
        let (found, options) = (&asked.found, asked.options);
        let (limits, paths, config, id) = (&options.limits, saved.layers, saved.config, saved.id);
        document::check_layer_count(paths.len(), limits)?;
        let mut warnings = Vec::new();
        let diff_ids = config.diff_ids(&saved.config_name, paths.len())?;
        let steps = document::steps(&config, paths.len(), &mut warnings);

        let mut image = Image {
            reference: self.reference(asked),
            id: Some(id),
            digest: None,
            tags: saved.tags,
            platform: config.platform(),
            created: config.created.clone(),
            cpe: config.cpe(),
            layers: Vec::new(),
        };
        let (mut regions, mut expected) = (Vec::new(), Vec::new());
        for (index, ((path, diff_id), created_by)) in
            paths.iter().zip(diff_ids).zip(steps).enumerate()
        {
            let region = member(found, path)?;
            let digest = blob_digest(index, path, diff_id, &region)?;
            image.layers.push(Layer {
                digest,
                diff_id: Some(diff_id),
                digest_state: DigestState::Declared,
                size: region.len(),
                created_by,
            });
            expected.push(Expected {
                index: Some(index),
                digest,
                diff_id: Some(diff_id),
                size: None,
            });
            regions.push(region);
        }
        if found.has(INDEX) {
            match manifest_of(found, id, &asked.reference.path, limits) {
                Ok(digest) => image.digest = digest,
                Err(error) => warnings.push(warning(format!(
                    "the archive's index.json does not tell the manifest's digest: {error}"
                ))),
            }
        }
        if let (Some(wanted), Some(own)) = (&options.platform, &image.platform)
            && !own.serves(wanted)
        {
            warnings.push(warning(format!("the image is for {own}, not {wanted}")));
        }
        let read_through = matches!(found, Found::Archive(archive) if archive.spooled);
        let layers = Box::new(Regions(regions));
        Ok(Opened {
            image,
            warnings,
            expected,
            layers,
            read_through,
        })
    }
}

/// A file that the list names.
fn member(found: &Found, name: &str) -> Result<Region, ImageError> {
    let name = name.trim_start_matches("./");
    found.file(name)?.ok_or_else(|| ImageError::Missing {
        document: MANIFEST.to_owned(),
        name: name.chars().take(200).collect(),
    })
}

/// The image that the reference names, or the only one.
fn choose(mut saved: Vec<Saved>, asked: &Asked<'_>) -> Result<Saved, ImageError> {
    let path = asked.reference.path.clone();
    let tags = |image: &Saved| image.repo_tags.clone().unwrap_or_default();
    let listed = |saved: &[Saved]| -> Vec<String> {
        let all = saved
            .iter()
            .enumerate()
            .flat_map(|(at, image)| match tags(image) {
                tags if tags.is_empty() => vec![format!("@{at}")],
                tags => tags,
            });
        all.take(50).collect::<BTreeSet<_>>().into_iter().collect()
    };
    if let Some(wanted) = &asked.reference.image {
        let place = wanted
            .strip_prefix('@')
            .and_then(|place| place.parse::<usize>().ok());
        let position = saved.iter().enumerate().position(|(at, image)| {
            place == Some(at) || tags(image).iter().any(|tag| names(tag, wanted))
        });
        let position = match position {
            None if is_id(wanted) => position_of(&saved, wanted, asked)?,
            found => found,
        };
        return match position {
            Some(at) => Ok(saved.swap_remove(at)),
            None => Err(ImageError::NoSuchImage {
                path,
                wanted: wanted.clone(),
                available: listed(&saved),
            }),
        };
    }
    if saved.len() > 1 {
        return Err(ImageError::SeveralImages {
            path,
            available: listed(&saved),
        });
    }
    saved.pop().ok_or_else(|| ImageError::NotAnImage {
        path,
        reason: "its manifest.json lists no image".to_owned(),
    })
}

/// Where in the list the image of an id is: the digest of its configuration.
fn position_of(
    saved: &[Saved],
    wanted: &str,
    asked: &Asked<'_>,
) -> Result<Option<usize>, ImageError> {
    let limits = &asked.options.limits;
    for (at, image) in saved.iter().enumerate().take(limits.index_entries) {
        let region = member(&asked.found, &image.config)?;
        let bytes = document::read(&image.config, &region, limits)?;
        let id = digest_like(digest_in(&image.config).as_ref(), &bytes);
        if is_id_of(&id.to_string(), wanted) {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// The digest of a layer's blob, where the archive or the absence of compression tells it.
fn blob_digest(
    index: usize,
    path: &str,
    diff_id: Digest,
    region: &Region,
) -> Result<Option<Digest>, ImageError> {
    let mut first = [0; Compression::SNIFF];
    let filled = region
        .read_at(0, &mut first)
        .map_err(|source| ImageError::Read {
            path: path.into(),
            source,
        })?;
    let declared = digest_in(path);
    if Compression::of(first.get(..filled).unwrap_or_default()) != Compression::None {
        return Ok(declared);
    }
    match declared {
        Some(declared) if declared != diff_id && declared.algorithm() == diff_id.algorithm() => {
            let digests = Box::new(Mismatch {
                declared: diff_id,
                actual: declared,
            });
            Err(ImageError::Digest {
                document: format!("layer {index} ({path})"),
                digests,
            })
        }
        Some(declared) => Ok(Some(declared)),
        None => Ok(Some(diff_id)),
    }
}

/// The digest that a path below `blobs/` is made of.
fn digest_in(path: &str) -> Option<Digest> {
    let (algorithm, hex) = path
        .trim_start_matches("./")
        .strip_prefix("blobs/")?
        .split_once('/')?;
    format!("{algorithm}:{hex}").parse().ok()
}
