//! SPDX 2 in JSON: packages by their purl, and our annotations, in JSON, where they are ours.

use std::collections::{BTreeMap, BTreeSet};

use pellucid_model::{Namespace, Release, SourcePackage};
use serde::Deserialize;

use super::{Bill, BillError, Component};
use crate::purl::Purl;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    packages: Vec<Stated>,
    #[serde(default)]
    document_describes: Vec<String>,
    #[serde(default)]
    relationships: Vec<Relationship>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Relationship {
    #[serde(default)]
    relationship_type: String,
    #[serde(default)]
    related_spdx_element: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stated {
    #[serde(default, rename = "SPDXID")]
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    version_info: Option<String>,
    #[serde(default)]
    primary_package_purpose: Option<String>,
    #[serde(default)]
    source_info: Option<String>,
    #[serde(default)]
    external_refs: Vec<Reference>,
    #[serde(default)]
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    #[serde(default)]
    reference_type: String,
    #[serde(default)]
    reference_locator: String,
}

#[derive(Deserialize)]
struct Annotation {
    #[serde(default)]
    annotator: String,
    #[serde(default)]
    comment: String,
}

pub(super) fn read(json: &[u8], bill: &mut Bill) -> Result<(), BillError> {
    let document: Document = serde_json::from_slice(json).map_err(BillError::Json)?;
    let relationships = document.relationships.into_iter();
    let described = relationships.filter(|one| one.relationship_type == "DESCRIBES");
    let described = described.map(|one| one.related_spdx_element);
    let described: BTreeSet<String> = described.chain(document.document_describes).collect();
    for stated in document.packages {
        let mut values = stated.values();
        match stated.primary_package_purpose.as_deref() {
            Some("CONTAINER") => {
                if values.contains_key("pellucid:image:reference") {
                    bill.about_image(&values);
                } else {
                    let version = stated.version_info.as_ref();
                    bill.image.digest = version.and_then(|text| text.parse().ok());
                    bill.image.tags.push(stated.name);
                }
            }
            Some("OPERATING-SYSTEM") => {
                let info = stated.source_info.unwrap_or_default();
                let path = info.strip_prefix("from ").unwrap_or_default();
                let release = Release {
                    id: stated.name,
                    version: stated.version_info,
                    ..Release::default()
                };
                bill.distribution(release, path);
                if let (Some(namespace), Some(last)) = (
                    values.remove("pellucid:distribution:namespace"),
                    bill.distributions.last_mut(),
                ) {
                    last.namespace = Namespace::new(namespace);
                }
            }
            _ => {
                if values.contains_key("pellucid:package:kind") {
                    let version = stated.version_info.clone().unwrap_or_default();
                    values.insert("pellucid:package:version".to_owned(), version);
                }
                let mut purls = stated
                    .external_refs
                    .iter()
                    .filter(|reference| reference.reference_type == "purl");
                let text = purls.next().map(|purl| purl.reference_locator.as_str());
                let version = stated.version_info.as_deref();
                let purl = text.and_then(|purl| Purl::with_version(purl, version));
                // The subject of a list is often a package of it, of a type that is none of ours; and an
                // application without a purl stands for a file.
                let is_subject = text.is_some() && described.contains(&stated.id);
                let is_file = text.is_none()
                    && stated.primary_package_purpose.as_deref() == Some("APPLICATION");
                if purl.is_none() && values.is_empty() && (is_subject || is_file) {
                    continue;
                }
                let is_os = purl.as_ref().is_some_and(|purl| purl.package.kind.is_os());
                let source = stated.source_info.as_deref().filter(|_| is_os);
                bill.add(Component {
                    has_purl: text.is_some(),
                    purl,
                    properties: values,
                    source: source.and_then(source_package),
                    ..Component::default()
                });
            }
        }
    }
    Ok(())
}

/// Trivy's `built package from: openssl 3.0.11-1~deb12u2`.
fn source_package(info: &str) -> Option<SourcePackage> {
    let (name, version) = info.strip_prefix("built package from: ")?.split_once(' ')?;
    Some(SourcePackage {
        name: name.to_owned(),
        version: Some(version.to_owned()).filter(|version| !version.is_empty()),
    })
}

impl Stated {
    /// Our own annotation.
    fn values(&self) -> BTreeMap<String, String> {
        self.annotations
            .iter()
            .filter(|annotation| annotation.annotator.starts_with("Tool: pellucid"))
            .find_map(|annotation| serde_json::from_str(&annotation.comment).ok())
            .unwrap_or_default()
    }
}
