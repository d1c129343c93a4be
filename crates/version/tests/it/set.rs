//! Complements of sets of ranges.

use pellucid_version::{Range, Scheme, complement, parse_requirement, sort_by_version};
use proptest::prelude::*;

fn affected(scheme: Scheme, unaffected: &[&str]) -> Vec<String> {
    let ranges: Vec<Range> = unaffected
        .iter()
        .flat_map(|text| parse_requirement(scheme, text).unwrap())
        .collect();
    complement(scheme, &ranges)
        .unwrap()
        .iter()
        .map(Range::to_string)
        .collect()
}

#[test]
fn what_is_neither_patched_nor_unaffected_is_affected() {
    // RustSec
    assert_eq!(affected(Scheme::Cargo, &[">= 1.2.3"]), ["< 1.2.3"]);
    assert_eq!(
        affected(Scheme::Cargo, &["^1.2.3", ">= 2.0.1", "< 1.0.0"]),
        [">= 1.0.0, < 1.2.3", ">= 2.0.0-0, < 2.0.1",]
    );
    // RubySec
    assert_eq!(
        affected(Scheme::Gem, &["~> 2.3.18", "~> 3.2.13", ">= 4"]),
        ["< 2.3.18", ">= 2.4.a, < 3.2.13", ">= 3.3.a, < 4",]
    );
    assert_eq!(affected(Scheme::Gem, &[]), ["*"]);
    assert_eq!(affected(Scheme::Gem, &[">= 0"]), ["< 0"]);
    assert_eq!(
        affected(Scheme::Gem, &["> 1.0", "<= 0.5"]),
        ["> 0.5, <= 1.0"]
    );
}

#[test]
fn overlapping_and_empty_ranges_merge() {
    assert_eq!(
        affected(Scheme::Semver, &[">= 1.0.0, < 3.0.0", ">= 2.0.0, < 2.5.0"]),
        ["< 1.0.0", ">= 3.0.0"]
    );
    assert_eq!(
        affected(Scheme::Semver, &[">= 1.0.0, < 2.0.0", ">= 2.0.0"]),
        ["< 1.0.0"]
    );
    let empty = Range {
        lower: pellucid_version::Lower::Inclusive("2.0.0".into()),
        upper: pellucid_version::Upper::Before("1.0.0".into()),
    };
    assert_eq!(
        complement(Scheme::Semver, &[empty]).unwrap(),
        [Range::all()]
    );
}

#[test]
fn sorting_keeps_the_places_of_equals_and_stands_a_broken_order() {
    let parse = |text: &&str| Scheme::Maven.parse(text).unwrap();
    let sorted: Vec<_> =
        sort_by_version(["2", "1.0", "1", "1-rc"].iter().map(parse).collect(), |v| v)
            .iter()
            .map(|version| version.text().to_owned())
            .collect();
    assert_eq!(sorted, ["1-rc", "1.0", "1", "2"]);
    let circle = ["1-alpha", "1", "1.x.1"].repeat(50);
    assert_eq!(
        sort_by_version(circle.iter().map(parse).collect(), |v| v).len(),
        150
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_version_is_in_a_set_or_in_its_complement(
        clauses in proptest::collection::vec(("(<|<=|>|>=|=|!=)", 0..6u8, 0..3u8), 1..5),
        probe in (0..7u8, 0..4u8),
    ) {
        let text: Vec<_> = clauses.iter().map(|(sign, a, b)| format!("{sign} {a}.{b}")).collect();
        for &scheme in Scheme::ALL {
            let ranges = parse_requirement(scheme, &text.join(", ")).unwrap();
            let version = scheme.parse(&format!("{}.{}", probe.0, probe.1)).unwrap();
            let within = |ranges: &[Range]| ranges.iter().any(|range| range.contains(&version).unwrap());
            let rest = complement(scheme, &ranges).unwrap();
            prop_assert_ne!(within(&ranges), within(&rest), "{} {}", scheme, text.join(", "));
        }
    }
}
