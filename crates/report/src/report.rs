//! The report: an inventory, and what is known about it.

use std::collections::BTreeSet;

use pellucid_model::{Coverage, Finding, Inventory, Severity, SnapshotRef, Suppressed, Warning};

use crate::verdict::counted;

/// Which pellucid wrote a report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tool {
    /// Version of pellucid.
    pub version: String,
    /// Commit it was built from, or `unknown`.
    pub commit: String,
}

/// What must not be found, and what of it was.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Gate {
    /// The rules; one that is reached is enough.
    pub rules: Vec<GateRule>,
    /// Package and id of every finding that reaches some rule.
    pub reaching: BTreeSet<(usize, String)>,
    /// How many namespaces reach some rule.
    pub namespaces: usize,
    /// How many findings some rule could not judge, because nobody gave them what it asks for.
    pub undecided: usize,
}

/// One rule of a gate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GateRule {
    /// The rule in words: `high`, or `medium, fixable`.
    pub rule: String,
    /// How many findings or namespaces reach it.
    pub reached_by: usize,
}

impl Gate {
    /// Whether any rule is reached.
    pub fn is_reached(&self) -> bool {
        self.rules.iter().any(|rule| rule.reached_by > 0)
    }

    /// Whether a finding reaches some rule.
    pub fn is_reached_by(&self, finding: &Finding) -> bool {
        self.reaching
            .contains(&(finding.package, finding.id.clone()))
    }

    /// The least severity that reaches it, where that is all it looks at.
    pub fn severity(&self) -> Option<Severity> {
        match self.rules.as_slice() {
            [only] => only.rule.parse().ok(),
            _ => None,
        }
    }
}

/// The image that an image was built on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Base {
    /// Its name.
    pub name: String,
    /// How many of the lowest layers are its own.
    pub layers: usize,
    /// Whether it was recognised among images that were scanned before, not named by the caller.
    pub is_detected: bool,
}

/// What the advisories say about an inventory.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Assessment {
    /// Vulnerabilities, each in one package of the inventory.
    pub findings: Vec<Finding>,
    /// Which advisory data answered for which namespace.
    pub coverage: Vec<Coverage>,
    /// Packages that were not matched, because the advisories of their owner's distribution decide;
    /// by their place in the inventory.
    pub left_to_owners: BTreeSet<usize>,
    /// Which data added exploitation and scores to the findings, sorted by key. Without a snapshot of
    /// a feed here, its silence about a finding means nothing.
    pub enrichment: Vec<SnapshotRef>,
    /// How many findings a filter left out of `findings`.
    pub left_out: usize,
    /// The gate, where the caller set one.
    pub gate: Option<Gate>,
    /// Findings that somebody has answered for; they are not among `findings`.
    pub suppressed: Vec<Suppressed>,
    /// The image that this one was built on, where it is known.
    pub base: Option<Base>,
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
                .suppressed
                .retain(|suppressed| suppressed.finding.package < inventory.packages.len());
            assessment.suppressed.sort();
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

    /// The first so many warnings, each a sentence, and one that says how many more there are.
    pub fn first_warnings(&self, most: usize) -> Vec<String> {
        let told = self.warnings.iter().take(most);
        let mut told: Vec<String> = told.map(ToString::to_string).collect();
        if self.warnings.len() > most {
            let more = counted(self.warnings.len() - most, "more warning");
            told.push(format!("{more}; a report as json has all"));
        }
        told
    }
}
