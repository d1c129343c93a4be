//! Files that were cut, changed, or never were snapshots.

use std::path::Path;

use pellucid_model::Advisory;
use pellucid_snapshot::{Snapshot, SnapshotError};

use crate::fixture::{advisory, affected, build};

/// A snapshot with small and large rows.
fn some() -> Vec<Advisory> {
    (0..400)
        .map(|number| Advisory {
            description: format!("Text {number} {}", "of some length ".repeat(number % 20)),
            aliases: vec![format!("GHSA-{number}")],
            ..advisory(
                &format!("CVE-2024-{number:04}"),
                vec![
                    affected(
                        "debian:12",
                        &format!("p{}", number % 40),
                        &format!("1.{number}"),
                    ),
                    affected("debian:11", "linux", &format!("5.{number}")),
                ],
            )
        })
        .collect()
}

/// Uses everything that reads; gives the first error.
fn use_all(path: &Path, digest: pellucid_model::Digest) -> Result<(), SnapshotError> {
    let snapshot = Snapshot::open(path, digest)?;
    for count in snapshot.namespaces() {
        for number in 0..40 {
            snapshot.affected(count.namespace.as_str(), &format!("p{number}"))?;
        }
        for listed in snapshot.list(count.namespace.as_str(), Some("CVE-2024-0100"), 50)? {
            snapshot.get(count.namespace.as_str(), &listed.id)?;
        }
    }
    snapshot.affected("debian:11", "linux")?;
    for text in ["GHSA-7", "CVE-2024-0007", "linux", "nothing"] {
        for hit in snapshot.search(text, 5)? {
            snapshot.whole(hit)?;
        }
    }
    Ok(())
}

fn names(error: &SnapshotError, path: &Path) -> bool {
    error.to_string().contains(&path.display().to_string())
}

#[test]
fn a_cut_file_is_refused_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let built = build(&directory.path().join("whole"), &some());
    use_all(&built.path, built.digest).unwrap();
    let bytes = std::fs::read(&built.path).unwrap();
    let path = directory.path().join("cut");
    for percent in 0..100 {
        std::fs::write(&path, &bytes[..bytes.len() * percent / 100]).unwrap();
        let error = Snapshot::open(&path, built.digest).err().unwrap();
        assert!(names(&error, &path), "{error}");
    }
}

#[test]
fn a_changed_byte_is_found_by_verify_and_never_panics() {
    let directory = tempfile::tempdir().unwrap();
    let built = build(&directory.path().join("whole"), &some());
    let bytes = std::fs::read(&built.path).unwrap();
    let path = directory.path().join("changed");
    for step in 0..300 {
        let mut changed = bytes.clone();
        let at = step * 7919 % changed.len();
        changed[at] ^= 1 << (step % 8);
        // Every other time a whole stretch.
        if step % 2 == 0 {
            let end = (at + 64).min(changed.len());
            changed[at..end].fill(0xff);
        }
        std::fs::write(&path, &changed).unwrap();
        // A changed text may go unnoticed here; an error must name the file.
        if let Err(error) = use_all(&path, built.digest) {
            assert!(names(&error, &path), "{error}");
        }
        match Snapshot::open(&path, built.digest).and_then(|snapshot| snapshot.verify()) {
            Ok(()) => panic!("byte {at} changed and nobody noticed"),
            Err(error) => assert!(names(&error, &path), "{error}"),
        }
    }
}

#[test]
fn what_is_no_snapshot_of_this_format_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let built = build(&directory.path().join("whole"), &some());
    let bytes = std::fs::read(&built.path).unwrap();
    let path = directory.path().join("other");
    let refused = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        Snapshot::open(&path, built.digest).err().unwrap()
    };
    let mut newer = bytes.clone();
    newer[63] = 99;
    assert!(matches!(
        refused(&newer),
        SnapshotError::Format { found: 99, .. }
    ));
    let mut foreign = bytes;
    foreign[68..72].fill(0);
    assert!(matches!(refused(&foreign), SnapshotError::Damaged { .. }));
    assert!(matches!(
        refused(b"<html>502 Bad Gateway</html>"),
        SnapshotError::Damaged { .. }
    ));
    let missing = Snapshot::open(directory.path().join("missing"), built.digest);
    assert!(matches!(missing.err().unwrap(), SnapshotError::Io { .. }));
}

#[test]
fn a_path_of_any_bytes_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("what?is#this %41&mode=rwc é");
    let built = build(&path, &some());
    use_all(&path, built.digest).unwrap();
}

#[test]
fn a_file_with_other_tables_than_ours_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let built = build(&directory.path().join("whole"), &some());
    let path = directory.path().join("other");
    let opened = |sql: &str| {
        std::fs::copy(&built.path, &path).unwrap();
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch(sql).unwrap();
        drop(connection);
        Snapshot::open(&path, built.digest)
    };
    opened("SELECT 1").unwrap();
    for sql in [
        // Whoever reads it never comes back.
        "DROP TABLE alias; CREATE VIEW alias AS WITH RECURSIVE n(name, advisory) AS
         (SELECT 'x', 1 UNION ALL SELECT name, advisory + 1 FROM n) SELECT * FROM n",
        "CREATE VIEW more AS SELECT 1",
        "CREATE TABLE more (id)",
        "CREATE TRIGGER more AFTER INSERT ON name BEGIN SELECT 1; END",
        "CREATE INDEX more ON name (name)",
        "DROP INDEX block_name",
        "DROP TABLE alias",
        "ALTER TABLE name ADD COLUMN more",
    ] {
        let error = opened(sql).err().unwrap();
        assert!(
            matches!(error, SnapshotError::Damaged { .. }),
            "{sql}: {error}"
        );
        assert!(names(&error, &path), "{error}");
    }
    let error = opened("UPDATE namespace SET id = id + 5").err().unwrap();
    assert!(error.to_string().contains("out of order"), "{error}");
}
