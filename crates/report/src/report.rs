//! The report: an inventory, and what is known about it.

use pellucid_model::{Coverage, Finding, Inventory, Severity, SnapshotRef, Warning};

/// Which pellucid wrote a report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tool {
    /// Version of pellucid.
    pub version: String,
    /// Commit it was built from, or `unknown`.
    pub commit: String,
}

/// A severity that must not be reached, and whether it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gate {
    /// The least severity that counts.
    pub fail_on: Severity,
    /// How many findings are that severe or worse; the gate is reached by one.
    pub reached_by: usize,
}

impl Gate {
    /// Whether any finding is as severe as the gate's severity.
    pub const fn is_reached(&self) -> bool {
        self.reached_by > 0
    }
}

/// What the advisories say about an inventory.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Assessment {
    /// Vulnerabilities, each in one package of the inventory.
    pub findings: Vec<Finding>,
    /// Which advisory data answered for which namespace.
    pub coverage: Vec<Coverage>,
    /// Which data added exploitation and scores to the findings, sorted by key. Without a snapshot of
    /// a feed here, its silence about a finding means nothing.
    pub enrichment: Vec<SnapshotRef>,
    /// How many findings a filter left out of `findings`.
    pub left_out: usize,
    /// The gate, where the caller set one.
    pub gate: Option<Gate>,
}

/// An image's inventory, and what the advisories say about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// Which pellucid wrote it.
    pub tool: Tool,
    /// What is in the image; its warnings are moved to `warnings`.
    pub inventory: Inventory,
    /// What was not as it should be, in the image and in the advisory data; sorted.
    pub warnings: Vec<Warning>,
    /// What the advisories say; `None` where only the packages were asked for.
    pub assessment: Option<Assessment>,
}

impl Report {
    /// A report of an inventory, sorted so that equal facts give equal reports. `warnings` are those
    /// that are not the inventory's own.
    pub fn new(
        tool: Tool,
        mut inventory: Inventory,
        assessment: Option<Assessment>,
        mut warnings: Vec<Warning>,
    ) -> Self {
        warnings.append(&mut inventory.warnings);
        warnings.sort();
        warnings.dedup();
        let assessment = assessment.map(|mut assessment| {
            // Never a finding about a package that is not there: formats look packages up by index.
            assessment
                .findings
                .retain(|finding| finding.package < inventory.packages.len());
            assessment
                .findings
                .sort_by(|a, b| (a.package, &a.id).cmp(&(b.package, &b.id)));
            assessment
        });
        Self {
            tool,
            inventory,
            warnings,
            assessment,
        }
    }
}
