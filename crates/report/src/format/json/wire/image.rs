//! The image half: image, layers, distributions, packages.

use pellucid_model::{
    Digest, DigestState, Inventory, Location, Namespace, Owner, PackageEntry, SourcePackage,
};
use serde::{Deserialize, Serialize};

use crate::format::json::ReadError;
use crate::format::json::words::{self, Words as _};

#[derive(Serialize, Deserialize)]
pub(super) struct Image {
    reference: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<String>,
}

impl Image {
    pub(super) fn of(image: &pellucid_model::Image) -> Self {
        Self {
            reference: image.reference.clone(),
            id: image.id,
            digest: image.digest,
            tags: image.tags.clone(),
            platform: image.platform.as_ref().map(ToString::to_string),
            created: image.created.clone(),
        }
    }

    pub(super) fn read(
        self,
        layers: Vec<pellucid_model::Layer>,
    ) -> Result<pellucid_model::Image, ReadError> {
        let platform = self.platform.map(|platform| {
            platform
                .parse()
                .map_err(|_| ReadError::value("a platform", &platform))
        });
        Ok(pellucid_model::Image {
            reference: self.reference,
            id: self.id,
            digest: self.digest,
            tags: self.tags,
            platform: platform.transpose()?,
            created: self.created,
            // It stands among the repositories.
            cpe: None,
            layers,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Layer {
    index: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    diff_id: Option<Digest>,
    digest_state: String,
    size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created_by: Option<String>,
}

impl Layer {
    pub(super) fn of((index, layer): (usize, &pellucid_model::Layer)) -> Self {
        Self {
            index,
            digest: layer.digest,
            diff_id: layer.diff_id,
            digest_state: layer.digest_state.word(),
            size: layer.size,
            created_by: layer.created_by.clone(),
        }
    }

    pub(super) fn read(self) -> Result<pellucid_model::Layer, ReadError> {
        Ok(pellucid_model::Layer {
            digest: self.digest,
            diff_id: self.diff_id,
            digest_state: DigestState::read(&self.digest_state)?,
            size: self.size,
            created_by: self.created_by,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Distribution {
    namespace: String,
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    codename: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pretty_name: Option<String>,
    #[serde(default)]
    id_like: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cpe: Option<String>,
    path: String,
    layer: usize,
}

impl Distribution {
    pub(super) fn of(distribution: &pellucid_model::Distribution) -> Self {
        Self {
            namespace: distribution.namespace.as_str().to_owned(),
            id: distribution.id.clone(),
            version_id: distribution.version_id.clone(),
            codename: distribution.codename.clone(),
            pretty_name: distribution.pretty_name.clone(),
            id_like: distribution.id_like.clone(),
            cpe: distribution.cpe.clone(),
            path: distribution.path.clone(),
            layer: distribution.layer,
        }
    }

    pub(super) fn read(self) -> pellucid_model::Distribution {
        pellucid_model::Distribution {
            namespace: Namespace::new(self.namespace),
            id: self.id,
            version_id: self.version_id,
            codename: self.codename,
            pretty_name: self.pretty_name,
            id_like: self.id_like,
            cpe: self.cpe,
            path: self.path,
            layer: self.layer,
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Package {
    #[serde(default)]
    purl: String,
    kind: String,
    name: String,
    version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    arch: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    module: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vendor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    /// The layer that brought the present version, and its digest: those of the first location.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    layer: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    layer_digest: Option<Digest>,
    locations: Vec<Place>,
    hidden: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<Owned>,
    detector: String,
}

#[derive(Serialize, Deserialize)]
struct Source {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Place {
    layer: usize,
    path: String,
}

#[derive(Serialize, Deserialize)]
struct Owned {
    name: String,
    version: String,
    /// Whether the advisories of its distribution decide; where nothing was matched, nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decides: Option<bool>,
}

impl Package {
    /// `left` is whether it was left to its owner, in a report that says so.
    pub(super) fn of(entry: &PackageEntry, inventory: &Inventory, left: Option<bool>) -> Self {
        let package = &entry.package;
        Self {
            purl: entry.purl(),
            kind: package.kind.name().to_owned(),
            name: package.name.clone(),
            version: package.version.clone(),
            arch: package.arch.clone(),
            source: package.source.as_ref().map(|source| Source {
                name: source.name.clone(),
                version: source.version.clone(),
            }),
            module: package.module.clone(),
            vendor: package.vendor.clone(),
            namespace: entry
                .namespace
                .as_ref()
                .map(|name| name.as_str().to_owned()),
            layer: entry.layer(),
            layer_digest: inventory.layer_digest(entry),
            locations: entry
                .locations
                .iter()
                .map(|location| Place {
                    layer: location.layer,
                    path: location.path.clone(),
                })
                .collect(),
            hidden: entry.hidden,
            owner: entry.owner.as_ref().map(|owner| Owned {
                name: owner.name.clone(),
                version: owner.version.clone(),
                decides: left,
            }),
            detector: entry.detector.clone(),
        }
    }

    pub(super) fn is_left_to_owner(&self) -> bool {
        let owner = self.owner.as_ref();
        owner.is_some_and(|owner| owner.decides == Some(true))
    }

    pub(super) fn read(self) -> Result<PackageEntry, ReadError> {
        Ok(PackageEntry {
            namespace: self.namespace.map(Namespace::new),
            package: pellucid_model::Package {
                kind: words::package_kind(&self.kind)?,
                name: self.name,
                version: self.version,
                arch: self.arch,
                source: self.source.map(|source| SourcePackage {
                    name: source.name,
                    version: source.version,
                }),
                module: self.module,
                vendor: self.vendor,
            },
            locations: self
                .locations
                .into_iter()
                .map(|place| Location {
                    layer: place.layer,
                    path: place.path,
                })
                .collect(),
            hidden: self.hidden,
            owner: self.owner.map(|owner| Owner {
                name: owner.name,
                version: owner.version,
            }),
            detector: self.detector,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Repository {
    name: String,
    path: String,
    layer: usize,
}

impl Repository {
    pub(super) fn of(repository: &pellucid_model::Repository) -> Self {
        Self {
            name: repository.name.clone(),
            path: repository.path.clone(),
            layer: repository.layer,
        }
    }

    pub(super) fn read(self) -> pellucid_model::Repository {
        pellucid_model::Repository {
            name: self.name,
            path: self.path,
            layer: self.layer,
        }
    }
}
