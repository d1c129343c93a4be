//! The text that Clair 1's `analyze-local-images` printed, for scripts that read it.
//!
//! The title has no time, because equal reports are equal bytes; the original's had one. What no
//! advisory data covers is a `NOTE:`, and `Success!` is said only where everything was covered.
//! Text of images and feeds is made harmless, which the original did not.

use std::io::{self, Write as _};

use pellucid_model::{Finding, PackageEntry, Severity};

use crate::escape;
use crate::format::{Format, Style};
use crate::{Report, order, verdict};

/// How wide descriptions are.
const WIDTH: usize = 80;

/// Clair 1's text.
pub(crate) struct ClairText;

impl Format for ClairText {
    fn name(&self) -> &'static str {
        "clair-text"
    }

    fn write(&self, report: &Report, style: &Style, out: &mut dyn io::Write) -> io::Result<()> {
        let mut out = io::BufWriter::new(out);
        let shown = |text: &str| escape::text(text, style.unicode).into_owned();
        writeln!(
            out,
            "Clair report for image {}",
            shown(&report.inventory.image.reference)
        )?;
        let Some(assessment) = &report.assessment else {
            writeln!(
                out,
                "{}: No advisory was asked about this image.",
                note(style)
            )?;
            return out.flush();
        };
        if report.inventory.packages.is_empty() {
            writeln!(
                out,
                "{}: No features have been detected in the image. This usually means that the \
                 image isn't supported by Clair.",
                note(style),
            )?;
            return out.flush();
        }
        for text in verdict::unanswered(assessment)
            .into_iter()
            .chain(verdict::ended(assessment))
        {
            writeln!(out, "{}: {}", note(style), shown(&text))?;
        }
        if !assessment.suppressed.is_empty() {
            let count = verdict::counted(assessment.suppressed.len(), "finding");
            writeln!(
                out,
                "{}: {count} suppressed by ignore rules or VEX",
                note(style)
            )?;
        }
        let findings = order::most_severe_first(report);
        if verdict::is_good(assessment) {
            let success = painted(style, "32", "Success!");
            writeln!(
                out,
                "{success} No vulnerabilities were detected in your image"
            )?;
        } else if findings.is_empty() && assessment.left_out > 0 {
            writeln!(
                out,
                "{}: No vulnerabilities matching the minimum severity level were detected in \
                 your image",
                note(style),
            )?;
        }
        for (finding, entry) in findings {
            vulnerability(&mut out, report, finding, entry, style)?;
        }
        out.flush()
    }
}

fn vulnerability(
    out: &mut dyn io::Write,
    report: &Report,
    finding: &Finding,
    entry: &PackageEntry,
    style: &Style,
) -> io::Result<()> {
    let shown = |text: &str| escape::text(text, style.unicode).into_owned();
    let color = match finding.severity {
        Severity::High | Severity::Critical => "31",
        Severity::Medium => "33",
        _ => "37",
    };
    let severity = painted(style, color, finding.severity.name());
    writeln!(out, "{} ({severity})", shown(&finding.id))?;
    for line in wrapped(&shown(&escape::folded(&finding.description))) {
        writeln!(out, "\t{line}")?;
    }
    writeln!(out)?;
    let package = &entry.package;
    writeln!(
        out,
        "\tPackage:       {} @ {}",
        shown(&package.name),
        shown(&package.version)
    )?;
    if let Some(fixed) = &finding.fixed_version {
        writeln!(out, "\tFixed version: {}", shown(fixed))?;
    }
    if let Some(link) = finding.links.first() {
        writeln!(out, "\tLink:          {}", shown(link))?;
    }
    if let Some(layer) = entry.layer() {
        let digest = report.inventory.layer_digest(entry);
        let name = digest.map_or_else(|| layer.to_string(), |digest| digest.to_string());
        writeln!(out, "\tLayer:         {name}")?;
    }
    writeln!(out)
}

/// Lines of at most eighty letters, where words allow it.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut width = 0;
    for word in text.split_ascii_whitespace() {
        let letters = word.chars().count();
        match lines.last_mut().filter(|_| width + 1 + letters <= WIDTH) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
                width += 1 + letters;
            }
            None => {
                // At the start of a line two colons would be a build service's command.
                let word = word.replacen("::", "\\x3a:", usize::from(word.starts_with("::")));
                lines.push(word);
                width = letters;
            }
        }
    }
    lines
}

fn note(style: &Style) -> String {
    painted(style, "33", "NOTE")
}

fn painted(style: &Style, color: &str, text: &str) -> String {
    if style.color {
        format!("\x1b[{color}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}
