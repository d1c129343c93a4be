//! What a report may claim in one sentence.
//!
//! "No vulnerabilities found" reads as safety, so it is said only of what advisory data answered for;
//! what none did comes first, by name.

use pellucid_model::Coverage;

use crate::{Assessment, Summary};

/// A sentence for each namespace that no data answered for; none where all is covered.
pub(crate) fn unanswered(assessment: &Assessment) -> Vec<String> {
    if assessment.coverage.is_empty() {
        return vec!["No answer: nothing in this image is known to pellucid".to_owned()];
    }
    let open = assessment
        .coverage
        .iter()
        .filter(|covered| !covered.is_covered());
    open.map(|covered| format!("No answer for {}: no advisory data", name(covered)))
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
    if assessment.left_out > 0 {
        let left_out = counted(assessment.left_out, "finding");
        sentence.push_str(&format!("; {left_out} left out by filters"));
    }
    Some(sentence)
}

/// Whether nothing was found where everything was asked about.
pub(crate) fn is_good(assessment: &Assessment) -> bool {
    assessment.findings.is_empty()
        && assessment.left_out == 0
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
    if assessment.left_out > 0 {
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
