//! OSV records about packages of languages, and what their publishers mean by their own fields.
//!
//! Severity is computed from the CVSS vectors (version 3, else 4, else 2), else the publisher's word.
//! `MAL-` records report a malicious package, not a flaw.
//!
//! Left out: withdrawn records, ranges of commits, RustSec's informational records (unmaintained,
//! unsound, notice), which functions of a package are affected.

use pellucid_model::{
    Advisory, Affected, Cvss, NameKind, Namespace, PackageKind, Severity, Status,
};
use pellucid_version::Range;
use serde::Deserialize;

use super::osv::{self, Record, Scored, Versions};
use super::{cvss, date};
use crate::{AdvisorySink, FeedError, Fetched};

/// Most bytes of one record.
pub(crate) const RECORD_LIMIT: u64 = 16 << 20;
/// Longest description that is kept, in bytes; the links lead to the rest.
pub(crate) const DESCRIPTION: usize = 4096;
/// Most links that are kept of a record.
pub(crate) const LINKS: usize = 40;

/// Ecosystems as OSV names them, and the packages they are of.
pub(crate) const ECOSYSTEMS: &[(&str, PackageKind)] = &[
    ("Bitnami", PackageKind::Bitnami),
    ("CRAN", PackageKind::Cran),
    ("Go", PackageKind::Golang),
    ("Hackage", PackageKind::Hackage),
    ("Hex", PackageKind::Hex),
    ("Maven", PackageKind::Maven),
    ("NuGet", PackageKind::Nuget),
    ("Packagist", PackageKind::Composer),
    ("Pub", PackageKind::Pub),
    ("PyPI", PackageKind::Pypi),
    ("RubyGems", PackageKind::Gem),
    ("SwiftURL", PackageKind::Swift),
    ("crates.io", PackageKind::Cargo),
    ("npm", PackageKind::Npm),
];

/// The kind of an ecosystem's packages.
pub(crate) fn kind_of(ecosystem: &str) -> Option<PackageKind> {
    let known = ECOSYSTEMS.iter().find(|(name, _)| *name == ecosystem);
    known.map(|(_, kind)| *kind)
}

/// Reads a file that is one record.
///
/// # Errors
/// The file is no record.
pub(crate) fn parse(
    file: &Fetched<'_>,
    wanted: impl Fn(&str) -> Option<PackageKind>,
    out: &mut dyn AdvisorySink,
) -> Result<(), FeedError> {
    let record = osv::record(file)?;
    if let Some(advisory) = advisory(&record, wanted, out) {
        out.advisory(advisory);
    }
    Ok(())
}

/// What publishers put beside a record.
#[derive(Deserialize, Default)]
struct Specific {
    severity: Option<String>,
    cwe_ids: Option<Vec<String>>,
}

/// The advisory that a record is, with those of its packages whose kind `wanted` tells from the name
/// of their ecosystem; `None`, and told to `out`, where nothing is left to report.
pub(crate) fn advisory(
    record: &Record<'_>,
    wanted: impl Fn(&str) -> Option<PackageKind>,
    out: &mut dyn AdvisorySink,
) -> Option<Advisory> {
    let id = record.id.trim();
    if id.is_empty() {
        out.bad_record("", "a record without an id");
        return None;
    }
    if record.withdrawn.is_some() {
        out.left_out(id, "withdrawn");
        return None;
    }
    let mut advisory = Advisory::new(id);
    advisory.malware = id.starts_with("MAL-");
    let mut informational = false;
    for package in record.affected.iter().flatten() {
        let Some(name) = &package.package else {
            continue;
        };
        let own = name.ecosystem.split(':').next().unwrap_or_default();
        let Some(kind) = wanted(own) else {
            continue;
        };
        #[derive(Deserialize)]
        struct RustSec {
            informational: Option<String>,
        }
        if osv::specific::<RustSec>(package.database_specific)
            .is_some_and(|specific| specific.informational.is_some())
        {
            informational = true;
            continue;
        }
        let Versions {
            mut ranges,
            listed,
            commits,
        } = match osv::versions(package, kind.scheme()) {
            Ok(versions) => versions,
            Err(reason) => {
                out.bad_record(id, &format!("{}: {reason}", name.name));
                continue;
            }
        };
        if kind == PackageKind::Golang
            && *ranges == [Range::all()]
            && let Some(custom) = osv::custom_ranges(package, kind.scheme())
        {
            ranges = custom;
        }
        if commits > 0 {
            out.left_out(id, "a range of commits");
        }
        if ranges.is_empty() && listed.is_empty() {
            if commits == 0 {
                out.bad_record(id, &format!("{}: no affected versions", name.name));
            }
            continue;
        }
        ranges.sort();
        advisory.affected.push(Affected {
            namespace: Namespace::from(kind.name()),
            package: kind.normalise(&name.name).into_owned(),
            name_kind: NameKind::Binary,
            status: Status::Affected,
            ranges,
            versions: listed,
            severity: package
                .severity
                .as_deref()
                .and_then(|scores| cvss::severity(vectors(scores))),
            arches: Vec::new(),
            module: None,
            cpes: Vec::new(),
            note: None,
        });
        for vector in package.severity.as_deref().into_iter().flat_map(vectors) {
            push_vector(&mut advisory.cvss, id, vector);
        }
    }
    if advisory.affected.is_empty() {
        if informational {
            out.left_out(id, "informational");
        }
        return None;
    }
    describe(&mut advisory, record);
    // One package may be named several times, once a range; as one statement they are found once.
    advisory.affected.sort();
    advisory.affected.dedup();
    Some(advisory)
}

/// Fills everything of an advisory but its packages.
pub(crate) fn describe(advisory: &mut Advisory, record: &Record<'_>) {
    advisory.aliases = record
        .aliases
        .iter()
        .flatten()
        .map(|alias| alias.trim().to_owned())
        .filter(|alias| !alias.is_empty() && *alias != advisory.id)
        .collect();
    advisory.aliases.sort_unstable();
    advisory.aliases.dedup();
    let trimmed = |text: &Option<crate::format::json::Text<'_>>| {
        let text = text.as_deref().unwrap_or_default().trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    advisory.title = trimmed(&record.summary).map(|title| shortened(&title, 300));
    advisory.description = trimmed(&record.details)
        .map(|details| shortened(&details, DESCRIPTION))
        .unwrap_or_default();
    for vector in record.severity.as_deref().into_iter().flat_map(vectors) {
        push_vector(&mut advisory.cvss, &advisory.id, vector);
    }
    let specific: Specific = osv::specific(record.database_specific).unwrap_or_default();
    advisory.cwes = specific.cwe_ids.unwrap_or_default();
    advisory.severity_word = specific.severity;
    let computed = cvss::severity(advisory.cvss.iter().map(|cvss| cvss.vector.as_str()));
    advisory.severity = match computed {
        _ if advisory.malware => Severity::Critical,
        Some(severity) => severity,
        None => advisory
            .severity_word
            .as_deref()
            .map_or(Severity::Unknown, severity_of),
    };
    for affected in &mut advisory.affected {
        affected.severity = affected
            .severity
            .filter(|severity| *severity != advisory.severity);
    }
    let links = record.references.iter().flatten();
    advisory
        .links
        .push(format!("https://osv.dev/vulnerability/{}", advisory.id));
    advisory.links.extend(
        links
            .map(|link| link.url.0.clone().into_owned())
            .take(LINKS),
    );
    advisory.published = record.published.as_deref().and_then(date::seconds);
    advisory.modified = record.modified.as_deref().and_then(date::seconds);
}

fn vectors<'a>(scores: &'a [Scored<'_>]) -> impl Iterator<Item = &'a str> + Clone {
    scores
        .iter()
        .filter(|score| score.kind.starts_with("CVSS"))
        .map(|score| &*score.score)
}

/// Adds a vector under its publisher's name.
fn push_vector(list: &mut Vec<Cvss>, id: &str, vector: &str) {
    let source = match id.split_once('-').map_or(id, |(prefix, _)| prefix) {
        "GHSA" => "ghsa",
        "PYSEC" => "pypa",
        "RUSTSEC" => "rustsec",
        "BIT" => "bitnami",
        "HSEC" => "hsec",
        "OESA" => "openeuler",
        "MGASA" => "mageia",
        "BELL" => "bellsoft",
        "CLEANSTART" => "cleanstart",
        "ECHO" => "echo",
        _ => "osv",
    };
    let cvss = Cvss {
        source: source.to_owned(),
        vector: vector.to_owned(),
    };
    if !list.contains(&cvss) && list.len() < 16 {
        list.push(cvss);
    }
}

fn severity_of(word: &str) -> Severity {
    match word.to_ascii_lowercase().as_str() {
        "low" => Severity::Low,
        "moderate" | "medium" => Severity::Medium,
        "high" | "important" => Severity::High,
        "critical" => Severity::Critical,
        _ => Severity::Unknown,
    }
}

/// At most so many bytes of a text, cut between characters.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = (0..=most)
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    let mut short = text.get(..end).unwrap_or_default().to_owned();
    short.push('…');
    short
}
