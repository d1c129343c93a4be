//! CycloneDX documents with vulnerabilities that are analysed (VEX, or VDR, or a full SBOM).
//!
//! `affects[].ref` is a component of the same document or a BOM link whose part behind `#` is one; both
//! lead to a purl, or the reference is a purl itself. What is not analysed states nothing. Where
//! `affects[].versions` tells versions, a state that suppresses is of the `unaffected` ones alone; a range
//! there is not compared.
//!
//! Source: ECMA-424 (CycloneDX 1.6), `vulnerabilities[].analysis`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Statement, Vex, VexError, VexStatus, list, text};
use crate::product::{Id, Product};

/// How deep components are looked for.
const DEPTH: usize = 8;

/// Reads every analysed vulnerability, and counts those that name nothing that can be compared.
pub(super) fn read(document: &Value, vex: &mut Vex) -> Result<(), VexError> {
    let mut components = BTreeMap::new();
    if let Some(image) = document.pointer("/metadata/component") {
        collect(image, &mut components, DEPTH);
    }
    for component in list(document, "components") {
        collect(component, &mut components, DEPTH);
    }
    for vulnerability in list(document, "vulnerabilities") {
        let Some(analysis) = vulnerability.get("analysis") else {
            continue;
        };
        let id = text(vulnerability, "id").unwrap_or_default();
        let word = text(analysis, "state").unwrap_or_default();
        let Some(status) = status(word) else {
            let (id, word): (String, String) = (
                id.chars().take(80).collect(),
                word.chars().take(40).collect(),
            );
            return Err(VexError::Shape(format!("{id:?} has the state {word:?}")));
        };
        let references = list(vulnerability, "references").iter();
        let aliases = references.filter_map(|reference| text(reference, "id"));
        let affects = list(vulnerability, "affects");
        let mut products: Vec<Product> = affects
            .iter()
            .filter_map(|affected| {
                Some(Product {
                    ids: ids(text(affected, "ref")?, &components),
                    versions: unaffected(affected).filter(|_| status.suppresses()),
                    ..Product::default()
                })
            })
            .filter(|product| !product.ids.is_empty())
            .collect();
        let has_range = status.suppresses() && affects.iter().any(has_range);
        if products.is_empty() || id.is_empty() || has_range {
            vex.unusable += 1;
        }
        products.retain(|product| (product.versions.as_ref()).is_none_or(|list| !list.is_empty()));
        if products.is_empty() || id.is_empty() {
            continue;
        }
        let time = ["lastUpdated", "firstIssued"]
            .iter()
            .find_map(|name| text(analysis, name))
            .or_else(|| text(vulnerability, "updated"));
        let statement = Statement {
            vulnerability: std::iter::once(id)
                .chain(aliases)
                .map(str::to_owned)
                .collect(),
            products,
            status,
            justification: text(analysis, "justification").map(str::to_owned),
            reason: text(analysis, "detail").map(str::to_owned),
            time: None,
        };
        vex.push(statement, time);
    }
    Ok(())
}

fn status(word: &str) -> Option<VexStatus> {
    Some(match word {
        "not_affected" | "false_positive" => VexStatus::NotAffected,
        "resolved" | "resolved_with_pedigree" => VexStatus::Fixed,
        "exploitable" => VexStatus::Affected,
        "in_triage" => VexStatus::UnderInvestigation,
        _ => return None,
    })
}

/// The versions that are said not to be affected; `None` where none are told.
fn unaffected(affected: &Value) -> Option<Vec<String>> {
    let versions = affected.get("versions")?.as_array()?;
    let unaffected = versions
        .iter()
        .filter(|version| text(version, "status") == Some("unaffected"))
        .filter_map(|version| text(version, "version"));
    (!versions.is_empty()).then(|| unaffected.map(str::to_owned).collect())
}

fn has_range(affected: &Value) -> bool {
    let mut versions = list(affected, "versions").iter();
    versions.any(|version| version.get("range").is_some())
}

fn collect<'a>(component: &'a Value, into: &mut BTreeMap<&'a str, Vec<Id>>, depth: usize) {
    if let Some(reference) = text(component, "bom-ref") {
        let mut ids: Vec<Id> = text(component, "purl")
            .and_then(Id::new)
            .into_iter()
            .collect();
        if text(component, "type") == Some("container") {
            ids.extend(text(component, "version").and_then(Id::new));
        }
        into.insert(reference, ids);
    }
    if depth > 0 {
        for part in list(component, "components") {
            collect(part, into, depth - 1);
        }
    }
}

fn ids(reference: &str, components: &BTreeMap<&str, Vec<Id>>) -> Vec<Id> {
    if let Some(ids) = components.get(reference) {
        return ids.clone();
    }
    let part = reference
        .strip_prefix("urn:cdx:")
        .and_then(|link| link.split_once('#'))
        .map(|(_, part)| decoded(part));
    let part = part.as_deref().unwrap_or(reference);
    match components.get(part) {
        Some(ids) => ids.clone(),
        None => Id::new(part).into_iter().collect(),
    }
}

/// A BOM link's part, whose letters may be percent-encoded.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let pair = tail
            .get(..2)
            .and_then(|pair| std::str::from_utf8(pair).ok());
        let byte = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (first, byte) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
