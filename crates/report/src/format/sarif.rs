//! SARIF 2.1.0 for code scanning, within GitHub's limits.
//!
//! A rule is a vulnerability, a result a finding. GitHub shows a rule's `security-severity` (a number
//! written as text), not a result's; tells alerts apart by `primaryLocationLineHash`, which it cannot
//! compute for an image, so that ours stays the same when a version changes; and replaces all alerts
//! of one `automationDetails.id`, so each image and platform has its own. It refuses a file with more
//! than 25,000 results and keeps the most severe 5,000: ours are sorted that way. What no advisory
//! data covers is a notification of the run, not a result.
//!
//! Source: OASIS SARIF 2.1.0; GitHub, "SARIF support for code scanning".

use std::collections::BTreeMap;
use std::io;

use pellucid_model::{Finding, Image, PackageEntry, Severity, Suppressed};
use serde_json::{Value, json};

use super::json::printer;
use crate::format::{Format, Style, WARNINGS, set};
use crate::{Report, cvss, escape, exploitation, fingerprint, order, verdict};

/// Most results of a run; a file with more is refused.
const RESULTS: usize = 25_000;

/// Most letters of a text.
const TEXT: usize = 1000;

/// SARIF.
pub(crate) struct Sarif;

impl Format for Sarif {
    fn name(&self) -> &'static str {
        "sarif"
    }

    fn tells_warnings(&self) -> bool {
        true
    }

    fn write(&self, report: &Report, style: &Style, out: &mut dyn io::Write) -> io::Result<()> {
        let mut findings = order::most_severe_first(report);
        let open = findings.len();
        let suppressed = verdict::suppressed(report);
        if style.suppressed {
            findings.extend(suppressed.iter().map(|(one, entry)| (&one.finding, *entry)));
        }
        let left_out = findings.len().saturating_sub(RESULTS);
        let findings: Vec<_> = findings.into_iter().take(RESULTS).collect();
        let rules = Rules::of(&findings);
        let document = json!({
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{
                "tool": {"driver": {
                    "name": "pellucid",
                    "semanticVersion": report.tool.version,
                    "rules": rules.wire,
                }},
                "automationDetails": {"id": category(&report.inventory.image)},
                "invocations": [{
                    "executionSuccessful": true,
                    "toolExecutionNotifications": notifications(report, left_out),
                }],
                "columnKind": "utf16CodeUnits",
                "properties": properties(report),
                "results": results(&findings, &rules, open, &suppressed),
            }],
        });
        printer::print(&document, out)
    }
}

/// The rules, in the order of their worst finding, and where each stands.
struct Rules<'a> {
    wire: Vec<Value>,
    index: BTreeMap<&'a str, usize>,
}

impl<'a> Rules<'a> {
    fn of(findings: &[(&'a Finding, &'a PackageEntry)]) -> Self {
        let mut wire = Vec::new();
        let mut index = BTreeMap::new();
        for (finding, _) in findings {
            // The first is the most severe, and a rule has one severity.
            index.entry(finding.id.as_str()).or_insert_with(|| {
                wire.push(rule(finding));
                wire.len() - 1
            });
        }
        Self { wire, index }
    }
}

fn rule(finding: &Finding) -> Value {
    let gist = order::gist(finding);
    let title = if gist.is_empty() {
        finding.id.clone()
    } else {
        gist
    };
    let about = if finding.description.is_empty() {
        &title
    } else {
        &finding.description
    };
    let mut tags = vec!["security".to_owned(), "vulnerability".to_owned()];
    // GitHub shows ten; a weakness under `external/cwe/` is grouped.
    tags.extend(
        finding
            .cwes
            .iter()
            .take(8)
            .map(|cwe| format!("external/cwe/{}", cwe.to_ascii_lowercase())),
    );
    if finding.kev.is_some() {
        tags.push("known-exploited".to_owned());
    }
    let mut properties = json!({"tags": tags, "precision": "very-high"});
    if let Some(number) = cvss::number(finding.severity, finding) {
        set(
            &mut properties,
            "security-severity",
            json!(format!("{number:.1}")),
        );
    }
    let mut rule = json!({
        "id": finding.id,
        "name": "KnownVulnerability",
        "shortDescription": {"text": escape::shortened(&title, 200)},
        "fullDescription": {"text": escape::shortened(about, TEXT)},
        "help": {"text": help(finding)},
        "defaultConfiguration": {"level": level(finding.severity)},
        "properties": properties,
    });
    if let Some(link) = finding.links.iter().find_map(|link| escape::link(link)) {
        set(&mut rule, "helpUri", json!(link));
    }
    rule
}

fn help(finding: &Finding) -> String {
    let mut lines = vec![format!("{}, {}", finding.id, finding.severity)];
    if !finding.aliases.is_empty() {
        lines.push(format!("Also known as {}", finding.aliases.join(", ")));
    }
    if !finding.related.is_empty() {
        lines.push(format!("A bulletin about {}", finding.related.join(", ")));
    }
    lines.extend(exploitation::sentences(finding));
    lines.extend(
        finding
            .links
            .iter()
            .filter_map(|link| escape::link(link))
            .take(5)
            .map(str::to_owned),
    );
    escape::shortened(&lines.join("\n"), TEXT).into_owned()
}

/// The results; those from `open` on are suppressed.
fn results(
    findings: &[(&Finding, &PackageEntry)],
    rules: &Rules<'_>,
    open: usize,
    suppressed: &[(&Suppressed, &PackageEntry)],
) -> Vec<Value> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let results = findings
        .iter()
        .enumerate()
        .map(|(place, (finding, entry))| {
            let hex = fingerprint::finding(finding, entry).hex();
            // Two versions of a package in one file would be one alert.
            let number = seen.entry(hex.clone()).or_default();
            *number += 1;
            let fingerprint = format!("{hex}:{number}");
            let rule = rules.index.get(finding.id.as_str()).copied();
            let mut result = result(finding, entry, rule, &fingerprint);
            if let Some((one, _)) = place
                .checked_sub(open)
                .and_then(|place| suppressed.get(place))
            {
                let why = verdict::suppression(one);
                let why = escape::shortened(&why, TEXT);
                let suppression =
                    json!({"kind": "external", "status": "accepted", "justification": why});
                set(&mut result, "suppressions", json!([suppression]));
            }
            result
        });
    results.collect()
}

fn result(
    finding: &Finding,
    entry: &PackageEntry,
    rule: Option<usize>,
    fingerprint: &str,
) -> Value {
    let package = &entry.package;
    let layer = entry
        .layer()
        .map_or_else(String::new, |layer| format!(", in layer {layer}"));
    let hidden = if entry.hidden {
        ", removed by an upper layer but still shipped"
    } else {
        ""
    };
    let message = format!(
        "{} {} is affected by {} ({}){layer}{hidden}. {}.",
        package.name,
        package.version,
        finding.id,
        finding.severity,
        order::remedy(finding, entry),
    );
    let mut result = json!({
        "ruleId": finding.id,
        "level": level(finding.severity),
        "message": {"text": escape::shortened(&message, TEXT)},
        "locations": [{
            "physicalLocation": {
                "artifactLocation": {"uri": relative(entry.path().unwrap_or_default())},
                "region": {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 1},
            },
            "logicalLocations": [{
                "name": package.name,
                "fullyQualifiedName": entry.purl(),
                "kind": "package",
            }],
        }],
        "partialFingerprints": {
            "primaryLocationLineHash": fingerprint,
            "pellucidFinding/v1": fingerprint,
        },
        "properties": {
            "purl": entry.purl(),
            "installedVersion": package.version,
            "severity": finding.severity.name(),
        },
    });
    if let Some(rule) = rule {
        set(&mut result, "ruleIndex", json!(rule));
    }
    if let Some(fixed) = &finding.fixed_version
        && let Some(properties) = result.get_mut("properties")
    {
        set(properties, "fixedVersion", json!(fixed));
    }
    if let Some(layer) = entry.layer()
        && let Some(properties) = result.get_mut("properties")
    {
        set(properties, "layer", json!(layer));
    }
    result
}

/// What was not as it should be, what nobody answered for first.
fn notifications(report: &Report, left_out: usize) -> Vec<Value> {
    let mut notifications = Vec::new();
    let mut notify = |level: &str, text: &str| {
        let text = escape::shortened(text, TEXT);
        notifications.push(json!({"level": level, "message": {"text": text}}));
    };
    match &report.assessment {
        Some(assessment) => {
            verdict::unanswered(assessment)
                .iter()
                .for_each(|text| notify("error", text));
            verdict::ended(assessment)
                .iter()
                .for_each(|text| notify("warning", text));
        }
        None => notify(
            "error",
            "No answer: no advisory was asked about these packages",
        ),
    }
    if let Some(assessment) = &report.assessment
        && !assessment.suppressed.is_empty()
    {
        let count = verdict::counted(assessment.suppressed.len(), "finding");
        notify(
            "note",
            &format!("{count} suppressed by ignore rules or VEX"),
        );
    }
    if left_out > 0 {
        notify(
            "error",
            &format!("{left_out} less severe findings are over SARIF's limit"),
        );
    }
    for text in report.first_warnings(WARNINGS) {
        notify("warning", &text);
    }
    notifications
}

fn properties(report: &Report) -> Value {
    let image = &report.inventory.image;
    json!({
        "imageName": image.reference,
        "imageID": image.id.map(|id| id.to_string()),
        "imageDigest": image.digest.map(|digest| digest.to_string()),
        "repoTags": image.tags,
        "platform": image.platform.as_ref().map(ToString::to_string),
    })
}

/// What tells the alerts of this image from those of others: its name without tag, and platform.
fn category(image: &Image) -> String {
    let name = image.tags.first().unwrap_or(&image.reference);
    let name = name.split('@').next().unwrap_or_default();
    // A colon after the last slash starts a tag; one before it, a port.
    let name = match (name.rfind('/'), name.rfind(':')) {
        (Some(slash), Some(colon)) if colon < slash => name,
        (_, Some(colon)) if !image.tags.is_empty() => name.get(..colon).unwrap_or(name),
        _ => name,
    };
    let platform = image.platform.as_ref().map_or_else(
        || "any".to_owned(),
        |platform| platform.to_string().replace('/', "-"),
    );
    format!("pellucid/{}/{platform}/", escape::shortened(name, 200))
}

/// A path in the image as a relative URI.
fn relative(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.trim_start_matches('/').bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    // An address may not be empty; the image itself is the place then.
    if uri.is_empty() {
        "image".to_owned()
    } else {
        uri
    }
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Defcon1 | Severity::Critical | Severity::High => "error",
        Severity::Medium | Severity::Unknown => "warning",
        Severity::Low | Severity::Negligible => "note",
    }
}
