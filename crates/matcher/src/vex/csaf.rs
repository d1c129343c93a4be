//! CSAF documents of the VEX profile (and advisories, which have the same product states).
//!
//! A product is a branch of the product tree, or a relationship: a component as part of a product. Of
//! the latter the component is the part, and the product decides whether it is ours; where it has only
//! a name or a CPE, the component's purl with its exact version does.
//!
//! Source: OASIS CSAF 2.0, 3.2.2 (product tree) and 3.2.3 (vulnerabilities).

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Statement, Vex, VexError, VexStatus, list, text};
use crate::product::{Id, Product};

/// How deep branches are followed.
const DEPTH: usize = 30;

/// States of products, and what they mean.
const STATES: [(&str, VexStatus); 8] = [
    ("first_affected", VexStatus::Affected),
    ("known_affected", VexStatus::Affected),
    ("last_affected", VexStatus::Affected),
    ("recommended", VexStatus::Fixed),
    ("first_fixed", VexStatus::Fixed),
    ("fixed", VexStatus::Fixed),
    ("known_not_affected", VexStatus::NotAffected),
    ("under_investigation", VexStatus::UnderInvestigation),
];

/// Reads every vulnerability's product states, and counts those that name nothing that can be compared.
pub(super) fn read(document: &Value, vex: &mut Vex) -> Result<(), VexError> {
    let tree = document
        .get("product_tree")
        .ok_or_else(|| VexError::Shape("there is no product_tree".to_owned()))?;
    let mut names = BTreeMap::new();
    for name in list(tree, "full_product_names") {
        product(name, &mut names);
    }
    branches(tree, &mut names, DEPTH);
    let mut composed = BTreeMap::new();
    for relationship in list(tree, "relationships") {
        let id = relationship
            .get("full_product_name")
            .and_then(|name| text(name, "product_id"));
        let part = text(relationship, "product_reference");
        let whole = text(relationship, "relates_to_product_reference");
        if let (Some(id), Some(part), Some(whole)) = (id, part, whole) {
            composed.insert(id, (part, whole));
        }
    }
    let time = document
        .pointer("/document/tracking/current_release_date")
        .and_then(Value::as_str);
    for vulnerability in list(document, "vulnerabilities") {
        let ids = list(vulnerability, "ids")
            .iter()
            .filter_map(|id| text(id, "text"));
        let vulnerable: Vec<String> = text(vulnerability, "cve")
            .into_iter()
            .chain(ids)
            .map(str::to_owned)
            .collect();
        let Some(states) = vulnerability.get("product_status") else {
            continue;
        };
        for (state, status) in STATES {
            for id in list(states, state).iter().filter_map(Value::as_str) {
                let product = meant(id, &names, &composed);
                let Some(product) = product.filter(|_| !vulnerable.is_empty()) else {
                    vex.unusable += 1;
                    continue;
                };
                let justification = said(list(vulnerability, "flags"), id, "label");
                let reason = said(list(vulnerability, "threats"), id, "details");
                let statement = Statement {
                    vulnerability: vulnerable.clone(),
                    products: vec![product],
                    status,
                    justification,
                    reason,
                    time: None,
                };
                vex.push(statement, time);
            }
        }
    }
    Ok(())
}

fn branches<'a>(node: &'a Value, into: &mut BTreeMap<&'a str, Vec<Id>>, depth: usize) {
    for branch in list(node, "branches") {
        if let Some(name) = branch.get("product") {
            product(name, into);
        }
        if depth > 0 {
            branches(branch, into, depth - 1);
        }
    }
}

fn product<'a>(name: &'a Value, into: &mut BTreeMap<&'a str, Vec<Id>>) {
    let Some(id) = text(name, "product_id") else {
        return;
    };
    let mut ids = Vec::new();
    if let Some(helper) = name.get("product_identification_helper") {
        ids.extend(text(helper, "purl").and_then(Id::new));
        for hash in list(helper, "hashes")
            .iter()
            .flat_map(|hashes| list(hashes, "file_hashes"))
        {
            if text(hash, "algorithm") == Some("sha256") {
                ids.extend(text(hash, "value").and_then(|hex| Id::new(&format!("sha256:{hex}"))));
            }
        }
    }
    into.insert(id, ids);
}

/// What a product's id means, with names that can be compared.
fn meant(
    id: &str,
    names: &BTreeMap<&str, Vec<Id>>,
    composed: &BTreeMap<&str, (&str, &str)>,
) -> Option<Product> {
    let named = |id: &str| names.get(id).cloned().unwrap_or_default();
    let product = match composed.get(id) {
        Some((part, whole)) => {
            let parts: Vec<_> = named(part)
                .into_iter()
                .filter_map(|id| match id {
                    Id::Purl(purl) => Some(purl),
                    Id::Digest(_) => None,
                })
                .collect();
            Product {
                ids: named(whole),
                has_unreadable_parts: parts.is_empty(),
                parts,
                versions: None,
            }
        }
        None => Product {
            ids: named(id),
            ..Product::default()
        },
    };
    (!product.ids.is_empty() || !product.parts.is_empty()).then_some(product)
}

/// What is said about a product in a list whose entries name products.
fn said(entries: &[Value], id: &str, field: &str) -> Option<String> {
    let is_meant = |entry: &&Value| {
        let mut ids = list(entry, "product_ids").iter().filter_map(Value::as_str);
        ids.any(|product| product == id)
    };
    let entry = entries.iter().find(is_meant)?;
    text(entry, field).map(str::to_owned)
}
