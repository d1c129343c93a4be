//! A snapshot's file, which may come from another machine.

use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use pellucid_model::{Advisory, Digest};
use pellucid_snapshot::{Builder, Meta, Snapshot, SnapshotError, additions, diff};
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::feed::{Said, Sink};
use crate::input;

/// Most namespaces that are asked about, and most advisories of each.
const NAMESPACES: usize = 8;
const ADVISORIES: usize = 40;

/// The snapshot whose rows are replaced, and that others are compared with.
static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| built(FEEDS).unwrap_or_default());

/// Feeds whose fixtures the seeds hold: among them one that says what packages were built from, and
/// one that speaks of no package.
const FEEDS: &[&str] = &["debian", "alpine", "ubuntu", "nvd"];

/// Where rows of our own encoding stand: a table, its column of them, and its key.
const ROWS: &[(&str, &str, &str)] = &[
    ("affected", "entries", "(namespace, name)"),
    ("block", "advisories", "first"),
    ("listing", "advisories", "(namespace, first)"),
    ("meta", "value", "key"),
];

/// Opens the bytes under their own digest and asks for all that can be asked: the digest is that of
/// whoever wrote them, and says nothing of their rows.
pub(crate) fn run(data: &[u8]) {
    use_all(data);
    // Most damage changes the length, which is refused before anything else is looked at.
    let fitted = fitted(data);
    if fitted != data {
        use_all(&fitted);
    }
}

/// Puts the bytes in the place of one row of a good snapshot: a line with the table and the row's
/// number, then the row. Damage to a file hardly ever hits a row, and SQLite's own pages mostly.
pub(crate) fn run_rows(data: &[u8]) {
    let (line, body) = input::line(data);
    let line = String::from_utf8_lossy(line);
    let (table, number) = line.split_once(' ').unwrap_or_default();
    let Some((table, column, key)) = ROWS.iter().find(|(name, ..)| *name == table) else {
        return;
    };
    let number: u32 = number.parse().unwrap_or_default();
    let columns = key.trim_matches(['(', ')']);
    let sql = format!(
        "UPDATE {table} SET {column} = ?1
         WHERE {key} = (SELECT {columns} FROM {table} WHERE typeof({column}) = 'blob' LIMIT 1 OFFSET ?2)"
    );
    let Some((file, _)) = file_of(&WHOLE) else {
        return;
    };
    let replaced = Connection::open(file.path()).and_then(|connection| {
        connection.pragma_update(None, "journal_mode", "OFF")?;
        connection.pragma_update(None, "synchronous", "OFF")?;
        connection.execute(&sql, rusqlite::params![body, number])
    });
    if let (Ok(1), Ok(changed)) = (replaced, std::fs::read(file.path())) {
        use_all(&changed);
    }
}

/// The bytes in whole pages, and their number where the header has it.
fn fitted(data: &[u8]) -> Vec<u8> {
    let size = data.get(16..18).and_then(|size| size.first_chunk());
    let size = size.map_or(0, |size| usize::from(u16::from_be_bytes(*size)));
    let mut fitted = data.to_vec();
    if let Some(pages) = data.len().checked_div(size).filter(|pages| *pages > 0)
        && let Ok(count) = u32::try_from(pages)
        && let Some(number) = fitted.get_mut(28..32)
    {
        number.copy_from_slice(&count.to_be_bytes());
        fitted.truncate(pages * size);
    }
    fitted
}

fn use_all(data: &[u8]) {
    let Some((file, digest)) = file_of(data) else {
        return;
    };
    let path = file.path();
    let Some(snapshot) = good(path, Snapshot::open(path, digest)) else {
        return;
    };
    let _ = good(path, snapshot.verify());
    for namespace in snapshot.namespaces().iter().take(NAMESPACES) {
        look_up(&snapshot, namespace.namespace.as_str());
    }
    let _ = good(path, snapshot.search("ssl", 10));
    let Some((other_file, other_digest)) = file_of(&WHOLE) else {
        return;
    };
    let Ok(other) = Snapshot::open(other_file.path(), other_digest) else {
        return;
    };
    let (snapshot, other) = (Arc::new(snapshot), Arc::new(other));
    for (old, new) in [(&snapshot, &other), (&other, &snapshot)] {
        for change in additions(old.clone(), new.clone()) {
            let _ = good(path, change);
        }
        if let Some(changes) = good(path, diff(old.clone(), new.clone())) {
            changes.for_each(|change| drop(good(path, change)));
        }
    }
}

/// Asks for what a namespace's listing names, and for what is named there in turn.
fn look_up(snapshot: &Snapshot, namespace: &str) {
    let path = snapshot.path();
    let mut after: Option<Advisory> = None;
    for _ in 0..2 {
        let id = after.as_ref().map(|advisory| advisory.id.as_str());
        let listed = good(path, snapshot.list(namespace, id, ADVISORIES / 2));
        let Some(listed) = listed.filter(|listed| !listed.is_empty()) else {
            break;
        };
        for advisory in &listed {
            let _ = good(path, snapshot.search(&advisory.id, 2));
            for alias in advisory.aliases.iter().take(2) {
                let _ = good(path, snapshot.aliased(alias));
            }
            if let Some(Some(found)) = good(path, snapshot.find(&advisory.id)) {
                let _ = good(path, snapshot.whole(found));
            }
            let Some(Some(whole)) = good(path, snapshot.get(namespace, &advisory.id)) else {
                continue;
            };
            for affected in whole.affected.iter().take(4) {
                let entries = good(path, snapshot.affected(namespace, &affected.package));
                for entry in entries.iter().flat_map(|entries| entries.iter()).take(4) {
                    let _ = good(path, snapshot.advisory(entry.advisory));
                }
                let name = affected.package.as_str();
                let _ = good(path, snapshot.search(name, 2));
                let _ = good(path, snapshot.built_from(namespace, name));
                let _ = good(path, snapshot.built(namespace, &[name.to_owned()].into()));
            }
        }
        after = listed.into_iter().last();
    }
}

/// An answer; an error must name the file.
fn good<T>(path: &Path, answer: Result<T, SnapshotError>) -> Option<T> {
    let named = |error: &SnapshotError| error.to_string().contains(&path.display().to_string());
    if let Err(error) = &answer {
        assert!(named(error), "{error} does not name its file");
    }
    answer.ok()
}

/// The bytes as a file, and their digest.
fn file_of(data: &[u8]) -> Option<(NamedTempFile, Digest)> {
    let mut file = NamedTempFile::new().ok()?;
    file.write_all(data).ok()?;
    Some((file, Digest::Sha256(Sha256::digest(data).into())))
}

/// Snapshots of what the fixtures of some feeds say, of each and of all.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<_> = FEEDS.chunks(1).filter_map(built).collect();
    seeds.push(WHOLE.clone());
    seeds
}

/// The rows of a snapshot.
pub(crate) fn rows() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let mut read = || -> rusqlite::Result<()> {
        let Some((file, _)) = file_of(&WHOLE) else {
            return Ok(());
        };
        let connection = Connection::open(file.path())?;
        for (table, column, _) in ROWS {
            let sql = format!("SELECT {column} FROM {table} WHERE typeof({column}) = 'blob'");
            let mut query = connection.prepare(&sql)?;
            let rows = query.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
            for (number, row) in rows.enumerate() {
                seeds.push(input::with_line(
                    format!("{table} {number}").as_bytes(),
                    &row?,
                ));
            }
        }
        Ok(())
    };
    let _ = read();
    seeds
}

fn built(feeds: &[&str]) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().ok()?;
    let path = folder.path().join("snapshot");
    let meta = Meta {
        key: "key".to_owned(),
        feed: "feed".to_owned(),
        as_of: None,
    };
    let mut builder = Builder::create(&path, meta).ok()?;
    let mut add = |said: Said| {
        let _ = match said {
            Said::Advisory(advisory) => builder.add(&advisory),
            Said::BuiltFrom(namespace, binary, source) => {
                builder.built_from(&namespace, &binary, &source)
            }
        };
    };
    for feed in feeds {
        let feed = pellucid_feeds::feed_of(feed)?;
        for seed in super::feed::seeds(feed) {
            super::feed::read(feed, &seed, &mut Sink { each: &mut add });
        }
    }
    // Large enough that its rows are packed.
    let mut large = Advisory::new("CVE-2024-9999");
    large.description = "What a long text says. ".repeat(200);
    add(Said::Advisory(Box::new(large)));
    builder.finish().ok()?;
    std::fs::read(&path).ok()
}
