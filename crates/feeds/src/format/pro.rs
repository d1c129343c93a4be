//! Ubuntu's two archives: what the standard one says of a package beside what Ubuntu Pro says.
//!
//! Pro's fixes (the *esm* pockets) are of no use to who has no subscription, so a fix that is only
//! there is not a plain fix: the statement keeps the range, for an image that has the fixed version,
//! and its status says that the standard archive has none. Where the standard archive says nothing any
//! more, or gave up, what Pro says of the same package decides.

use pellucid_model::{Affected, NameKind, Namespace, Severity, Status};
use pellucid_version::Range;

/// What one archive says of a package.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) status: Status,
    pub(crate) ranges: Vec<Range>,
    pub(crate) note: Option<String>,
}

impl Said {
    /// Every version, in this state.
    pub(crate) fn open(status: Status, note: Option<String>) -> Self {
        let ranges = if status == Status::NotAffected {
            Vec::new()
        } else {
            vec![Range::all()]
        };
        Self {
            status,
            ranges,
            note,
        }
    }

    /// What the first version is that has the fix.
    fn fixed(&self) -> Option<&str> {
        self.ranges.iter().rev().find_map(Range::fixed)
    }
}

/// Both archives' words about one package of one release.
#[derive(Default, Debug)]
pub(crate) struct Standing {
    standard: Option<Said>,
    /// And the pocket's name (`esm-apps`).
    pro: Option<(Said, String)>,
}

impl Standing {
    /// The standard archive's word.
    pub(crate) fn standard(&mut self, said: Said) {
        self.standard = Some(said);
    }

    /// A pocket's word. Of several the one with a fix counts, else the first.
    pub(crate) fn pro(&mut self, said: Said, pocket: &str) {
        let better = self
            .pro
            .as_ref()
            .is_none_or(|(known, _)| known.fixed().is_none() && said.fixed().is_some());
        if better {
            self.pro = Some((said, pocket.to_owned()));
        }
    }

    /// The statement that the two make together.
    pub(crate) fn affected(
        self,
        namespace: Namespace,
        package: &str,
        severity: Option<Severity>,
    ) -> Option<Affected> {
        let said = match (self.standard, self.pro) {
            (None, None) => return None,
            (Some(standard), None) => standard,
            (None, Some((pro, pocket))) => only_pro(Status::WillNotFix, pro, &pocket),
            (Some(standard), Some((pro, pocket))) => {
                let gave_up = matches!(standard.status, Status::WillNotFix | Status::EndOfLife);
                if standard.fixed().is_some() || standard.status == Status::NotAffected {
                    standard
                } else if pro.fixed().is_some() {
                    let status = if gave_up {
                        standard.status
                    } else {
                        Status::Deferred
                    };
                    only_pro(status, pro, &pocket)
                } else if gave_up && pro.status == Status::NotAffected {
                    pro
                } else {
                    standard
                }
            }
        };
        Some(Affected {
            namespace,
            package: package.to_owned(),
            name_kind: NameKind::Source,
            status: said.status,
            ranges: said.ranges,
            versions: Vec::new(),
            severity,
            arches: Vec::new(),
            module: None,
            cpes: Vec::new(),
            note: said.note,
        })
    }
}

/// A statement whose fix, if it has one, is Pro's.
fn only_pro(status: Status, pro: Said, pocket: &str) -> Said {
    let Some(fixed) = pro.fixed() else {
        return pro;
    };
    let note = format!("fixed in {fixed} with Ubuntu Pro ({pocket})");
    Said {
        status,
        note: Some(note),
        ranges: pro.ranges,
    }
}

/// The severity of a priority; `None` for a word that is none.
pub(crate) fn severity(word: &str) -> Option<Severity> {
    Some(match word {
        "untriaged" => Severity::Unknown,
        "negligible" => Severity::Negligible,
        "low" => Severity::Low,
        "medium" => Severity::Medium,
        "high" => Severity::High,
        "critical" => Severity::Critical,
        _ => return None,
    })
}
