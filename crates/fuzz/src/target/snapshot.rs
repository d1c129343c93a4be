//! A snapshot's file, which may come from another machine.

use std::io::Write as _;

use pellucid_model::{Advisory, Digest};
use pellucid_snapshot::{Builder, Meta, Snapshot};

use super::feed::Sink;

/// Opens it under a digest that its bytes have not, and looks up what could be in it.
pub(crate) fn run(data: &[u8]) {
    let Ok(mut file) = tempfile::NamedTempFile::new() else {
        return;
    };
    if file.write_all(data).is_err() || file.flush().is_err() {
        return;
    }
    let digest = Digest::Sha256([0; 32]);
    if let Ok(snapshot) = Snapshot::open(file.path(), digest) {
        let _ = snapshot.verify();
        for namespace in snapshot.namespaces().iter().take(8) {
            let _ = snapshot.affected(namespace.namespace.as_str(), "openssl");
        }
        if let Ok(Some(found)) = snapshot.find("CVE-2024-0001") {
            let _ = snapshot.whole(found);
        }
        let _ = snapshot.search("ssl", 10);
    }
}

/// Snapshots of what the fixtures of two feeds say.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    ["debian", "alpine"].into_iter().filter_map(built).collect()
}

fn built(feed: &str) -> Option<Vec<u8>> {
    let feed = pellucid_feeds::feed_of(feed)?;
    let folder = tempfile::tempdir().ok()?;
    let path = folder.path().join("snapshot");
    let meta = Meta {
        key: feed.name().to_owned(),
        feed: feed.name().to_owned(),
        as_of: None,
    };
    let mut builder = Builder::create(&path, meta).ok()?;
    let mut add = |advisory: Advisory| drop(builder.add(&advisory));
    for seed in super::feed::seeds(feed) {
        super::feed::read(feed, &seed, &mut Sink { each: &mut add });
    }
    builder.finish().ok()?;
    std::fs::read(&path).ok()
}
