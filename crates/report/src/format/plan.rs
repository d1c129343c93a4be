//! The plan: the fewest things to do, and what each closes.
//!
//! A malicious package is to be removed before all else. One upgrade of a source package closes all it
//! can at its highest fixed version; which come first is decided by whether something they close is known to be exploited, or likely to be soon, then by the
//! worst severity, then by how many. Where the base image is known, everything in it is one action: a
//! newer build of it. What no upgrade closes is counted by the reason. A package that an upper layer
//! removed is not upgraded but left out of the lower layer.
//!
//! Not here: which newer build of the base image there is, which the report has no data about.

use std::collections::BTreeSet;
use std::io;

use pellucid_model::{Finding, Fraction, Severity};

use super::table::paint;
use crate::format::{Format, Style};
use crate::group::{self, Group, Remedy};
use crate::layout::{Page, Paint, Span, plain, span};
use crate::verdict::{self, counted};
use crate::{Base, Report, Summary};

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
        steps(
            &mut page,
            &groups,
            assessment.base.as_ref(),
            assessment.findings.len(),
        )?;
        rest(&mut page, &groups)
    }
}

/// From this EPSS score on, a vulnerability counts as likely to be exploited soon.
const LIKELY: f64 = 0.1;

/// One thing to do: a removal, an upgrade, or all those that a newer base image brings.
struct Step<'a> {
    groups: Vec<&'a Group<'a>>,
    is_base: bool,
}

impl<'a> Step<'a> {
    fn findings(&self) -> impl Iterator<Item = &'a Finding> {
        let groups = self.groups.iter();
        groups.flat_map(|group| group.findings.iter().copied())
    }

    fn exploited(&self) -> usize {
        let ids: BTreeSet<&str> = self
            .findings()
            .filter(|finding| finding.kev.is_some())
            .map(|finding| finding.id.as_str())
            .collect();
        ids.len()
    }

    fn likelihood(&self) -> Option<Fraction> {
        self.findings()
            .filter_map(|finding| Some(finding.epss.as_ref()?.score))
            .max()
    }

    fn severity(&self) -> Severity {
        self.findings()
            .map(|finding| finding.severity)
            .max()
            .unwrap_or_default()
    }

    fn is_removal(&self) -> bool {
        let mut groups = self.groups.iter();
        groups.any(|group| group.remedy == Remedy::Remove)
    }

    /// What comes first: malicious, exploited, likely to be, severe, many.
    fn rank(&self) -> (bool, bool, bool, Severity, usize) {
        (
            self.is_removal(),
            self.exploited() > 0,
            self.likelihood()
                .is_some_and(|score| score.value() >= LIKELY),
            self.severity(),
            Summary::of(self.findings()).vulnerabilities.total,
        )
    }

    fn name(&self) -> (&'a str, &'a str) {
        self.groups
            .first()
            .map_or(("", ""), |group| (group.name, group.version))
    }
}

/// The removals and upgrades; the upgrades of packages that only the base image has are one.
fn ordered<'a>(groups: &'a [Group<'a>], base: Option<&Base>) -> Vec<Step<'a>> {
    let is_action =
        |group: &&Group<'_>| matches!(group.remedy, Remedy::Remove | Remedy::Upgrade(_));
    let is_of_base = |group: &&Group<'_>| {
        let layers = group.layers();
        base.is_some_and(|base| layers.iter().all(|layer| *layer < base.layers))
            && !layers.is_empty()
            && !group.hidden
            && group.remedy != Remedy::Remove
    };
    let (of_base, own): (Vec<_>, Vec<_>) = groups.iter().filter(is_action).partition(is_of_base);
    let mut steps: Vec<Step<'_>> = own
        .into_iter()
        .map(|group| Step {
            groups: vec![group],
            is_base: false,
        })
        .collect();
    if !of_base.is_empty() {
        steps.push(Step {
            groups: of_base,
            is_base: true,
        });
    }
    steps.sort_by_key(|step| (std::cmp::Reverse(step.rank()), step.name()));
    steps
}

fn steps(
    page: &mut Page<'_>,
    groups: &[Group<'_>],
    base: Option<&Base>,
    findings: usize,
) -> io::Result<()> {
    let steps = ordered(groups, base);
    if steps.is_empty() {
        return Ok(());
    }
    let closed: usize = steps.iter().map(|step| step.findings().count()).sum();
    page.gap()?;
    let line = format!(
        "{} close{} {closed} of {}",
        counted(steps.len(), "action"),
        if steps.len() == 1 { "s" } else { "" },
        counted(findings, "finding")
    );
    page.paragraph(0, &[plain(line)])?;
    for (number, step) in steps.iter().enumerate() {
        let mut line = vec![plain(format!("{}. ", number + 1))];
        match (step.is_base, base, step.groups.as_slice()) {
            (true, Some(base), groups) => of_base(&mut line, base, groups),
            (_, _, [group]) => upgrade(&mut line, group),
            _ => continue,
        }
        closes(&mut line, step);
        page.paragraph(0, &line)?;
        if let (false, [group]) = (step.is_base, step.groups.as_slice())
            && !group.hidden
        {
            let names: BTreeSet<&str> = group
                .packages
                .values()
                .map(|entry| entry.package.name.as_str())
                .collect();
            let names: Vec<&str> = names.into_iter().collect();
            let line = format!("packages {} in {}", names.join(", "), layers(group));
            page.paragraph(3, &[plain(line)])?;
        }
    }
    Ok(())
}

/// What a newer base image must have.
fn of_base(line: &mut Vec<Span>, base: &Base, groups: &[&Group<'_>]) {
    line.push(span(Paint::Good, "update the base image"));
    line.push(plain(format!(" {} to a build that has ", base.name)));
    let wanted: Vec<String> = groups
        .iter()
        .filter_map(|group| match &group.remedy {
            Remedy::Upgrade(to) => Some(format!("{} {to}", group.name)),
            _ => None,
        })
        .collect();
    line.push(span(Paint::Bold, wanted.join(", ")));
}

fn upgrade(line: &mut Vec<Span>, group: &Group<'_>) {
    let to = match &group.remedy {
        Remedy::Upgrade(to) => to.as_str(),
        Remedy::Remove if !group.hidden => {
            line.push(span(Paint::Alarm, "remove"));
            let text = format!(" {} {}: it is malicious", group.name, group.version);
            return line.push(plain(text));
        }
        _ => "",
    };
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
}

/// What the step closes, attackers' interest first.
fn closes(line: &mut Vec<Span>, step: &Step<'_>) {
    line.push(plain(": closes "));
    let words = Summary::of(step.findings()).words();
    line.push(span(paint(step.severity()), words));
    match step.exploited() {
        0 => {}
        exploited => {
            line.push(plain("; "));
            line.push(span(
                Paint::Alarm,
                format!("{exploited} known to be exploited"),
            ));
        }
    }
    if let Some(score) = step.likelihood() {
        line.push(plain(format!("; EPSS up to {score}")));
    }
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
