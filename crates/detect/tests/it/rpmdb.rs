//! The three backends against databases built here, databases that the tools made, and damage.

mod build;
mod damage;
mod header;
mod oracle;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use build::{Layout, Log, Row};
use pellucid_detect::rpmdb::{Backend, HeaderError, Limits, RpmdbError, read};

/// What a database holds: a line for each header that parses, the others, and how reading ended.
type Outcome = (Vec<String>, Vec<HeaderError>, Result<(), RpmdbError>);

fn outcome_within(database: &[u8], wal: Option<&[u8]>, limits: &Limits) -> Outcome {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    let end = read(database, wal, limits, &mut |header| match header {
        Ok(header) => {
            let (name, version, release) = (&header.name, &header.version, &header.release);
            let files = header.files().map(Iterator::count);
            good.push(format!(
                "{} {name} {version} {release} {files:?}",
                header.number
            ));
        }
        Err(error) => bad.push(error),
    });
    (good, bad, end)
}

fn outcome(database: &[u8], wal: Option<&[u8]>) -> Outcome {
    outcome_within(database, wal, &Limits::default())
}

/// The sorted lines of a database in which everything is right.
fn lines(database: &[u8], wal: Option<&[u8]>) -> Vec<String> {
    let (mut good, bad, end) = outcome(database, wal);
    assert_eq!((bad, end), (Vec::new(), Ok(())));
    good.sort();
    good
}

fn expected(rows: &[Row]) -> Vec<String> {
    let line = |(number, _): &Row| format!("{number} pkg{number} 1.{number} 1.el9 Ok(0)");
    let mut lines: Vec<_> = rows.iter().map(line).collect();
    lines.sort();
    lines
}

const SMALL: Layout = Layout {
    page_size: 512,
    reserved: 0,
};

/// Every kind of database, holding the same packages.
fn databases(rows: &[Row]) -> Vec<(&'static str, Vec<u8>)> {
    let odd = Layout {
        page_size: 1024,
        reserved: 32,
    };
    vec![
        ("sqlite", build::sqlite(rows, SMALL).concat()),
        ("sqlite, reserved bytes", build::sqlite(rows, odd).concat()),
        ("ndb", build::ndb(rows)),
        ("hash", build::bdb_hash(rows, 4, false)),
        ("hash, big-endian", build::bdb_hash(rows, 2, true)),
        ("btree", build::bdb_btree(rows, false)),
        ("btree, big-endian", build::bdb_btree(rows, true)),
    ]
}

fn fixture(path: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/rpmdb");
    std::fs::read(folder.join(path)).unwrap()
}

/// Databases that are not part of the project, where they are there.
fn shared(path: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/rpmdb");
    let found = root.join(path);
    if !found.exists() {
        println!("skipped: no ../shared/data/rpmdb/{path}");
        return None;
    }
    Some(found)
}

#[test]
fn every_backend_yields_the_same_packages() {
    for count in [0, 1, 40, 300] {
        let rows = build::rows(count);
        for (name, database) in databases(&rows) {
            if count == 0 && name.starts_with("btree") {
                continue;
            }
            assert_eq!(
                lines(&database, None),
                expected(&rows),
                "{name}, {count} packages"
            );
        }
    }
}

#[test]
fn every_sqlite_page_size_is_read() {
    let rows = build::rows(30);
    for page_size in [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536] {
        for reserved in [0, 8, 255]
            .into_iter()
            .filter(|bytes| page_size - bytes >= 480)
        {
            let pages = build::sqlite(
                &rows,
                Layout {
                    page_size,
                    reserved,
                },
            );
            let (good, bad, end) = outcome(&pages.concat(), None);
            assert_eq!((bad, end), (Vec::new(), Ok(())));
            assert_eq!(
                good.len(),
                30,
                "{page_size} bytes a page, {reserved} reserved"
            );
        }
    }
}

#[test]
fn the_backend_is_told_by_content() {
    let rows = build::rows(3);
    for (name, database) in databases(&rows) {
        let backend = match name.split(',').next() {
            Some("sqlite") => Backend::Sqlite,
            Some("ndb") => Backend::Ndb,
            _ => Backend::Bdb,
        };
        assert_eq!(Backend::of(&database), Some(backend), "{name}");
    }
    for other in [&b""[..], b"SQLite", &[0; 4096], b"\xed\xab\xee\xdb\x03\0"] {
        assert_eq!(outcome(other, None).2, Err(RpmdbError::Unrecognised));
    }
}

#[test]
fn databases_made_by_the_tools_are_read_as_rpm_reads_them() {
    let truth = String::from_utf8(fixture("packages.txt")).unwrap();
    let wal = fixture("sqlite/rpmdb.sqlite-wal");
    for (path, wal) in [
        ("sqlite/rpmdb.sqlite", Some(&wal[..])),
        ("hash/Packages", None),
        ("btree/Packages", None),
    ] {
        let mut listing = Vec::new();
        read(&fixture(path), wal, &Limits::default(), &mut |header| {
            let header = header.unwrap();
            listing.push(format!(
                "{} {} {} {} {} {} {}\n",
                header.name,
                header.epoch.unwrap(),
                header.version,
                header.release,
                header.arch.as_deref().unwrap(),
                header.source_rpm.as_deref().unwrap(),
                header.modularity_label.as_deref().unwrap(),
            ));
        })
        .unwrap();
        listing.sort();
        assert_eq!(listing.concat(), truth, "{path}");
    }
    // Without its log, the database is what it was before the last transaction.
    assert_eq!(lines(&fixture("sqlite/rpmdb.sqlite"), None).len(), 1);
}

fn numbered(pages: &[Vec<u8>]) -> BTreeMap<u32, Vec<u8>> {
    (1..).zip(pages.iter().cloned()).collect()
}

#[test]
fn committed_transactions_of_a_log_replace_pages() {
    let (old, new) = (build::rows(9), build::rows(40));
    let file = build::sqlite(&old, SMALL).concat();
    let pages = build::sqlite(&new, SMALL);
    for big_endian in [false, true] {
        let mut log = Log::new(512, big_endian);
        assert_eq!(lines(&file, Some(&log.bytes)), expected(&old));
        log.transaction(&numbered(&pages), Some(pages.len() as u32));
        assert_eq!(lines(&file, Some(&log.bytes)), expected(&new));
        assert_eq!(lines(&[], Some(&log.bytes)), expected(&new), "no main file");
        assert_eq!(
            lines(&[0; 2048], Some(&log.bytes)),
            expected(&new),
            "zeroed main file"
        );

        let committed = log.bytes.len();
        let older = build::sqlite(&old, SMALL);
        log.transaction(&numbered(&older), None);
        assert_eq!(lines(&file, Some(&log.bytes)), expected(&new), "no commit");

        log.bytes.truncate(committed);
        log.bytes.extend([0x11; 536]);
        assert_eq!(
            lines(&file, Some(&log.bytes)),
            expected(&new),
            "frame of an earlier round"
        );
    }
    assert_eq!(lines(&file, Some(&[])), expected(&old), "empty log");
}

#[test]
fn a_later_frame_wins_over_an_earlier_one() {
    let (old, new) = (build::rows(40), build::rows(30));
    let mut log = Log::new(512, false);
    for rows in [&old, &new] {
        let pages = build::sqlite(rows, SMALL);
        log.transaction(&numbered(&pages), Some(pages.len() as u32));
    }
    let file = build::sqlite(&old, SMALL).concat();
    assert_eq!(lines(&file, Some(&log.bytes)), expected(&new));
}

#[test]
fn limits_end_the_reading() {
    let rows = build::rows(40);
    for (name, database) in databases(&rows) {
        let few = Limits {
            headers: 39,
            ..Limits::default()
        };
        let (good, _, end) = outcome_within(&database, None, &few);
        assert_eq!(end, Err(RpmdbError::TooManyHeaders { limit: 39 }), "{name}");
        assert_eq!(good.len(), 39);
        let short = Limits {
            header_bytes: 4096,
            ..Limits::default()
        };
        let end = outcome_within(&database, None, &short).2;
        assert!(
            matches!(end, Err(RpmdbError::HeaderTooLarge { .. })),
            "{name}: {end:?}"
        );
    }
}

#[test]
fn real_databases_hold_what_their_tools_say() {
    for (path, count, one) in [
        ("libuuid/Packages", 1, "1 libuuid 2.32.1 42.el8_8 Ok(7)"),
        ("sle15-bci/Packages.db", 35, "3 glibc 2.31 9.3.2 Ok(67)"),
        (
            "cbl-mariner-2.0/rpmdb.sqlite",
            129,
            "129 sqlite 3.34.1 2.cm2 Ok(4)",
        ),
        (
            "yocto-rpm5-btree.Packages",
            397,
            "397 python-dbus-dev 1.2.0 r0 Ok(12)",
        ),
        ("syft-pkgs.Packages", 1, "1 dive 0.9.2 1 Ok(1)"),
    ] {
        let Some(path) = shared(path) else { return };
        let found = lines(&std::fs::read(&path).unwrap(), None);
        assert_eq!(found.len(), count, "{}", path.display());
        assert!(
            found.iter().any(|line| line == one),
            "{}: no {one}",
            path.display()
        );
    }
}
