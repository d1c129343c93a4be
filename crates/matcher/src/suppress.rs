//! Takes out of the findings what ignore rules and VEX statements answer for.
//!
//! A finding that is a bulletin is made of several vulnerabilities. It is answered for by its own name,
//! or when each of its CVEs is, by whichever rules and statements; until then it stays, and a warning
//! tells for which CVEs nobody has answered.

use pellucid_model::{Finding, PackageEntry, Suppressed, Suppression, Warning};

use crate::finding::is_cve;
use crate::scene::Scene;
use crate::vex::{self, Statements, Vex};
use crate::waiver::{self, Reach, Waiver, told};

/// How many names of a list a sentence tells.
const NAMES: usize = 10;

/// Findings after the ignore rules and statements.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Waived {
    /// Findings that nothing suppresses, in the order they came.
    pub findings: Vec<Finding>,
    /// Those that something does.
    pub suppressed: Vec<Suppressed>,
    /// Rules that are past their day or met nothing, statements that cannot be applied, and bulletins
    /// of which only a part is answered for.
    pub warnings: Vec<Warning>,
}

/// Applies ignore rules and statements; of several rules that hold, the first is named, and rules go
/// before statements.
pub fn suppress(
    findings: Vec<Finding>,
    waivers: &[Waiver],
    documents: &[Vex],
    scene: &Scene<'_>,
) -> Waived {
    let mut rules = Rules {
        waivers,
        is_used: vec![false; waivers.len()],
        statements: Statements::of(documents),
        scene,
    };
    let mut waived = Waived::default();
    let mut partly = Vec::new();
    for finding in findings {
        let Some(entry) = scene.entry(&finding) else {
            waived.findings.push(finding);
            continue;
        };
        match rules.judge(&finding, entry) {
            Verdict::Stays => waived.findings.push(finding),
            Verdict::Partly(origin, message) => {
                partly.push((origin, message));
                waived.findings.push(finding);
            }
            Verdict::Goes(by, and_by) => waived.suppressed.push(Suppressed {
                finding,
                by,
                and_by,
            }),
        }
    }
    waived.warnings = waiver::faults(waivers, &rules.is_used, scene);
    waived.warnings.extend(vex::faults(documents));
    let partly = partly
        .iter()
        .map(|(origin, message)| (origin.as_str(), message.clone()));
    let rest = "more bulletins are answered for in part alone and stay";
    waived.warnings.extend(told(partly.collect(), rest));
    waived
}

/// What becomes of a finding.
enum Verdict {
    /// Nobody answers for it.
    Stays,
    /// Somebody (the first one's file) answers for some of its vulnerabilities, which the text tells.
    Partly(String, String),
    /// All of it is answered for, by this one first.
    Goes(Suppression, Vec<Suppression>),
}

/// Who answers for one vulnerability: an ignore rule or a statement, by number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Rule(usize),
    Statement(usize),
}

struct Rules<'a> {
    waivers: &'a [Waiver],
    is_used: Vec<bool>,
    statements: Statements<'a>,
    scene: &'a Scene<'a>,
}

impl Rules<'_> {
    fn judge(&mut self, finding: &Finding, entry: &PackageEntry) -> Verdict {
        let parts = parts(finding);
        let mut answers: Vec<Option<Answer>> = vec![None; parts.len()];
        let mut whole = None;
        for (number, (waiver, is_used)) in self.waivers.iter().zip(&mut self.is_used).enumerate() {
            match waiver.reach(finding, parts, entry, self.scene) {
                Reach::Nothing => continue,
                Reach::Whole => {
                    whole.get_or_insert(Answer::Rule(number));
                }
                Reach::Parts(reached) => {
                    for (answer, _) in answers.iter_mut().zip(reached).filter(|(_, is)| *is) {
                        answer.get_or_insert(Answer::Rule(number));
                    }
                }
            }
            *is_used = true;
        }
        if whole.is_none() && answers.iter().all(Option::is_some) && !answers.is_empty() {
            return self.verdict(finding, parts, &answers);
        }
        if whole.is_none() {
            let names = std::iter::once(&finding.id).chain(&finding.aliases);
            let of_whole = self.statements.about(names, entry, self.scene);
            if parts.is_empty() {
                let suppressing = self.statements.suppressing(of_whole.into_iter());
                whole = suppressing.map(Answer::Statement);
            } else {
                for (part, answer) in parts.iter().zip(&mut answers) {
                    let of_part = self
                        .statements
                        .about(std::iter::once(part), entry, self.scene);
                    let said = of_whole.union(&of_part).copied();
                    let suppressing = self.statements.suppressing(said).map(Answer::Statement);
                    *answer = answer.or(suppressing);
                }
            }
        }
        match whole.and_then(|answer| self.suppression(answer, Vec::new())) {
            Some(by) => Verdict::Goes(by, Vec::new()),
            None => self.verdict(finding, parts, &answers),
        }
    }

    /// What the answers for each part make of the whole.
    fn verdict(&self, finding: &Finding, parts: &[String], answers: &[Option<Answer>]) -> Verdict {
        let mut by: Vec<(Answer, Vec<String>)> = Vec::new();
        let mut open = Vec::new();
        for (part, answer) in parts.iter().zip(answers) {
            let Some(answer) = answer else {
                open.push(part.as_str());
                continue;
            };
            match by.iter_mut().find(|(known, _)| known == answer) {
                Some((_, parts)) => parts.push(part.clone()),
                None => by.push((*answer, vec![part.clone()])),
            }
        }
        let answered = by.iter().flat_map(|(_, parts)| parts);
        let answered: Vec<String> = answered.cloned().collect();
        let by = by.into_iter();
        let mut by = by.filter_map(|(answer, parts)| self.suppression(answer, parts));
        let Some(first) = by.next() else {
            return Verdict::Stays;
        };
        if open.is_empty() {
            return Verdict::Goes(first, by.collect());
        }
        let name = self
            .scene
            .entry(finding)
            .map_or("", |entry| &entry.package.name);
        let answered: Vec<&str> = answered.iter().map(String::as_str).collect();
        let message = format!(
            "the bulletin {} in {name} is answered for as to {}, but not as to {}; it stays",
            finding.id,
            listed(&answered),
            listed(&open)
        );
        Verdict::Partly(first.origin, message)
    }

    fn suppression(&self, answer: Answer, vulnerabilities: Vec<String>) -> Option<Suppression> {
        match answer {
            Answer::Rule(number) => Some(self.waivers.get(number)?.suppression(vulnerabilities)),
            Answer::Statement(number) => self.statements.suppression(number, vulnerabilities),
        }
    }
}

/// The vulnerabilities that a bulletin is made of; none of a finding that is one by itself.
fn parts(finding: &Finding) -> &[String] {
    if is_cve(&finding.id) {
        &[]
    } else {
        &finding.related
    }
}

/// The first names, and how many more there are.
fn listed(names: &[&str]) -> String {
    let shown = names.get(..NAMES).unwrap_or(names).join(", ");
    match names.len().checked_sub(NAMES).filter(|more| *more > 0) {
        Some(more) => format!("{shown} and {more} more"),
        None => shown,
    }
}
