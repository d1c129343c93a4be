//! Publishing, going back, crashes and the gate.

use std::fs;
use std::path::Path;

use pellucid_model::Advisory;
use pellucid_snapshot::{Builder, Built, Catalog, FeedStatus, Gate, SnapshotError};

use crate::fixture::{advisory, affected, meta};

fn advisories(count: usize) -> Vec<Advisory> {
    let of = |number| {
        advisory(
            &format!("CVE-2024-{number:04}"),
            vec![affected("debian:12", "openssl", "3")],
        )
    };
    (0..count).map(of).collect()
}

fn built(catalog: &Catalog, count: usize) -> Built {
    let path = catalog.building_path("debian").unwrap();
    let mut builder = Builder::create(path, meta()).unwrap();
    for advisory in advisories(count) {
        builder.add(&advisory).unwrap();
    }
    builder.finish().unwrap()
}

fn publish(catalog: &Catalog, count: usize) {
    let built = built(catalog, count);
    let status = FeedStatus {
        last_checked: Some(1000),
        ..FeedStatus::default()
    };
    catalog.publish("debian", built, 1000, status).unwrap();
}

fn current(directory: &Path) -> u64 {
    let catalog = Catalog::open(directory).unwrap();
    catalog.verify("debian").unwrap();
    catalog.current("debian").unwrap().unwrap().advisories()
}

#[test]
fn published_is_current_and_the_one_before_can_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(directory.path()).unwrap();
    assert!(catalog.current("debian").unwrap().is_none());
    assert!(matches!(
        catalog.rollback("debian"),
        Err(SnapshotError::Missing { .. })
    ));
    for count in [3, 4, 5] {
        publish(&catalog, count);
        assert_eq!(current(directory.path()), count as u64);
    }
    assert_eq!(catalog.reference("debian").unwrap().as_of, meta().as_of);
    let files = || {
        fs::read_dir(directory.path().join("snapshots"))
            .unwrap()
            .count()
    };
    assert_eq!(files(), 2, "the current and one to go back to");
    let held = catalog.current("debian").unwrap().unwrap();
    assert_eq!(catalog.rollback("debian").unwrap().advisories(), 4);
    assert_eq!(current(directory.path()), 4);
    assert_eq!(catalog.rollback("debian").unwrap().advisories(), 5);
    catalog.rollback("debian").unwrap();
    assert_eq!(catalog.prune(true).unwrap().len(), 1);
    assert_eq!(files(), 1);
    // Whoever holds the old one still reads it.
    assert_eq!(held.affected("debian:12", "openssl").unwrap().len(), 5);
    catalog.remove("debian").unwrap();
    assert_eq!(files(), 0);
}

#[test]
fn the_same_data_again_rewrites_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(directory.path()).unwrap();
    publish(&catalog, 3);
    let manifest = directory.path().join("manifest.json");
    let before = fs::read(&manifest).unwrap();
    publish(&catalog, 3);
    assert_eq!(fs::read(&manifest).unwrap(), before);
    assert!(catalog.entry("debian").unwrap().previous.is_empty());
    catalog.verify("debian").unwrap();
}

#[test]
fn a_failed_update_leaves_the_snapshot_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(directory.path()).unwrap();
    publish(&catalog, 3);
    catalog
        .record_error("debian", 2000, "503 Service Unavailable")
        .unwrap();
    catalog
        .record_error("alpine/v3.20", 2000, "cannot resolve")
        .unwrap();
    let again = Catalog::open(directory.path()).unwrap();
    let status = again.status("debian");
    assert_eq!(
        status.last_error.as_deref(),
        Some("503 Service Unavailable")
    );
    assert_eq!(
        (status.last_checked, status.last_tried),
        (Some(1000), Some(2000))
    );
    assert_eq!(current(directory.path()), 3);
    assert!(again.current("alpine/v3.20").unwrap().is_none());
    again.record_checked("debian", 3000).unwrap();
    assert_eq!(again.status("debian").last_error, None);
    // The other process sees it when it looks again.
    assert!(catalog.reload().unwrap());
    assert_eq!(catalog.status("debian").last_checked, Some(3000));
    assert!(!catalog.reload().unwrap());
}

#[test]
fn a_crash_at_any_moment_leaves_the_old_or_the_new() {
    let directory = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(directory.path()).unwrap();
    publish(&catalog, 3);
    // While building.
    let half = built(&catalog, 4);
    assert_eq!(current(directory.path()), 3);
    // After the snapshot moved, before the manifest.
    let name = format!("{}.snapshot", half.digest.hex());
    fs::rename(&half.path, directory.path().join("snapshots").join(name)).unwrap();
    assert_eq!(current(directory.path()), 3);
    // While the manifest was written.
    let writing = directory.path().join("manifest.json.writing");
    fs::write(&writing, b"{\"format\": 1, \"snapsh").unwrap();
    assert_eq!(current(directory.path()), 3);
    built(&catalog, 9);
    assert_eq!(catalog.prune(false).unwrap().len(), 2);
    publish(&catalog, 4);
    assert_eq!(current(directory.path()), 4);
}

#[test]
fn a_broken_manifest_is_an_error_and_not_an_empty_catalog() {
    let directory = tempfile::tempdir().unwrap();
    publish(&Catalog::open(directory.path()).unwrap(), 3);
    let manifest = directory.path().join("manifest.json");
    let whole = fs::read(&manifest).unwrap();
    for len in 0..whole.len() - 2 {
        fs::write(&manifest, &whole[..len]).unwrap();
        let error = Catalog::open(directory.path()).err().unwrap();
        assert!(matches!(error, SnapshotError::Manifest { .. }), "{error}");
    }
    fs::write(&manifest, b"{\"format\": 2, \"elsewhere\": {}}").unwrap();
    let error = Catalog::open(directory.path()).err().unwrap();
    assert!(matches!(
        error,
        SnapshotError::ManifestFormat { found: 2, .. }
    ));
}

#[test]
fn a_file_that_is_gone_or_swapped_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    publish(&Catalog::open(directory.path()).unwrap(), 3);
    let catalog = Catalog::open(directory.path()).unwrap();
    let digest = catalog.entry("debian").unwrap().current.unwrap().digest;
    let path = directory
        .path()
        .join(format!("snapshots/{}.snapshot", digest.hex()));
    let other = built(&catalog, 4);
    fs::copy(&other.path, &path).unwrap();
    assert!(matches!(
        catalog.verify("debian"),
        Err(SnapshotError::Digest { .. })
    ));
    let catalog = Catalog::open(directory.path()).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(matches!(
        catalog.current("debian"),
        Err(SnapshotError::Io { .. })
    ));
}

#[test]
fn only_one_updates_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(directory.path()).unwrap();
    let other = Catalog::open(directory.path()).unwrap();
    let lock = catalog.lock_updates().unwrap();
    assert!(matches!(
        other.lock_updates(),
        Err(SnapshotError::Busy { .. })
    ));
    assert!(matches!(
        other.prune(false),
        Err(SnapshotError::Busy { .. })
    ));
    drop(lock);
    drop(other.wait_for_updates().unwrap());
    other.lock_updates().unwrap();
}

#[test]
fn several_publish_at_once_and_none_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(directory.path()).unwrap();
    std::thread::scope(|scope| {
        for number in 0..4 {
            let directory = directory.path();
            scope.spawn(move || {
                let catalog = Catalog::open(directory).unwrap();
                let key = format!("alpine/v3.{number}");
                let path = catalog.building_path(&key).unwrap();
                let mut builder = Builder::create(path, meta()).unwrap();
                for advisory in advisories(number + 1) {
                    builder.add(&advisory).unwrap();
                }
                let built = builder.finish().unwrap();
                catalog
                    .publish(&key, built, 1, FeedStatus::default())
                    .unwrap();
            });
        }
    });
    assert!(catalog.reload().unwrap());
    for number in 0..4 {
        let snapshot = catalog
            .current(&format!("alpine/v3.{number}"))
            .unwrap()
            .unwrap();
        assert_eq!(snapshot.advisories(), number + 1);
    }
}

#[test]
fn a_key_is_no_path() {
    let directory = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(directory.path()).unwrap();
    for key in ["", "a\nb", "ä", &"x".repeat(129)] {
        assert!(matches!(
            catalog.record_checked(key, 1),
            Err(SnapshotError::Key(_))
        ));
    }
    let path = catalog.building_path("../../etc/x y").unwrap();
    assert_eq!(path.parent().unwrap(), directory.path().join("snapshots"));
}

#[test]
fn the_gate_holds_back_what_shrank_too_much() {
    let directory = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(directory.path()).unwrap();
    publish(&catalog, 100);
    let current = catalog.entry("debian").unwrap().current.unwrap();
    let gate = Gate::default();
    let check = |count| gate.check(&current, &built(&catalog, count));
    for fine in [80, 99, 100, 300] {
        assert_eq!(check(fine), Ok(()));
    }
    for bad in [0, 1, 79] {
        assert_eq!(check(bad).unwrap_err().after, bad as u64);
    }
    // A namespace that vanished, though the total is the same.
    let path = catalog.building_path("other").unwrap();
    let mut builder = Builder::create(path, meta()).unwrap();
    for mut advisory in advisories(100) {
        advisory.affected = vec![affected("debian:11", "openssl", "3")];
        builder.add(&advisory).unwrap();
    }
    let moved = gate
        .check(&current, &builder.finish().unwrap())
        .unwrap_err();
    assert_eq!(
        moved.to_string(),
        "advisories of debian:12 fell from 100 to 0"
    );
}
