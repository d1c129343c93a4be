//! Base scores of CVSS 3 vectors.
//!
//! Source: CVSS v3.1 specification, section 7.1, with its integer rounding (appendix A). For gates
//! and formats that demand a number: pellucid itself judges by the vendor's severity.
//!
//! Not here: CVSS 2 and 4; a vector of theirs has no score.

use crate::{Cvss, Severity};

impl Cvss {
    /// The base score, 0.0 to 10.0, of a CVSS 3.0 or 3.1 vector; `None` of any other.
    pub fn score(&self) -> Option<f64> {
        score(&self.vector)
    }

    /// The severity that the specification names the score by (section 5).
    pub fn severity(&self) -> Option<Severity> {
        let score = self.score()?;
        Some(if score >= 9.0 {
            Severity::Critical
        } else if score >= 7.0 {
            Severity::High
        } else if score >= 4.0 {
            Severity::Medium
        } else if score > 0.0 {
            Severity::Low
        } else {
            Severity::Negligible
        })
    }
}

/// The base score of a CVSS 3.0 or 3.1 vector.
fn score(vector: &str) -> Option<f64> {
    let metrics = vector
        .strip_prefix("CVSS:3.1/")
        .or_else(|| vector.strip_prefix("CVSS:3.0/"))?;
    let metric = |name: &str| {
        let mut parts = metrics.split('/').take(32);
        parts
            .find_map(|part| part.split_once(':').filter(|(key, _)| *key == name))
            .map(|(_, value)| value)
    };
    let is_changed = match metric("S")? {
        "C" => true,
        "U" => false,
        _ => return None,
    };
    let of = |name: &str, values: &[(&str, f64)]| {
        let value = metric(name)?;
        values
            .iter()
            .find(|(word, _)| *word == value)
            .map(|(_, weight)| *weight)
    };
    let privileges = if is_changed {
        of("PR", &[("N", 0.85), ("L", 0.68), ("H", 0.5)])?
    } else {
        of("PR", &[("N", 0.85), ("L", 0.62), ("H", 0.27)])?
    };
    let exploitability = 8.22
        * of("AV", &[("N", 0.85), ("A", 0.62), ("L", 0.55), ("P", 0.2)])?
        * of("AC", &[("L", 0.77), ("H", 0.44)])?
        * privileges
        * of("UI", &[("N", 0.85), ("R", 0.62)])?;
    let impact = |name| of(name, &[("H", 0.56), ("L", 0.22), ("N", 0.0)]);
    let base = 1.0 - (1.0 - impact("C")?) * (1.0 - impact("I")?) * (1.0 - impact("A")?);
    let impact = if is_changed {
        7.52 * (base - 0.029) - 3.25 * (base - 0.02_f64).powi(15)
    } else {
        6.42 * base
    };
    if impact <= 0.0 {
        return Some(0.0);
    }
    let sum = if is_changed {
        1.08 * (impact + exploitability)
    } else {
        impact + exploitability
    };
    Some(rounded_up(sum.min(10.0)))
}

fn rounded_up(score: f64) -> f64 {
    // Five digits are exact enough that what floats lose is not taken for a tenth more.
    let exact = (score * 100_000.0).round();
    if exact % 10_000.0 == 0.0 {
        exact / 100_000.0
    } else {
        ((exact / 10_000.0).floor() + 1.0) / 10.0
    }
}

#[cfg(test)]
mod tests {
    use super::score;

    #[test]
    fn scores_are_those_of_the_specifications_examples() {
        let check = |vector: &str, expected: Option<f64>| {
            assert_eq!(score(vector), expected, "{vector}");
        };
        check("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Some(9.8));
        check("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", Some(6.4));
        check("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", Some(6.1));
        check("CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:N/I:N/A:H", Some(5.5));
        check("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:H/I:H/A:H", Some(9.9));
        check("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", Some(0.0));
        check("CVSS:3.1/AV:N/AC:L", None);
        check("AV:N/AC:L/Au:N/C:P/I:P/A:P", None);
    }
}
