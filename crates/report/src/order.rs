//! Findings in the order in which they matter, and the words for what there is to do.

use pellucid_model::{Finding, FixState, PackageEntry};

use crate::Report;

/// Every finding with its package, the most severe first.
pub(crate) fn most_severe_first(report: &Report) -> Vec<(&Finding, &PackageEntry)> {
    let findings = report
        .assessment
        .iter()
        .flat_map(|assessment| &assessment.findings);
    let mut pairs: Vec<(&Finding, &PackageEntry)> = findings
        .filter_map(|finding| Some((finding, report.inventory.packages.get(finding.package)?)))
        .collect();
    pairs.sort_by(|(a, _), (b, _)| {
        b.severity
            .cmp(&a.severity)
            .then_with(|| (&a.id, a.package).cmp(&(&b.id, b.package)))
    });
    pairs
}

/// What there is to do about a finding, in a sentence without a full stop.
pub(crate) fn remedy(finding: &Finding, entry: &PackageEntry) -> String {
    match (finding.fix_state, &finding.fixed_version) {
        _ if finding.malware => format!("Remove {}: it is malicious", entry.package.name),
        (FixState::Fixed, Some(version)) => format!("Upgrade {} to {version}", entry.package.name),
        (FixState::Fixed, None) => "Fixed in a version that no advisory names".to_owned(),
        (FixState::NotFixed, _) => "No fix yet".to_owned(),
        (FixState::WontFix, _) => "The vendor will not fix it".to_owned(),
        (FixState::Deferred, _) => "The vendor has put the fix off".to_owned(),
        (FixState::Unknown, _) => "Whether there is a fix is not known".to_owned(),
    }
}

/// One line about a finding: its title, else the start of its description.
pub(crate) fn gist(finding: &Finding) -> String {
    let text = match finding.title.as_deref().filter(|title| !title.is_empty()) {
        Some(title) => title,
        None => finding.description.as_str(),
    };
    crate::escape::folded(text)
}
