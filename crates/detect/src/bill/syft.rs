//! Syft's own JSON: what syft knows of an image, with layers and source packages.

use pellucid_model::{Digest, Release, SourcePackage};
use serde::Deserialize;

use super::{Bill, BillError, Component};
use crate::bill::cyclonedx::is_database;
use crate::json::text;
use crate::purl::Purl;

#[derive(Deserialize)]
struct Document {
    artifacts: Vec<Artifact>,
    #[serde(default)]
    distro: Option<Distro>,
    #[serde(default)]
    source: Option<Source>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    purl: Option<String>,
    #[serde(default)]
    locations: Vec<Place>,
    #[serde(default)]
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Place {
    #[serde(default)]
    path: String,
    #[serde(default, rename = "layerID")]
    layer: Option<String>,
}

/// What several kinds of packages have under the same names.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default, deserialize_with = "text")]
    source: Option<String>,
    #[serde(default, deserialize_with = "text")]
    source_version: Option<String>,
    #[serde(default, deserialize_with = "text")]
    origin_package: Option<String>,
    #[serde(default, deserialize_with = "text")]
    modularity_label: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Distro {
    #[serde(default)]
    id: Option<String>,
    #[serde(default, rename = "versionID")]
    version: Option<String>,
    #[serde(default)]
    version_codename: Option<String>,
    #[serde(default)]
    pretty_name: Option<String>,
    #[serde(default)]
    id_like: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Source {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    metadata: Option<ImageMetadata>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ImageMetadata {
    #[serde(default, rename = "imageID")]
    id: Option<String>,
    #[serde(default)]
    manifest_digest: Option<String>,
    #[serde(default)]
    tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<LayerOf>>,
}

#[derive(Deserialize)]
struct LayerOf {
    #[serde(default)]
    digest: String,
}

pub(super) fn read(json: &[u8], bill: &mut Bill) -> Result<(), BillError> {
    let document: Document = serde_json::from_slice(json).map_err(BillError::Json)?;
    if let Some(source) = document.source {
        about_image(source, bill);
    }
    if let Some(distro) = document.distro {
        let release = Release {
            id: distro.id.unwrap_or_default(),
            version: distro.version.filter(|version| !version.is_empty()),
            codename: distro.version_codename.filter(|name| !name.is_empty()),
            pretty: distro.pretty_name,
            like: distro.id_like.unwrap_or_default(),
            cpe: None,
        };
        bill.distribution(release, "");
    }
    for artifact in document.artifacts {
        let full = |text: Option<String>| text.filter(|text| !text.is_empty());
        let metadata = artifact.metadata.unwrap_or_default();
        let version = artifact.version.as_deref();
        let stated = artifact.purl.as_deref().filter(|purl| !purl.is_empty());
        let mut purl = stated.and_then(|purl| Purl::with_version(purl, version));
        let is_os = purl.as_ref().is_some_and(|purl| purl.package.kind.is_os());
        let version = full(metadata.source_version);
        let source = full(metadata.source).or_else(|| full(metadata.origin_package));
        let source = source
            .filter(|_| is_os)
            .map(|name| SourcePackage { name, version });
        if let (Some(purl), Some(label)) = (&mut purl, full(metadata.modularity_label)) {
            purl.package.module = Some(label);
        }
        let mut locations: Vec<_> = artifact
            .locations
            .into_iter()
            .map(|place| {
                (
                    place.layer.and_then(|id| id.parse::<Digest>().ok()),
                    place.path,
                )
            })
            .collect();
        locations.sort_by_key(|(_, path)| !is_database(path));
        bill.add(Component {
            has_purl: stated.is_some(),
            purl,
            source,
            locations,
            ..Component::default()
        });
    }
    Ok(())
}

fn about_image(source: Source, bill: &mut Bill) {
    if let Some(metadata) = source.metadata {
        let digest = |text: Option<String>| text.and_then(|text| text.parse::<Digest>().ok());
        bill.image.id = digest(metadata.id);
        bill.image.digest = digest(metadata.manifest_digest);
        bill.image.tags = metadata.tags.unwrap_or_default();
        for layer in metadata.layers.unwrap_or_default() {
            if let Ok(digest) = layer.digest.parse() {
                bill.layer(digest);
            }
        }
    }
    if bill.image.tags.is_empty() {
        bill.image
            .tags
            .extend(source.name.filter(|name| !name.is_empty()));
    }
}
