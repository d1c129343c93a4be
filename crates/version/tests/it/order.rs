//! The laws of an order, over texts that look like versions.

use std::cmp::Ordering;

use pellucid_version::Scheme;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Pieces that versions of all schemes are made of; joined, they give much that is odd.
const PIECES: &[&str] = &[
    "0",
    "1",
    "2",
    "10",
    "00",
    "01",
    "9",
    "a",
    "b",
    "A",
    "rc",
    "alpha",
    "beta",
    "p",
    "dev",
    "post",
    "pre",
    "el7",
    "git",
    "snapshot",
    "final",
    "ga",
    "sp",
    "x",
    "+",
    "~",
    "^",
    "-",
    "_",
    ".",
    ".",
    ".",
    ":",
    "-r",
    "_p",
    "_rc",
    "_alpha",
    "v",
    "!",
    "é",
    "99999999999999999999999999",
];

fn versions(scheme: Scheme) -> impl Strategy<Value = String> {
    let free = vec(select(PIECES), 1..8).prop_map(|pieces| pieces.concat());
    let tail = vec(select(PIECES), 0..5).prop_map(|pieces| pieces.concat());
    let regular = (vec(select(&["0", "1", "2", "10"][..]), 1..5), tail)
        .prop_map(|(numbers, tail)| format!("{}{tail}", numbers.join(".")));
    prop_oneof![free, regular].prop_map(move |text| match scheme {
        // pacman's order is not transitive without a pkgrel, nor where separators stand together
        // or at an end; docs/version-orders.md says so.
        Scheme::Pacman => {
            let segments: Vec<_> = text
                .split(|c: char| !c.is_ascii_alphanumeric())
                .filter(|segment| !segment.is_empty())
                .collect();
            format!("{}-1", segments.join("."))
        }
        // Nor is Maven's where a word stands between dots, or a list begins with a list.
        Scheme::Maven => {
            let numbers = text
                .split(|c: char| !c.is_ascii_digit())
                .filter(|run| !run.is_empty());
            let mut words = text
                .split(|c: char| !c.is_ascii_alphabetic())
                .filter(|run| !run.is_empty());
            let numbers: Vec<_> = std::iter::once("1").chain(numbers).collect();
            let word = words
                .next_back()
                .map(|word| format!("-{word}{}", text.len() % 3));
            format!("{}{}", numbers.join("."), word.unwrap_or_default())
        }
        // Random text is hardly ever one of Gentoo's versions, which have one form.
        Scheme::Ebuild => {
            let numbers = text
                .split(|c: char| !c.is_ascii_digit())
                .filter(|run| !run.is_empty());
            let numbers: Vec<_> = numbers.collect();
            let known = ["alpha", "beta", "pre", "rc", "p"];
            let words = text
                .split(|c: char| !c.is_ascii_alphabetic())
                .filter(|word| known.contains(word));
            let suffixes: String = words.map(|word| format!("_{word}")).collect();
            let letter = ["", "", "a", "b"].get(text.len() % 4).copied();
            let number = ["", "1", "-r1", "-r0"].get(numbers.len() % 4).copied();
            format!(
                "{}{}{suffixes}{}",
                match numbers.as_slice() {
                    [] => "1".to_owned(),
                    numbers => numbers.join("."),
                },
                letter.unwrap_or_default(),
                number
                    .filter(|number| number.starts_with('-') || !suffixes.is_empty())
                    .unwrap_or_default(),
            )
        }
        _ => text,
    })
}

/// A total preorder: reflexive, antisymmetric up to equality, transitive.
fn check(scheme: Scheme) {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 1500,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let triples = [versions(scheme), versions(scheme), versions(scheme)];
    let outcome = runner.run(&triples, |texts| {
        let mut parsed = Vec::new();
        for text in &texts {
            if let Ok(version) = scheme.parse(text) {
                prop_assert_eq!(version.compare(&version), Ordering::Equal);
                parsed.push(version);
            }
        }
        for a in &parsed {
            for b in &parsed {
                let order = a.compare(b);
                prop_assert_eq!(order, b.compare(a).reverse(), "{} {}", a, b);
                prop_assert_eq!(Ok(order), a.compare_text(b.text()));
                for c in &parsed {
                    let (second, third) = (b.compare(c), a.compare(c));
                    let expected = match (order, second) {
                        (Ordering::Equal, other) | (other, Ordering::Equal) => Some(other),
                        (one, other) if one == other => Some(one),
                        _ => None,
                    };
                    if let Some(expected) = expected {
                        prop_assert_eq!(third, expected, "{} {} {}", a, b, c);
                    }
                }
            }
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{scheme}: {error}");
    }
}

macro_rules! laws {
    ($($name:ident $scheme:ident)*) => {$(
        #[test]
        fn $name() {
            check(Scheme::$scheme);
        }
    )*};
}

laws! {
    dpkg_is_total Dpkg
    rpm_is_total Rpm
    apk_is_total Apk
    pacman_is_total_with_releases Pacman
    ebuild_is_total Ebuild
    semver_is_total Semver
    npm_is_total Npm
    cargo_is_total Cargo
    go_is_total Go
    pep440_is_total Pep440
    maven_is_total Maven
    gem_is_total Gem
    composer_is_total Composer
    nuget_is_total Nuget
    hex_is_total Hex
    pub_is_total Pub
    cran_is_total Cran
    hackage_is_total Hackage
    bitnami_is_total Bitnami
}
