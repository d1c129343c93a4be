//! `--fail-on`: conditions separated by commas, all of which must hold.

use pellucid_matcher::{FailRule, Place};

use crate::units;

/// Reads one rule.
pub(crate) fn read(text: &str) -> Result<FailRule, String> {
    let mut rule = FailRule::default();
    for word in text
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
    {
        condition(&mut rule, word)?;
    }
    if rule == FailRule::default() {
        return Err("write a severity or a condition".to_owned());
    }
    check(&rule)?;
    Ok(rule)
}

/// Whether the conditions can hold together.
pub(super) fn check(rule: &FailRule) -> Result<(), String> {
    let alone = FailRule {
        end_of_life: rule.end_of_life,
        not_covered: rule.not_covered,
        namespace: rule.namespace.clone(),
        ..FailRule::default()
    };
    if rule.is_about_namespaces() && *rule != alone {
        return Err(
            "end of life and not covered are about namespaces: conditions on findings cannot stand \
             beside them; write another rule"
                .to_owned(),
        );
    }
    let is_share = |value: f64| (0.0..=1.0).contains(&value);
    if !rule.epss.is_none_or(is_share) {
        return Err("an EPSS score is a number from 0 to 1".to_owned());
    }
    if !rule.cvss.is_none_or(|value| (0.0..=10.0).contains(&value)) {
        return Err("a CVSS score is a number from 0 to 10".to_owned());
    }
    Ok(())
}

fn condition(rule: &mut FailRule, word: &str) -> Result<(), String> {
    let number = |text: &str| {
        text.parse::<f64>()
            .map_err(|_| format!("{text:?} is no number"))
    };
    match word.split_once(">=") {
        Some(("epss", value)) => rule.epss = Some(number(value)?),
        Some(("cvss", value)) => rule.cvss = Some(number(value)?),
        Some(("age", value)) => rule.age = Some(days(value)?),
        Some((name, _)) => {
            return Err(format!(
                "{name:?} is not compared; write epss, cvss or age before >="
            ));
        }
        None => match word {
            "fixable" => rule.fixable = Some(true),
            "kev" => rule.kev = Some(true),
            "malware" => rule.malware = Some(true),
            "eol" | "end-of-life" => rule.end_of_life = true,
            "not-covered" => rule.not_covered = true,
            "own" => rule.layer = Some(Place::Own),
            "base" => rule.layer = Some(Place::Base),
            word => {
                let severity = word.parse().map_err(|_| {
                    format!(
                        "{word:?} is neither a severity (unknown, negligible, low, medium, high, \
                         critical) nor a condition (fixable, kev, malware, epss>=N, cvss>=N, \
                         age>=Nd, own, base, eol, not-covered)"
                    )
                })?;
                rule.severity = Some(severity);
            }
        },
    }
    Ok(())
}

/// Whole days of a duration.
pub(super) fn days(text: &str) -> Result<i64, String> {
    let seconds = units::duration(text)?.as_secs();
    i64::try_from(seconds.div_ceil(24 * 3600)).map_err(|_| format!("{text:?} is too long"))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn conditions_are_read_and_told_back() {
        let check = |text: &str, words: &str| assert_eq!(read(text).unwrap().words(), words);
        check("HIGH", "high");
        check("medium,fixable,epss>=0.1", "medium, fixable, epss>=0.1");
        check("kev", "kev");
        check("malware,own", "malware, layer own");
        check("cvss>=7.5, age>=30d,own", "cvss>=7.5, age>=30d, layer own");
        check("eol", "end of life");
        for wrong in ["", "hihg", "epss>=2", "eol,high", "score>=1", "cvss>=x"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
