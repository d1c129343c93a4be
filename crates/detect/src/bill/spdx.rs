//! SPDX 2 in JSON: packages by their purl, and our annotations, in JSON, where they are ours.

use std::collections::BTreeMap;

use pellucid_model::Namespace;
use serde::Deserialize;

use super::{Bill, BillError, Component, properties};
use crate::detector::Release;
use crate::purl::Purl;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    packages: Vec<Stated>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stated {
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
    for stated in document.packages {
        let mut values = stated.values();
        match stated.primary_package_purpose.as_deref() {
            Some("CONTAINER") => {
                if values.contains_key("pellucid:image:reference") {
                    properties::image(&values, &mut bill.image);
                    bill.repositories = properties::repositories(&values);
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
                let purl = purls.next().map(|purl| purl.reference_locator.as_str());
                // The subject of a list is often a package of it, of a type that is none of ours.
                if purl.is_some_and(|purl| Purl::parse(purl).is_none()) && values.is_empty() {
                    continue;
                }
                bill.add(Component {
                    purl: purl.and_then(Purl::parse),
                    properties: values,
                    ..Component::default()
                });
            }
        }
    }
    Ok(())
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
