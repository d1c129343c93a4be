//! CycloneDX in JSON, any version: components however deep, and the distribution among them.

use std::collections::BTreeMap;

use pellucid_model::{Digest, Namespace, Release, SourcePackage};
use serde::Deserialize;

use super::{Bill, BillError, Component};
use crate::purl::Purl;

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(default)]
    components: Vec<Stated>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    component: Option<Stated>,
}

#[derive(Deserialize)]
struct Stated {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    purl: Option<String>,
    #[serde(default)]
    properties: Vec<Property>,
    #[serde(default)]
    components: Vec<Self>,
}

#[derive(Deserialize)]
struct Property {
    #[serde(default)]
    name: String,
    #[serde(default)]
    value: Option<String>,
}

pub(super) fn read(json: &[u8], bill: &mut Bill) -> Result<(), BillError> {
    let document: Document = serde_json::from_slice(json).map_err(BillError::Json)?;
    let mut open: Vec<Stated> = document.components;
    if let Some(image) = document.metadata.and_then(|metadata| metadata.component) {
        about_image(&image, bill);
        open.extend(image.components);
    }
    // Depth first, in the order of the document.
    open.reverse();
    while let Some(mut stated) = open.pop() {
        open.extend(std::mem::take(&mut stated.components).into_iter().rev());
        match stated.kind.as_str() {
            "operating-system" => distribution(&stated, bill),
            "file" => {}
            _ => component(stated, bill),
        }
    }
    Ok(())
}

fn about_image(stated: &Stated, bill: &mut Bill) {
    let values = stated.values();
    if values.contains_key("pellucid:image:reference") {
        bill.about_image(&values);
        return;
    }
    let id = values.get("aquasecurity:trivy:ImageID");
    bill.image.id = id.and_then(|text| text.parse::<Digest>().ok());
    bill.image.digest = stated.version.as_ref().and_then(|text| text.parse().ok());
    if !stated.name.is_empty() {
        bill.image.tags.push(stated.name.clone());
    }
    // Trivy writes the layers one after another under one name.
    let layers = stated
        .properties
        .iter()
        .filter(|property| property.name == "aquasecurity:trivy:DiffID");
    for layer in layers.filter_map(|property| property.value.as_ref()?.parse().ok()) {
        bill.layer(layer);
    }
}

fn distribution(stated: &Stated, bill: &mut Bill) {
    let values = stated.values();
    let own = |name: &str| {
        values
            .get(&format!("pellucid:distribution:{name}"))
            .cloned()
    };
    let syft = |name: &str| values.get(&format!("syft:distro:{name}")).cloned();
    let release = Release {
        id: syft("id").unwrap_or_else(|| stated.name.clone()),
        version: own("versionId")
            .or_else(|| syft("versionID"))
            .or_else(|| stated.version.clone()),
        codename: own("codename").or_else(|| syft("versionCodename")),
        pretty: stated.description.clone().or_else(|| syft("prettyName")),
        like: stated
            .properties
            .iter()
            .filter(|property| property.name == "pellucid:distribution:idLike")
            .filter_map(|property| property.value.clone())
            .collect(),
        cpe: own("cpe"),
    };
    bill.distribution(release, &own("path").unwrap_or_default());
    if let (Some(namespace), Some(last)) = (own("namespace"), bill.distributions.last_mut()) {
        last.namespace = Namespace::new(namespace);
        last.layer = own("layer")
            .and_then(|layer| layer.parse().ok())
            .unwrap_or_default();
    }
}

fn component(stated: Stated, bill: &mut Bill) {
    let mut values = stated.values();
    if values.contains_key("pellucid:package:kind") {
        let version = stated.version.clone().unwrap_or_default();
        values.insert("pellucid:package:version".to_owned(), version);
    }
    let trivy = |name: &str| values.get(&format!("aquasecurity:trivy:{name}"));
    let source = trivy("SrcName").map(|name| SourcePackage {
        name: name.clone(),
        version: trivy("SrcVersion").map(|version| {
            let epoch = trivy("SrcEpoch").filter(|epoch| *epoch != "0");
            let epoch = epoch.map(|epoch| format!("{epoch}:")).unwrap_or_default();
            let release = trivy("SrcRelease").map(|release| format!("-{release}"));
            format!("{epoch}{version}{}", release.unwrap_or_default())
        }),
    });
    let digest = |text: Option<&String>| text.and_then(|text| text.parse::<Digest>().ok());
    let mut locations = Vec::new();
    for number in 0.. {
        let syft = |what: &str| values.get(&format!("syft:location:{number}:{what}"));
        let Some(path) = syft("path") else { break };
        locations.push((digest(syft("layerID")), path.clone()));
    }
    locations.sort_by_key(|(_, path)| !is_database(path));
    if locations.is_empty()
        && let Some(layer) = digest(trivy("LayerDiffID").or_else(|| trivy("LayerDigest")))
    {
        let path = trivy("FilePath").cloned().unwrap_or_default();
        locations.push((Some(layer), path));
    }
    let version = stated.version.as_deref();
    let purl = stated.purl.as_deref();
    // What is no package (an application that stands for a file, a platform) is not missed.
    if purl.is_none() && stated.kind != "library" {
        return;
    }
    bill.add(Component {
        has_purl: purl.is_some(),
        purl: purl.and_then(|purl| Purl::with_version(purl, version)),
        properties: values,
        source,
        locations,
    });
}

/// Whether a file is a distribution's list of packages: it proves, what else is named only supports.
pub(super) fn is_database(path: &str) -> bool {
    [
        "/dpkg/status",
        "/apk/db/installed",
        "/lib/rpm/",
        "/sysimage/rpm/",
    ]
    .iter()
    .any(|part| path.contains(part))
}

impl Stated {
    fn values(&self) -> BTreeMap<String, String> {
        self.properties
            .iter()
            .filter_map(|property| Some((property.name.clone(), property.value.clone()?)))
            .collect()
    }
}
