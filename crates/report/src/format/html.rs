//! One HTML page, for a browser without a network.
//!
//! Everything is in the file: rows are written out, so the page reads without its script too, which
//! only filters and sorts them. A content security policy names the digests of that one script and
//! that one style and forbids everything else, so that text which slipped through all escaping would
//! still not run, load or send anything.

use std::collections::BTreeMap;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pellucid_model::{Finding, Inventory, PackageEntry, Severity};
use sha2::{Digest as _, Sha256};

use crate::escape;
use crate::escape::markup::text;
use crate::format::{Format, Style};
use crate::verdict::{self, counted};
use crate::{Assessment, Report, Summary, exploitation, order};

const SCRIPT: &str = include_str!("html/page.js");
const STYLE: &str = include_str!("html/page.css");

/// Most letters of a description.
const TEXT: usize = 2000;

/// The page.
pub(crate) struct Html;

impl Format for Html {
    fn name(&self) -> &'static str {
        "html"
    }

    fn tells_warnings(&self) -> bool {
        true
    }

    fn write(&self, report: &Report, _: &Style, out: &mut dyn io::Write) -> io::Result<()> {
        let image = &report.inventory.image;
        let name = image.tags.first().unwrap_or(&image.reference);
        write!(
            out,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
             script-src '{}'; style-src '{}'; base-uri 'none'; form-action 'none'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n\
             <title>{} - pellucid</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
            digest(SCRIPT),
            digest(STYLE),
            text(name),
        )?;
        head(out, report)?;
        match &report.assessment {
            Some(assessment) => {
                answers(out, assessment)?;
                base(out, report)?;
                findings(out, report)?;
                suppressed(out, report)?;
            }
            None => writeln!(
                out,
                "<p class=\"alarm\">No answer: no advisory was asked about these packages</p>"
            )?,
        }
        layers(out, report)?;
        warnings(out, report)?;
        write!(
            out,
            "<footer>pellucid {}</footer>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
            text(&report.tool.version),
        )
    }
}

fn digest(content: &str) -> String {
    format!(
        "sha256-{}",
        STANDARD.encode(Sha256::digest(content.as_bytes()))
    )
}

fn head(out: &mut dyn io::Write, report: &Report) -> io::Result<()> {
    let image = &report.inventory.image;
    writeln!(out, "<header><h1>{}</h1>\n<dl>", text(&image.reference))?;
    let mut fact = |name: &str, value: Option<String>| match value {
        Some(value) => writeln!(out, "<dt>{name}</dt><dd>{}</dd>", text(&value)),
        None => Ok(()),
    };
    let tags = (!image.tags.is_empty()).then(|| image.tags.join(", "));
    fact("Tags", tags)?;
    fact("Platform", image.platform.as_ref().map(ToString::to_string))?;
    fact(
        "Digest",
        image.digest.or(image.id).map(|digest| digest.to_string()),
    )?;
    let distribution = report.inventory.distributions.first();
    fact(
        "Distribution",
        distribution.map(|found| {
            found
                .pretty_name
                .clone()
                .unwrap_or_else(|| found.namespace.to_string())
        }),
    )?;
    let packages = counted(report.inventory.packages.len(), "package");
    let layers = counted(image.layers.len(), "layer");
    fact("Contents", Some(format!("{packages} in {layers}")))?;
    writeln!(out, "</dl></header>")
}

fn answers(out: &mut dyn io::Write, assessment: &Assessment) -> io::Result<()> {
    for line in verdict::unanswered(assessment)
        .iter()
        .chain(&verdict::ended(assessment))
    {
        writeln!(out, "<p class=\"alarm\">{}</p>", text(line))?;
    }
    if let Some(sentence) = verdict::found(assessment) {
        let class = if verdict::is_good(assessment) {
            "good"
        } else {
            "found"
        };
        writeln!(out, "<p class=\"{class}\">{}</p>", text(&sentence))?;
    }
    if let Some(gate) = &assessment.gate {
        let (rules, verdict) = verdict::gate(gate);
        let class = match gate.undecided {
            _ if gate.is_reached() => "alarm",
            0 => "good",
            _ => "found",
        };
        writeln!(
            out,
            "<p class=\"{class}\">Gate at {}: {verdict}</p>",
            text(&rules)
        )?;
    }
    for covered in assessment
        .coverage
        .iter()
        .filter(|covered| covered.is_covered())
    {
        let keys: Vec<&str> = covered
            .snapshots
            .iter()
            .map(|snapshot| snapshot.key.as_str())
            .collect();
        writeln!(
            out,
            "<p class=\"covered\">{} ({}) answered by {}</p>",
            text(verdict::name(covered)),
            counted(covered.packages, "package"),
            text(&keys.join(", ")),
        )?;
    }
    Ok(())
}

fn findings(out: &mut dyn io::Write, report: &Report) -> io::Result<()> {
    let findings = order::most_severe_first(report);
    if findings.is_empty() {
        return Ok(());
    }
    let summary = Summary::of(findings.iter().map(|(finding, _)| *finding));
    writeln!(
        out,
        "<section id=\"findings\"><h2>Findings</h2>\n<div class=\"tools\">"
    )?;
    writeln!(
        out,
        "<input id=\"search\" type=\"search\" placeholder=\"Package, vulnerability, text\" \
         aria-label=\"Search\">"
    )?;
    for severity in summary.by_severity.keys().rev() {
        let name = severity.name();
        writeln!(
            out,
            "<label><input type=\"checkbox\" class=\"severity\" value=\"{}\" checked> {name}</label>",
            rank(*severity),
        )?;
    }
    writeln!(
        out,
        "<label><input type=\"checkbox\" id=\"fixable\"> With a fix</label>\n\
         <label>Layer <select id=\"layer\"><option value=\"\">all</option>"
    )?;
    for number in 0..report.inventory.image.layers.len() {
        writeln!(out, "<option value=\"{number}\">{number}</option>")?;
    }
    writeln!(
        out,
        "</select></label>\n<span id=\"shown\" role=\"status\">{}</span></div>\n\
         <table id=\"table\"><thead><tr><th data-sort=\"number\">Severity</th><th>Vulnerability</th>\
         <th>Package</th><th>Installed</th><th>Fixed in</th><th data-sort=\"number\">Layer</th>\
         <th>About</th></tr></thead><tbody>",
        counted(findings.len(), "finding"),
    )?;
    for (finding, entry) in findings {
        row(out, finding, entry)?;
    }
    writeln!(out, "</tbody></table></section>")
}

fn row(out: &mut dyn io::Write, finding: &Finding, entry: &PackageEntry) -> io::Result<()> {
    let rank = rank(finding.severity);
    let layer = entry
        .layer()
        .map(|layer| layer.to_string())
        .unwrap_or_default();
    let fixed = match &finding.fixed_version {
        Some(version) => text(version),
        None => format!("<i>{}</i>", text(&order::remedy(finding, entry))),
    };
    let is_fixable = u8::from(finding.fix_state == pellucid_model::FixState::Fixed);
    let id = match finding.links.iter().find_map(|link| escape::link(link)) {
        Some(link) => format!(
            "<a href=\"{}\" rel=\"noopener noreferrer nofollow\">{}</a>",
            text(link),
            text(&finding.id),
        ),
        None => text(&finding.id),
    };
    let hidden = if entry.hidden {
        " <span class=\"mark\">hidden</span>"
    } else {
        ""
    };
    write!(
        out,
        "<tr data-severity=\"{rank}\" data-layer=\"{layer}\" data-fix=\"{is_fixable}\">\
         <td data-value=\"{rank}\" class=\"s{rank}\">{}</td><td>{id}</td><td>{}{hidden}</td>\
         <td>{}</td><td>{fixed}</td><td data-value=\"{layer}\">{layer}</td><td><details>\
         <summary>{}</summary>",
        finding.severity,
        text(&entry.package.name),
        text(&entry.package.version),
        text(&escape::shortened(&order::gist(finding), 90)),
    )?;
    if !finding.aliases.is_empty() {
        write!(out, "<p>Also {}</p>", text(&finding.aliases.join(", ")))?;
    }
    if !finding.related.is_empty() {
        let related = text(&finding.related.join(", "));
        write!(out, "<p>A bulletin about {related}</p>")?;
    }
    let description = escape::folded(&finding.description);
    write!(
        out,
        "<p>{}</p>",
        text(&escape::shortened(&description, TEXT))
    )?;
    for sentence in exploitation::sentences(finding) {
        write!(out, "<p>{}</p>", text(&sentence))?;
    }
    for cvss in &finding.cvss {
        write!(out, "<p>{}: {}</p>", text(&cvss.source), text(&cvss.vector))?;
    }
    for reason in finding.reasons.iter().take(8) {
        let because = format!(
            "{}: {} {}, {}",
            reason.feed, reason.name, reason.version, reason.range
        );
        write!(out, "<p>{}</p>", text(&because))?;
    }
    writeln!(
        out,
        "<p>{}</p></details></td></tr>",
        text(entry.path().unwrap_or_default())
    )
}

fn base(out: &mut dyn io::Write, report: &Report) -> io::Result<()> {
    let Some((base, of_base, own)) = verdict::of_base(report) else {
        return Ok(());
    };
    writeln!(
        out,
        "<p class=\"covered\">Base image {} ({}): {}; own layers: {}</p>",
        text(&base.name),
        counted(base.layers, "layer"),
        counted(of_base, "finding"),
        counted(own, "finding"),
    )
}

fn suppressed(out: &mut dyn io::Write, report: &Report) -> io::Result<()> {
    let suppressed = verdict::suppressed(report);
    if suppressed.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<section id=\"suppressed\"><details><summary>{}</summary><ul>",
        counted(suppressed.len(), "suppressed finding")
    )?;
    for (one, entry) in suppressed {
        let finding = &one.finding;
        let line = format!(
            "{} {} in {} {}: {}",
            finding.severity,
            finding.id,
            entry.package.name,
            entry.package.version,
            verdict::suppression(one)
        );
        writeln!(out, "<li>{}</li>", text(&line))?;
    }
    writeln!(out, "</ul></details></section>")
}

fn layers(out: &mut dyn io::Write, report: &Report) -> io::Result<()> {
    let inventory = &report.inventory;
    let mut packages: BTreeMap<usize, Vec<(usize, &PackageEntry)>> = BTreeMap::new();
    for (number, entry) in inventory.packages.iter().enumerate() {
        if let Some(layer) = entry.layer() {
            packages.entry(layer).or_default().push((number, entry));
        }
    }
    let mut by_package: BTreeMap<usize, Vec<&Finding>> = BTreeMap::new();
    for finding in report
        .assessment
        .iter()
        .flat_map(|assessment| &assessment.findings)
    {
        by_package.entry(finding.package).or_default().push(finding);
    }
    writeln!(out, "<section id=\"layers\"><h2>Layers</h2>")?;
    for number in 0..inventory.image.layers.len() {
        let packages = packages.remove(&number).unwrap_or_default();
        layer(out, inventory, number, &packages, &by_package)?;
    }
    writeln!(out, "</section>")
}

fn layer(
    out: &mut dyn io::Write,
    inventory: &Inventory,
    number: usize,
    packages: &[(usize, &PackageEntry)],
    findings: &BTreeMap<usize, Vec<&Finding>>,
) -> io::Result<()> {
    let Some(layer) = inventory.image.layers.get(number) else {
        return Ok(());
    };
    let own = packages
        .iter()
        .filter_map(|(number, _)| findings.get(number))
        .flatten()
        .copied();
    let summary = Summary::of(own);
    let step = escape::folded(layer.created_by.as_deref().unwrap_or("unknown build step"));
    writeln!(
        out,
        "<details class=\"layer\"><summary><b>Layer {number}</b> <code>{}</code> \
         <span class=\"count\">{}, {}</span></summary>\n<p>{}, {} bytes</p>",
        text(&escape::shortened(&step, 300)),
        counted(packages.len(), "package"),
        match summary.words().as_str() {
            "" => "no findings".to_owned(),
            words => words.to_owned(),
        },
        text(
            &layer
                .digest
                .or(layer.diff_id)
                .map_or_else(String::new, |digest| digest.to_string())
        ),
        layer.size,
    )?;
    if !packages.is_empty() {
        writeln!(
            out,
            "<table><thead><tr><th>Package</th><th>Version</th><th>Kind</th>\
            <th>File</th><th>Findings</th></tr></thead><tbody>"
        )?;
        for (number, entry) in packages {
            let count = findings.get(number).map_or(0, Vec::len);
            writeln!(
                out,
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{count}</td></tr>",
                text(&entry.package.name),
                text(&entry.package.version),
                entry.package.kind,
                text(entry.path().unwrap_or_default()),
            )?;
        }
        writeln!(out, "</tbody></table>")?;
    }
    writeln!(out, "</details>")
}

fn warnings(out: &mut dyn io::Write, report: &Report) -> io::Result<()> {
    if report.warnings.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<section><h2>{}</h2><ul>",
        counted(report.warnings.len(), "warning")
    )?;
    for warning in &report.warnings {
        writeln!(out, "<li>{}</li>", text(&warning.to_string()))?;
    }
    writeln!(out, "</ul></section>")
}

const fn rank(severity: Severity) -> u8 {
    match severity {
        Severity::Unknown => 0,
        Severity::Negligible => 1,
        Severity::Low => 2,
        Severity::Medium => 3,
        Severity::High => 4,
        Severity::Critical => 5,
        Severity::Defcon1 => 6,
    }
}
