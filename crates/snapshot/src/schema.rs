//! Tables of a snapshot file.
//!
//! `affected` is the one table that matching reads: all that is said of a package is one row. The
//! advisories themselves stand in blocks of some hundreds, compressed together, numbered in the order
//! of their ids; `block.name` is the id of a block's first one, so that an id is found without an
//! index of all ids. `listing` holds, per namespace, the numbers of its advisories. `meta` holds what is
//! said once: what the snapshot is of, and per namespace what packages were built from (`built_from.rs`).

/// Marks the file as ours (`pell`).
pub(crate) const APPLICATION_ID: i64 = 0x7065_6c6c;
/// Version of everything in this file and of the rows' encoding.
pub(crate) const FORMAT: i64 = 1;

/// What `sqlite_schema` holds of a snapshot: the definitions, in order, each as one line.
pub(crate) fn definitions() -> impl Iterator<Item = String> {
    let all = TABLES.split(';').chain(INDEXES.split(';'));
    all.map(in_one_line).filter(|sql| !sql.is_empty())
}

/// A definition without the line breaks and indentation that it was written with.
pub(crate) fn in_one_line(sql: &str) -> String {
    sql.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

pub(crate) const TABLES: &str = "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE TABLE namespace (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        affected INTEGER NOT NULL,
        packages INTEGER NOT NULL,
        advisories INTEGER NOT NULL
    );
    CREATE TABLE name (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE affected (
        namespace INTEGER NOT NULL,
        name TEXT NOT NULL,
        entries BLOB NOT NULL,
        PRIMARY KEY (namespace, name)
    ) WITHOUT ROWID;
    CREATE TABLE block (
        first INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        advisories BLOB NOT NULL
    );
    CREATE TABLE listing (
        namespace INTEGER NOT NULL,
        first INTEGER NOT NULL,
        advisories BLOB NOT NULL,
        PRIMARY KEY (namespace, first)
    ) WITHOUT ROWID;
    CREATE TABLE alias (
        name TEXT NOT NULL,
        advisory INTEGER NOT NULL,
        PRIMARY KEY (name, advisory)
    ) WITHOUT ROWID;
";

pub(crate) const INDEXES: &str = "CREATE UNIQUE INDEX block_name ON block (name);";
