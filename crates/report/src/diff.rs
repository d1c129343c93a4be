//! What changed between two reports, and what changed it.
//!
//! A finding that came or went is laid to the first of these that differs: the image (the package is
//! not in both, or not in the same version), an ignore rule or VEX statement that took it out, the advisories (its namespace was answered by other
//! snapshots), the tool, and else the policy (filters and options, which a report does not list).

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use pellucid_model::{Finding, PackageEntry};
use serde_json::{Value, json};

use crate::format::Style;
use crate::format::json::printer;
use crate::format::table::paint;
use crate::layout::{Page, Paint, plain, span};
use crate::verdict::{self, counted};
use crate::{Report, order};

/// Why a finding came, went or changed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Cause {
    /// The package is not in both images, or not in the same version.
    Image,
    /// Other advisory data answered for the package's namespace.
    Advisories,
    /// Another version of pellucid made the report.
    Tool,
    /// Filters or options of the scan.
    Policy,
}

impl Cause {
    const ALL: [Self; 4] = [Self::Image, Self::Advisories, Self::Tool, Self::Policy];

    const fn word(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Advisories => "advisories",
            Self::Tool => "tool",
            Self::Policy => "policy",
        }
    }
}

/// A finding that is in one of two reports, or in both with another severity or fix.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FindingChange {
    /// What changed it.
    pub cause: Cause,
    /// Kind, name and file of the package.
    pub package: String,
    /// The finding and the package's version before; `None` if it came.
    pub old: Option<(Finding, String)>,
    /// The same after; `None` if it went.
    pub new: Option<(Finding, String)>,
}

/// A package that is in one of two reports, or in both with other versions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PackageChange {
    /// Kind and name.
    pub package: String,
    /// Versions before, sorted.
    pub old: Vec<String>,
    /// Versions after, sorted.
    pub new: Vec<String>,
}

/// What changed between two reports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diff {
    /// Packages, sorted.
    pub packages: Vec<PackageChange>,
    /// Findings, the most severe first.
    pub findings: Vec<FindingChange>,
    /// What no advisory data answers for in the new report, in sentences.
    pub unanswered: Vec<String>,
}

type PackageKey<'a> = (&'static str, &'a str, &'a str, bool);
type FindingKey<'a> = (PackageKey<'a>, &'a str);

/// Compares two reports.
pub fn diff(old: &Report, new: &Report) -> Diff {
    let (before, after) = (findings(old), findings(new));
    let keys: BTreeSet<&FindingKey<'_>> = before.keys().chain(after.keys()).collect();
    let context = Context::of(old, new);
    let mut changes: Vec<FindingChange> = keys
        .into_iter()
        .filter_map(|key| {
            let (was, is) = (before.get(key), after.get(key));
            let same = |a: &Finding, b: &Finding| {
                (a.severity, a.fix_state, &a.fixed_version)
                    == (b.severity, b.fix_state, &b.fixed_version)
            };
            if let (Some((was, _)), Some((is, _))) = (was, is)
                && same(was, is)
            {
                return None;
            }
            let told = |side: Option<&(&Finding, &PackageEntry)>| {
                side.map(|(finding, entry)| ((*finding).clone(), entry.package.version.clone()))
            };
            let entry = is.or(was).map(|(_, entry)| *entry)?;
            let (kind, name, path, _) = key.0;
            Some(FindingChange {
                cause: context.cause(key, entry),
                package: format!("{kind} {name} ({path})"),
                old: told(was),
                new: told(is),
            })
        })
        .collect();
    changes.sort_by_key(|change| {
        let severity = change
            .new
            .as_ref()
            .or(change.old.as_ref())
            .map(|(finding, _)| finding.severity);
        std::cmp::Reverse(severity)
    });
    let unanswered = match &new.assessment {
        Some(assessment) => verdict::unanswered(assessment),
        None => vec!["No answer: no advisory was asked about the new image".to_owned()],
    };
    Diff {
        packages: packages(old, new),
        findings: changes,
        unanswered,
    }
}

/// What the two reports were made from.
struct Context<'a> {
    old: BTreeMap<PackageKey<'a>, BTreeSet<&'a str>>,
    new: BTreeMap<PackageKey<'a>, BTreeSet<&'a str>>,
    answers: [BTreeMap<Option<&'a str>, Vec<String>>; 2],
    is_same_tool: bool,
    /// What is suppressed in one of the two.
    suppressed: BTreeSet<FindingKey<'a>>,
}

impl<'a> Context<'a> {
    fn of(old: &'a Report, new: &'a Report) -> Self {
        Self {
            old: by_place(old),
            new: by_place(new),
            answers: [answers(old), answers(new)],
            is_same_tool: old.tool == new.tool,
            suppressed: [old, new]
                .into_iter()
                .flat_map(verdict::suppressed)
                .map(|(one, entry)| (key(entry), one.finding.id.as_str()))
                .collect(),
        }
    }

    fn cause(&self, finding: &FindingKey<'_>, entry: &PackageEntry) -> Cause {
        let key = finding.0;
        if self.old.get(&key) != self.new.get(&key) {
            return Cause::Image;
        }
        // It is there in both; somebody answered for it in one.
        if self.suppressed.contains(finding) {
            return Cause::Policy;
        }
        let namespace = entry.namespace.as_ref().map(|name| name.as_str());
        let [old, new] = &self.answers;
        if old.get(&namespace) != new.get(&namespace) {
            return Cause::Advisories;
        }
        if self.is_same_tool {
            Cause::Policy
        } else {
            Cause::Tool
        }
    }
}

fn key(entry: &PackageEntry) -> PackageKey<'_> {
    let package = &entry.package;
    (
        package.kind.name(),
        &package.name,
        entry.path().unwrap_or_default(),
        entry.hidden,
    )
}

fn by_place(report: &Report) -> BTreeMap<PackageKey<'_>, BTreeSet<&str>> {
    let mut versions: BTreeMap<PackageKey<'_>, BTreeSet<&str>> = BTreeMap::new();
    for entry in &report.inventory.packages {
        versions
            .entry(key(entry))
            .or_default()
            .insert(&entry.package.version);
    }
    versions
}

fn answers(report: &Report) -> BTreeMap<Option<&str>, Vec<String>> {
    let coverage = report
        .assessment
        .iter()
        .flat_map(|assessment| &assessment.coverage);
    let answers = coverage.map(|covered| {
        let digests = covered
            .snapshots
            .iter()
            .map(|snapshot| snapshot.digest.to_string());
        (
            covered.namespace.as_ref().map(|name| name.as_str()),
            digests.collect(),
        )
    });
    answers.collect()
}

fn findings(report: &Report) -> BTreeMap<FindingKey<'_>, (&Finding, &PackageEntry)> {
    let pairs = order::most_severe_first(report).into_iter().rev();
    pairs
        .map(|(finding, entry)| ((key(entry), finding.id.as_str()), (finding, entry)))
        .collect()
}

fn packages(old: &Report, new: &Report) -> Vec<PackageChange> {
    fn versions(report: &Report) -> BTreeMap<(&'static str, &str), BTreeSet<&str>> {
        let mut versions: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
        for entry in report
            .inventory
            .packages
            .iter()
            .filter(|entry| !entry.hidden)
        {
            let package = &entry.package;
            let name = (package.kind.name(), package.name.as_str());
            versions.entry(name).or_default().insert(&package.version);
        }
        versions
    }
    let (before, after) = (versions(old), versions(new));
    let names: BTreeSet<_> = before.keys().chain(after.keys()).copied().collect();
    let changes = names
        .into_iter()
        .filter(|name| before.get(name) != after.get(name));
    changes
        .map(|name| {
            let list = |side: &BTreeMap<_, BTreeSet<&str>>| {
                let versions = side.get(&name).into_iter().flatten();
                versions.map(|version| (*version).to_owned()).collect()
            };
            PackageChange {
                package: format!("{} {}", name.0, name.1),
                old: list(&before),
                new: list(&after),
            }
        })
        .collect()
}

impl Diff {
    /// Writes it for people.
    ///
    /// # Errors
    /// Whatever the stream reports.
    pub fn write(&self, style: &Style, out: &mut dyn io::Write) -> io::Result<()> {
        let mut page = Page::new(out, style);
        for sentence in &self.unanswered {
            page.paragraph(0, &[span(Paint::Alarm, sentence)])?;
        }
        let came = self
            .findings
            .iter()
            .filter(|change| change.old.is_none())
            .count();
        let went = self
            .findings
            .iter()
            .filter(|change| change.new.is_none())
            .count();
        let line = format!(
            "{} new, {} gone, {} changed; {} changed",
            counted(came, "finding"),
            went,
            self.findings.len() - came - went,
            counted(self.packages.len(), "package"),
        );
        page.paragraph(0, &[span(Paint::Bold, line)])?;
        for cause in Cause::ALL {
            let changes = self.findings.iter().filter(|change| change.cause == cause);
            let mut is_first = true;
            for change in changes {
                if std::mem::take(&mut is_first) {
                    page.gap()?;
                    page.paragraph(0, &[plain(format!("Because of the {}:", cause.word()))])?;
                }
                finding(&mut page, change)?;
            }
        }
        if !self.packages.is_empty() {
            page.gap()?;
            page.paragraph(0, &[plain("Packages:")])?;
        }
        for change in &self.packages {
            let side = |versions: &[String]| match versions {
                [] => "none".to_owned(),
                versions => versions.join(", "),
            };
            let (old, new) = (side(&change.old), side(&change.new));
            page.paragraph(2, &[plain(format!("- {} {old} -> {new}", change.package))])?;
        }
        Ok(())
    }

    /// Writes it for machines: `pellucid-diff/1`.
    ///
    /// # Errors
    /// Whatever the stream reports.
    pub fn write_json(&self, out: &mut dyn io::Write) -> io::Result<()> {
        let side = |side: &Option<(Finding, String)>| {
            side.as_ref().map(|(finding, version)| {
                json!({
                    "id": finding.id,
                    "severity": finding.severity.name().to_ascii_lowercase(),
                    "version": version,
                    "fixed_version": finding.fixed_version,
                })
            })
        };
        let findings: Vec<Value> = self
            .findings
            .iter()
            .map(|change| {
                json!({
                    "cause": change.cause.word(),
                    "package": change.package,
                    "old": side(&change.old),
                    "new": side(&change.new),
                })
            })
            .collect();
        let packages: Vec<Value> = self
            .packages
            .iter()
            .map(|change| {
                json!({
                    "package": change.package,
                    "old": change.old,
                    "new": change.new,
                })
            })
            .collect();
        let document = json!({
            "schema": "pellucid-diff/1",
            "unanswered": self.unanswered,
            "findings": findings,
            "packages": packages,
        });
        printer::print(&document, out)
    }
}

fn finding(page: &mut Page<'_>, change: &FindingChange) -> io::Result<()> {
    let Some((finding, version)) = change.new.as_ref().or(change.old.as_ref()) else {
        return Ok(());
    };
    let what = match (&change.old, &change.new) {
        (None, _) => span(Paint::Bad, "new"),
        (_, None) => span(Paint::Good, "gone"),
        _ => span(Paint::Middling, "changed"),
    };
    let mut line = vec![
        plain("- "),
        what,
        plain(" "),
        span(paint(finding.severity), finding.severity.name()),
        plain(format!(" {} in {} {version}", finding.id, change.package)),
    ];
    if let (Some((old, _)), Some(_)) = (&change.old, &change.new) {
        let fix = |finding: &Finding| {
            finding
                .fixed_version
                .clone()
                .unwrap_or_else(|| "none".to_owned())
        };
        line.push(plain(format!(
            ", was {} with fix {}, now with fix {}",
            old.severity,
            fix(old),
            fix(finding)
        )));
    } else if let Some(fixed) = &finding.fixed_version {
        line.push(plain(format!(", fixed in {fixed}")));
    }
    page.paragraph(2, &line)
}
