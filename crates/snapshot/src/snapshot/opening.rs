//! The opening of a snapshot file: what is checked before SQLite sees it, and how SQLite opens it.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use pellucid_model::Namespace;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};

use crate::codec::MAX_ROW;
use crate::{NamespaceCount, SnapshotError, schema};

/// Checks SQLite's header, ours in it, and that the file is as long as it says; gives its length.
pub(super) fn check_header(path: &Path) -> Result<u64, SnapshotError> {
    let damaged = |what| SnapshotError::Damaged {
        path: path.to_owned(),
        what,
    };
    let mut file = File::open(path).map_err(SnapshotError::io("open", path))?;
    let length = file
        .metadata()
        .map_err(SnapshotError::io("read", path))?
        .len();
    let mut header = [0; 100];
    if length < 100 {
        return Err(damaged("it is too short".to_owned()));
    }
    file.read_exact(&mut header)
        .map_err(SnapshotError::io("read", path))?;
    let number = |at: usize| {
        let bytes = header.get(at..).and_then(|bytes| bytes.first_chunk());
        i64::from(bytes.map_or(0, |bytes| u32::from_be_bytes(*bytes)))
    };
    if !header.starts_with(b"SQLite format 3\0") || number(68) != schema::APPLICATION_ID {
        return Err(damaged("it is no snapshot".to_owned()));
    }
    if number(60) != schema::FORMAT {
        let (path, expected) = (path.to_owned(), schema::FORMAT);
        return Err(SnapshotError::Format {
            path,
            found: number(60),
            expected,
        });
    }
    // Page size and page count: a copy that was cut short fails here and not in some look-up.
    let expected = (number(14) & 0xffff).unsigned_abs() * number(28).unsigned_abs();
    if expected != length {
        return Err(damaged(format!(
            "it has {length} bytes instead of {expected}"
        )));
    }
    Ok(length)
}

pub(super) fn connect(path: &Path) -> Result<Connection, SnapshotError> {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            uri.push('%');
            for half in [byte >> 4, byte & 15] {
                uri.extend(char::from_digit(u32::from(half), 16));
            }
        }
    }
    uri.push_str("?mode=ro&immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(&uri, flags)?;
        connection.execute_batch(
            "PRAGMA trusted_schema = OFF; PRAGMA mmap_size = 17179869184; PRAGMA cache_size = -256;",
        )?;
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_ROW as i32 + 1024)?;
        Ok(connection)
    };
    open().map_err(SnapshotError::unreadable(path))
}

/// Checks that the file has our tables and nothing beside them: behind the name of a table could
/// stand a view whose reading never ends.
pub(super) fn check_schema(connection: &Connection, path: &Path) -> Result<(), SnapshotError> {
    let is_ours = || {
        let mut query = connection.prepare("SELECT sql FROM sqlite_schema")?;
        let mut rows = query.query([])?;
        for expected in schema::definitions() {
            let found = rows.next()?.map(|row| row.get::<_, Option<String>>(0));
            let found = found.transpose()?.flatten();
            if found.is_none_or(|found| schema::in_one_line(&found) != expected) {
                return Ok(false);
            }
        }
        Ok(rows.next()?.is_none())
    };
    if is_ours().map_err(SnapshotError::unreadable(path))? {
        return Ok(());
    }
    Err(SnapshotError::Damaged {
        path: path.to_owned(),
        what: "its tables are not those of a snapshot".to_owned(),
    })
}

/// What the table of namespaces holds; `None` where it is out of order, or longer than the file.
pub(super) fn namespaces(
    connection: &Connection,
    length: u64,
) -> rusqlite::Result<Option<Vec<NamespaceCount>>> {
    let mut query = connection
        .prepare("SELECT name, affected, packages, advisories, id FROM namespace ORDER BY id")?;
    let count = |row: &rusqlite::Row<'_>, at| row.get::<_, i64>(at).map(i64::unsigned_abs);
    let mut rows = query.query([])?;
    let mut namespaces = Vec::new();
    let mut left = length;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        // A page that is reached by many ways would be read as many times.
        let after = left.checked_sub(name.len() as u64 + 1);
        let (Some(after), true) = (after, count(row, 4)? == namespaces.len() as u64) else {
            return Ok(None);
        };
        left = after;
        namespaces.push(NamespaceCount {
            namespace: Namespace::new(name),
            affected: count(row, 1)?,
            packages: count(row, 2)?,
            advisories: count(row, 3)?,
        });
    }
    Ok(Some(namespaces))
}
