//! GitLab's container scanning report, `gl-container-scanning-report.json`.
//!
//! Version 15.0.7 of the security report schemas, which every GitLab from 15.0 on reads. A finding's
//! id is made of its content, so that GitLab knows it again. Start and end of the scan are demanded,
//! in UTC without a zone; the caller gives one time for both. An operating system is demanded too,
//! and never empty.
//!
//! Source: gitlab-org/security-products/security-report-schemas.

use std::collections::BTreeMap;
use std::io;

use pellucid_model::{Finding, PackageEntry, Severity};
use serde_json::{Value, json};

use super::json::printer;
use crate::format::{Format, Style, WARNINGS, set, time};
use crate::verdict::counted;
use crate::{Report, escape, fingerprint, order, verdict};

/// Most letters of a message.
const MESSAGE: usize = 1000;

/// GitLab's report.
pub(crate) struct Gitlab;

impl Format for Gitlab {
    fn name(&self) -> &'static str {
        "gitlab"
    }

    fn tells_warnings(&self) -> bool {
        true
    }

    fn write(&self, report: &Report, style: &Style, out: &mut dyn io::Write) -> io::Result<()> {
        let at = time(report, style)
            .strftime("%Y-%m-%dT%H:%M:%S")
            .to_string();
        let tool = json!({
            "id": "pellucid",
            "name": "pellucid",
            "vendor": {"name": "pellucid"},
            "version": report.tool.version,
        });
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let vulnerabilities: Vec<Value> = order::most_severe_first(report)
            .iter()
            .map(|(finding, entry)| {
                let digest = fingerprint::finding(finding, entry);
                let number = seen.entry(digest.hex()).or_default();
                *number += 1;
                let id = fingerprint::of(&[&digest.hex(), &number.to_string()]);
                vulnerability(report, finding, entry, &fingerprint::uuid(&id))
            })
            .collect();
        let document = json!({
            "version": "15.0.7",
            "scan": {
                "analyzer": tool,
                "scanner": tool,
                "start_time": at,
                "end_time": at,
                "status": if report.assessment.is_some() { "success" } else { "failure" },
                "type": "container_scanning",
                "messages": messages(report, style),
            },
            "vulnerabilities": vulnerabilities,
            "remediations": [],
        });
        printer::print(&document, out)
    }
}

/// What the scan has to say beside findings: what is not covered first, because GitLab takes a list
/// without vulnerabilities for one in which all are fixed. Suppressed findings are messages: as
/// vulnerabilities they would be open ones, since the report has no word for dismissed.
fn messages(report: &Report, style: &Style) -> Vec<Value> {
    let unanswered = match &report.assessment {
        Some(assessment) => verdict::unanswered(assessment),
        None => vec!["No answer: no advisory was asked about these packages".to_owned()],
    };
    let ended = report.assessment.iter().flat_map(verdict::ended);
    let message = |level: &str, text: &str| {
        let text = escape::shortened(text, MESSAGE);
        json!({"level": level, "value": text})
    };
    let mut messages: Vec<Value> = unanswered
        .iter()
        .map(|text| message("fatal", text))
        .chain(ended.map(|text| message("warn", &text)))
        .collect();
    let warnings = report.first_warnings(WARNINGS);
    messages.extend(warnings.iter().map(|text| message("warn", text)));
    let suppressed = verdict::suppressed(report);
    if !suppressed.is_empty() {
        let count = counted(suppressed.len(), "finding");
        messages.push(message(
            "info",
            &format!("{count} suppressed by ignore rules or VEX"),
        ));
    }
    for (one, entry) in suppressed.into_iter().filter(|_| style.suppressed) {
        let package = &entry.package;
        let why = verdict::suppression(one);
        let id = &one.finding.id;
        let text = format!("{id} in {} {}: {why}", package.name, package.version);
        messages.push(message("info", &text));
    }
    messages
}

fn vulnerability(report: &Report, finding: &Finding, entry: &PackageEntry, id: &str) -> Value {
    let gist = order::gist(finding);
    let name = if gist.is_empty() {
        format!("{} in {}", finding.id, entry.package.name)
    } else {
        format!("{}: {gist}", finding.id)
    };
    let links: Vec<Value> = finding
        .links
        .iter()
        .filter_map(|link| escape::link(link))
        .map(|link| json!({"url": link}))
        .collect();
    let mut identifiers = vec![identifier(&finding.id, finding.links.first())];
    identifiers.extend(
        finding
            .other_ids()
            .take(19)
            .map(|alias| identifier(alias, None)),
    );
    let system = entry
        .namespace
        .as_ref()
        .filter(|_| entry.package.kind.is_os())
        .or_else(|| {
            report
                .inventory
                .distributions
                .first()
                .map(|found| &found.namespace)
        })
        .map_or("unknown", |namespace| namespace.as_str());
    let mut vulnerability = json!({
        "id": id,
        "name": escape::shortened(&name, 250),
        "description": escape::shortened(&finding.description, 100_000),
        "severity": severity(finding.severity),
        "solution": escape::shortened(&order::remedy(finding, entry), 7_000),
        "identifiers": identifiers,
        "links": links,
        "location": {
            "dependency": {
                "package": {"name": entry.package.name},
                "version": entry.package.version,
            },
            "operating_system": if system.is_empty() { "unknown" } else { system },
            "image": image(report),
        },
    });
    if let Some(layer) = entry.layer() {
        let digest = report.inventory.layer_digest(entry);
        let digest = digest.map_or_else(String::new, |digest| format!(", {digest}"));
        set(
            &mut vulnerability,
            "details",
            json!({
                "layer": {"type": "text", "name": "Layer", "value": format!("{layer}{digest}")},
                "file": {"type": "text", "name": "File", "value": entry.path().unwrap_or_default()},
            }),
        );
    }
    vulnerability
}

fn image(report: &Report) -> &str {
    let image = &report.inventory.image;
    match image.tags.first().unwrap_or(&image.reference).as_str() {
        "" => "unknown",
        name => name,
    }
}

fn identifier(id: &str, link: Option<&String>) -> Value {
    let kind = match id.split('-').next() {
        Some("CVE") => "cve",
        Some("GHSA") => "ghsa",
        Some("RHSA") => "rhsa",
        Some("USN") => "usn",
        Some("ELSA") => "elsa",
        Some("OSV") => "osv",
        _ => "pellucid",
    };
    let id = if id.is_empty() { "unknown" } else { id };
    let mut identifier = json!({"type": kind, "name": id, "value": id});
    if let Some(link) = link.and_then(|link| escape::link(link)) {
        set(&mut identifier, "url", json!(link));
    }
    identifier
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Unknown => "Unknown",
        Severity::Negligible => "Info",
        Severity::Low => "Low",
        Severity::Medium => "Medium",
        Severity::High => "High",
        Severity::Critical | Severity::Defcon1 => "Critical",
    }
}
