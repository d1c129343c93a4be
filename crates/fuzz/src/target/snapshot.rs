//! A snapshot's file, which may come from another machine.

use std::io::Write as _;

use pellucid_model::Digest;
use pellucid_snapshot::{Builder, Meta, Snapshot};

use super::feed::{Said, Sink};

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
            let name = namespace.namespace.as_str();
            let _ = snapshot.affected(name, "openssl");
            let _ = snapshot.built_from(name, "libexample1");
            let _ = snapshot.built(name, &["example".to_owned()].into());
        }
        if let Ok(Some(found)) = snapshot.find("CVE-2024-0001") {
            let _ = snapshot.whole(found);
        }
        let _ = snapshot.search("ssl", 10);
    }
}

/// Snapshots of what the fixtures of some feeds say.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let feeds = ["debian", "alpine", "ubuntu"];
    feeds.into_iter().filter_map(built).collect()
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
    let mut add = |said: Said| {
        let _ = match said {
            Said::Advisory(advisory) => builder.add(&advisory),
            Said::BuiltFrom(namespace, binary, source) => {
                builder.built_from(&namespace, &binary, &source)
            }
        };
    };
    for seed in super::feed::seeds(feed) {
        super::feed::read(feed, &seed, &mut Sink { each: &mut add });
    }
    builder.finish().ok()?;
    std::fs::read(&path).ok()
}
