//! The plan: the fewest things to do, and what each closes.
//!
//! One upgrade of a source package closes all it can at its highest fixed version; which come first is
//! decided by the worst severity they close, then by how many. What no upgrade closes is counted by
//! the reason. A package that an upper layer removed is not upgraded but left out of the lower layer.
//!
//! Not here: choosing another base image, which needs data about images that the report has not.

use std::collections::BTreeSet;
use std::io;

use pellucid_model::Severity;

use super::table::paint;
use crate::format::{Format, Style};
use crate::group::{self, Group, Remedy};
use crate::layout::{Page, Paint, plain, span};
use crate::verdict::{self, counted};
use crate::{Report, Summary};

/// The plan.
pub(crate) struct Plan;

impl Format for Plan {
    fn name(&self) -> &'static str {
        "plan"
    }

    fn write(&self, report: &Report, style: &Style, out: &mut dyn io::Write) -> io::Result<()> {
        let mut page = Page::new(out, style);
        let name = span(Paint::Bold, &report.inventory.image.reference);
        page.paragraph(0, &[plain("Plan for "), name])?;
        let Some(assessment) = &report.assessment else {
            let text = "No answer: no advisory was asked about these packages";
            return page.paragraph(0, &[span(Paint::Alarm, text)]);
        };
        for text in verdict::unanswered(assessment)
            .into_iter()
            .chain(verdict::ended(assessment))
        {
            page.paragraph(0, &[span(Paint::Alarm, text)])?;
        }
        if let Some(text) = verdict::found(assessment) {
            page.paragraph(0, &[plain(text)])?;
        }
        let groups = group::groups(report);
        steps(&mut page, &groups, assessment.findings.len())?;
        rest(&mut page, &groups)
    }
}

fn is_step(group: &&Group<'_>) -> bool {
    matches!(group.remedy, Remedy::Upgrade(_))
}

fn steps(page: &mut Page<'_>, groups: &[Group<'_>], findings: usize) -> io::Result<()> {
    let mut steps: Vec<&Group<'_>> = groups.iter().filter(is_step).collect();
    if steps.is_empty() {
        return Ok(());
    }
    steps.sort_by_key(|group| {
        let total = group.summary.vulnerabilities.total;
        (
            std::cmp::Reverse((group.severity(), total)),
            group.name,
            group.version,
        )
    });
    let closed: usize = steps.iter().map(|group| group.findings.len()).sum();
    page.gap()?;
    let line = format!(
        "{} close {closed} of {}",
        counted(steps.len(), "action"),
        counted(findings, "finding")
    );
    let line = if steps.len() == 1 {
        line.replacen("close", "closes", 1)
    } else {
        line
    };
    page.paragraph(0, &[plain(line)])?;
    for (number, group) in steps.iter().enumerate() {
        step(page, number + 1, group)?;
    }
    Ok(())
}

fn step(page: &mut Page<'_>, number: usize, group: &Group<'_>) -> io::Result<()> {
    let Remedy::Upgrade(to) = &group.remedy else {
        return Ok(());
    };
    let names: BTreeSet<&str> = group
        .packages
        .values()
        .map(|entry| entry.package.name.as_str())
        .collect();
    let names: Vec<&str> = names.into_iter().collect();
    let mut line = vec![plain(format!("{number}. "))];
    if group.hidden {
        line.push(span(Paint::Bold, "leave out"));
        line.push(plain(format!(
            " {} {} in the layer that brings it: {} ships it although a later one removes it",
            group.name,
            group.version,
            layers(group)
        )));
    } else {
        line.push(span(Paint::Good, "upgrade"));
        line.push(plain(format!(" {} {} to ", group.name, group.version)));
        line.push(span(Paint::Bold, to));
    }
    line.push(plain(": closes "));
    line.push(span(paint(group.severity()), group.summary.words()));
    page.paragraph(0, &line)?;
    if !group.hidden {
        page.paragraph(
            3,
            &[plain(format!(
                "packages {} in {}",
                names.join(", "),
                layers(group)
            ))],
        )?;
    }
    Ok(())
}

fn layers(group: &Group<'_>) -> String {
    let layers: Vec<String> = group.layers().iter().map(usize::to_string).collect();
    format!(
        "layer{} {}",
        if layers.len() == 1 { "" } else { "s" },
        layers.join(", ")
    )
}

fn rest(page: &mut Page<'_>, groups: &[Group<'_>]) -> io::Result<()> {
    let reasons = [
        (
            Remedy::FixedSomewhere,
            "fixed, but no advisory says in which version",
        ),
        (Remedy::NotFixed, "no fix yet"),
        (Remedy::Deferred, "fix put off by the vendor"),
        (Remedy::WontFix, "the vendor will not fix it"),
        (Remedy::Unknown, "nobody says whether there is a fix"),
    ];
    let mut is_first = true;
    for (remedy, words) in reasons {
        let findings: Vec<_> = groups
            .iter()
            .filter(|group| group.remedy == remedy)
            .flat_map(|group| group.findings.iter().copied())
            .collect();
        if findings.is_empty() {
            continue;
        }
        if is_first {
            page.gap()?;
            page.paragraph(0, &[plain("No upgrade closes these:")])?;
            is_first = false;
        }
        let summary = Summary::of(findings.iter().copied());
        let worst = findings
            .iter()
            .map(|finding| finding.severity)
            .max()
            .unwrap_or(Severity::Unknown);
        let line = [
            plain(format!("- {words}: ")),
            span(paint(worst), summary.words()),
        ];
        page.paragraph(0, &line)?;
    }
    Ok(())
}
