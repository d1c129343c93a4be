//! The JSON documents that describe an image: index, manifest, configuration, and Docker's own list
//! of an archive's images.
//!
//! Sources: OCI image-spec 1.1 (`image-index.md`, `manifest.md`, `config.md`), Docker's image spec
//! 1.2 and 1.3. Only what we use is looked at; nesting is bounded by the JSON reader. A document
//! that could be read as an index and as a manifest is refused, as OCI asks (CVE-2021-41190).

use std::collections::BTreeMap;

use pellucid_model::{Digest, DigestState, Image, Layer, Platform, Warning};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::layer::digest::digest_like;
use crate::region::Region;
use crate::source::warning;
use crate::{Expected, ImageError, Limits, Mismatch};

/// A reference by digest.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    #[serde(default)]
    pub(crate) media_type: Option<String>,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    #[serde(default)]
    pub(crate) annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(crate) platform: Option<DeclaredPlatform>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct DeclaredPlatform {
    #[serde(default)]
    os: Option<String>,
    #[serde(default)]
    architecture: Option<String>,
    #[serde(default)]
    variant: Option<String>,
}

/// An index or a manifest.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    #[serde(default)]
    schema_version: Option<u64>,
    #[serde(default)]
    manifests: Option<Vec<Descriptor>>,
    #[serde(default)]
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Option<Vec<Descriptor>>,
    #[serde(default)]
    fs_layers: Option<IgnoredAny>,
}

/// What an index entry may lead to.
pub(crate) enum Document {
    Index(Vec<Descriptor>),
    Manifest {
        config: Box<Descriptor>,
        layers: Vec<Descriptor>,
    },
}

/// An image's configuration.
#[derive(Debug, Deserialize)]
pub(crate) struct Config {
    #[serde(default)]
    architecture: Option<String>,
    #[serde(default)]
    os: Option<String>,
    #[serde(default)]
    variant: Option<String>,
    #[serde(default)]
    pub(crate) created: Option<String>,
    #[serde(default)]
    config: Option<Lenient<Runtime>>,
    #[serde(default)]
    rootfs: Option<RootFs>,
    #[serde(default)]
    history: Option<Vec<Step>>,
}

/// What is of no use where it has another shape.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Lenient<T> {
    Read(T),
    Other(IgnoredAny),
}

/// What containers of the image are started with.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Runtime {
    #[serde(default)]
    labels: Option<Labels>,
}

#[derive(Debug, Deserialize)]
struct Labels {
    #[serde(default)]
    cpe: Option<String>,
}

#[derive(Debug, Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: Option<Vec<Digest>>,
}

#[derive(Debug, Deserialize)]
struct Step {
    #[serde(default)]
    created_by: Option<String>,
    #[serde(default)]
    empty_layer: Option<bool>,
}

/// One image of a Docker archive.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Saved {
    pub(crate) config: String,
    #[serde(default)]
    pub(crate) repo_tags: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) layers: Option<Vec<String>>,
}

impl Descriptor {
    /// Of a document whose digest and size are known.
    pub(crate) fn of(digest: Digest, size: u64) -> Self {
        Self {
            media_type: None,
            digest,
            size,
            annotations: None,
            platform: None,
        }
    }

    /// Whether it says that it describes an index.
    pub(crate) fn is_index(&self) -> bool {
        matches!(
            self.media_type.as_deref(),
            Some(
                "application/vnd.oci.image.index.v1+json"
                    | "application/vnd.docker.distribution.manifest.list.v2+json"
            )
        )
    }

    /// An annotation's value.
    pub(crate) fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key).map(String::as_str)
    }

    /// The platform, if the descriptor tells one.
    pub(crate) fn platform(&self) -> Option<Platform> {
        let DeclaredPlatform {
            os,
            architecture,
            variant,
        } = self.platform.clone()?;
        platform(os, architecture, variant)
    }

    /// Whether this describes another image (its provenance, its SBOM, its signature) and is none
    /// itself: as BuildKit or cosign writes it.
    pub(crate) fn is_attestation(&self) -> bool {
        let unknown = self.platform.as_ref().is_some_and(|platform| {
            platform.os.as_deref() == Some("unknown")
                && platform.architecture.as_deref() == Some("unknown")
        });
        let of_cosign = matches!(
            self.annotation("kind"),
            Some("dev.cosignproject.cosign/sigs" | "dev.cosignproject.cosign/atts")
        );
        unknown || of_cosign || self.annotation("vnd.docker.reference.type").is_some()
    }
}

impl Document {
    /// Reads an index or manifest.
    pub(crate) fn parse(name: &str, bytes: &[u8]) -> Result<Self, ImageError> {
        let described: Described = json(name, bytes)?;
        let refuse = |reason: &str| ImageError::Document {
            document: name.to_owned(),
            reason: reason.to_owned(),
        };
        match described {
            Described {
                fs_layers: Some(_), ..
            }
            | Described {
                schema_version: Some(1),
                ..
            } => Err(ImageError::Schema1 {
                document: name.to_owned(),
            }),
            Described {
                manifests: Some(_),
                layers: Some(_),
                ..
            }
            | Described {
                manifests: Some(_),
                config: Some(_),
                ..
            } => Err(refuse("it is an index and a manifest at once")),
            Described {
                manifests: Some(manifests),
                ..
            } => Ok(Self::Index(manifests)),
            Described {
                config: Some(config),
                layers,
                ..
            } => Ok(Self::Manifest {
                config: Box::new(config),
                layers: layers.unwrap_or_default(),
            }),
            _ => Err(refuse("it is neither an index nor a manifest")),
        }
    }
}

impl Config {
    /// The platform, if the configuration tells one.
    pub(crate) fn platform(&self) -> Option<Platform> {
        platform(
            self.os.clone(),
            self.architecture.clone(),
            self.variant.clone(),
        )
    }

    /// What the label `cpe` says, with which Red Hat's images name their product.
    pub(crate) fn cpe(&self) -> Option<String> {
        match self.config.as_ref()? {
            Lenient::Read(runtime) => runtime.labels.as_ref()?.cpe.clone(),
            Lenient::Other(_) => None,
        }
    }

    /// The layers' diff ids, which must be as many as the manifest has layers.
    pub(crate) fn diff_ids(&self, name: &str, layers: usize) -> Result<Vec<Digest>, ImageError> {
        let diff_ids = self
            .rootfs
            .as_ref()
            .and_then(|rootfs| rootfs.diff_ids.clone());
        let diff_ids = diff_ids.unwrap_or_default();
        if diff_ids.len() == layers {
            return Ok(diff_ids);
        }
        Err(ImageError::Document {
            document: name.to_owned(),
            reason: format!("it has {} diff ids for {layers} layers", diff_ids.len()),
        })
    }

    /// The layers' diff ids, where nothing else says how many layers there are.
    pub(crate) fn layers(&self, name: &str) -> Result<Vec<Digest>, ImageError> {
        let rootfs = self.rootfs.as_ref();
        rootfs
            .and_then(|rootfs| rootfs.diff_ids.clone())
            .ok_or_else(|| ImageError::Document {
                document: name.to_owned(),
                reason: "it names no layers".to_owned(),
            })
    }

    /// The build step of each layer; `None` when the history does not fit the layers.
    pub(crate) fn steps(&self, layers: usize) -> Option<Vec<Option<String>>> {
        let history = self.history.as_deref().unwrap_or_default();
        let steps: Vec<_> = history
            .iter()
            .filter(|step| step.empty_layer != Some(true))
            .map(|step| step.created_by.clone().filter(|text| !text.is_empty()))
            .collect();
        (steps.len() == layers).then_some(steps)
    }

    /// Whether there is any history.
    pub(crate) fn has_history(&self) -> bool {
        self.history
            .as_ref()
            .is_some_and(|history| !history.is_empty())
    }
}

/// What a manifest and its configuration say of an image.
pub(crate) struct ImageDescription {
    pub(crate) image: Image,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) expected: Vec<Expected>,
}

/// The image of a manifest; where it came from is not said yet.
pub(crate) fn described(
    manifest: &Descriptor,
    config: &Descriptor,
    parsed: &Config,
    layers: &[Descriptor],
    limits: &Limits,
) -> Result<ImageDescription, ImageError> {
    let name = format!("manifest {}", manifest.digest);
    check_layer_count(layers.len(), limits)?;
    check_config_type(&name, config.media_type.as_deref())?;
    for layer in layers {
        check_layer_type(&name, layer.media_type.as_deref())?;
    }
    let config_name = format!("configuration {}", config.digest);
    let diff_ids = parsed.diff_ids(&config_name, layers.len())?;
    let mut warnings = Vec::new();
    let steps = steps(parsed, layers.len(), &mut warnings);
    let mut image = Image {
        reference: String::new(),
        id: Some(config.digest),
        digest: Some(manifest.digest),
        tags: Vec::new(),
        platform: parsed.platform().or_else(|| manifest.platform()),
        created: parsed.created.clone(),
        cpe: parsed.cpe(),
        layers: Vec::new(),
    };
    let mut expected = Vec::new();
    for (index, ((layer, diff_id), created_by)) in
        layers.iter().zip(diff_ids).zip(steps).enumerate()
    {
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
    Ok(ImageDescription {
        image,
        warnings,
        expected,
    })
}

/// The best of several for a platform: the very same first, then the most general one.
pub(crate) fn serving<'a>(
    platforms: impl Iterator<Item = Option<&'a Platform>>,
    wanted: &Platform,
) -> Option<usize> {
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

/// Reads a JSON document.
pub(crate) fn json<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, ImageError> {
    serde_json::from_slice(bytes).map_err(|source| ImageError::Json {
        document: name.to_owned(),
        source,
    })
}

/// All bytes of a document, which must not be large.
pub(crate) fn read(name: &str, region: &Region, limits: &Limits) -> Result<Vec<u8>, ImageError> {
    if region.len() > limits.json_bytes {
        let allowed = limits.json_bytes;
        return Err(ImageError::Limit {
            what: name.to_owned(),
            limit: "json_bytes",
            allowed,
        });
    }
    region.bytes().map_err(|source| ImageError::Read {
        path: name.into(),
        source,
    })
}

/// Compares a document's digest with the declared one.
pub(crate) fn verify(name: &str, declared: Digest, bytes: &[u8]) -> Result<(), ImageError> {
    let actual = digest_like(Some(&declared), bytes);
    if actual == declared {
        return Ok(());
    }
    let digests = Box::new(Mismatch { declared, actual });
    Err(ImageError::Digest {
        document: name.to_owned(),
        digests,
    })
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

/// Refuses a layer that no one could read.
pub(crate) fn check_layer_type(name: &str, media_type: Option<&str>) -> Result<(), ImageError> {
    const TARS: &[&str] = &[
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
        "application/vnd.docker.container.image.rootfs.diff+x-gtar",
    ];
    const COMPRESSIONS: &[&str] = &["", "gzip", "zstd", "bzip2", "xz"];
    let Some(media_type) = media_type.filter(|media_type| !media_type.is_empty()) else {
        return Ok(());
    };
    let known = TARS
        .iter()
        .filter_map(|tar| media_type.strip_prefix(tar))
        .any(|suffix| COMPRESSIONS.contains(&suffix.strip_prefix(['+', '.']).unwrap_or(suffix)));
    if known {
        Ok(())
    } else {
        Err(unknown_type(name, media_type))
    }
}

/// Refuses a configuration that is not an image's.
pub(crate) fn check_config_type(name: &str, media_type: Option<&str>) -> Result<(), ImageError> {
    const CONFIGS: &[&str] = &[
        "",
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.container.image.v1+json",
        "application/octet-stream",
    ];
    match media_type {
        Some(media_type) if !CONFIGS.contains(&media_type) => Err(unknown_type(name, media_type)),
        _ => Ok(()),
    }
}

fn unknown_type(name: &str, media_type: &str) -> ImageError {
    let media_type = media_type.chars().take(200).collect();
    ImageError::MediaType {
        document: name.to_owned(),
        media_type,
    }
}

fn platform(
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
) -> Option<Platform> {
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    Some(Platform {
        os: some(os)?,
        architecture: some(architecture)?,
        variant: some(variant),
    })
}
