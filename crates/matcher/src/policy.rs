//! Which findings are shown, and whether they are bad enough to fail.

use std::collections::BTreeSet;

use pellucid_model::{Finding, FixState, Severity};

/// What the caller wants to see, and from which severity on it is a failure.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Policy {
    /// The least severity that fails; `None` never fails.
    pub fail_on: Option<Severity>,
    /// Only findings that an update would close.
    pub only_fixed: bool,
    /// Only findings of these severities; empty means all.
    pub severities: BTreeSet<Severity>,
}

/// Findings after the policy.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Judged {
    /// Findings to show, in the order they came.
    pub findings: Vec<Finding>,
    /// How many are not shown.
    pub left_out: usize,
    /// How many of those shown are as severe as the gate or worse.
    pub reached_by: usize,
}

impl Judged {
    /// Whether the gate is reached.
    pub const fn is_reached(&self) -> bool {
        self.reached_by > 0
    }
}

impl Policy {
    /// Whether a finding is shown.
    pub fn shows(&self, finding: &Finding) -> bool {
        (!self.only_fixed || finding.fix_state == FixState::Fixed)
            && (self.severities.is_empty() || self.severities.contains(&finding.severity))
    }

    /// Sorts findings into shown and left out. What is left out does not reach the gate.
    pub fn judge(&self, mut findings: Vec<Finding>) -> Judged {
        let all = findings.len();
        findings.retain(|finding| self.shows(finding));
        let fails =
            |finding: &&Finding| self.fail_on.is_some_and(|least| finding.severity >= least);
        let reached_by = findings.iter().filter(fails).count();
        Judged {
            left_out: all - findings.len(),
            reached_by,
            findings,
        }
    }
}
