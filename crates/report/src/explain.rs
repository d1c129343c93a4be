//! Why a vulnerability was found in a package, or was not.

use std::io;

use pellucid_model::{Affected, Coverage, Digest, Finding, NameKind, PackageEntry, Status};

use crate::format::Style;
use crate::layout::{Page, Paint, plain, span};
use crate::{Assessment, Report, order, verdict};

/// What a snapshot at hand says of the vulnerability and a package of the report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Index of the package in the report.
    pub package: usize,
    /// Key of the snapshot.
    pub snapshot: String,
    /// Its digest.
    pub digest: Digest,
    /// The advisory's id.
    pub advisory: String,
    /// What it says.
    pub affected: Affected,
    /// The version of the package that it is about.
    pub installed: String,
    /// That version as it is compared with those of advisories.
    pub compared: String,
    /// Whether it is about products that the image's packages are not of, and so did not count.
    pub of_other_products: bool,
}

/// Explains the vulnerability, by any of its names, in the packages of that name or source name.
///
/// # Errors
/// Whatever the stream reports.
pub fn explain(
    report: &Report,
    vulnerability: &str,
    package: &str,
    records: &[Record],
    style: &Style,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let mut page = Page::new(out, style);
    let mut is_there = false;
    for (number, entry) in report.inventory.packages.iter().enumerate() {
        if is_meant(entry, package) {
            is_there = true;
            one(&mut page, report, vulnerability, number, entry)?;
            statements(
                &mut page,
                entry,
                records.iter().filter(|record| record.package == number),
            )?;
        }
    }
    if !is_there {
        let text = format!(
            "There is no package {package} in {}",
            report.inventory.image.reference
        );
        page.paragraph(0, &[plain(text)])?;
    }
    Ok(())
}

/// Whether a package is called so, by its own name or its source's, however its ecosystem lets it be
/// spelt.
pub fn is_meant(entry: &PackageEntry, package: &str) -> bool {
    let own = &entry.package;
    let wanted = own.kind.normalise(package);
    [own.name.as_str(), own.source_name()]
        .into_iter()
        .any(|name| own.kind.normalise(name) == wanted)
}

fn one(
    page: &mut Page<'_>,
    report: &Report,
    vulnerability: &str,
    number: usize,
    entry: &PackageEntry,
) -> io::Result<()> {
    let package = &entry.package;
    page.paragraph(
        0,
        &[
            plain("Package "),
            span(Paint::Bold, &package.name),
            plain(format!(
                " {}, source {} {}",
                package.version,
                package.source_name(),
                package.source_version()
            )),
        ],
    )?;
    let namespace = entry
        .namespace
        .as_ref()
        .map_or("an unknown distribution", |name| name.as_str());
    for location in &entry.locations {
        let text = format!(
            "of {namespace}, in layer {}, file {}",
            location.layer, location.path
        );
        page.paragraph(2, &[plain(text)])?;
    }
    let Some(assessment) = &report.assessment else {
        return page.paragraph(2, &[span(Paint::Alarm, "No answer: no advisory was asked")]);
    };
    let is_called = |name: &str| name.eq_ignore_ascii_case(vulnerability);
    let finding = assessment.findings.iter().find(|finding| {
        finding.package == number
            && (is_called(&finding.id) || finding.other_ids().any(|id| is_called(id)))
    });
    if let Some(finding) = finding {
        let line = format!(
            "{} ({}): {}",
            finding.id,
            finding.severity,
            order::remedy(finding, entry)
        );
        page.paragraph(
            2,
            &[span(Paint::Bad, "affected"), plain(format!(" by {line}"))],
        )?;
        page.paragraph(
            2,
            &[plain(format!(
                "severity as {} gives it",
                finding.severity_source
            ))],
        )?;
        return reasons(page, finding);
    }
    let suppressed = assessment.suppressed.iter().find(|one| {
        one.finding.package == number
            && (is_called(&one.finding.id) || one.finding.other_ids().any(|id| is_called(id)))
    });
    if let Some(one) = suppressed {
        let line = format!(
            " by {} ({}): {}",
            one.finding.id,
            one.finding.severity,
            order::remedy(&one.finding, entry)
        );
        page.paragraph(2, &[span(Paint::Bad, "affected"), plain(line)])?;
        let why = verdict::suppression(one);
        page.paragraph(
            2,
            &[
                span(Paint::Middling, "suppressed"),
                plain(format!(": {why}")),
            ],
        )?;
        return reasons(page, &one.finding);
    }
    page.paragraph(
        2,
        &[
            plain(format!("{vulnerability} is not reported: ")),
            why_not(report, number, entry),
        ],
    )?;
    if assessment.left_out > 0 {
        let text = format!(
            "filters left {} findings out of this report",
            assessment.left_out
        );
        page.paragraph(2, &[plain(text)])?;
    }
    Ok(())
}

fn reasons(page: &mut Page<'_>, finding: &Finding) -> io::Result<()> {
    for reason in &finding.reasons {
        let kind = kind(reason.name_kind);
        let text = format!(
            "because {} (snapshot {}) says of {kind} {}: {}; compared was {}",
            reason.feed, reason.snapshot, reason.name, reason.range, reason.version
        );
        page.paragraph(4, &[plain(text)])?;
        if !reason.products.is_empty() {
            let text = format!("said for {}", reason.products.join(", "));
            page.paragraph(4, &[plain(text)])?;
        }
        if let Some(note) = &reason.note {
            page.paragraph(4, &[plain(format!("note: {note}"))])?;
        }
    }
    Ok(())
}

fn why_not(report: &Report, number: usize, entry: &PackageEntry) -> crate::layout::Span {
    let is_left = |assessment: &Assessment| assessment.left_to_owners.contains(&number);
    let owner = entry.owner.as_ref();
    if let Some(owner) = owner.filter(|_| report.assessment.as_ref().is_some_and(is_left)) {
        let text = format!(
            "{} {} owns its files, and its advisories decide",
            owner.name, owner.version
        );
        return plain(text);
    }
    if entry.hidden {
        return plain("an upper layer removed the package; scan with --layers hidden to match it");
    }
    let mut coverage = report
        .assessment
        .iter()
        .flat_map(|assessment| &assessment.coverage);
    match coverage.find(|covered| covered.namespace == entry.namespace) {
        Some(covered) if covered.is_covered() => plain(format!(
            "nothing in {} says that this version is affected",
            snapshots(covered)
        )),
        Some(covered) => {
            let text = format!(
                "NO ANSWER, no advisory data covers {}",
                verdict::name(covered)
            );
            span(Paint::Alarm, text)
        }
        None => span(
            Paint::Alarm,
            "NO ANSWER, no advisory data covers its namespace",
        ),
    }
}

fn snapshots(covered: &Coverage) -> String {
    let names = covered
        .snapshots
        .iter()
        .map(|snapshot| format!("{} ({})", snapshot.key, snapshot.digest));
    names.collect::<Vec<_>>().join(" and ")
}

/// What the snapshots at hand say, whether it decided or not.
fn statements<'a>(
    page: &mut Page<'_>,
    entry: &PackageEntry,
    records: impl Iterator<Item = &'a Record>,
) -> io::Result<()> {
    for record in records {
        let affected = &record.affected;
        let status = match affected.status {
            Status::Affected => "affected",
            Status::NotAffected => "not affected",
            Status::UnderInvestigation => "not yet determined",
            Status::WillNotFix => "affected, will not be fixed",
            Status::Deferred => "affected, fix put off",
            Status::EndOfLife => "affected, no longer supported",
        };
        let text = format!(
            "{} in {} ({}) says of {} {} in {}: {status}",
            record.advisory,
            record.snapshot,
            record.digest,
            kind(affected.name_kind),
            affected.package,
            affected.namespace,
        );
        page.paragraph(2, &[plain(text)])?;
        if !affected.cpes.is_empty() {
            let text = format!("said for {}", affected.cpes.join(", "));
            page.paragraph(4, &[plain(text)])?;
        }
        if record.of_other_products {
            let text = "does not count: the image's packages are of none of these products";
            page.paragraph(4, &[plain(text)])?;
        }
        let version = entry.package.kind.scheme().parse(&record.compared);
        let installed = match record.compared == record.installed {
            true => record.installed.clone(),
            false => format!("{}, compared as {},", record.installed, record.compared),
        };
        for range in &affected.ranges {
            let verdict = match version.as_ref().map(|version| range.contains(version)) {
                Ok(Ok(true)) => "lies in",
                Ok(Ok(false)) => "does not lie in",
                Ok(Err(_)) | Err(_) => "cannot be compared with",
            };
            page.paragraph(4, &[plain(format!("{installed} {verdict} {range}"))])?;
        }
        if let Some(note) = &affected.note {
            page.paragraph(4, &[plain(format!("note: {note}"))])?;
        }
    }
    Ok(())
}

const fn kind(kind: NameKind) -> &'static str {
    match kind {
        NameKind::Source => "source package",
        NameKind::Binary => "package",
    }
}
