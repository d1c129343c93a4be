//! JUnit's XML, for whatever shows test results.
//!
//! A suite is a namespace, a test case a finding. Without a gate every finding is a failure; with
//! one, those that do not reach it are skipped, as are suppressed ones. A namespace that no advisory data covers is an error, because a
//! suite without cases would look passed; one without findings has a case that passes.
//!
//! There is no standard; this is what Jenkins and GitLab read. Text is in attributes and elements,
//! never in CDATA, which a text can end.

use std::collections::BTreeMap;
use std::io;

use pellucid_model::{Finding, PackageEntry, Suppressed};

use crate::escape::markup::text;
use crate::format::{Format, Style};
use crate::{Gate, Report, order, verdict};

/// JUnit's XML.
pub(crate) struct Junit;

/// One test case, written.
struct Case {
    xml: String,
    outcome: Outcome,
}

#[derive(PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    Skipped,
    Error,
}

impl Format for Junit {
    fn name(&self) -> &'static str {
        "junit"
    }

    fn write(&self, report: &Report, _: &Style, out: &mut dyn io::Write) -> io::Result<()> {
        let suites = suites(report);
        let all: Vec<&Case> = suites.iter().flat_map(|(_, cases)| cases).collect();
        writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
        let image = &report.inventory.image;
        let name = image.tags.first().unwrap_or(&image.reference);
        writeln!(
            out,
            "<testsuites name=\"{}\"{}>",
            text(name),
            counts(&all, false)
        )?;
        for (name, cases) in &suites {
            let cases: Vec<&Case> = cases.iter().collect();
            writeln!(
                out,
                "  <testsuite name=\"{}\"{}>",
                text(name),
                counts(&cases, true)
            )?;
            for case in cases {
                out.write_all(case.xml.as_bytes())?;
            }
            writeln!(out, "  </testsuite>")?;
        }
        writeln!(out, "</testsuites>")
    }
}

fn counts(cases: &[&Case], has_skipped: bool) -> String {
    let count = |outcome| cases.iter().filter(|case| case.outcome == outcome).count();
    let mut counts = format!(
        " tests=\"{}\" failures=\"{}\" errors=\"{}\"",
        cases.len(),
        count(Outcome::Failed),
        count(Outcome::Error),
    );
    if has_skipped {
        counts.push_str(&format!(" skipped=\"{}\"", count(Outcome::Skipped)));
    }
    counts.push_str(" time=\"0\"");
    counts
}

/// The suites: what has no answer first, then each namespace.
fn suites(report: &Report) -> Vec<(String, Vec<Case>)> {
    let mut suites: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    let gate = report
        .assessment
        .as_ref()
        .and_then(|assessment| assessment.gate.as_ref());
    for (finding, entry) in order::most_severe_first(report) {
        let name = entry
            .namespace
            .as_ref()
            .map_or("unknown distribution", |name| name.as_str());
        suites
            .entry(name.to_owned())
            .or_default()
            .push(case(finding, entry, gate, None));
    }
    for (one, entry) in verdict::suppressed(report) {
        let name = entry
            .namespace
            .as_ref()
            .map_or("unknown distribution", |name| name.as_str());
        let case = case(&one.finding, entry, None, Some(one));
        suites.entry(name.to_owned()).or_default().push(case);
    }
    let errors = match &report.assessment {
        Some(assessment) => verdict::unanswered(assessment),
        None => vec!["No answer: no advisory was asked".to_owned()],
    };
    let coverage = report
        .assessment
        .iter()
        .flat_map(|assessment| &assessment.coverage);
    for covered in coverage.filter(|covered| covered.is_covered()) {
        let suite = suites.entry(verdict::name(covered).to_owned()).or_default();
        if suite.is_empty() {
            let name = "no vulnerabilities found";
            let xml =
                format!("    <testcase classname=\"pellucid\" name=\"{name}\" time=\"0\"/>\n");
            suite.push(Case {
                xml,
                outcome: Outcome::Passed,
            });
        }
    }
    let errors: Vec<Case> = errors.iter().map(|text| error(text)).collect();
    let first = (!errors.is_empty()).then(|| ("coverage".to_owned(), errors));
    first.into_iter().chain(suites).collect()
}

fn case(
    finding: &Finding,
    entry: &PackageEntry,
    gate: Option<&Gate>,
    by: Option<&Suppressed>,
) -> Case {
    let package = &entry.package;
    let is_skipped = by.is_some() || gate.is_some_and(|gate| !gate.is_reached_by(finding));
    let (tag, outcome) = if is_skipped {
        ("skipped", Outcome::Skipped)
    } else {
        ("failure", Outcome::Failed)
    };
    let state = match by {
        Some(by) => verdict::suppression(by),
        None => order::remedy(finding, entry),
    };
    let summary = format!("{}: {state}", finding.severity);
    let kind = if is_skipped {
        String::new()
    } else {
        format!(" type=\"{}\"", finding.severity)
    };
    let mut about = vec![order::gist(finding)];
    if let Some(layer) = entry.layer() {
        about.push(format!(
            "Layer {layer}, {}",
            entry.path().unwrap_or_default()
        ));
    }
    about.extend(finding.links.first().cloned());
    let about: Vec<String> = about
        .iter()
        .filter(|line| !line.is_empty())
        .map(|line| text(line))
        .collect();
    let xml = format!(
        "    <testcase classname=\"{}\" name=\"{}\" time=\"0\">\n      \
         <{tag} message=\"{}\"{kind}>{}</{tag}>\n    </testcase>\n",
        text(&format!("{} {}", package.name, package.version)),
        text(&finding.id),
        text(&summary),
        about.join("\n"),
    );
    Case { xml, outcome }
}

fn error(message: &str) -> Case {
    let xml = format!(
        "    <testcase classname=\"pellucid\" name=\"coverage\" time=\"0\">\n      \
         <error message=\"{}\" type=\"not covered\"/>\n    </testcase>\n",
        text(message),
    );
    Case {
        xml,
        outcome: Outcome::Error,
    }
}
