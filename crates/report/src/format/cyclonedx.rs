//! CycloneDX 1.6 in JSON: what is in the image, and where advisories were asked, what affects it.
//!
//! Fields that decide which advisories match and that CycloneDX has no place for (namespace, source
//! package, layer) are properties under `pellucid:`. A vulnerability stands once and names every
//! component it affects. There is no timestamp, and the serial number is made of the content, so
//! that equal images give equal documents.
//!
//! Source: ECMA-424 (CycloneDX 1.6).

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use pellucid_model::{
    Distribution, Finding, PackageEntry, PackageKind, Severity, Suppressed, Suppression,
};
use serde_json::{Value, json};

use super::json::printer;
use crate::format::{Format, Style, set};
use crate::property::{self, Properties};
use crate::{Report, escape, fingerprint, order, verdict};

/// CycloneDX's own words for why something is not affected.
const JUSTIFICATIONS: [&str; 9] = [
    "code_not_present",
    "code_not_reachable",
    "requires_configuration",
    "requires_dependency",
    "requires_environment",
    "protected_by_compiler",
    "protected_at_runtime",
    "protected_at_perimeter",
    "protected_by_mitigating_control",
];

/// CycloneDX.
pub(crate) struct CycloneDx;

impl Format for CycloneDx {
    fn name(&self) -> &'static str {
        "cyclonedx"
    }

    fn write(&self, report: &Report, _: &Style, out: &mut dyn io::Write) -> io::Result<()> {
        let inventory = &report.inventory;
        let references = references(&inventory.packages);
        let mut components: Vec<Value> = inventory
            .distributions
            .iter()
            .enumerate()
            .map(distribution)
            .collect();
        components.extend(
            inventory
                .packages
                .iter()
                .zip(&references)
                .map(|(entry, reference)| {
                    component(entry, reference, &property::package(entry, inventory))
                }),
        );
        let mut document = json!({
            "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": metadata(report),
            "components": components,
        });
        if report.assessment.is_some() {
            set(
                &mut document,
                "vulnerabilities",
                Value::Array(vulnerabilities(report, &references)),
            );
        }
        let serial = fingerprint::uuid(&fingerprint::of(&[&document.to_string()]));
        set(
            &mut document,
            "serialNumber",
            json!(format!("urn:uuid:{serial}")),
        );
        printer::print(&document, out)
    }
}

fn metadata(report: &Report) -> Value {
    let image = &report.inventory.image;
    let mut properties = property::image(&report.inventory);
    if let Some(assessment) = &report.assessment {
        let texts = verdict::unanswered(assessment).into_iter();
        properties.extend(texts.map(|text| ("pellucid:notCovered".to_owned(), text)));
    }
    let name = image.tags.first().unwrap_or(&image.reference);
    let mut component = json!({
        "type": "container",
        "bom-ref": "image",
        "name": name,
        "properties": listed(&properties),
    });
    if let Some(digest) = image.digest.or(image.id) {
        set(&mut component, "version", json!(digest.to_string()));
    }
    json!({
        "tools": {"components": [{
            "type": "application",
            "name": "pellucid",
            "version": report.tool.version,
        }]},
        "component": component,
    })
}

fn distribution((number, distribution): (usize, &Distribution)) -> Value {
    let mut properties: Properties = Vec::new();
    let mut push = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            properties.push((format!("pellucid:distribution:{name}"), value.to_owned()));
        }
    };
    push("namespace", Some(distribution.namespace.as_str()));
    push("versionId", distribution.version_id.as_deref());
    push("codename", distribution.codename.as_deref());
    for like in &distribution.id_like {
        push("idLike", Some(like));
    }
    push("cpe", distribution.cpe.as_deref());
    push("path", Some(&distribution.path));
    push("layer", Some(&distribution.layer.to_string()));
    let mut component = json!({
        "type": "operating-system",
        "bom-ref": format!("distribution-{number}"),
        "name": distribution.id,
        "properties": listed(&properties),
    });
    if let Some(version) = &distribution.version_id {
        set(&mut component, "version", json!(version));
    }
    if let Some(name) = &distribution.pretty_name {
        set(&mut component, "description", json!(name));
    }
    component
}

fn component(entry: &PackageEntry, reference: &str, properties: &Properties) -> Value {
    let package = &entry.package;
    let split = match package.kind {
        PackageKind::Maven => package.name.split_once(':'),
        PackageKind::Npm => package.name.split_once('/'),
        _ => None,
    };
    let (group, name) = split.map_or((None, package.name.as_str()), |(group, name)| {
        (Some(group), name)
    });
    let mut component = json!({
        "type": "library",
        "bom-ref": reference,
        "name": name,
        "version": package.version,
        "purl": entry.purl(),
        "properties": listed(properties),
    });
    if let Some(group) = group {
        set(&mut component, "group", json!(group));
    }
    if let Some(vendor) = &package.vendor {
        set(&mut component, "supplier", json!({"name": vendor}));
    }
    component
}

/// The reference of each package: its purl, and a number where several have the same.
fn references(packages: &[PackageEntry]) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let references = packages.iter().map(|entry| {
        let purl = entry.purl();
        let number = seen.entry(purl.clone()).or_default();
        *number += 1;
        if *number == 1 {
            purl
        } else {
            format!("{purl}#{number}")
        }
    });
    references.collect()
}

fn vulnerabilities(report: &Report, references: &[String]) -> Vec<Value> {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    let mut groups: Vec<Vec<(&Finding, &PackageEntry)>> = Vec::new();
    for pair in order::most_severe_first(report) {
        let number = *numbers.entry(&pair.0.id).or_insert(groups.len());
        match groups.get_mut(number) {
            Some(group) => group.push(pair),
            None => groups.push(vec![pair]),
        }
    }
    let mut vulnerabilities: Vec<Value> = groups
        .iter()
        .filter_map(|group| {
            let (finding, _) = group.first()?;
            vulnerability(group, references, finding.other_ids().collect(), "affected")
        })
        .collect();
    for (number, (one, entry)) in verdict::suppressed(report).into_iter().enumerate() {
        // Whoever reads the analysis takes it for one of every id here.
        let answered = one.all_by().flat_map(|by| &by.vulnerabilities);
        let ids = one.finding.aliases.iter().chain(answered).collect();
        let state = state_of(one);
        let status = match state {
            "exploitable" => "affected",
            _ => "unaffected",
        };
        let group = [(&one.finding, entry)];
        if let Some(mut written) = vulnerability(&group, references, ids, status) {
            let reference = format!("suppressed-{number}-{}", one.finding.id);
            set(&mut written, "bom-ref", json!(reference));
            set(&mut written, "analysis", analysis(one, state));
            vulnerabilities.push(written);
        }
    }
    vulnerabilities
}

/// What is said of a finding. A risk that is taken stays exploitable, and of a bulletin all of it does
/// where one of its CVEs does.
fn state_of(one: &Suppressed) -> &'static str {
    let states: BTreeSet<&str> = one.all_by().map(state).collect();
    ["exploitable", "resolved", "not_affected"]
        .into_iter()
        .find(|state| states.contains(state))
        .unwrap_or("exploitable")
}

fn analysis(one: &Suppressed, state: &str) -> Value {
    let mut analysis = json!({"detail": verdict::suppression(one)});
    set(&mut analysis, "state", json!(state));
    if state == "exploitable" {
        set(&mut analysis, "response", json!(["will_not_fix"]));
    }
    let same = one
        .all_by()
        .all(|by| by.justification == one.by.justification);
    let justification = one.by.justification.as_deref().filter(|_| same);
    let justification = justification.and_then(|word| {
        Some(match word {
            "component_not_present" | "vulnerable_code_not_present" => "code_not_present",
            "vulnerable_code_not_in_execute_path" => "code_not_reachable",
            "vulnerable_code_cannot_be_controlled_by_adversary" => "requires_environment",
            "inline_mitigations_already_exist" => "protected_by_mitigating_control",
            _ => *JUSTIFICATIONS.iter().find(|known| **known == word)?,
        })
    });
    if let Some(word) = justification {
        set(&mut analysis, "justification", json!(word));
    }
    analysis
}

fn state(by: &Suppression) -> &'static str {
    match by.status.as_deref() {
        Some("not_affected") => "not_affected",
        Some("fixed") => "resolved",
        _ => "exploitable",
    }
}

fn vulnerability(
    group: &[(&Finding, &PackageEntry)],
    references: &[String],
    other_ids: Vec<&String>,
    status: &str,
) -> Option<Value> {
    let (finding, _) = group.first()?;
    let mut remedies: Vec<String> = group
        .iter()
        .map(|(finding, entry)| order::remedy(finding, entry))
        .collect();
    remedies.sort();
    remedies.dedup();
    let mut vulnerability = json!({
        "bom-ref": format!("vulnerability-{}", finding.id),
        "id": finding.id,
        "source": {"name": finding.reasons.first().map_or(&finding.severity_source, |reason| &reason.feed)},
        "references": other_ids.iter().map(|alias| json!({
            "id": alias,
            "source": {"name": alias.split('-').next().unwrap_or_default()},
        })).collect::<Vec<_>>(),
        "ratings": ratings(finding),
        "description": finding.description,
        "recommendation": remedies.join("; "),
        "advisories": finding.links.iter().filter_map(|link| escape::link(link))
            .map(|link| json!({"url": link})).collect::<Vec<_>>(),
        "affects": group.iter().filter_map(|(finding, entry)| {
            Some(affected(finding, entry, references.get(finding.package)?, status))
        }).collect::<Vec<_>>(),
    });
    let cwes: Vec<u32> = finding
        .cwes
        .iter()
        .filter_map(|cwe| cwe.rsplit('-').next()?.parse().ok())
        .filter(|cwe| *cwe > 0)
        .collect();
    if !cwes.is_empty() {
        set(&mut vulnerability, "cwes", json!(cwes));
    }
    if let Some(title) = finding.title.as_ref().filter(|title| !title.is_empty()) {
        set(&mut vulnerability, "detail", json!(title));
    }
    if let Some(published) = finding
        .published
        .and_then(|at| jiff::Timestamp::from_second(at).ok())
    {
        set(
            &mut vulnerability,
            "published",
            json!(published.to_string()),
        );
    }
    let mut properties = property::exploitation(finding);
    properties.extend(property::related(finding, &other_ids));
    if !properties.is_empty() {
        set(&mut vulnerability, "properties", json!(listed(&properties)));
    }
    Some(vulnerability)
}

fn affected(finding: &Finding, entry: &PackageEntry, reference: &str, status: &str) -> Value {
    let mut versions = vec![json!({"version": entry.package.version, "status": status})];
    if let Some(fixed) = &finding.fixed_version {
        versions.push(json!({"version": fixed, "status": "unaffected"}));
    }
    json!({"ref": reference, "versions": versions})
}

fn ratings(finding: &Finding) -> Vec<Value> {
    let mut ratings = vec![json!({
        "source": {"name": finding.severity_source},
        "severity": severity(finding.severity),
        "method": "other",
    })];
    ratings.extend(finding.cvss.iter().map(|cvss| {
        let method = match cvss.vector.split('/').next() {
            Some("CVSS:4.0") => "CVSSv4",
            Some("CVSS:3.1") => "CVSSv31",
            Some("CVSS:3.0") => "CVSSv3",
            Some(first) if first.starts_with("AV:") => "CVSSv2",
            _ => "other",
        };
        let mut rating = json!({
            "source": {"name": cvss.source},
            "method": method,
            "vector": cvss.vector,
        });
        if let Some(score) = cvss.score() {
            set(&mut rating, "score", json!(score));
        }
        rating
    }));
    ratings
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Unknown => "unknown",
        Severity::Negligible => "info",
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical | Severity::Defcon1 => "critical",
    }
}

fn listed(properties: &Properties) -> Vec<Value> {
    properties
        .iter()
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect()
}
