//! The number that stands for a severity, for formats that demand one.
//!
//! pellucid itself judges by the vendor's severity; the score of a vector is the model's.

use pellucid_model::{Finding, Severity};

/// The number that stands for a finding's severity: the CVSS score where it says the same as the
/// severity, else the middle of the severity's range; `None` where the severity is not known.
pub(crate) fn number(severity: Severity, finding: &Finding) -> Option<f64> {
    let (low, middle, high) = match severity {
        Severity::Unknown => return None,
        Severity::Negligible => (0.1, 0.1, 0.1),
        Severity::Low => (0.1, 2.0, 3.9),
        Severity::Medium => (4.0, 5.5, 6.9),
        Severity::High => (7.0, 8.0, 8.9),
        // GitHub calls critical only what is over 9.0.
        Severity::Critical => (9.1, 9.5, 10.0),
        Severity::Defcon1 => (10.0, 10.0, 10.0),
    };
    let scores = finding.cvss.iter().filter_map(pellucid_model::Cvss::score);
    Some(
        scores
            .into_iter()
            .find(|score| (low..=high).contains(score))
            .unwrap_or(middle),
    )
}
