//! Tests of updates against a server on loopback. Modules mirror what can happen.

#![expect(clippy::unwrap_used, reason = "a panic is a test's report")]

mod changes;
mod counts;
mod faults;
mod folder;
mod matrix;
mod runs;
mod server;
mod sources;

use std::time::Duration;

use pellucid_model::Digest;
use pellucid_snapshot::Catalog;
use pellucid_updater::{FetchOptions, Outcome, UpdateError, Updated, update};
use tempfile::TempDir;

use server::{Answer, Server};

const DEBIAN: &str = "/security-tracker.debian.org/tracker/data/json";
const ALPINE: [&str; 2] = [
    "/secdb.alpinelinux.org/v3.20/main.json",
    "/secdb.alpinelinux.org/v3.20/community.json",
];

/// A data directory, a server, and settings that lead from one to the other.
struct World {
    server: Server,
    options: FetchOptions,
    directory: TempDir,
}

impl World {
    /// Both feeds are there and well: 100 advisories and two.
    async fn new() -> Self {
        let server = Server::start().await;
        server.answer(DEBIAN, [Answer::body(tracker(100))]);
        server.answer(ALPINE[0], [Answer::body(secdb("alpha"))]);
        server.answer(ALPINE[1], [Answer::body(secdb("beta"))]);
        let options = FetchOptions {
            mirror: Some(server.url.clone()),
            attempts: 3,
            first_wait: Duration::from_millis(1),
            longest_wait: Duration::from_millis(20),
            ..FetchOptions::default()
        };
        Self {
            server,
            options,
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn catalog(&self) -> Catalog {
        Catalog::open(self.directory.path()).unwrap()
    }

    async fn update(&self, keys: &[&str]) -> Vec<Outcome> {
        let keys: Vec<_> = keys.iter().map(|key| (*key).to_owned()).collect();
        update(&keys, &self.catalog(), &self.options, &()).await
    }

    /// Updates the one key of Debian.
    async fn debian(&self) -> Result<Updated, UpdateError> {
        self.update(&["debian"]).await.remove(0).result
    }

    /// Digest of the snapshot in use.
    fn digest(&self, key: &str) -> Option<Digest> {
        self.catalog()
            .current(key)
            .unwrap()
            .map(|snapshot| snapshot.digest())
    }
}

/// A tracker with so many vulnerabilities, each in a package of its own.
fn tracker(count: usize) -> String {
    let packages: Vec<_> = (0..count)
        .map(|number| {
            format!(
                r#""package{number}":{{"CVE-2020-{number:04}":{{"releases":{{"bookworm":{{"status":"open","urgency":"low"}}}}}}}}"#
            )
        })
        .collect();
    format!("{{{}}}", packages.join(","))
}

/// A secdb with one fix in one package.
fn secdb(package: &str) -> String {
    format!(
        r#"{{"distroversion":"v3.20","packages":[{{"pkg":{{"name":"{package}","secfixes":{{"1-r0":["CVE-2020-1234"]}}}}}}]}}"#
    )
}

/// Counts of what was published.
fn published(result: &Result<Updated, UpdateError>) -> (u64, u64) {
    match result {
        Ok(Updated::Published {
            advisories,
            affected,
            ..
        }) => (*advisories, *affected),
        other => panic!("not published: {other:?}"),
    }
}
