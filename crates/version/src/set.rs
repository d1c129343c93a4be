//! Sets of versions: what is in all of some ranges, and what is in none of them.
//!
//! A bound is a cut between versions, right before one or right after it, so that `< 1.0` and
//! `>= 1.0` share a cut, as `<= 1.0` and `> 1.0` do.

use std::cmp::Ordering;

use crate::sort::sort;
use crate::{InvalidVersion, Lower, Range, Scheme, Upper, Version};

/// The versions that are in none of the ranges, as disjoint ranges from the lowest on.
///
/// Databases that list what is patched or unaffected (RubySec, RustSec) leave as affected the
/// complement of both.
///
/// # Errors
/// A bound is no version of the scheme.
pub fn complement(scheme: Scheme, ranges: &[Range]) -> Result<Vec<Range>, InvalidVersion> {
    let gaps = gaps(scheme, ranges)?;
    Ok(gaps
        .into_iter()
        .filter_map(|(lower, upper)| between(&lower, &upper))
        .collect())
}

/// Where one range ends and another may begin.
#[derive(Clone)]
enum Cut {
    Start,
    At { version: Version, after: bool },
    End,
}

/// What several comparisons leave together.
pub(crate) struct Conjunction {
    scheme: Scheme,
    lower: Cut,
    upper: Cut,
    holes: Vec<Range>,
}

impl Conjunction {
    pub(crate) fn new(scheme: Scheme) -> Self {
        Self {
            scheme,
            lower: Cut::Start,
            upper: Cut::End,
            holes: Vec::new(),
        }
    }

    /// Keeps what is in the range too.
    pub(crate) fn keep(&mut self, range: &Range) -> Result<(), InvalidVersion> {
        let (lower, upper) = cuts(self.scheme, range)?;
        if lower.compare(&self.lower).is_gt() {
            self.lower = lower;
        }
        if upper.compare(&self.upper).is_lt() {
            self.upper = upper;
        }
        Ok(())
    }

    /// Takes out what is in the range.
    pub(crate) fn exclude(&mut self, range: Range) {
        self.holes.push(range);
    }

    /// What is left, as disjoint ranges from the lowest on; nothing if the comparisons contradict.
    pub(crate) fn ranges(&self) -> Result<Vec<Range>, InvalidVersion> {
        let gaps = gaps(self.scheme, &self.holes)?;
        Ok(gaps
            .iter()
            .filter_map(|(lower, upper)| {
                let lower = if lower.compare(&self.lower).is_lt() {
                    &self.lower
                } else {
                    lower
                };
                let upper = if upper.compare(&self.upper).is_gt() {
                    &self.upper
                } else {
                    upper
                };
                between(lower, upper)
            })
            .collect())
    }
}

fn gaps(scheme: Scheme, ranges: &[Range]) -> Result<Vec<(Cut, Cut)>, InvalidVersion> {
    let cuts = ranges
        .iter()
        .map(|range| cuts(scheme, range))
        .collect::<Result<Vec<_>, _>>()?;
    let mut gaps = Vec::new();
    let mut begin = Cut::Start;
    for (lower, upper) in sort(cuts, |a, b| a.0.compare(&b.0)) {
        if lower.compare(&upper).is_ge() {
            continue;
        }
        if begin.compare(&lower).is_lt() {
            gaps.push((begin.clone(), lower));
        }
        if upper.compare(&begin).is_gt() {
            begin = upper;
        }
    }
    if begin.compare(&Cut::End).is_lt() {
        gaps.push((begin, Cut::End));
    }
    Ok(gaps)
}

fn cuts(scheme: Scheme, range: &Range) -> Result<(Cut, Cut), InvalidVersion> {
    let at = |text: &str, after| {
        Ok(Cut::At {
            version: scheme.parse(text)?,
            after,
        })
    };
    let lower = match &range.lower {
        Lower::Beginning => Cut::Start,
        Lower::Inclusive(text) => at(text, false)?,
        Lower::Exclusive(text) => at(text, true)?,
    };
    let upper = match &range.upper {
        Upper::Open => Cut::End,
        Upper::Before(text) | Upper::Below(text) => at(text, false)?,
        Upper::Through(text) => at(text, true)?,
    };
    Ok((lower, upper))
}

fn between(lower: &Cut, upper: &Cut) -> Option<Range> {
    if lower.compare(upper).is_ge() {
        return None;
    }
    let lower = match lower {
        Cut::Start => Lower::Beginning,
        Cut::At {
            version,
            after: false,
        } => Lower::Inclusive(version.text().to_owned()),
        Cut::At {
            version,
            after: true,
        } => Lower::Exclusive(version.text().to_owned()),
        Cut::End => return None,
    };
    let upper = match upper {
        Cut::Start => return None,
        Cut::At {
            version,
            after: false,
        } => Upper::Before(version.text().to_owned()),
        Cut::At {
            version,
            after: true,
        } => Upper::Through(version.text().to_owned()),
        Cut::End => Upper::Open,
    };
    Some(Range { lower, upper })
}

impl Cut {
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (
                Self::At {
                    version: a,
                    after: after_a,
                },
                Self::At {
                    version: b,
                    after: after_b,
                },
            ) => a.compare(b).then_with(|| after_a.cmp(after_b)),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Start => 0,
            Self::At { .. } => 1,
            Self::End => 2,
        }
    }
}
