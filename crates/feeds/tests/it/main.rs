//! Tests of the feeds as their users see them. Modules mirror `src`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a panic is a test's report, and a skipped test says so"
)]

mod alpine;
mod debian;
mod documents;
mod fixtures;
mod registry;

use pellucid_feeds::{AdvisorySink, Feed, FeedError, FeedState, Fetched, IndexFile, Plan, Request};
use pellucid_model::{Advisory, Namespace};

/// What a parser said, in its order.
#[derive(Default)]
struct Collected {
    advisories: Vec<Advisory>,
    bad_records: Vec<(String, String)>,
    left_out: Vec<(String, String)>,
    built_from: Vec<(String, String, String)>,
}

impl AdvisorySink for Collected {
    fn advisory(&mut self, advisory: Advisory) {
        self.advisories.push(advisory);
    }

    fn bad_record(&mut self, id: &str, reason: &str) {
        self.bad_records.push((id.to_owned(), reason.to_owned()));
    }

    fn left_out(&mut self, id: &str, reason: &'static str) {
        self.left_out.push((id.to_owned(), reason.to_owned()));
    }

    fn built_from(&mut self, namespace: &Namespace, binary: &str, source: &str) {
        let pair = (namespace.to_string(), binary.to_owned(), source.to_owned());
        self.built_from.push(pair);
    }
}

/// The feed of a key.
fn feed(key: &str) -> &'static dyn Feed {
    pellucid_feeds::feed_of(key).unwrap()
}

/// The files of a snapshot; index files are those of the feed's first case.
fn requests(key: &str) -> Vec<Request> {
    let cases = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(feed(key).name());
    let mut folders: Vec<_> = std::fs::read_dir(cases)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    let (requests, _) = requests_with(key, |name| {
        let found = folders
            .iter()
            .find_map(|folder| std::fs::read(folder.join(name)).ok());
        found.unwrap_or_else(|| panic!("no case of {key} has {name}"))
    });
    requests
}

/// The files of a snapshot, planned with these index files, and the index files.
fn requests_with(key: &str, index: impl Fn(&str) -> Vec<u8>) -> (Vec<Request>, Vec<IndexFile>) {
    let mut indexes = Vec::new();
    for _ in 0..8 {
        let state = FeedState {
            mark: None,
            indexes: &indexes,
        };
        match feed(key).plan(key, &state).unwrap() {
            Plan::Advisories { requests, .. } => return (requests, indexes),
            Plan::Index(more) => indexes.extend(more.into_iter().map(|request| IndexFile {
                body: index(&request.name),
                request,
            })),
            other => panic!("{key} plans {other:?}"),
        }
    }
    panic!("{key} asks for indexes without end");
}

/// Parses a body as the first file of a snapshot.
fn parse(key: &str, body: &[u8]) -> Result<Collected, FeedError> {
    let mut collected = Collected::default();
    let requests = requests(key);
    let file = Fetched {
        indexes: &[],
        key,
        request: &requests[0],
        member: None,
        body,
    };
    feed(key).parse(&file, &mut collected).map(|()| collected)
}

/// The folder of real advisory data, where this checkout has one beside it.
fn shared_feeds() -> Option<std::path::PathBuf> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/feeds");
    let found = path.join("MANIFEST.tsv").is_file();
    if !found {
        println!("skipped: no folder ../shared/feeds beside the workspace");
    }
    found.then_some(path)
}
