//! OpenVEX documents.
//!
//! Version 0.0 wrote vulnerabilities and products as plain text, 0.2 as objects; both are read. A
//! statement without a time has the document's.
//!
//! Source: OpenVEX specification 0.2.0.

use serde_json::Value;

use super::{Statement, Vex, VexError, VexStatus, list, text};
use crate::product::{Id, Product, Purl};

/// Reads every statement, and counts those that name nothing that can be compared.
pub(super) fn read(document: &Value, vex: &mut Vex) -> Result<(), VexError> {
    let document_time = text(document, "timestamp");
    for (number, statement) in list(document, "statements").iter().enumerate() {
        let vulnerability = vulnerability(statement);
        if vulnerability.is_empty() {
            return Err(VexError::Shape(format!(
                "statement {} names no vulnerability",
                number + 1
            )));
        }
        let word = text(statement, "status").unwrap_or_default();
        let status = status(word).ok_or_else(|| {
            let word: String = word.chars().take(40).collect();
            VexError::Shape(format!("statement {} has the status {word:?}", number + 1))
        })?;
        let products: Vec<Product> = list(statement, "products")
            .iter()
            .filter_map(|value| product(value, list(statement, "subcomponents")))
            .collect();
        if products.is_empty() {
            vex.unusable += 1;
            continue;
        }
        let reason = text(statement, "impact_statement")
            .or_else(|| text(statement, "action_statement"))
            .or_else(|| text(statement, "status_notes"));
        let time = text(statement, "timestamp").or(document_time);
        let statement = Statement {
            vulnerability,
            products,
            status,
            justification: text(statement, "justification").map(str::to_owned),
            reason: reason.map(str::to_owned),
            time: None,
        };
        vex.push(statement, time);
    }
    Ok(())
}

fn vulnerability(statement: &Value) -> Vec<String> {
    let Some(value) = statement.get("vulnerability") else {
        return Vec::new();
    };
    let aliases = list(value, "aliases").iter().filter_map(Value::as_str);
    let own = value.as_str().or_else(|| text(value, "name"));
    let own = own.or_else(|| text(value, "@id")?.rsplit('/').next());
    own.into_iter().chain(aliases).map(str::to_owned).collect()
}

fn status(word: &str) -> Option<VexStatus> {
    Some(match word {
        "not_affected" => VexStatus::NotAffected,
        "affected" => VexStatus::Affected,
        "fixed" => VexStatus::Fixed,
        "under_investigation" => VexStatus::UnderInvestigation,
        _ => return None,
    })
}

/// A product with names that can be compared; `None` where it has none.
fn product(value: &Value, shared: &[Value]) -> Option<Product> {
    let ids = names(value);
    if ids.is_empty() {
        return None;
    }
    let own = list(value, "subcomponents");
    let wanted = if own.is_empty() { shared } else { own };
    let parts: Vec<Purl> = wanted
        .iter()
        .flat_map(names)
        .filter_map(|id| match id {
            Id::Purl(purl) => Some(purl),
            Id::Digest(_) => None,
        })
        .collect();
    Some(Product {
        has_unreadable_parts: parts.is_empty() && !wanted.is_empty(),
        ids,
        parts,
        versions: None,
    })
}

fn names(value: &Value) -> Vec<Id> {
    let identifiers = value.get("identifiers");
    let purl = identifiers.and_then(|identifiers| text(identifiers, "purl"));
    let hash = value
        .get("hashes")
        .and_then(|hashes| text(hashes, "sha-256"));
    let hash = hash.map(|hex| format!("sha256:{hex}"));
    let texts = [value.as_str(), text(value, "@id"), purl, hash.as_deref()];
    texts.into_iter().flatten().filter_map(Id::new).collect()
}
