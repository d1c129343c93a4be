//! The table of differences from a recording that are wanted.
//!
//! One line a rule, four columns between bars: pair numbers (`285-292` or `12 14`), places as
//! [`Difference::place`] has them without list positions (a place covers all below it), the entry
//! of the contract's section 10, the reason. Lines that begin with `#` are talk. What a rule lists
//! must differ: a rule that outlived its difference is an error.

use super::compare::Difference;

/// The table.
#[derive(Clone, Debug, Default)]
pub struct Permitted {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    pairs: Vec<(u32, u32)>,
    places: Vec<String>,
    entry: String,
    reason: String,
}

impl Permitted {
    /// The table of pellucid against the recording of Clair 2.1.0.
    ///
    /// # Panics
    /// The table in this crate is malformed.
    pub fn pellucid() -> Self {
        Self::parse(include_str!("../../permitted-differences.txt"))
            .expect("the table is well-formed")
    }

    /// Reads a table.
    ///
    /// # Errors
    /// The line that makes no sense.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut rules = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let bad = || format!("line {}: {line}", index + 1);
            let columns: Vec<&str> = line.split('|').map(str::trim).collect();
            let [pairs, places, entry, reason] = columns.as_slice() else {
                return Err(bad());
            };
            let pairs: Option<Vec<(u32, u32)>> = pairs.split_whitespace().map(range).collect();
            rules.push(Rule {
                pairs: pairs.filter(|pairs| !pairs.is_empty()).ok_or_else(bad)?,
                places: places
                    .split(',')
                    .map(|place| place.trim().to_owned())
                    .collect(),
                entry: (*entry).to_owned(),
                reason: (*reason).to_owned(),
            });
        }
        Ok(Self { rules })
    }

    /// The reasons, in words, without the entry of the contract.
    pub fn reasons(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.reason.as_str())
    }

    /// Sorts a pair's differences into what is permitted and what is not, and tells which rules say
    /// a difference that is not there.
    pub(crate) fn judge(&self, pair: u32, differences: Vec<Difference>) -> Judged {
        let rules: Vec<&Rule> = self.rules.iter().filter(|rule| rule.covers(pair)).collect();
        let stale = rules
            .iter()
            .flat_map(|rule| &rule.places)
            .filter(|place| {
                !differences
                    .iter()
                    .any(|found| is_below(&found.place, place))
            })
            .cloned()
            .collect();
        let (permitted, wrong): (Vec<_>, Vec<_>) = differences.into_iter().partition(|found| {
            rules.iter().any(|rule| {
                rule.places
                    .iter()
                    .any(|place| is_below(&found.place, place))
            })
        });
        let reasons = rules
            .iter()
            .map(|rule| format!("{} ({})", rule.reason, rule.entry))
            .collect();
        Judged {
            permitted,
            wrong,
            stale,
            reasons,
        }
    }
}

/// What became of a pair's differences.
pub(crate) struct Judged {
    pub(crate) permitted: Vec<Difference>,
    pub(crate) wrong: Vec<Difference>,
    pub(crate) stale: Vec<String>,
    pub(crate) reasons: Vec<String>,
}

impl Rule {
    fn covers(&self, pair: u32) -> bool {
        self.pairs
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&pair))
    }
}

fn range(text: &str) -> Option<(u32, u32)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some((first.parse().ok()?, last.parse().ok()?))
}

fn is_below(place: &str, rule: &str) -> bool {
    let mut plain = String::with_capacity(place.len());
    let mut depth = 0_u32;
    for letter in place.chars() {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(letter),
            _ => {}
        }
    }
    plain
        .strip_prefix(rule)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', ' ']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(place: &str) -> Difference {
        Difference {
            place: place.to_owned(),
            recorded: "a".to_owned(),
            answered: "b".to_owned(),
        }
    }

    #[test]
    fn a_rule_covers_its_places_and_goes_stale() {
        let table =
            Permitted::parse("# talk\n\n285-287 290 | status, Layer.Features | 1 | works here\n")
                .unwrap();
        let judged = table.judge(
            286,
            vec![
                difference("status"),
                difference("Layer.Features[2].Name"),
                difference("Layer.FeaturesX"),
            ],
        );
        assert_eq!(judged.permitted.len(), 2);
        assert_eq!(judged.wrong, [difference("Layer.FeaturesX")]);
        assert!(judged.stale.is_empty());
        assert_eq!(
            table.judge(290, vec![difference("status")]).stale,
            ["Layer.Features"]
        );
        assert!(table.judge(288, Vec::new()).stale.is_empty());
        assert!(Permitted::parse("285 | status").is_err());
        assert!(Permitted::parse("x | status | 1 | y").is_err());
    }
}
