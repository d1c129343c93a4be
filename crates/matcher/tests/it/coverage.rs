//! Which data answered, or that none did.

use pellucid_matcher::{Source, Sources, find};
use pellucid_model::{
    Distribution, Namespace, Owner, Package, PackageEntry, PackageKind, Warning, WarningKind,
};
use pellucid_version::Range;

use crate::fixture::{OPTIONS, advisory, affected, deb, entry, inventory, snapshot, sources};

fn in_namespace(namespace: Option<&str>) -> PackageEntry {
    PackageEntry {
        namespace: namespace.map(Namespace::from),
        ..entry(deb("a", "1"))
    }
}

#[test]
fn a_package_of_maven_without_a_group_is_said_to_be_beyond_advisories() {
    let snapshot = snapshot(
        "maven",
        &[advisory("CVE-1", vec![affected("g:a", Range::all())])],
    );
    let mut sources = Sources::default();
    sources.add(
        Namespace::from("maven"),
        Source {
            snapshot,
            namespace: Namespace::from("maven"),
            fetched_at: 2,
        },
    );
    let packages = ["g:a", "a", "b"].map(|name| PackageEntry {
        namespace: Some(Namespace::from("maven")),
        ..entry(Package::new(PackageKind::Maven, name, "1"))
    });
    let matched = find(&inventory(packages.into()), &sources, &OPTIONS).unwrap();
    let maven = matched.coverage.iter().find(|one| {
        one.namespace
            .as_ref()
            .is_some_and(|name| name.as_str() == "maven")
    });
    let note = maven
        .and_then(|one| one.note.as_deref())
        .unwrap_or_default();
    assert!(
        note.contains("2 of them name no group"),
        "{:?}",
        matched.coverage
    );
}

#[test]
fn a_program_of_go_without_a_version_is_said_not_to_be_compared() {
    let packages = [("a", "(devel)"), ("b", "v1.0.0")].map(|(name, version)| PackageEntry {
        namespace: Some(Namespace::from("golang")),
        ..entry(Package::new(PackageKind::Golang, name, version))
    });
    let matched = find(&inventory(packages.into()), &Sources::default(), &OPTIONS).unwrap();
    let note = matched.coverage.iter().find_map(|one| one.note.as_deref());
    let wanted = "1 of them are programs without a version, which cannot be compared";
    assert!(note.is_some_and(|note| note.ends_with(wanted)), "{note:?}");
}

#[test]
fn packages_that_others_built_are_counted() {
    let packages = ["1.22.1-9+deb12u1", "1.25.3-1~bookworm", "16.1-1.pgdg120+1"];
    let packages = packages.map(|version| entry(deb("nginx", version)));
    let said = [advisory("CVE-1", vec![affected("a", Range::all())])];
    let sources = sources(&[snapshot("debian", &said)]);
    let covered = find(&inventory(packages.into()), &sources, &OPTIONS).unwrap();
    let note = covered.coverage[0].note.as_deref();
    let expected =
        "2 of them were built by others, and are compared with versions of its own builds";
    assert_eq!(note, Some(expected));
}

#[test]
fn every_namespace_is_covered_or_said_not_to_be() {
    let snapshot = snapshot(
        "debian",
        &[advisory("CVE-1", vec![affected("a", Range::all())])],
    );
    let mut sources = sources(std::slice::from_ref(&snapshot));
    let source = |namespace: &str| Source {
        snapshot: snapshot.clone(),
        namespace: Namespace::from(namespace),
        fetched_at: 2,
    };
    // One that upstream has stopped following, a derivative, and one whose update failed.
    sources.add(Namespace::from("debian:7"), source("debian:7"));
    sources.add(Namespace::from("derived:1"), source("debian:12"));
    sources.note(
        Namespace::from("alpine:v3.20"),
        "the update of alpine/v3.20 failed: 503",
    );
    let names = [
        "debian:12",
        "debian:12",
        "debian:7",
        "derived:1",
        "alpine:v3.20",
        "haiku:1",
    ];
    let mut packages: Vec<_> = names.iter().map(|name| in_namespace(Some(name))).collect();
    packages.push(in_namespace(None));
    let matched = find(&inventory(packages), &sources, &OPTIONS).unwrap();
    let told: Vec<_> = matched
        .coverage
        .iter()
        .map(|coverage| {
            let namespace = coverage
                .namespace
                .as_ref()
                .map_or("?", |name| name.as_str());
            let note = coverage.note.as_deref().unwrap_or_default();
            (namespace, coverage.packages, coverage.is_covered(), note)
        })
        .collect();
    let expected = [
        (
            "?",
            1,
            false,
            "no file says which distribution these packages are of",
        ),
        (
            "alpine:v3.20",
            1,
            false,
            "the update of alpine/v3.20 failed: 503",
        ),
        ("debian:12", 2, true, ""),
        ("debian:7", 1, false, "debian says nothing about debian:7"),
        ("derived:1", 1, true, "answered by the data for debian:12"),
        ("haiku:1", 1, false, "no advisory data for this namespace"),
    ];
    assert_eq!(told, expected);
    let reference = &matched.coverage[2].snapshots[0];
    assert_eq!(
        (reference.key.as_str(), reference.digest),
        ("debian", snapshot.digest())
    );
    assert_eq!((reference.as_of, reference.fetched_at), (Some(1), 2));
    let end = matched.coverage[3].end_of_life.as_ref().unwrap();
    assert!(end.past, "{end:?}");
    assert!(!matched.coverage[2].end_of_life.as_ref().unwrap().past);
    // The derivative's packages are matched under the name in the snapshot.
    assert_eq!(matched.findings.len(), 3);
}

fn distribution(namespace: &str) -> Distribution {
    let namespace = Namespace::from(namespace);
    Distribution {
        id: namespace.distribution().to_owned(),
        namespace,
        version_id: None,
        codename: None,
        pretty_name: None,
        id_like: Vec::new(),
        cpe: None,
        path: "etc/os-release".to_owned(),
        layer: 0,
    }
}

#[test]
fn a_distribution_without_a_database_is_not_covered() {
    let snapshot = snapshot(
        "debian",
        &[advisory("CVE-1", vec![affected("a", Range::all())])],
    );
    let sources = sources(&[snapshot]);
    let mut inventory = inventory(vec![in_namespace(Some("debian:12"))]);
    // What another file names, and the image has nothing of, is no line.
    inventory.distributions = vec![distribution("debian:12"), distribution("ubuntu:24.04")];
    let covered = find(&inventory, &sources, &OPTIONS).unwrap().coverage;
    assert_eq!(covered.len(), 1);
    assert!(covered[0].is_covered());
    let kind = WarningKind::NoDatabase;
    inventory
        .warnings
        .push(Warning::of_file(kind, "etc/os-release", None, "none"));
    let matched = find(&inventory, &sources, &OPTIONS).unwrap();
    let note = matched.coverage[0].note.as_deref();
    assert_eq!(note, Some("no package database in the image"));
    assert!(!matched.coverage[0].is_covered());
    // What something else proves is matched all the same.
    assert_eq!(matched.findings.len(), 1);
}

#[test]
fn a_distribution_without_packages_and_owned_packages_without_data_are_named() {
    let mut inventory = inventory(vec![PackageEntry {
        namespace: Some(Namespace::from("pypi")),
        package: Package::new(PackageKind::Pypi, "a", "1"),
        owner: Some(Owner {
            name: "python3-a".to_owned(),
            version: "1".to_owned(),
        }),
        ..entry(deb("a", "1"))
    }]);
    inventory.distributions = vec![distribution("debian:12")];
    let matched = find(&inventory, &Sources::new(), &OPTIONS).unwrap();
    let told: Vec<_> = matched
        .coverage
        .iter()
        .map(|one| (one.namespace.as_ref().unwrap().as_str(), one.packages))
        .collect();
    assert_eq!(told, [("debian:12", 0), ("pypi", 1)]);
    assert!(matched.coverage.iter().all(|one| !one.is_covered()));
}
