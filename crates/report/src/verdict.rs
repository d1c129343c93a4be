//! What a report may claim in one sentence.
//!
//! "No vulnerabilities found" reads as safety, so it is said only of what advisory data answered for;
//! what none did comes first, by name.

use pellucid_model::{Coverage, Finding, PackageEntry, Suppressed, Suppression, SuppressionKind};

use crate::{Assessment, Base, Gate, Report, Summary};

/// A sentence for each namespace that no data answered for; none where all is covered.
pub(crate) fn unanswered(assessment: &Assessment) -> Vec<String> {
    if assessment.coverage.is_empty() {
        return vec!["No answer: nothing in this image is known to pellucid".to_owned()];
    }
    let open = assessment
        .coverage
        .iter()
        .filter(|covered| !covered.is_covered());
    open.map(|covered| format!("No answer for {}: {}", name(covered), covered.gap()))
        .collect()
}

/// A sentence for each namespace whose maker no longer fixes it.
pub(crate) fn ended(assessment: &Assessment) -> Vec<String> {
    let ends = assessment.coverage.iter().filter_map(|covered| {
        let end = covered.end_of_life.as_ref().filter(|end| end.past)?;
        Some(format!(
            "End of life: {} gets no more fixes since {}",
            name(covered),
            end.date
        ))
    });
    ends.collect()
}

/// What was found, or of what nothing was found; `None` where nothing was asked.
pub(crate) fn found(assessment: &Assessment) -> Option<String> {
    let summary = Summary::of(&assessment.findings);
    let mut sentence = match summary.vulnerabilities.total {
        0 => none_found(assessment)?,
        total => format!(
            "{}: {}; {} with a fix; in {}",
            counted(total, "vulnerability"),
            summary.words(),
            summary.vulnerabilities.fixable,
            counted(summary.affected_packages, "package"),
        ),
    };
    sentence.push_str(&aside(assessment));
    Some(sentence)
}

/// What is not among the findings, and why: the end of a sentence.
pub(crate) fn aside(assessment: &Assessment) -> String {
    let mut aside = String::new();
    if assessment.left_out > 0 {
        let left_out = counted(assessment.left_out, "finding");
        aside.push_str(&format!("; {left_out} left out by filters"));
    }
    if !assessment.suppressed.is_empty() {
        let suppressed = counted(assessment.suppressed.len(), "finding");
        aside.push_str(&format!("; {suppressed} suppressed"));
    }
    aside
}

/// What a gate asks, and whether it is reached.
pub(crate) fn gate(gate: &Gate) -> (String, String) {
    let rules: Vec<&str> = gate.rules.iter().map(|rule| rule.rule.as_str()).collect();
    let by: Vec<String> = [
        (gate.reaching.len(), "finding"),
        (gate.namespaces, "namespace"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, noun)| counted(count, noun))
    .collect();
    let verdict = if gate.is_reached() {
        format!("reached by {}", by.join(" and "))
    } else if gate.undecided > 0 {
        let undecided = counted(gate.undecided, "finding");
        format!("not reached; {undecided} could not be judged")
    } else {
        "not reached".to_owned()
    };
    (rules.join("; or "), verdict)
}

/// Who suppresses a finding, and why, in a sentence without a full stop.
pub(crate) fn suppression(one: &Suppressed) -> String {
    let is_alone = one.and_by.is_empty();
    let each: Vec<String> = one.all_by().map(|by| answer(by, is_alone)).collect();
    each.join("; ")
}

/// What one of those who answer for a finding says. One of several tells for what.
fn answer(by: &Suppression, is_alone: bool) -> String {
    let mut sentence = match by.kind {
        SuppressionKind::Ignored => format!("ignored by {} ({})", by.origin, by.rule),
        SuppressionKind::Vex => format!(
            "{} says {}",
            by.origin,
            by.status.as_deref().unwrap_or("not_affected")
        ),
    };
    if !is_alone && !by.vulnerabilities.is_empty() {
        sentence.push_str(&format!(" of {}", by.vulnerabilities.join(", ")));
    }
    let reasons = [by.justification.as_ref(), by.reason.as_ref()];
    let reasons: Vec<&str> = reasons.into_iter().flatten().map(String::as_str).collect();
    if !reasons.is_empty() {
        sentence.push_str(&format!(": {}", reasons.join(", ")));
    }
    if let Some(day) = &by.expires {
        sentence.push_str(&format!("; until {day}"));
    }
    sentence
}

/// The base image, how many findings came with it, and how many did not.
pub(crate) fn of_base(report: &Report) -> Option<(&Base, usize, usize)> {
    let assessment = report.assessment.as_ref()?;
    let base = assessment.base.as_ref()?;
    let is_of_base = |finding: &&Finding| {
        let entry = report.inventory.packages.get(finding.package);
        entry
            .and_then(PackageEntry::layer)
            .is_some_and(|layer| layer < base.layers)
    };
    let of_base = assessment.findings.iter().filter(is_of_base).count();
    Some((base, of_base, assessment.findings.len() - of_base))
}

/// Suppressed findings with their packages, in order.
pub(crate) fn suppressed(report: &Report) -> Vec<(&Suppressed, &PackageEntry)> {
    let suppressed = report
        .assessment
        .iter()
        .flat_map(|assessment| &assessment.suppressed);
    suppressed
        .filter_map(|one| Some((one, report.inventory.packages.get(one.finding.package)?)))
        .collect()
}

/// Whether nothing was found where everything was asked about.
pub(crate) fn is_good(assessment: &Assessment) -> bool {
    assessment.findings.is_empty()
        && assessment.left_out == 0
        && assessment.suppressed.is_empty()
        && !assessment.coverage.is_empty()
        && assessment.coverage.iter().all(Coverage::is_covered)
}

/// `1 package`, `2 packages`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    let plural = match noun.strip_suffix('y') {
        _ if count == 1 => noun.to_owned(),
        Some(stem) => format!("{stem}ies"),
        None => format!("{noun}s"),
    };
    format!("{count} {plural}")
}

/// The name of a namespace as a sentence says it.
pub(crate) fn name(covered: &Coverage) -> &str {
    covered
        .namespace
        .as_ref()
        .map_or("the unknown distribution", |name| name.as_str())
}

fn none_found(assessment: &Assessment) -> Option<String> {
    if assessment.left_out > 0 || !assessment.suppressed.is_empty() {
        return Some("No vulnerabilities to show".to_owned());
    }
    if is_good(assessment) {
        return Some("No vulnerabilities found".to_owned());
    }
    let covered = assessment
        .coverage
        .iter()
        .filter(|covered| covered.is_covered());
    let names: Vec<&str> = covered.map(name).collect();
    (!names.is_empty()).then(|| format!("No vulnerabilities found in {}", names.join(", ")))
}
