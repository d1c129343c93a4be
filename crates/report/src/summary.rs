//! The counts of a report.
//!
//! A vulnerability is counted once however many packages have it, as severe as in the worst of them.
//! A *finding* is one vulnerability in one package.

use std::collections::BTreeMap;

use pellucid_model::{Finding, FixState, Severity};

/// How many vulnerabilities, and how many of them a new version would close.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Count {
    /// Vulnerabilities.
    pub total: usize,
    /// Those with a fix for at least one of the packages that have them.
    pub fixable: usize,
}

/// The counts of a report.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Vulnerabilities, each counted once.
    pub vulnerabilities: Count,
    /// The same by severity; severities without any are absent.
    pub by_severity: BTreeMap<Severity, Count>,
    /// Findings: pairs of a package and a vulnerability.
    pub findings: usize,
    /// Packages with at least one finding.
    pub affected_packages: usize,
}

impl Summary {
    /// Counts findings.
    pub fn of<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Self {
        let mut worst: BTreeMap<&str, (Severity, bool)> = BTreeMap::new();
        let mut packages = std::collections::BTreeSet::new();
        let mut summary = Self::default();
        for finding in findings {
            summary.findings += 1;
            packages.insert(finding.package);
            let (severity, fixable) = worst.entry(&finding.id).or_default();
            *severity = (*severity).max(finding.severity);
            *fixable |= finding.fix_state == FixState::Fixed;
        }
        summary.affected_packages = packages.len();
        for (severity, fixable) in worst.into_values() {
            let by_severity = summary.by_severity.entry(severity).or_default();
            for count in [by_severity, &mut summary.vulnerabilities] {
                count.total += 1;
                count.fixable += usize::from(fixable);
            }
        }
        summary
    }

    /// The counts in words, worst first: `2 critical, 9 high`. Empty where there are none.
    pub fn words(&self) -> String {
        let words: Vec<String> = self
            .by_severity
            .iter()
            .rev()
            .map(|(severity, count)| {
                format!("{} {}", count.total, severity.name().to_ascii_lowercase())
            })
            .collect();
        words.join(", ")
    }
}
