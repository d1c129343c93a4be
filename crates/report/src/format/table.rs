//! The table: what a person at a terminal wants to know, in the order they want it.
//!
//! First which image this is, then how bad it is, then which advisory data says so (what no data
//! covers is shouted), then one row for each thing to do, most severe first, then what was odd.
//! Every line starts with a word of ours, never with an image's text.

mod detail;
mod packages;

use std::io;

use pellucid_model::{Coverage, Digest, Inventory, Severity, Warning};

use crate::format::{Format, Style};
use crate::group::{self, Group, Remedy};
use crate::layout::{Cell, Page, Paint, plain, span};
use crate::verdict::{self, counted};
use crate::{Assessment, Report, Summary};

/// How many warnings are shown one by one, unless details are asked for.
const WARNINGS_SHOWN: usize = 5;

/// The table for people.
pub(crate) struct Table;

impl Format for Table {
    fn name(&self) -> &'static str {
        "table"
    }

    fn tells_warnings(&self) -> bool {
        true
    }

    fn write(&self, report: &Report, style: &Style, out: &mut dyn io::Write) -> io::Result<()> {
        let mut page = Page::new(out, style);
        head(&mut page, &report.inventory)?;
        match &report.assessment {
            Some(assessment) => {
                counts(&mut page, assessment)?;
                coverage(&mut page, &assessment.coverage)?;
                base(&mut page, report)?;
                actions(&mut page, report, style.detail)?;
                suppressed(&mut page, report, style.suppressed)?;
                gate(&mut page, assessment)?;
            }
            None => packages::write(&mut page, &report.inventory, style.detail)?,
        }
        warnings(&mut page, &report.warnings, style.detail)
    }
}

/// A digest short enough to read out: the algorithm and twelve digits.
pub(crate) fn short(digest: &Digest) -> String {
    let hex = digest.hex();
    format!("{}:{}", digest.algorithm(), hex.get(..12).unwrap_or(&hex))
}

/// The day of a point in time.
pub(crate) fn day(seconds: i64) -> String {
    match jiff::Timestamp::from_second(seconds) {
        Ok(time) => time.strftime("%Y-%m-%d").to_string(),
        Err(_) => "an impossible day".to_owned(),
    }
}

pub(crate) const fn paint(severity: Severity) -> Paint {
    match severity {
        Severity::Defcon1 | Severity::Critical => Paint::Alarm,
        Severity::High => Paint::Bad,
        Severity::Medium => Paint::Middling,
        Severity::Low => Paint::Slight,
        Severity::Negligible | Severity::Unknown => Paint::Dim,
    }
}

/// Image, platform, digest, namespace.
fn head(page: &mut Page<'_>, inventory: &Inventory) -> io::Result<()> {
    let image = &inventory.image;
    let mut line = vec![plain("Image "), span(Paint::Bold, &image.reference)];
    if let Some(platform) = &image.platform {
        line.push(plain(format!(", {platform}")));
    }
    if let Some(digest) = image.digest.or(image.id) {
        line.push(plain(format!(", {}", short(&digest))));
    }
    match inventory.distributions.first() {
        Some(distribution) => {
            line.push(plain(", "));
            line.push(span(Paint::Bold, distribution.namespace.as_str()));
        }
        None => line.push(plain(", no distribution")),
    }
    page.paragraph(0, &line)
}

fn counts(page: &mut Page<'_>, assessment: &Assessment) -> io::Result<()> {
    for sentence in verdict::unanswered(assessment) {
        page.paragraph(0, &[span(Paint::Alarm, sentence)])?;
    }
    let summary = Summary::of(&assessment.findings);
    if summary.vulnerabilities.total == 0 {
        let paint = if verdict::is_good(assessment) {
            Paint::Good
        } else {
            Paint::Plain
        };
        return match verdict::found(assessment) {
            Some(sentence) => page.paragraph(0, &[span(paint, sentence)]),
            None => Ok(()),
        };
    }
    let total = counted(summary.vulnerabilities.total, "vulnerability");
    let mut line = vec![span(Paint::Bold, total)];
    for (number, (severity, count)) in summary.by_severity.iter().rev().enumerate() {
        line.push(plain(if number == 0 { ": " } else { ", " }));
        line.push(span(
            paint(*severity),
            format!("{} {}", count.total, severity.name().to_ascii_lowercase()),
        ));
    }
    line.push(plain(format!(
        "; {} with a fix; in {}",
        summary.vulnerabilities.fixable,
        counted(summary.affected_packages, "package"),
    )));
    line.push(plain(verdict::aside(assessment)));
    page.paragraph(0, &line)
}

fn coverage(page: &mut Page<'_>, coverage: &[Coverage]) -> io::Result<()> {
    page.gap()?;
    if coverage.is_empty() {
        let known = plain(": nothing in this image is known to pellucid");
        return page.paragraph(0, &[span(Paint::Alarm, "NOT COVERED"), known]);
    }
    for covered in coverage {
        let name = verdict::name(covered);
        let packages = counted(covered.packages, "package");
        let mut line = Vec::new();
        if covered.is_covered() {
            line.push(plain("Covered "));
            line.push(span(Paint::Bold, name));
            line.push(plain(format!(", {packages}, by ")));
            for (number, snapshot) in covered.snapshots.iter().enumerate() {
                let of = match (snapshot.as_of, snapshot.fetched_at) {
                    (Some(as_of), _) => format!(" of {}", day(as_of)),
                    // A saved report does not tell it.
                    (None, 0) => String::new(),
                    (None, fetched_at) => format!(" fetched {}", day(fetched_at)),
                };
                let and = if number == 0 { "" } else { " and " };
                line.push(plain(format!(
                    "{and}{}{of} ({})",
                    snapshot.key,
                    short(&snapshot.digest)
                )));
            }
        } else {
            line.push(span(Paint::Alarm, "NOT COVERED"));
            line.push(plain(" "));
            line.push(span(Paint::Bold, name));
            line.push(plain(format!(", {packages}")));
        }
        if let Some(note) = &covered.note {
            line.push(plain(format!("; {note}")));
        }
        page.paragraph(0, &line)?;
        if let Some(end) = covered.end_of_life.as_ref().filter(|end| end.past) {
            let line = [
                span(Paint::Alarm, "END OF LIFE"),
                plain(" "),
                span(Paint::Bold, name),
                plain(format!(
                    " since {}: no more fixes ({})",
                    end.date, end.source
                )),
            ];
            page.paragraph(0, &line)?;
        }
    }
    Ok(())
}

fn actions(page: &mut Page<'_>, report: &Report, detail: bool) -> io::Result<()> {
    let groups = group::groups(report);
    if groups.is_empty() {
        return Ok(());
    }
    page.gap()?;
    let heading = ["SEVERITY", "PACKAGE", "INSTALLED", "LAYER", "WHAT TO DO"];
    let mut rows: Vec<Vec<Cell>> = vec![heading.map(|word| vec![span(Paint::Bold, word)]).into()];
    rows.extend(groups.iter().map(row));
    let widths = page.columns(&rows);
    let mut rows = rows.iter();
    if let Some(heading) = rows.next() {
        page.row(&widths, heading)?;
    }
    for (group, cells) in groups.iter().zip(rows) {
        page.row(&widths, cells)?;
        if detail {
            detail::write(page, &report.inventory, group)?;
        }
    }
    Ok(())
}

fn row(group: &Group<'_>) -> Vec<Cell> {
    let severity = group.severity();
    let mut package = vec![span(Paint::Bold, group.name)];
    let mut names: Vec<&str> = group
        .packages
        .values()
        .map(|entry| entry.package.name.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    let all = names.len();
    names.retain(|name| *name != group.name);
    // A plus stands before the first where the package of that name is one of them.
    let plus = if names.len() < all { "+" } else { "" };
    match names.as_slice() {
        [] => {}
        [first] => package.push(plain(format!(" ({plus}{first})"))),
        [first, rest @ ..] => package.push(plain(format!(" ({plus}{first} +{})", rest.len()))),
    }
    if group.hidden {
        package.push(span(Paint::Dim, " [hidden]"));
    }
    let layers: Vec<String> = group.layers().iter().map(usize::to_string).collect();
    vec![
        vec![span(paint(severity), severity.name())],
        package,
        vec![plain(group.version)],
        vec![plain(layers.join(","))],
        action(group),
    ]
}

fn action(group: &Group<'_>) -> Cell {
    let count = group.summary.vulnerabilities.total;
    let counts = match group.summary.by_severity.len() {
        // The row's first cell says it already.
        1 => count.to_string(),
        _ => format!("{count} ({})", group.summary.words()),
    };
    match &group.remedy {
        Remedy::Remove => vec![
            span(Paint::Alarm, "remove"),
            plain(format!(" {}: it is malicious", group.name)),
        ],
        Remedy::Upgrade(to) => vec![
            span(Paint::Good, "upgrade"),
            plain(format!(" {} to ", group.name)),
            span(Paint::Bold, to),
            plain(format!(": closes {counts}")),
        ],
        Remedy::FixedSomewhere => vec![plain(format!("fixed in a version no one names: {counts}"))],
        Remedy::NotFixed => vec![plain(format!("no fix yet: {counts}"))],
        Remedy::Deferred => vec![plain(format!("fix put off by the vendor: {counts}"))],
        Remedy::WontFix => vec![plain(format!("vendor will not fix: {counts}"))],
        Remedy::Unknown => vec![plain(format!("fix unknown: {counts}"))],
    }
}

fn gate(page: &mut Page<'_>, assessment: &Assessment) -> io::Result<()> {
    let Some(gate) = &assessment.gate else {
        return Ok(());
    };
    page.gap()?;
    let (rules, verdict) = verdict::gate(gate);
    let paint = if gate.is_reached() {
        Paint::Alarm
    } else if gate.undecided > 0 {
        Paint::Middling
    } else {
        Paint::Good
    };
    let verdict = span(paint, verdict);
    page.paragraph(0, &[plain(format!("Gate at {rules}: ")), verdict])
}

/// Which findings came with the base image.
fn base(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    let Some((base, of_base, own)) = verdict::of_base(report) else {
        return Ok(());
    };
    let how = if base.is_detected { ", recognised" } else { "" };
    page.gap()?;
    let line = [
        plain("Base image "),
        span(Paint::Bold, &base.name),
        plain(format!(
            " ({}{how}): {}; own layers: {}",
            counted(base.layers, "layer"),
            counted(of_base, "finding"),
            counted(own, "finding"),
        )),
    ];
    page.paragraph(0, &line)
}

/// Findings that somebody has answered for.
fn suppressed(page: &mut Page<'_>, report: &Report, detail: bool) -> io::Result<()> {
    let suppressed = verdict::suppressed(report);
    if suppressed.is_empty() {
        return Ok(());
    }
    page.gap()?;
    let count = counted(suppressed.len(), "suppressed finding");
    if !detail {
        let text = format!("{count}; --show-suppressed tells each and why");
        return page.paragraph(0, &[plain(text)]);
    }
    page.paragraph(0, &[plain(count)])?;
    for (one, entry) in suppressed {
        let finding = &one.finding;
        let line = [
            plain("- "),
            span(paint(finding.severity), finding.severity.name()),
            plain(format!(
                " {} in {} {}: {}",
                finding.id,
                entry.package.name,
                entry.package.version,
                verdict::suppression(one),
            )),
        ];
        page.paragraph(2, &line)?;
    }
    Ok(())
}

fn warnings(page: &mut Page<'_>, warnings: &[Warning], detail: bool) -> io::Result<()> {
    if warnings.is_empty() {
        return Ok(());
    }
    page.gap()?;
    let line = span(Paint::Middling, counted(warnings.len(), "warning"));
    page.paragraph(0, &[line])?;
    let shown = if detail {
        warnings.len()
    } else {
        WARNINGS_SHOWN
    };
    for warning in warnings.iter().take(shown) {
        page.paragraph(2, &[plain(format!("- {warning}"))])?;
    }
    if let Some(more) = warnings.len().checked_sub(shown).filter(|more| *more > 0) {
        page.paragraph(2, &[plain(format!("- {more} more; --detail shows all"))])?;
    }
    Ok(())
}
