//! Base scores of CVSS vectors, versions 2, 3.0, 3.1 and 4.0.
//!
//! A version 2 vector stands without a prefix, or in brackets. Scores are in tenths, so that they
//! compare exactly; bands are FIRST's: 0.1 Low, 4.0 Medium, 7.0 High, 9.0 Critical, and 0.0 is
//! Negligible here. Version 2 has no Critical of its own and gets the same bands.

use pellucid_model::Severity;

/// The version of a vector: 2, 3 or 4.
pub(crate) fn version(vector: &str) -> u8 {
    match vector.as_bytes().get(..6) {
        Some(b"CVSS:4") => 4,
        Some(b"CVSS:3") => 3,
        _ => 2,
    }
}

/// The base score of a vector, in tenths; `None` if it is no vector.
pub(crate) fn score(vector: &str) -> Option<u8> {
    if vector.len() > 512 {
        return None;
    }
    let vector = vector.trim().trim_matches(['(', ')']);
    // A vector that lacks a metric has no score, rather than a harmless one.
    let version = version(vector);
    let base: &[&str] = match version {
        4 => &[
            "AV", "AC", "AT", "PR", "UI", "VC", "VI", "VA", "SC", "SI", "SA",
        ],
        3 => &["AV", "AC", "PR", "UI", "S", "C", "I", "A"],
        _ => &["AV", "AC", "Au", "C", "I", "A"],
    };
    let names = || {
        vector
            .split('/')
            .filter_map(|metric| Some(metric.split_once(':')?.0))
    };
    if !base
        .iter()
        .all(|metric| names().any(|name| name == *metric))
    {
        return None;
    }
    let score = match vector.parse().ok() {
        _ if version == 2 => vector.parse::<cvss::v2::Vector>().ok()?.score().value(),
        Some(cvss::Cvss::CvssV30(vector) | cvss::Cvss::CvssV31(vector)) => {
            vector.base_score().value()
        }
        Some(other) => other.score(),
        None => return None,
    };
    (0.0..=10.0)
        .contains(&score)
        .then(|| (score * 10.0).round() as u8)
}

/// The severity of a score in tenths.
pub(crate) fn band(score: u8) -> Severity {
    match score {
        0 => Severity::Negligible,
        1..40 => Severity::Low,
        40..70 => Severity::Medium,
        70..90 => Severity::High,
        _ => Severity::Critical,
    }
}

/// The severity that several vectors give: of version 3, else of 4, else of 2, the highest.
///
/// Version 3 goes first since every vendor and NVD give it; scores of version 4 run on another scale.
pub(crate) fn severity<'a>(vectors: impl Iterator<Item = &'a str> + Clone) -> Option<Severity> {
    [3, 4, 2].into_iter().find_map(|wanted| {
        vectors
            .clone()
            .filter(|vector| version(vector) == wanted)
            .filter_map(score)
            .max()
            .map(band)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_is_scored() {
        let check = |vector: &str, expected| assert_eq!(score(vector), expected, "{vector}");
        check("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Some(98));
        check("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", Some(61));
        check("AV:N/AC:L/Au:N/C:P/I:P/A:P", Some(75));
        check("(AV:N/AC:L/Au:N/C:P/I:P/A:P)", Some(75));
        check(
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
            Some(93),
        );
        check("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", Some(0));
        check("CVSS:3.1/AV:N", None);
        check(
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:U/RL:O/RC:C",
            Some(98),
        );
        check("7.5", None);
        check("", None);
    }

    #[test]
    fn version_three_goes_before_four_and_two() {
        let of = |vectors: &[&str]| severity(vectors.iter().copied());
        let (two, three) = (
            "AV:N/AC:L/Au:N/C:C/I:C/A:C",
            "CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N",
        );
        assert_eq!(of(&[two, three]), Some(Severity::Low));
        assert_eq!(of(&[two]), Some(Severity::Critical));
        assert_eq!(of(&["CVSS:3.1/broken", two]), Some(Severity::Critical));
        assert_eq!(of(&[]), None);
    }
}
