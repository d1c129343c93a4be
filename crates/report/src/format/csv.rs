//! Comma-separated values: one line for each finding, or for each package where no advisory was asked.
//!
//! For spreadsheets, so cells are made harmless to them first; what must read back exactly is for
//! `json`. A namespace that no advisory data covers is a line too, because a file with a heading alone
//! would look like safety. Line ends are RFC 4180's.

use std::io;

use pellucid_model::PackageEntry;

use crate::escape::csv::cell;
use crate::format::{Format, Style};
use crate::{Report, order, verdict};

/// Comma-separated values.
pub(crate) struct Csv;

impl Format for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    // A line with a count would be one more finding to whatever counts lines.
    fn leaves_out_suppressed(&self) -> bool {
        true
    }

    fn write(&self, report: &Report, style: &Style, out: &mut dyn io::Write) -> io::Result<()> {
        let mut heading = vec![
            "namespace",
            "kind",
            "package",
            "version",
            "source",
            "layer",
            "path",
        ];
        let Some(assessment) = &report.assessment else {
            line(out, &heading)?;
            let packages = report.inventory.packages.iter();
            return packages
                .map(of_package)
                .try_for_each(|cells| line(out, &cells));
        };
        let more = [
            "vulnerability",
            "severity",
            "fix",
            "fixed version",
            "title",
            "link",
            "known exploited since",
            "epss",
        ];
        heading.extend(more);
        line(out, &heading)?;
        for covered in assessment
            .coverage
            .iter()
            .filter(|covered| !covered.is_covered())
        {
            let mut cells = vec![String::new(); 7];
            if let Some(first) = cells.first_mut() {
                verdict::name(covered).clone_into(first);
            }
            cells.push("NOT COVERED".to_owned());
            cells.resize(15, String::new());
            line(out, &cells)?;
        }
        if assessment.coverage.is_empty() {
            let mut cells = vec![String::new(); 7];
            cells.push("NOT COVERED".to_owned());
            cells.resize(15, String::new());
            line(out, &cells)?;
        }
        for (finding, entry) in order::most_severe_first(report) {
            let mut cells = of_package(entry);
            cells.push(finding.id.clone());
            cells.push(finding.severity.name().to_owned());
            cells.push(order::remedy(finding, entry));
            cells.push(finding.fixed_version.clone().unwrap_or_default());
            cells.push(order::gist(finding));
            cells.push(finding.links.first().cloned().unwrap_or_default());
            let kev = finding.kev.as_ref();
            cells.push(kev.map(|kev| kev.date_added.clone()).unwrap_or_default());
            let epss = finding.epss.as_ref().map(|epss| epss.score.value());
            cells.push(epss.map(|score| score.to_string()).unwrap_or_default());
            line(out, &cells)?;
        }
        for (one, entry) in verdict::suppressed(report)
            .into_iter()
            .filter(|_| style.suppressed)
        {
            let finding = &one.finding;
            let mut cells = of_package(entry);
            cells.push(finding.id.clone());
            cells.push(finding.severity.name().to_owned());
            cells.push(format!("Suppressed: {}", verdict::suppression(one)));
            cells.push(finding.fixed_version.clone().unwrap_or_default());
            cells.push(order::gist(finding));
            cells.push(finding.links.first().cloned().unwrap_or_default());
            line(out, &cells)?;
        }
        Ok(())
    }
}

fn of_package(entry: &PackageEntry) -> Vec<String> {
    let package = &entry.package;
    let namespace = entry
        .namespace
        .as_ref()
        .map(|name| name.as_str().to_owned());
    vec![
        namespace.unwrap_or_default(),
        package.kind.name().to_owned(),
        package.name.clone(),
        package.version.clone(),
        package.source_name().to_owned(),
        entry
            .layer()
            .map(|layer| layer.to_string())
            .unwrap_or_default(),
        entry.path().unwrap_or_default().to_owned(),
    ]
}

fn line(out: &mut dyn io::Write, cells: &[impl AsRef<str>]) -> io::Result<()> {
    let cells: Vec<String> = cells.iter().map(|text| cell(text.as_ref())).collect();
    write!(out, "{}\r\n", cells.join(","))
}
