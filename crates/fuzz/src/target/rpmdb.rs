//! RPM databases of the three backends, the write-ahead log of one, and a header by itself.

use pellucid_detect::rpmdb::{self, Header, Limits};

use crate::{seed, wal};

fn limits() -> Limits {
    Limits {
        headers: 10_000,
        header_bytes: 1 << 20,
        files: 10_000,
    }
}

/// Looks at everything that the detector looks at.
fn look(header: &Header<'_>) {
    if let Ok(files) = header.files() {
        let _ = files.algorithm();
        for file in files.take(10_000) {
            let _ = (file.path(), file.is_ghost());
        }
    }
}

/// Reads a database.
pub(crate) fn run(data: &[u8]) {
    read(data, None);
}

/// Reads a database and the log behind it, as it is and with checksums that are right: few changed logs
/// are read beyond those.
pub(crate) fn with_log(data: &[u8]) {
    let (database, log) = wal::split(data);
    read(database, Some(log));
    read(database, Some(&wal::repaired(log)));
}

fn read(data: &[u8], log: Option<&[u8]>) {
    let limits = limits();
    let mut count = 0;
    let read = rpmdb::read(data, log, &limits, &mut |header| {
        count += 1;
        if let Ok(header) = header {
            look(&header);
        }
    });
    assert!(count <= limits.headers, "the limit holds");
    drop(read);
}

/// Reads a header.
pub(crate) fn header(data: &[u8]) {
    if let Ok(header) = Header::parse(1, data, &limits()) {
        look(&header);
    }
}

fn databases(backend: rpmdb::Backend) -> Vec<Vec<u8>> {
    [
        "crates/detect/tests/data/rpmdb",
        "crates/detect/tests/data/rpm",
    ]
    .iter()
    .flat_map(|folder| seed::files(folder))
    .map(|(_, bytes)| bytes)
    .filter(|bytes| rpmdb::Backend::of(bytes) == Some(backend))
    .collect()
}

/// Berkeley DB, hash and btree.
pub(crate) fn bdb() -> Vec<Vec<u8>> {
    databases(rpmdb::Backend::Bdb)
}

/// rpm's own format: a page of slots, and one header in its frame.
pub(crate) fn ndb() -> Vec<Vec<u8>> {
    const PAGE: usize = 4096;
    let numbers = |numbers: &[u32]| -> Vec<u8> {
        numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect()
    };
    let header = headers().concat();
    let length = u32::try_from(header.len()).unwrap_or_default();
    let mut framed = [b"BlbS".as_slice(), &numbers(&[1, 0, length]), &header].concat();
    framed.resize((framed.len() + 12).next_multiple_of(16) - 12, 0);
    let (low, high) = framed.iter().fold((1, 0), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65521;
        (low, (high + low) % 65521)
    });
    framed.extend(numbers(&[high << 16 | low, length]));
    framed.extend(b"BlbE");
    let blocks = |bytes: usize| u32::try_from(bytes / 16).unwrap_or_default();
    let head = [b"RpmP".as_slice(), &numbers(&[0, 1, 1, 2, 0, 0, 0])].concat();
    let slot = [
        b"Slot".as_slice(),
        &numbers(&[1, blocks(PAGE), blocks(framed.len())]),
    ]
    .concat();
    let free = [b"Slot".as_slice(), &numbers(&[0, 0, 0])].concat();
    vec![[head, slot, free.repeat(PAGE / 16 - 3), framed].concat()]
}

/// SQLite.
pub(crate) fn sqlite() -> Vec<Vec<u8>> {
    databases(rpmdb::Backend::Sqlite)
}

/// SQLite with a log: as rpm left it, with every page, and with all that there is of the database.
pub(crate) fn sqlite_with_log() -> Vec<Vec<u8>> {
    let path = "crates/detect/tests/data/rpmdb/sqlite/rpmdb.sqlite";
    let of = |path: &str| std::fs::read(seed::root().join(path)).unwrap_or_default();
    let mut seeds: Vec<_> = sqlite()
        .iter()
        .flat_map(|database| wal::seeds(database))
        .collect();
    seeds.push(wal::joined(&of(path), &of(&format!("{path}-wal"))));
    seeds
}

/// A header of three entries, written by hand: the name `a`, version `1` and release `1`.
pub(crate) fn headers() -> Vec<Vec<u8>> {
    let mut blob = Vec::new();
    for number in [3_u32, 6, 1000, 6, 0, 1, 1001, 6, 2, 1, 1002, 6, 4, 1] {
        blob.extend_from_slice(&number.to_be_bytes());
    }
    blob.extend_from_slice(b"a\x001\x001\0");
    vec![blob]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_built_here_is_whole() {
        let mut headers = 0;
        let read = rpmdb::read(&ndb().concat(), None, &limits(), &mut |header| {
            assert!(header.is_ok(), "{:?}", header.err());
            headers += 1;
        });
        assert!(read.is_ok(), "{read:?}");
        assert_eq!(headers, 1);
    }

    #[test]
    fn the_logs_built_here_say_what_their_databases_say() {
        let count = |database: &[u8], log: Option<&[u8]>| {
            let mut headers = 0;
            let read = rpmdb::read(database, log, &limits(), &mut |_| headers += 1);
            read.map(|()| headers)
        };
        let mut whole = 0;
        for database in sqlite() {
            let alone = count(&database, None);
            whole += usize::from(alone.is_ok());
            for seed in wal::seeds(&database) {
                let (database, log) = wal::split(&seed);
                assert_eq!(count(database, Some(log)), alone);
                let mut log = log.to_vec();
                log[15] ^= 1;
                assert!(count(database, Some(&log)).is_err(), "a wrong checksum");
                assert_eq!(count(database, Some(&wal::repaired(&log))), alone);
            }
        }
        assert!(whole > 2);
    }
}
