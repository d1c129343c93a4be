//! Changes between two snapshots, against a comparison of everything with everything.

use std::collections::{BTreeMap, BTreeSet};

use pellucid_model::{Advisory, Affected, Cvss, Epss, Fraction, Kev, Severity, Status};
use pellucid_snapshot::{Addition, Change, additions, diff};
use proptest::prelude::*;

use crate::fixture::{advisory, affected, any_advisory, build, open};

fn changes(old: &[Advisory], new: &[Advisory]) -> Vec<Change> {
    let directory = tempfile::tempdir().unwrap();
    let old = open(&build(&directory.path().join("old"), old));
    let new = open(&build(&directory.path().join("new"), new));
    diff(old, new).unwrap().map(Result::unwrap).collect()
}

#[test]
fn what_is_known_of_a_vulnerability_is_compared_without_any_package() {
    let kev = |day: &str| {
        Some(Kev {
            cve: String::new(),
            date_added: day.to_owned(),
            due_date: None,
            ransomware: false,
            required_action: None,
        })
    };
    let share = |millionths| Fraction::from_millionths(millionths).unwrap();
    let epss = |score| {
        Some(Epss {
            cve: String::new(),
            score: share(score),
            percentile: share(score),
        })
    };
    let with = |id: &str, change: &dyn Fn(&mut Advisory)| {
        let mut advisory = advisory(id, Vec::new());
        change(&mut advisory);
        advisory
    };
    let old = [
        with("CVE-1", &|it| it.kev = kev("2024-01-01")),
        with("CVE-2", &|it| it.kev = kev("2024-01-01")),
        with("CVE-3", &|it| it.epss = epss(1)),
        with("CVE-4", &|it| it.description = "old".to_owned()),
        with("CVE-6", &|it| it.severity = Severity::Low),
    ];
    let vector = Cvss {
        source: "nvd".to_owned(),
        vector: "CVSS:3.1/AV:N".to_owned(),
    };
    let new = [
        with("CVE-2", &|it| it.kev = kev("2024-02-01")),
        with("CVE-3", &|it| it.epss = epss(2)),
        with("CVE-4", &|it| it.description = "new".to_owned()),
        with("CVE-5", &|it| it.kev = kev("2024-01-01")),
        with("CVE-6", &|it| {
            it.severity = Severity::Low;
            it.cvss = vec![vector.clone()];
        }),
        with("CVE-7", &|it| it.epss = epss(1)),
    ];
    let directory = tempfile::tempdir().unwrap();
    let old = open(&build(&directory.path().join("old"), &old));
    let new = open(&build(&directory.path().join("new"), &new));
    let found: Vec<Addition> = additions(old.clone(), new).map(Result::unwrap).collect();
    let told: Vec<_> = found
        .iter()
        .map(|one| (one.id.as_str(), one.old.is_some(), one.new.is_some()))
        .collect();
    let expected = [
        ("CVE-1", true, false),
        ("CVE-2", true, true),
        ("CVE-3", true, true),
        ("CVE-5", false, true),
        ("CVE-6", true, true),
        ("CVE-7", false, true),
    ];
    assert_eq!(told, expected);
    let scores = [&found[2].old, &found[2].new];
    let scores = scores.map(|it| it.as_ref().unwrap().epss.as_ref().unwrap().score);
    assert_eq!(scores, [share(1), share(2)]);
    assert_eq!(additions(old.clone(), old).count(), 0);
}

#[test]
fn a_change_of_meaning_is_told_with_both_views() {
    let old = [
        advisory(
            "CVE-1",
            vec![
                affected("debian:12", "a", "1"),
                affected("debian:12", "b", "1"),
            ],
        ),
        advisory("CVE-2", vec![affected("debian:12", "a", "1")]),
        advisory("CVE-3", vec![affected("debian:11", "a", "1")]),
    ];
    let new = [
        advisory(
            "CVE-1",
            vec![
                affected("debian:12", "a", "2"),
                affected("debian:12", "b", "1"),
            ],
        ),
        advisory("CVE-3", vec![affected("debian:11", "a", "1")]),
        advisory("CVE-4", vec![affected("debian:12", "c", "1")]),
    ];
    let changes = changes(&old, &new);
    let told: Vec<_> = changes
        .iter()
        .map(|change| {
            let (id, packages) = (change.id.as_str(), change.packages.join(" "));
            (id, packages, change.old.is_some(), change.new.is_some())
        })
        .collect();
    let expected = [("CVE-1", "a", true, true), ("CVE-2", "a", true, false)];
    assert_eq!(
        told[..2],
        expected.map(|(id, names, a, b)| (id, names.to_owned(), a, b))
    );
    assert_eq!(told[2], ("CVE-4", "c".to_owned(), false, true));
    assert_eq!(told.len(), 3);
    assert_eq!(changes[0].old.as_ref().unwrap().affected.len(), 2);
}

#[test]
fn words_may_change_without_a_word() {
    let before = advisory("CVE-1", vec![affected("debian:12", "a", "1")]);
    let noted = Affected {
        note: Some("minor".to_owned()),
        ..before.affected[0].clone()
    };
    let after = Advisory {
        description: "More.".to_owned(),
        links: vec!["https://more.example".to_owned()],
        affected: vec![noted],
        ..before.clone()
    };
    assert_eq!(changes(std::slice::from_ref(&before), &[after]), []);
    let worse = Advisory {
        severity: Severity::High,
        ..before.clone()
    };
    assert_eq!(changes(std::slice::from_ref(&before), &[worse]).len(), 1);
    let denied = Affected {
        status: Status::NotAffected,
        ..before.affected[0].clone()
    };
    assert_eq!(
        changes(&[before], &[advisory("CVE-1", vec![denied])]).len(),
        1
    );
}

type Key = (String, String);

/// What each advisory means per namespace and id.
fn meanings(advisories: &[Advisory]) -> BTreeMap<Key, BTreeMap<String, BTreeSet<String>>> {
    let mut highest: BTreeMap<&str, Severity> = BTreeMap::new();
    for advisory in advisories {
        let severity = highest.entry(&advisory.id).or_default();
        *severity = advisory.severity.max(*severity);
    }
    let mut all: BTreeMap<Key, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for advisory in advisories {
        for affected in &advisory.affected {
            let own = affected.severity.or(Some(advisory.severity));
            let inherited = affected.severity.is_none() && own == Some(Severity::Unknown);
            let severity = if inherited {
                highest[advisory.id.as_str()]
            } else {
                own.unwrap()
            };
            let mut lists =
                [&affected.versions, &affected.arches, &affected.cpes].map(Clone::clone);
            lists.iter_mut().for_each(|list| {
                list.sort();
                list.dedup();
            });
            let mut ranges = affected.ranges.clone();
            ranges.sort();
            ranges.dedup();
            let meaning = format!(
                "{severity} {:?} {:?} {ranges:?} {lists:?} {:?}",
                affected.status, affected.name_kind, affected.module
            );
            let key = (affected.namespace.to_string(), advisory.id.clone());
            let packages = all.entry(key).or_default();
            packages
                .entry(affected.package.clone())
                .or_default()
                .insert(meaning);
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn changes_equal_a_comparison_of_everything(
        common in prop::collection::vec(any_advisory(), 0..8),
        gone in prop::collection::vec(any_advisory(), 0..5),
        added in prop::collection::vec(any_advisory(), 0..5),
    ) {
        let old: Vec<Advisory> = common.iter().chain(&gone).cloned().collect();
        let new: Vec<Advisory> = added.iter().chain(&common).cloned().collect();
        let (before, after) = (meanings(&old), meanings(&new));
        let mut expected: Vec<(Key, Vec<String>, bool, bool)> = Vec::new();
        for key in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
            let nothing = BTreeMap::new();
            let left = before.get(key).unwrap_or(&nothing);
            let right = after.get(key).unwrap_or(&nothing);
            let packages: Vec<String> = left
                .keys()
                .chain(right.keys())
                .filter(|package| left.get(*package) != right.get(*package))
                .collect::<BTreeSet<_>>()
                .into_iter()
                .cloned()
                .collect();
            if !packages.is_empty() {
                let there = (before.contains_key(key), after.contains_key(key));
                expected.push((key.clone(), packages, there.0, there.1));
            }
        }
        let found: Vec<_> = changes(&old, &new)
            .into_iter()
            .map(|change| {
                let key = (change.namespace.to_string(), change.id);
                (key, change.packages, change.old.is_some(), change.new.is_some())
            })
            .collect();
        prop_assert_eq!(found, expected);
    }
}
