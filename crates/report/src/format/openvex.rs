//! OpenVEX 0.2.0: what the ignore rules say, for whoever scans the image after.
//!
//! A rule with a justification states *not affected*. One without takes a risk, which is no statement
//! that there is none: it becomes *affected*, with the rule's reason as what is done about it. What VEX
//! documents said is not said again in our name.
//!
//! The product is the image by its digest (as a purl of type `oci`) with the package as its part;
//! where the image has no digest, the package alone.
//!
//! Source: OpenVEX specification 0.2.0.

use std::io;

use pellucid_model::{PackageEntry, Suppressed, Suppression, SuppressionKind};
use serde_json::{Value, json};

use super::json::printer;
use crate::format::{Format, Style, set, time};
use crate::{Report, fingerprint, verdict};

/// OpenVEX.
pub(crate) struct OpenVex;

impl Format for OpenVex {
    fn name(&self) -> &'static str {
        "openvex"
    }

    fn tells_coverage(&self) -> bool {
        false
    }

    fn write(&self, report: &Report, style: &Style, out: &mut dyn io::Write) -> io::Result<()> {
        let image = image(report);
        let suppressed = verdict::suppressed(report);
        let statements: Vec<Value> = suppressed
            .iter()
            .flat_map(|(one, entry)| statements(one, entry, image.as_deref()))
            .collect();
        let mut document = json!({
            "@context": "https://openvex.dev/ns/v0.2.0",
            "author": "pellucid",
            "role": "Scanner, from the ignore rules of its user",
            "tooling": format!("pellucid {}", report.tool.version),
            "version": 1,
            "statements": statements,
        });
        let unique = fingerprint::of(&[&document.to_string()]).hex();
        let id = format!("https://openvex.dev/docs/public/pellucid-{unique}");
        set(&mut document, "@id", json!(id));
        let now = time(report, style).strftime("%Y-%m-%dT%H:%M:%SZ");
        set(&mut document, "timestamp", json!(now.to_string()));
        printer::print(&document, out)
    }
}

/// The image's purl, where it has a digest.
fn image(report: &Report) -> Option<String> {
    let image = &report.inventory.image;
    let digest = image.digest.or(image.id)?.to_string();
    let name = image.tags.first().unwrap_or(&image.reference);
    let name = name.rsplit('/').next().unwrap_or_default();
    let name = name.split(['@', ':']).next().unwrap_or_default();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
    let name: String = name
        .chars()
        .filter(|letter| is_plain(*letter))
        .collect::<String>()
        .to_ascii_lowercase();
    let name = if name.is_empty() { "image" } else { &name };
    Some(format!("pkg:oci/{name}@{}", digest.replacen(':', "%3A", 1)))
}

/// What the rules say of a finding: of the whole under its names, or of each CVE of a bulletin that a
/// rule answers for. The CVEs of a bulletin are no names of each other, nor of it.
fn statements(one: &Suppressed, entry: &PackageEntry, image: Option<&str>) -> Vec<Value> {
    let part = json!({"@id": entry.purl(), "identifiers": {"purl": entry.purl()}});
    let product = match image {
        Some(image) => json!({
            "@id": image,
            "identifiers": {"purl": image},
            "subcomponents": [part],
        }),
        None => part,
    };
    let finding = &one.finding;
    let mut statements = Vec::new();
    for by in one
        .all_by()
        .filter(|by| by.kind == SuppressionKind::Ignored)
    {
        let each = by.vulnerabilities.iter().map(|id| json!({"name": id}));
        let mut vulnerabilities: Vec<Value> = each.collect();
        if vulnerabilities.is_empty() {
            vulnerabilities.push(json!({"name": finding.id, "aliases": finding.aliases}));
        }
        let of = vulnerabilities.into_iter();
        statements.extend(of.map(|vulnerability| statement(by, vulnerability, &product)));
    }
    statements
}

fn statement(by: &Suppression, vulnerability: Value, product: &Value) -> Value {
    let mut statement = json!({"vulnerability": vulnerability, "products": [product]});
    let reason = by.reason.as_deref();
    match &by.justification {
        Some(word) => {
            set(&mut statement, "status", json!("not_affected"));
            set(&mut statement, "justification", json!(word));
            if let Some(reason) = reason {
                set(&mut statement, "impact_statement", json!(reason));
            }
        }
        None => {
            set(&mut statement, "status", json!("affected"));
            let action = reason.unwrap_or("the risk is taken");
            set(&mut statement, "action_statement", json!(action));
        }
    }
    statement
}
