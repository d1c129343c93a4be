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

/// What is wrong with a rule that says a condition a second time: one of both would be lost.
const SEVERITIES: &str = "a rule takes one severity, and what is worse reaches it too: say the lowest \
                          alone, or --fail-on again for another rule";
const LAYERS: &str = "a rule takes one layer: say neither own nor base to mean both, or --fail-on \
                      again for another rule";
const TWICE: &str =
    "a rule compares epss, cvss and age once each: say --fail-on again for another rule";

fn once<T>(condition: &mut Option<T>, value: T, or_else: &str) -> Result<(), String> {
    match condition.replace(value) {
        None => Ok(()),
        Some(_) => Err(or_else.to_owned()),
    }
}

fn condition(rule: &mut FailRule, word: &str) -> Result<(), String> {
    let number = |text: &str| {
        text.parse::<f64>()
            .map_err(|_| format!("{text:?} is no number"))
    };
    match word.split_once(">=") {
        Some(("epss", value)) => once(&mut rule.epss, number(value)?, TWICE)?,
        Some(("cvss", value)) => once(&mut rule.cvss, number(value)?, TWICE)?,
        Some(("age", value)) => once(&mut rule.age, days(value)?, TWICE)?,
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
            "own" => once(&mut rule.layer, Place::Own, LAYERS)?,
            "base" => once(&mut rule.layer, Place::Base, LAYERS)?,
            word => {
                let severity = word.parse().map_err(|_| {
                    format!(
                        "{word:?} is neither a severity (unknown, negligible, low, medium, high, \
                         critical) nor a condition (fixable, kev, malware, epss>=N, cvss>=N, \
                         age>=Nd, own, base, eol, not-covered)"
                    )
                })?;
                once(&mut rule.severity, severity, SEVERITIES)?;
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
    fn a_condition_that_is_said_twice_is_no_rule() {
        let says = |text: &str, word: &str| {
            let told = read(text).unwrap_err();
            assert!(told.contains(word), "{text}: {told}");
        };
        says("high,critical", "say the lowest alone");
        says("critical,fixable,high", "say the lowest alone");
        says("own,base", "say neither");
        says("cvss>=7,cvss>=9", "once each");
        says("epss>=0.1,epss>=0.5", "once each");
    }

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
