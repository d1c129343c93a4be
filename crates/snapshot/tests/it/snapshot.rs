//! Round trips, look-ups and determinism.

use std::collections::BTreeMap;

use pellucid_model::{Advisory, Affected, Namespace, Severity};
use pellucid_snapshot::{Builder, Snapshot};
use proptest::prelude::*;

use crate::fixture::{advisory, affected, any_advisory, build, meta, open};

#[test]
fn parts_of_one_id_become_one_advisory() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    let first = Advisory {
        severity: Severity::Low,
        severity_word: Some("low".to_owned()),
        links: vec!["https://one.example".to_owned()],
        ..advisory(
            "CVE-2024-1",
            vec![affected("debian:12", "openssl", "3.0.1")],
        )
    };
    let second = Advisory {
        severity: Severity::High,
        severity_word: Some("high".to_owned()),
        description: "Both.".to_owned(),
        aliases: vec!["GHSA-1".to_owned()],
        ..advisory("CVE-2024-1", vec![affected("debian:11", "nodejs", "12")])
    };
    let built = build(&path, &[first, second]);
    assert_eq!((built.advisories, built.affected), (1, 2));
    let snapshot = open(&built);
    assert_eq!(snapshot.meta(), &meta());
    let found = snapshot.find("CVE-2024-1").unwrap().unwrap();
    let whole = snapshot.whole(found).unwrap();
    assert_eq!(whole.severity, Severity::High);
    assert_eq!(whole.severity_word.as_deref(), Some("high"));
    assert_eq!(whole.description, "Both.");
    assert_eq!(whole.links, ["https://one.example"]);
    assert_eq!(whole.affected.len(), 2);
    let there = snapshot.get("debian:11", "CVE-2024-1").unwrap().unwrap();
    assert_eq!(there.affected, [affected("debian:11", "nodejs", "12")]);
    let there = snapshot.get("debian:12", "CVE-2024-1").unwrap().unwrap();
    assert_eq!(
        there.affected[0].severity,
        Some(Severity::Low),
        "said of openssl alone"
    );
    assert!(snapshot.get("debian:10", "CVE-2024-1").unwrap().is_none());
    assert!(snapshot.get("debian:11", "CVE-2024-2").unwrap().is_none());
    for text in ["CVE-2024-1", "cve-2024-1", "GHSA-1", "openssl"] {
        assert_eq!(snapshot.search(text, 10).unwrap(), [found], "{text}");
    }
    assert!(snapshot.search("zlib", 10).unwrap().is_empty());
    snapshot.verify().unwrap();
}

#[test]
fn nothing_at_all_is_a_snapshot_too() {
    let directory = tempfile::tempdir().unwrap();
    let snapshot = open(&build(&directory.path().join("a"), &[]));
    assert_eq!(snapshot.advisories(), 0);
    assert!(snapshot.namespaces().is_empty());
    assert!(
        snapshot
            .affected("debian:12", "openssl")
            .unwrap()
            .is_empty()
    );
    assert!(snapshot.find("CVE-2024-1").unwrap().is_none());
    assert!(snapshot.list("debian:12", None, 10).unwrap().is_empty());
    snapshot.verify().unwrap();
}

#[test]
fn a_list_is_walked_page_by_page_in_the_order_of_ids() {
    let directory = tempfile::tempdir().unwrap();
    // More than one row of a listing, and other namespaces in between.
    let all: Vec<Advisory> = (0..9000)
        .map(|number| {
            let namespace = if number % 10 == 0 {
                "debian:11"
            } else {
                "debian:12"
            };
            let id = format!("CVE-2024-{number:05}");
            advisory(
                &id,
                vec![affected(namespace, &format!("p{}", number % 7), "1")],
            )
        })
        .collect();
    let snapshot = open(&build(&directory.path().join("a"), &all));
    for namespace in ["debian:11", "debian:12"] {
        let expected: Vec<&str> = all
            .iter()
            .filter(|advisory| advisory.affected[0].namespace.as_str() == namespace)
            .map(|advisory| advisory.id.as_str())
            .collect();
        for limit in [37, 5000] {
            let mut listed: Vec<String> = Vec::new();
            loop {
                let after = listed.last().map(String::as_str);
                let page = snapshot.list(namespace, after, limit).unwrap();
                if page.is_empty() {
                    break;
                }
                listed.extend(page.into_iter().map(|advisory| advisory.id));
            }
            assert_eq!(listed, expected);
        }
    }
    // A cursor need not be there any more.
    let page = snapshot
        .list("debian:12", Some("CVE-2024-00003x"), 1)
        .unwrap();
    assert_eq!(page[0].id, "CVE-2024-00004");
}

#[test]
fn look_ups_from_several_threads_agree() {
    let directory = tempfile::tempdir().unwrap();
    let all: Vec<Advisory> = (0..300)
        .map(|number| {
            let package = format!("p{}", number % 50);
            advisory(
                &format!("CVE-{number:03}"),
                vec![affected("debian:12", &package, "1")],
            )
        })
        .collect();
    let snapshot = open(&build(&directory.path().join("a"), &all));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for number in 0..50 {
                    let entries = snapshot
                        .affected("debian:12", &format!("p{number}"))
                        .unwrap();
                    assert_eq!(entries.len(), 6);
                    let id = snapshot.advisory(entries[0].advisory).unwrap().id;
                    assert_eq!(id, format!("CVE-{number:03}"));
                }
            });
        }
    });
}

type Expected = BTreeMap<(String, String), Vec<(String, Affected)>>;

#[test]
fn what_packages_were_built_from_is_kept_and_carried_over() {
    let directory = tempfile::tempdir().unwrap();
    let (noble, jammy) = (
        Namespace::from("ubuntu:24.04"),
        Namespace::from("ubuntu:22.04"),
    );
    let first = advisory("CVE-1", vec![affected("ubuntu:24.04", "openssl", "2")]);
    let make = |name: &str, pairs: &[(&Namespace, &str, &str)]| {
        let mut builder = Builder::create(directory.path().join(name), meta()).unwrap();
        builder.add(&first).unwrap();
        for (namespace, binary, source) in pairs {
            builder.built_from(namespace, binary, source).unwrap();
        }
        builder.finish().unwrap()
    };
    let pairs = [
        (&noble, "libssl3t64", "openssl"),
        (&noble, "openssl", "openssl"),
        (&noble, "libcrypto3-udeb", "openssl"),
        (&noble, "libc6", "glibc"),
        // Nothing is said of it.
        (&jammy, "libssl3", "openssl"),
    ];
    let mut reversed = pairs;
    reversed.reverse();
    let built = make("a", &pairs);
    assert_eq!(make("b", &reversed).digest, built.digest);
    let without = make("c", &[]);
    assert_ne!(without.digest, built.digest);

    let check = |snapshot: &Snapshot| {
        snapshot.verify().unwrap();
        let built_from = |namespace, binary| snapshot.built_from(namespace, binary).unwrap();
        assert_eq!(built_from("ubuntu:24.04", "libssl3t64"), ["openssl"]);
        assert_eq!(built_from("ubuntu:24.04", "openssl"), [""; 0]);
        assert_eq!(built_from("ubuntu:22.04", "libssl3"), [""; 0]);
        let sources = ["openssl".to_owned(), "zlib".to_owned()].into();
        let binaries = snapshot.built("ubuntu:24.04", &sources).unwrap();
        assert_eq!(
            binaries.into_iter().collect::<Vec<_>>(),
            ["libcrypto3-udeb", "libssl3t64"]
        );
        assert!(snapshot.knows_sources("ubuntu:24.04").unwrap());
        assert!(!snapshot.knows_sources("ubuntu:22.04").unwrap());
    };
    let snapshot = open(&built);
    check(&snapshot);
    assert!(!open(&without).knows_sources("ubuntu:24.04").unwrap());
    let mut next = Builder::create(directory.path().join("d"), meta()).unwrap();
    next.carry_over(&snapshot, |_| true).unwrap();
    check(&open(&next.finish().unwrap()));
}

fn expected(advisories: &[Advisory]) -> Expected {
    let mut highest: BTreeMap<&str, Severity> = BTreeMap::new();
    for advisory in advisories {
        let severity = highest.entry(&advisory.id).or_default();
        *severity = advisory.severity.max(*severity);
    }
    let mut all = Expected::new();
    for advisory in advisories {
        for affected in &advisory.affected {
            let key = (affected.namespace.to_string(), affected.package.clone());
            let mut affected = affected.clone();
            let inherited = Some(advisory.severity).filter(|own| *own != Severity::Unknown);
            affected.severity = affected
                .severity
                .or(inherited)
                .filter(|own| *own != highest[advisory.id.as_str()]);
            all.entry(key)
                .or_default()
                .push((advisory.id.clone(), affected));
        }
    }
    for entries in all.values_mut() {
        entries.sort();
        entries.dedup();
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn everything_added_comes_back(advisories in prop::collection::vec(any_advisory(), 0..20)) {
        let directory = tempfile::tempdir().unwrap();
        let built = build(&directory.path().join("a"), &advisories);
        let snapshot = open(&built);
        snapshot.verify().unwrap();
        let expected = expected(&advisories);
        for ((namespace, package), statements) in &expected {
            let found: Vec<(String, Affected)> = snapshot
                .affected(namespace, package)
                .unwrap()
                .iter()
                .map(|entry| {
                    let id = snapshot.advisory(entry.advisory).unwrap().id;
                    (id, entry.affected.clone())
                })
                .collect();
            prop_assert_eq!(&found, statements);
        }
        prop_assert_eq!(built.affected, expected.values().map(|all| all.len() as u64).sum::<u64>());
        let mut by_id: BTreeMap<&str, Vec<&Advisory>> = BTreeMap::new();
        for advisory in &advisories {
            by_id.entry(&advisory.id).or_default().push(advisory);
        }
        for (id, parts) in &by_id {
            let whole = snapshot.whole(snapshot.find(id).unwrap().unwrap()).unwrap();
            if let [only] = parts.as_slice() {
                let mut only = (*only).clone();
                for affected in &mut only.affected {
                    affected.severity = affected.severity.filter(|own| *own != only.severity);
                }
                only.affected.sort_by_key(|affected| {
                    (affected.namespace.clone(), affected.package.clone(), affected.clone())
                });
                only.affected.dedup();
                prop_assert_eq!(&whole, &only);
            }
            prop_assert_eq!(whole.severity, parts.iter().map(|part| part.severity).max().unwrap());
        }
        for count in snapshot.namespaces() {
            let listed = snapshot.list(count.namespace.as_str(), None, 1000).unwrap();
            prop_assert_eq!(listed.len() as u64, count.advisories);
            prop_assert!(listed.is_sorted_by_key(|advisory| advisory.id.clone()));
        }
    }

    #[test]
    fn the_order_of_adding_does_not_matter(
        (advisories, shuffled) in prop::collection::vec(any_advisory(), 0..20)
            .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let built = build(&directory.path().join("a"), &advisories);
        let twice: Vec<Advisory> = shuffled.iter().chain(&advisories).cloned().collect();
        let other = build(&directory.path().join("b"), &twice);
        prop_assert_eq!(built.digest, other.digest);
        let bytes = |path| std::fs::read(path).unwrap();
        prop_assert!(bytes(&built.path) == bytes(&other.path));
    }
}
