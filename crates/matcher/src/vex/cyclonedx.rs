//! CycloneDX documents with vulnerabilities that are analysed (VEX, or VDR, or a full SBOM).
//!
//! `affects[].ref` is a component of the same document or a BOM link whose part behind `#` is one; both
//! lead to a purl, or the reference is a purl itself. What is not analysed states nothing.
//!
//! Source: ECMA-424 (CycloneDX 1.6), `vulnerabilities[].analysis`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Statement, VexError, VexStatus, list, text};
use crate::product::{Id, Product};

/// How deep components are looked for.
const DEPTH: usize = 8;

/// Reads every analysed vulnerability, and counts those that name nothing that can be compared.
pub(super) fn read(document: &Value) -> Result<(Vec<Statement>, usize), VexError> {
    let mut components = BTreeMap::new();
    if let Some(image) = document.pointer("/metadata/component") {
        collect(image, &mut components, DEPTH);
    }
    for component in list(document, "components") {
        collect(component, &mut components, DEPTH);
    }
    let mut statements = Vec::new();
    let mut unusable = 0;
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
        let products: Vec<Product> = list(vulnerability, "affects")
            .iter()
            .filter_map(|affected| text(affected, "ref"))
            .map(|reference| Product {
                ids: ids(reference, &components),
                ..Product::default()
            })
            .filter(|product| !product.ids.is_empty())
            .collect();
        if products.is_empty() || id.is_empty() {
            unusable += 1;
            continue;
        }
        let time = ["lastUpdated", "firstIssued"]
            .iter()
            .find_map(|name| text(analysis, name))
            .or_else(|| text(vulnerability, "updated"));
        statements.push(Statement {
            vulnerability: std::iter::once(id)
                .chain(aliases)
                .map(str::to_owned)
                .collect(),
            products,
            status,
            justification: text(analysis, "justification").map(str::to_owned),
            reason: text(analysis, "detail").map(str::to_owned),
            time: time.map(str::to_owned),
        });
    }
    Ok((statements, unusable))
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
