//! The lines under a row: which layer brought its packages, and each vulnerability with its reason.

use std::collections::BTreeMap;
use std::io;

use pellucid_model::{
    Finding, FixState, Inventory, NameKind, PackageEntry, Rating, Reason, Severity,
};

use super::{paint, short};
use crate::escape;
use crate::exploitation;
use crate::group::Group;
use crate::layout::{Page, Paint, plain, span};

/// How much of a build step or description is shown, in letters.
const SHOWN: usize = 160;

/// Writes the lines under a group's row.
pub(super) fn write(
    page: &mut Page<'_>,
    inventory: &Inventory,
    group: &Group<'_>,
) -> io::Result<()> {
    for entry in group.packages.values() {
        package(page, inventory, entry)?;
        owned(page, inventory, entry)?;
    }
    let mut by_id: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    let mut order = Vec::new();
    for finding in &group.findings {
        let same = by_id.entry(&finding.id).or_default();
        if same.is_empty() {
            order.push(finding.id.as_str());
        }
        same.push(finding);
    }
    for id in order {
        if let Some(findings) = by_id.get(id) {
            vulnerability(page, group, findings)?;
        }
    }
    Ok(())
}

fn package(page: &mut Page<'_>, inventory: &Inventory, entry: &PackageEntry) -> io::Result<()> {
    let mut line = vec![
        plain("in "),
        span(Paint::Bold, &entry.package.name),
        plain(format!(" {}", entry.package.version)),
    ];
    if let Some(index) = entry.layer() {
        line.push(plain(format!(", layer {index}")));
        if let Some(digest) = inventory.layer_digest(entry) {
            line.push(plain(format!(" {}", short(&digest))));
        }
        let step = inventory
            .image
            .layers
            .get(index)
            .and_then(|layer| layer.created_by.as_ref());
        if let Some(step) = step {
            let shown = shortened(&escape::folded(step), page);
            line.push(span(Paint::Dim, format!(" ({shown})")));
        }
    }
    if let Some(path) = entry.path() {
        line.push(plain(format!(", from {path}")));
    }
    page.paragraph(2, &line)
}

/// Packages of languages that a distribution's package brought.
fn owned(page: &mut Page<'_>, inventory: &Inventory, owner: &PackageEntry) -> io::Result<()> {
    let is_of = |entry: &&PackageEntry| {
        entry.owner.as_ref().is_some_and(|of| {
            (&of.name, &of.version) == (&owner.package.name, &owner.package.version)
        })
    };
    if !owner.package.kind.is_os() {
        return Ok(());
    }
    for entry in inventory.packages.iter().filter(is_of) {
        let package = &entry.package;
        let mut text = format!(
            "it brought {} {} {}",
            package.kind.name(),
            package.name,
            package.version
        );
        if let Some(path) = entry.path() {
            text.push_str(&format!(", from {path}"));
        }
        page.paragraph(4, &[plain(text)])?;
    }
    Ok(())
}

/// One vulnerability of a group; `findings` are its findings, in one package each.
fn vulnerability(page: &mut Page<'_>, group: &Group<'_>, findings: &[&Finding]) -> io::Result<()> {
    let Some(finding) = findings.first() else {
        return Ok(());
    };
    let mut line = vec![
        span(paint(finding.severity), finding.severity.name()),
        plain(" "),
        span(Paint::Bold, &finding.id),
    ];
    let others: Vec<&str> = finding.other_ids().map(String::as_str).collect();
    if !others.is_empty() {
        line.push(plain(format!(" ({})", others.join(", "))));
    }
    line.push(plain(match (finding.fix_state, &finding.fixed_version) {
        _ if finding.malware => ", malware: the package is to be removed".to_owned(),
        (FixState::Fixed, Some(version)) => format!(", fixed in {version}"),
        (FixState::Fixed, None) => ", fixed".to_owned(),
        (FixState::NotFixed, _) => ", no fix yet".to_owned(),
        (FixState::WontFix, _) => ", vendor will not fix".to_owned(),
        (FixState::Deferred, _) => ", fix put off".to_owned(),
        (FixState::Unknown, _) => String::new(),
    }));
    if findings.len() < group.packages.len() {
        let names: Vec<&str> = findings
            .iter()
            .filter_map(|finding| group.packages.get(&finding.package))
            .map(|entry| entry.package.name.as_str())
            .collect();
        line.push(plain(format!(", only in {}", names.join(", "))));
    }
    page.paragraph(2, &line)?;
    let title = findings.iter().find_map(|finding| finding.title.as_deref());
    let what = escape::folded(title.unwrap_or(&finding.description));
    if !what.is_empty() {
        page.paragraph(4, &[plain("what: "), plain(shortened(&what, page))])?;
    }
    if let Some(ratings) = ratings(finding) {
        page.paragraph(4, &[plain(ratings)])?;
    }
    for reason in &finding.reasons {
        page.paragraph(4, &[plain("why: "), plain(because(reason))])?;
    }
    for sentence in exploitation::sentences(finding) {
        page.paragraph(4, &[plain("risk: "), plain(sentence)])?;
    }
    if let Some(link) = finding.links.first() {
        page.paragraph(4, &[plain("see: "), plain(link)])?;
    }
    Ok(())
}

/// Who says how bad it is, where several say so and differ.
fn ratings(finding: &Finding) -> Option<String> {
    let known: Vec<_> = finding
        .ratings
        .iter()
        .filter(|rating| rating.severity != Severity::Unknown)
        .collect();
    let first = known.first()?;
    if known.iter().all(|one| one.severity == first.severity) {
        return None;
    }
    let said = |rating: &&Rating| {
        let Rating { feed, advisory, .. } = rating;
        format!("{} by {advisory} of {feed}", rating.severity.name())
    };
    let all: Vec<String> = known.iter().map(said).collect();
    Some(format!("severity: {}; the first counts", all.join(", ")))
}

fn shortened(text: &str, page: &Page<'_>) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push_str(page.ellipsis());
    }
    shown
}

fn because(reason: &Reason) -> String {
    let kind = match reason.name_kind {
        NameKind::Source => "source package",
        NameKind::Binary => "package",
    };
    let Reason {
        feed,
        name,
        version,
        range,
        ..
    } = reason;
    let mut text = match range.as_str() {
        "all versions" => format!("{feed}: {kind} {name} {version}, as all versions are affected"),
        range => format!("{feed}: {kind} {name} {version} is in the affected range {range}"),
    };
    if let Some(note) = &reason.note {
        text.push_str(&format!("; {}", escape::folded(note)));
    }
    text
}
