//! Markdown for a comment on a pull request.
//!
//! GitHub refuses a comment of more than 65,536 letters, so rows end before that, and the text says
//! how many are missing. The first line is a comment by which a bot finds its own to replace it.
//! Everything that an image or feed says stands in code spans.

use std::io;

use pellucid_model::Severity;

use crate::escape::markdown::{code, link};
use crate::escape::{self};
use crate::format::{Format, Style};
use crate::group::{self, Group, Remedy};
use crate::verdict::{self, counted};
use crate::{Assessment, Report, order};

/// Most bytes written, with room left for what closes the text.
const LENGTH: usize = 60_000;

/// Most letters of one name.
const NAME: usize = 200;

/// Markdown.
pub(crate) struct Markdown;

impl Format for Markdown {
    fn name(&self) -> &'static str {
        "markdown"
    }

    fn write(&self, report: &Report, style: &Style, out: &mut dyn io::Write) -> io::Result<()> {
        let image = &report.inventory.image;
        let name = image.tags.first().unwrap_or(&image.reference);
        let mut text = format!(
            "<!-- pellucid-report -->\n## Vulnerabilities in {}\n\n",
            short(name)
        );
        match &report.assessment {
            None => text.push_str("**No answer: no advisory was asked about these packages.**\n"),
            Some(assessment) => {
                head(&mut text, assessment);
                actions(&mut text, report);
                findings(&mut text, report);
                if style.suppressed {
                    suppressed(&mut text, report);
                }
            }
        }
        if !report.warnings.is_empty() {
            text.push_str(&format!(
                "\n{}\n",
                counted(report.warnings.len(), "warning")
            ));
        }
        out.write_all(text.as_bytes())
    }
}

fn head(text: &mut String, assessment: &Assessment) {
    for covered in &assessment.coverage {
        let name = short(verdict::name(covered));
        if !covered.is_covered() {
            text.push_str(&format!(
                "> **No answer for {name}: {}.**\n\n",
                covered.gap()
            ));
        }
        if let Some(end) = covered.end_of_life.as_ref().filter(|end| end.past) {
            let date = short(&end.date);
            text.push_str(&format!(
                "> **End of life: {name} gets no more fixes since {date}.**\n\n"
            ));
        }
    }
    if assessment.coverage.is_empty() {
        text.push_str("> **No answer: nothing in this image is known to pellucid.**\n\n");
    }
    // The names in that sentence are the covered namespaces', which are not ours to trust.
    match verdict::found(assessment) {
        Some(_)
            if assessment.findings.is_empty()
                && !verdict::is_good(assessment)
                && assessment.left_out == 0
                && assessment.suppressed.is_empty() =>
        {
            text.push_str("No vulnerabilities found in what is covered.\n");
        }
        Some(sentence) => text.push_str(&format!("**{sentence}**\n")),
        None => {}
    }
    if let Some(gate) = &assessment.gate {
        let (rules, verdict) = verdict::gate(gate);
        let verdict = if gate.is_reached() {
            format!("**{verdict}**")
        } else {
            verdict
        };
        // A word of ours stands bare; patterns in a rule may be anything.
        let rules = match gate.severity() {
            Some(_) => rules,
            None => short(&rules),
        };
        text.push_str(&format!("\nGate at {rules}: {verdict}\n"));
    }
}

fn actions(text: &mut String, report: &Report) {
    let groups = group::groups(report);
    let rows = groups.iter().map(|group| {
        let layers: Vec<String> = group.layers().iter().map(usize::to_string).collect();
        let hidden = if group.hidden { " (hidden)" } else { "" };
        format!(
            "| {} | {}{hidden} | {} | {} | {} |\n",
            badge(group.severity()),
            short(group.name),
            short(group.version),
            layers.join(", "),
            action(group),
        )
    });
    let heading =
        "\n| Severity | Package | Installed | Layer | What to do |\n|---|---|---|---|---|\n";
    table(text, heading, rows, LENGTH / 2);
}

fn action(group: &Group<'_>) -> String {
    let words = group.summary.words();
    match &group.remedy {
        Remedy::Remove => "**remove it**: it is malicious".to_owned(),
        Remedy::Upgrade(to) => format!("upgrade to {}: closes {words}", short(to)),
        Remedy::FixedSomewhere => format!("fixed in a version no one names: {words}"),
        Remedy::NotFixed => format!("no fix yet: {words}"),
        Remedy::Deferred => format!("fix put off by the vendor: {words}"),
        Remedy::WontFix => format!("vendor will not fix: {words}"),
        Remedy::Unknown => format!("fix unknown: {words}"),
    }
}

fn findings(text: &mut String, report: &Report) {
    let findings = order::most_severe_first(report);
    if findings.is_empty() {
        return;
    }
    let count = counted(findings.len(), "finding");
    text.push_str(&format!("\n<details><summary>{count}</summary>\n"));
    let rows = findings.into_iter().map(|(finding, entry)| {
        let fixed = finding
            .fixed_version
            .as_deref()
            .map(short)
            .unwrap_or_default();
        let id = escape::shortened(&finding.id, NAME);
        format!(
            "| {} | {} | {} {} | {fixed} |\n",
            badge(finding.severity),
            link(&id, finding.links.first().map(String::as_str)),
            short(&entry.package.name),
            short(&entry.package.version),
        )
    });
    let heading = "\n| Severity | Vulnerability | Package | Fixed in |\n|---|---|---|---|\n";
    table(text, heading, rows, LENGTH);
    text.push_str("\n</details>\n");
}

fn suppressed(text: &mut String, report: &Report) {
    let suppressed = verdict::suppressed(report);
    if suppressed.is_empty() {
        return;
    }
    let count = counted(suppressed.len(), "suppressed finding");
    text.push_str(&format!("\n<details><summary>{count}</summary>\n"));
    let rows = suppressed.into_iter().map(|(one, entry)| {
        format!(
            "| {} | {} | {} | {} |\n",
            badge(one.finding.severity),
            short(&one.finding.id),
            short(&entry.package.name),
            short(&verdict::suppression(one)),
        )
    });
    let heading = "\n| Severity | Vulnerability | Package | Suppressed |\n|---|---|---|---|\n";
    table(text, heading, rows, LENGTH + 4000);
    text.push_str("\n</details>\n");
}

/// Rows under a heading, as many as fit, and how many do not.
fn table(text: &mut String, heading: &str, rows: impl Iterator<Item = String>, limit: usize) {
    let mut left_out = 0_usize;
    let mut is_first = true;
    for row in rows {
        if left_out > 0 || text.len() + row.len() > limit {
            left_out += 1;
            continue;
        }
        if is_first {
            text.push_str(heading);
            is_first = false;
        }
        text.push_str(&row);
    }
    if left_out > 0 {
        text.push_str(&format!(
            "\n**{} more do not fit here.**\n",
            counted(left_out, "row")
        ));
    }
}

fn badge(severity: Severity) -> &'static str {
    match severity {
        Severity::Defcon1 | Severity::Critical => "**Critical**",
        Severity::High => "**High**",
        other => other.name(),
    }
}

fn short(text: &str) -> String {
    code(&escape::shortened(text, NAME))
}
