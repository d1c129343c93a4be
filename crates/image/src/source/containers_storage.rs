//! The storage of podman, buildah and CRI-O, without any of them:
//! `containers-storage:DIR[#IMAGE|#CONTAINER]`.
//!
//! `overlay-images/images.json` lists images, each with its names and its highest layer;
//! `overlay-layers/layers.json` says what lies below a layer and which digest its tar had; a layer's
//! files are `overlay/ID/diff`. A container has one more layer.
//!
//! Not here: other storage drivers, and images whose layers are in an additional store.

use std::collections::BTreeMap;

use base64::Engine as _;
use pellucid_model::Digest;
use serde::Deserialize;

use crate::document::{self, Config};
use crate::reference::names;
use crate::source::storage::{Root, Tree, is_id_of, is_part};
use crate::source::{Asked, Found, Opened, Source};
use crate::{ImageError, OpenOptions};

/// The `containers-storage:` source.
pub(crate) struct ContainersStorage;

const IMAGES: &str = "overlay-images/images.json";
const LAYERS: &str = "overlay-layers/layers.json";
const CONTAINERS: &str = "overlay-containers/containers.json";

#[derive(Deserialize)]
struct StoredImage {
    id: String,
    #[serde(default)]
    names: Option<Vec<String>>,
    #[serde(default)]
    layer: Option<String>,
    #[serde(default)]
    digest: Option<Digest>,
}

#[derive(Deserialize)]
struct StoredLayer {
    id: String,
    #[serde(default)]
    parent: Option<String>,
    #[serde(default, rename = "diff-digest")]
    diff_digest: Option<Digest>,
    #[serde(default, rename = "diff-size")]
    diff_size: Option<u64>,
}

#[derive(Deserialize)]
struct StoredContainer {
    id: String,
    #[serde(default)]
    names: Option<Vec<String>>,
    image: String,
    layer: String,
}

impl Source for ContainersStorage {
    fn name(&self) -> &'static str {
        "containers-storage"
    }

    fn recognises(&self, found: &Found, _: &OpenOptions) -> bool {
        matches!(found, Found::Folder(_)) && found.has(IMAGES)
    }

    fn open(&self, asked: Asked<'_>) -> Result<Opened, ImageError> {
        // Where a program mounts layers (fuse-overlayfs), they are unpacked with names as in tars.
        let root = Root::of(&asked, true)?;
        let images: Vec<StoredImage> =
            root.json(IMAGES)?.ok_or_else(|| ImageError::NotAnImage {
                path: root.path.clone(),
                reason: format!("there is no {IMAGES}"),
            })?;
        let containers: Vec<StoredContainer> = root.json(CONTAINERS)?.unwrap_or_default();
        let wanted = asked.reference.image.as_deref();
        let (image, container) = chosen(&root, &images, &containers, wanted)?;
        open(&root, image, container)
    }
}

fn chosen<'a>(
    root: &Root<'_>,
    images: &'a [StoredImage],
    containers: &'a [StoredContainer],
    wanted: Option<&str>,
) -> Result<(&'a StoredImage, Option<&'a StoredContainer>), ImageError> {
    let path = || root.path.clone();
    let available = || {
        let named = images.iter().map(|image| match image.names.as_deref() {
            Some([first, ..]) => first.clone(),
            _ => image.id.clone(),
        });
        named.take(50).collect::<Vec<_>>()
    };
    let Some(wanted) = wanted else {
        return match images {
            [only] => Ok((only, None)),
            [] => Err(ImageError::NotAnImage {
                path: path(),
                reason: "it holds no image".to_owned(),
            }),
            _ => Err(ImageError::SeveralImages {
                path: path(),
                available: available(),
            }),
        };
    };
    let is_called = |own: &Option<Vec<String>>| {
        let mut own = own.iter().flatten();
        own.any(|name| names(name, wanted) || name.strip_prefix("localhost/") == Some(wanted))
    };
    let mut found: Vec<_> = images
        .iter()
        .filter(|image| is_called(&image.names))
        .collect();
    if found.is_empty() {
        let of_id = images.iter().filter(|image| is_id_of(&image.id, wanted));
        found.extend(of_id);
    }
    let mut own: Vec<_> = containers
        .iter()
        .filter(|one| is_called(&one.names) || is_id_of(&one.id, wanted))
        .collect();
    match (found.len(), own.len()) {
        (1, 0) => Ok((found.remove(0), None)),
        (0, 1) => {
            let container = own.remove(0);
            let image = images.iter().find(|image| image.id == container.image);
            let image = image.ok_or_else(|| ImageError::Missing {
                document: CONTAINERS.to_owned(),
                name: container.image.clone(),
            })?;
            Ok((image, Some(container)))
        }
        (0, 0) => Err(ImageError::NoSuchImage {
            path: path(),
            wanted: wanted.to_owned(),
            available: available(),
        }),
        _ => {
            let images = found.iter().map(|image| image.id.clone());
            Err(ImageError::SeveralImages {
                path: path(),
                available: images.chain(own.iter().map(|one| one.id.clone())).collect(),
            })
        }
    }
}

fn open(
    root: &Root<'_>,
    image: &StoredImage,
    container: Option<&StoredContainer>,
) -> Result<Opened, ImageError> {
    let id: Digest = format!("sha256:{}", image.id)
        .parse()
        .map_err(|_| root.wrong(IMAGES, "an image's id is none"))?;
    // Names that are no plain words are files by their base64.
    let name = base64::engine::general_purpose::STANDARD.encode(id.to_string());
    let path = format!("overlay-images/{}/={name}", image.id);
    let bytes = root.bytes(&path)?.ok_or_else(|| ImageError::Missing {
        document: IMAGES.to_owned(),
        name: path.clone(),
    })?;
    document::verify(&path, id, &bytes)?;
    let config: Config = document::json(&path, &bytes)?;
    let diff_ids = config.layers(&path)?;
    let mut warnings = Vec::new();
    let steps = document::steps(&config, diff_ids.len(), &mut warnings);
    let layers: Vec<StoredLayer> = root.json(LAYERS)?.unwrap_or_default();
    let layers: BTreeMap<_, _> = layers
        .iter()
        .map(|layer| (layer.id.as_str(), layer))
        .collect();
    let mut next = image.layer.as_deref();
    let mut trees = Vec::new();
    for (diff_id, created_by) in diff_ids.into_iter().zip(steps).rev() {
        let layer = next
            .and_then(|id| layers.get(id))
            .ok_or_else(|| root.wrong(LAYERS, format!("it has no layer for {diff_id}")))?;
        if layer.diff_digest.is_some_and(|own| own != diff_id) {
            let reason = format!("its layer {} is not {diff_id}, as the image says", layer.id);
            return Err(root.wrong(LAYERS, reason));
        }
        next = layer.parent.as_deref().filter(|parent| !parent.is_empty());
        trees.push(Tree {
            path: diff(root, &layer.id)?,
            diff_id: Some(diff_id),
            size: layer.diff_size.unwrap_or_default(),
            created_by,
        });
    }
    if next.is_some() {
        return Err(root.wrong(LAYERS, "it has more layers than the image says"));
    }
    trees.reverse();
    let mut reference = format!("containers-storage:{}", root.path.display());
    if let Some(container) = container {
        let called = container.names.as_deref().and_then(<[String]>::first);
        let called = called.unwrap_or(&container.id);
        trees.push(Tree {
            path: diff(root, &container.layer)?,
            diff_id: None,
            size: 0,
            created_by: Some(format!("written for the container {called}")),
        });
        reference = format!("{reference}#{called}");
    }
    let mut opened = root.opened(reference, id, &config, trees, warnings)?;
    opened.image.digest = image.digest;
    opened.image.tags = image.names.clone().unwrap_or_default();
    opened.image.tags.sort();
    Ok(opened)
}

fn diff(root: &Root<'_>, id: &str) -> Result<String, ImageError> {
    match is_part(id) {
        true => Ok(format!("overlay/{id}/diff")),
        false => Err(root.wrong(LAYERS, "a layer's id cannot be")),
    }
}
