//! RPM databases of the three backends, and a header by itself.

use pellucid_detect::rpmdb::{self, Header, Limits};

use crate::seed;

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
            let _ = (file.path(), file.is_ghost(), file.is_absent());
        }
    }
    let _ = header.key_id();
}

/// Reads a database.
pub(crate) fn run(data: &[u8]) {
    let limits = limits();
    let mut count = 0;
    let read = rpmdb::read(data, None, &limits, &mut |header| {
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

/// rpm's own format.
pub(crate) fn ndb() -> Vec<Vec<u8>> {
    databases(rpmdb::Backend::Ndb)
}

/// SQLite.
pub(crate) fn sqlite() -> Vec<Vec<u8>> {
    databases(rpmdb::Backend::Sqlite)
}

/// A header of two entries, written by hand: the name `a` and the version `1`.
pub(crate) fn headers() -> Vec<Vec<u8>> {
    let mut blob = Vec::new();
    for number in [2_u32, 4, 1000, 6, 0, 1, 1001, 6, 2, 1] {
        blob.extend_from_slice(&number.to_be_bytes());
    }
    blob.extend_from_slice(b"a\x001\0");
    vec![blob]
}
