//! Which findings are shown, and whether they are bad enough to fail.
//!
//! A fail rule is a list of conditions that must all hold; one rule that holds is enough. What is not
//! known never makes a rule miss where that would be taken for safety: a vulnerability without a date
//! is old enough, and where no base image is known, everything is the image's own. What nobody gave a
//! severity or a score reaches no rule that asks for one, and is counted apart.

use std::collections::BTreeSet;

use pellucid_model::{Coverage, Finding, FixState, PackageEntry, Severity};

use crate::pattern::Pattern;
use crate::scene::{Place, Scene};

/// What must not be found. Every condition that is set must hold.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct FailRule {
    /// This severe or worse.
    pub severity: Option<Severity>,
    /// With a fix, or without one.
    pub fixable: Option<bool>,
    /// Known to be exploited (CISA), or not known to be.
    pub kev: Option<bool>,
    /// A report on the package itself, which is malicious, or a flaw in it.
    pub malware: Option<bool>,
    /// At least this likely to be exploited, 0 to 1 (FIRST). What has no number does not reach it.
    pub epss: Option<f64>,
    /// Some CVSS 3 base score is at least this. What has no score does not reach it.
    pub cvss: Option<f64>,
    /// Published at least so many days ago, or without a date.
    pub age: Option<i64>,
    /// In a package of this name, its own or its source's.
    pub package: Option<Pattern>,
    /// In this namespace.
    pub namespace: Option<Pattern>,
    /// Brought by this layer.
    pub layer: Option<Place>,
    /// A release that its maker no longer supports; findings do not matter then.
    pub end_of_life: bool,
    /// A namespace that no advisory data covers; findings do not matter then.
    pub not_covered: bool,
}

/// What the caller wants to see, and what is a failure.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Policy {
    /// What fails; empty never fails.
    pub fail: Vec<FailRule>,
    /// Only findings that an update would close, and malware, which removal closes.
    pub only_fixed: bool,
    /// Only findings of these severities; empty means all.
    pub severities: BTreeSet<Severity>,
    /// Only findings of the base image, or only the others.
    pub base: Option<Place>,
}

/// A fail rule and what reaches it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The rule in words.
    pub rule: String,
    /// How many findings, or namespaces where it is about these, reach it.
    pub reached_by: usize,
    /// How many findings would reach it, or not, if anybody had given them a severity. Counted too are
    /// those that are left out for want of it; not those that reach another rule.
    pub unrated: usize,
    /// The same for want of a CVSS 3 score.
    pub unscored: usize,
}

/// Findings after the policy.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Judged {
    /// Findings to show, in the order they came.
    pub findings: Vec<Finding>,
    /// How many are not shown.
    pub left_out: usize,
    /// What came of each fail rule, in order.
    pub outcomes: Vec<Outcome>,
    /// Package and id of every finding that reaches some rule.
    pub reaching: BTreeSet<(usize, String)>,
    /// How many namespaces reach some rule.
    pub namespaces: usize,
    /// How many findings some rule could not judge.
    pub undecided: usize,
}

impl Judged {
    /// Whether some rule is reached.
    pub fn is_reached(&self) -> bool {
        self.outcomes.iter().any(|outcome| outcome.reached_by > 0)
    }
}

impl FailRule {
    /// The rule that only looks at severity.
    pub fn at(severity: Severity) -> Self {
        Self {
            severity: Some(severity),
            ..Self::default()
        }
    }

    /// Whether it is about namespaces, not about findings.
    pub const fn is_about_namespaces(&self) -> bool {
        self.end_of_life || self.not_covered
    }

    /// Whether a finding reaches it.
    pub fn is_reached_by(&self, finding: &Finding, scene: &Scene<'_>) -> bool {
        let Some(entry) = scene.entry(finding) else {
            return false;
        };
        !self.is_about_namespaces()
            && self.severity.is_none_or(|least| finding.severity >= least)
            && self
                .fixable
                .is_none_or(|fixable| fixable == (finding.fix_state == FixState::Fixed))
            && self.kev.is_none_or(|kev| kev == finding.kev.is_some())
            && self
                .malware
                .is_none_or(|malware| malware == finding.malware)
            && self.epss.is_none_or(|least| {
                (finding.epss.as_ref()).is_some_and(|epss| epss.score.value() >= least)
            })
            && self.cvss.is_none_or(|least| {
                let mut scores = finding.cvss.iter().filter_map(pellucid_model::Cvss::score);
                scores.any(|score| score >= least)
            })
            && self.age.is_none_or(|days| {
                finding
                    .published
                    .is_none_or(|at| scene.today.saturating_sub(at.div_euclid(24 * 3600)) >= days)
            })
            && self.is_about(entry, scene)
    }

    /// What a finding lacks for the rule to judge it: all other conditions hold. `by_severity` tells
    /// whether findings without a severity are left out before the rule sees them.
    fn lack(&self, finding: &Finding, by_severity: bool, scene: &Scene<'_>) -> Option<Lack> {
        let asks = by_severity || self.severity.is_some_and(|least| least > Severity::Unknown);
        let is_unrated = asks && finding.severity == Severity::Unknown;
        let mut scores = finding.cvss.iter().filter_map(pellucid_model::Cvss::score);
        let is_unscored = self.cvss.is_some() && scores.next().is_none();
        let lack = match (is_unrated, is_unscored) {
            (true, _) => Lack::Severity,
            (false, true) => Lack::Score,
            (false, false) => return None,
        };
        let others = Self {
            severity: self.severity.filter(|_| !is_unrated),
            cvss: self.cvss.filter(|_| !is_unscored),
            ..self.clone()
        };
        others.is_reached_by(finding, scene).then_some(lack)
    }

    fn is_about(&self, entry: &PackageEntry, scene: &Scene<'_>) -> bool {
        let package = &entry.package;
        self.package.as_ref().is_none_or(|pattern| {
            pattern.matches(&package.name) || pattern.matches(package.source_name())
        }) && self.namespace.as_ref().is_none_or(|pattern| {
            let name = entry.namespace.as_ref();
            name.is_none_or(|name| pattern.matches(name.as_str()))
        }) && self
            .layer
            .as_ref()
            .is_none_or(|layer| layer.holds(entry, scene).unwrap_or(*layer != Place::Base))
    }

    fn is_reached_by_namespace(&self, coverage: &Coverage) -> bool {
        let is_past = || coverage.end_of_life.as_ref().is_some_and(|end| end.past);
        let holds = (self.end_of_life && is_past()) || (self.not_covered && !coverage.is_covered());
        holds
            && self.namespace.as_ref().is_none_or(|pattern| {
                let name = coverage.namespace.as_ref();
                name.is_none_or(|name| pattern.matches(name.as_str()))
            })
    }

    /// The conditions in words; a severity alone is just that.
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        let mut push = |word: Option<String>| words.extend(word);
        push(self.severity.map(|least| least.name().to_ascii_lowercase()));
        push(
            self.fixable
                .map(|fixable| if fixable { "fixable" } else { "not fixable" }.to_owned()),
        );
        push(
            self.kev
                .map(|kev| if kev { "kev" } else { "not kev" }.to_owned()),
        );
        push(
            self.malware
                .map(|malware| if malware { "malware" } else { "not malware" }.to_owned()),
        );
        push(self.epss.map(|least| format!("epss>={least}")));
        push(self.cvss.map(|least| format!("cvss>={least}")));
        push(self.age.map(|days| format!("age>={days}d")));
        push(self.package.as_ref().map(|name| format!("package {name}")));
        push(self.end_of_life.then(|| "end of life".to_owned()));
        push(self.not_covered.then(|| "not covered".to_owned()));
        push(
            self.namespace
                .as_ref()
                .map(|name| format!("namespace {name}")),
        );
        push(self.layer.as_ref().map(|layer| format!("layer {layer}")));
        if words.is_empty() {
            "any finding".to_owned()
        } else {
            words.join(", ")
        }
    }
}

/// What a rule asks for and nobody gave a finding.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lack {
    Severity,
    Score,
}

impl Policy {
    /// Whether a finding is shown.
    pub fn shows(&self, finding: &Finding, scene: &Scene<'_>) -> bool {
        self.shows_severity(finding.severity) && self.shows_but_for_severity(finding, scene)
    }

    fn shows_severity(&self, severity: Severity) -> bool {
        self.severities.is_empty() || self.severities.contains(&severity)
    }

    fn shows_but_for_severity(&self, finding: &Finding, scene: &Scene<'_>) -> bool {
        (!self.only_fixed || finding.fix_state == FixState::Fixed || finding.malware)
            && self.base.as_ref().is_none_or(|place| {
                // What cannot be placed is shown: leaving it out would hide it.
                let entry = scene.entry(finding);
                entry.is_none_or(|entry| place.holds(entry, scene).unwrap_or(true))
            })
    }

    /// Sorts findings into shown and left out. What is left out reaches no rule.
    pub fn judge(
        &self,
        mut findings: Vec<Finding>,
        coverage: &[Coverage],
        scene: &Scene<'_>,
    ) -> Judged {
        let all = findings.len();
        let lacking = self.lacking(&findings, scene);
        findings.retain(|finding| self.shows(finding, scene));
        let mut judged = Judged {
            left_out: all - findings.len(),
            ..Judged::default()
        };
        let mut namespaces = BTreeSet::new();
        for rule in &self.fail {
            let mut reached_by = 0;
            for finding in findings
                .iter()
                .filter(|finding| rule.is_reached_by(finding, scene))
            {
                reached_by += 1;
                judged
                    .reaching
                    .insert((finding.package, finding.id.clone()));
            }
            for covered in coverage
                .iter()
                .filter(|covered| rule.is_reached_by_namespace(covered))
            {
                reached_by += 1;
                namespaces.insert(&covered.namespace);
            }
            // Nothing recognised is nothing covered.
            if rule.not_covered && rule.namespace.is_none() && coverage.is_empty() {
                reached_by += 1;
                namespaces.insert(&None);
            }
            judged.outcomes.push(Outcome {
                rule: rule.words(),
                reached_by,
                unrated: 0,
                unscored: 0,
            });
        }
        let mut undecided = BTreeSet::new();
        for (outcome, lacking) in judged.outcomes.iter_mut().zip(lacking) {
            for (finding, lack) in lacking {
                if judged.reaching.contains(&finding) {
                    continue;
                }
                match lack {
                    Lack::Severity => outcome.unrated += 1,
                    Lack::Score => outcome.unscored += 1,
                }
                undecided.insert(finding);
            }
        }
        judged.undecided = undecided.len();
        judged.namespaces = namespaces.len();
        judged.findings = findings;
        judged
    }

    /// For each rule, what it cannot judge and why: package and id of findings.
    fn lacking(
        &self,
        findings: &[Finding],
        scene: &Scene<'_>,
    ) -> Vec<Vec<((usize, String), Lack)>> {
        let hides_unrated = !self.shows_severity(Severity::Unknown);
        let is_seen = |finding: &&Finding| {
            let is_unrated = finding.severity == Severity::Unknown;
            (is_unrated || self.shows_severity(finding.severity))
                && self.shows_but_for_severity(finding, scene)
        };
        let of_rule = |rule: &FailRule| {
            let lacking = findings.iter().filter(is_seen).filter_map(|finding| {
                let lack = rule.lack(finding, hides_unrated, scene)?;
                Some(((finding.package, finding.id.clone()), lack))
            });
            lacking.collect()
        };
        self.fail.iter().map(of_rule).collect()
    }
}
