//! Packages whose own list does not say what they were built from.

use std::collections::BTreeSet;

use pellucid_matcher::{Matched, find};
use pellucid_model::{Namespace, Owner, Package, PackageEntry, PackageKind};
use pellucid_version::Range;

use crate::fixture::{
    OPTIONS, advisory, affected, deb, deb_of, entry, ids, inventory, snapshot, snapshot_with,
    sources,
};

const BUILT_FROM: &[(&str, &str)] = &[
    ("libssl3", "openssl"),
    ("runc", "runc-app"),
    ("runc", "runc-stable"),
];

/// As chisel's manifest lists it.
fn cut(package: Package) -> PackageEntry {
    PackageEntry {
        detector: "chisel".to_owned(),
        ..entry(package)
    }
}

fn matched(packages: Vec<PackageEntry>, built_from: &[(&str, &str)]) -> Matched {
    let directory = tempfile::tempdir().unwrap();
    let said = [
        advisory("CVE-1", vec![affected("openssl", Range::before("3.0.16"))]),
        advisory("CVE-2", vec![affected("runc-app", Range::before("1.2"))]),
        advisory("CVE-3", vec![affected("runc-stable", Range::before("1.1"))]),
        advisory("CVE-4", vec![affected("runc", Range::before("1.0"))]),
    ];
    let snapshot = snapshot_with(directory.path(), "ubuntu", &said, built_from);
    find(&inventory(packages), &sources(&[snapshot]), &OPTIONS).unwrap()
}

#[test]
fn a_package_is_matched_under_the_sources_that_the_data_knows() {
    let found = |package| ids(&matched(vec![cut(package)], BUILT_FROM));
    assert_eq!(found(deb("libssl3", "3.0.15")), "CVE-1");
    assert_eq!(found(deb("libssl3", "3.0.16")), "");
    assert_eq!(found(deb("libc6", "1")), "");
    // Each source's own versions.
    assert_eq!(found(deb("runc", "0.9")), "CVE-2 CVE-3 CVE-4");
    assert_eq!(found(deb("runc", "1.1.5")), "CVE-2");
    // A list that says it where it is another one, as dpkg's does, says that these are their own.
    let listed = |package| ids(&matched(vec![entry(package)], BUILT_FROM));
    assert_eq!(listed(deb("libssl3", "3.0.15")), "");
    assert_eq!(listed(deb("runc", "0.9")), "CVE-4");
    let of_bill = PackageEntry {
        detector: "sbom".to_owned(),
        ..entry(deb("libssl3", "3.0.15"))
    };
    assert_eq!(ids(&matched(vec![of_bill], BUILT_FROM)), "CVE-1");
    // What a package says itself counts alone.
    assert_eq!(found(deb_of("libssl3", "3.0.15", "libressl", "3.0.15")), "");
}

#[test]
fn without_such_data_a_list_that_names_no_sources_is_not_covered() {
    let covered = |entry, built_from| matched(vec![entry], built_from).coverage.remove(0);
    let libssl = || deb("libssl3", "3.0.15");
    assert!(covered(cut(libssl()), BUILT_FROM).is_covered());
    assert!(covered(entry(libssl()), &[]).is_covered());
    let unknown = covered(cut(libssl()), &[]);
    assert!(!unknown.is_covered());
    let note = unknown.note.unwrap();
    assert!(
        note.contains("which sources its packages were built from"),
        "{note}"
    );
}

#[test]
fn the_owner_of_a_file_is_known_by_such_a_source_too() {
    let file = || PackageEntry {
        namespace: Some(Namespace::from("maven")),
        package: Package::new(PackageKind::Maven, "a:b", "1"),
        owner: Some(Owner {
            name: "libssl3".to_owned(),
            version: "3.0.16".to_owned(),
        }),
        ..entry(deb("a", "1"))
    };
    let left = |built_from| {
        let packages = vec![file(), cut(deb("libssl3", "3.0.16"))];
        matched(packages, built_from).left_to_owners
    };
    assert_eq!(left(BUILT_FROM), BTreeSet::from([0]));
    assert_eq!(left(&[]), BTreeSet::new());
}

#[test]
fn names_are_joined_by_those_of_what_was_built_from_them() {
    let directory = tempfile::tempdir().unwrap();
    let said = [advisory("CVE-1", vec![affected("openssl", Range::all())])];
    let known = snapshot_with(directory.path(), "ubuntu", &said, BUILT_FROM);
    // Another source of the namespace knows nothing of it.
    let sources = sources(&[snapshot("ubuntu-tracker", &said), known]);
    let namespace = Namespace::from("debian:12");
    let names = ["openssl", "runc-app"].map(str::to_owned).into();
    let joined = sources.with_built(&namespace, names).unwrap();
    assert_eq!(
        joined.into_iter().collect::<Vec<_>>(),
        ["libssl3", "openssl", "runc", "runc-app"]
    );
}
