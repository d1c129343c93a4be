//! A feed on one downloaded file: a line with the snapshot's key, the request's number and the
//! member's path, separated by tabs, then the bytes. Where the feed asks for index files first, the
//! bytes are handed to it as each of them, too.

use std::collections::BTreeSet;

use pellucid_feeds::{AdvisorySink, Feed, FeedState, Fetched, IndexFile, Plan, Request};
use pellucid_model::{Advisory, Namespace};

use crate::{input, seed};

/// Hands on the advisories, and what packages were built from; what was not read is dropped.
pub(crate) struct Sink<'a> {
    pub(crate) each: &'a mut dyn FnMut(Said),
}

/// What a feed says.
pub(crate) enum Said {
    Advisory(Box<Advisory>),
    /// A namespace's binary package, and its source.
    BuiltFrom(Namespace, String, String),
}

impl AdvisorySink for Sink<'_> {
    fn advisory(&mut self, advisory: Advisory) {
        assert!(!advisory.id.is_empty(), "an advisory has an id");
        (self.each)(Said::Advisory(Box::new(advisory)));
    }

    fn bad_record(&mut self, _id: &str, _reason: &str) {}

    fn left_out(&mut self, _id: &str, _reason: &'static str) {}

    fn built_from(&mut self, namespace: &Namespace, binary: &str, source: &str) {
        assert!(!binary.is_empty(), "a package has a name");
        let said = Said::BuiltFrom(namespace.clone(), binary.to_owned(), source.to_owned());
        (self.each)(said);
    }
}

/// Plans and parses.
pub(crate) fn run(feed: &dyn Feed, data: &[u8]) {
    read(feed, data, &mut Sink { each: &mut drop });
}

/// Plans and parses, and hands on what was read.
pub(crate) fn read(feed: &dyn Feed, data: &[u8], sink: &mut Sink<'_>) {
    let (line, body) = input::line(data);
    let line = String::from_utf8_lossy(line);
    let mut fields = line.splitn(3, '\t');
    let key = fields.next().unwrap_or_default();
    let number: usize = fields
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or_default();
    let member = fields.next().filter(|member| !member.is_empty());
    let (requests, indexes) = match planned(feed, key, &|_| body.to_vec()) {
        (requests, indexes) if requests.is_empty() => match feed.parts().into_iter().next() {
            Some(key) => planned(feed, &key, &index_of(feed)),
            None => (requests, indexes),
        },
        planned => planned,
    };
    let fallback = Request::new("file", "https://localhost/file", u64::MAX);
    let request = requests
        .get(number % requests.len().max(1))
        .unwrap_or(&fallback);
    if let Some(member) = member {
        let _ = feed.wants_member(request, member);
    }
    let file = Fetched {
        indexes: &indexes,
        key,
        request,
        member,
        body,
    };
    let _ = feed.parse(&file, sink);
}

/// The files that the feed wants of a snapshot, with index files from `index`, and these; no files
/// where it does not get so far.
fn planned(
    feed: &dyn Feed,
    key: &str,
    index: &dyn Fn(&str) -> Vec<u8>,
) -> (Vec<Request>, Vec<IndexFile>) {
    let mut indexes = Vec::new();
    for _ in 0..4 {
        let state = FeedState {
            mark: None,
            indexes: &indexes,
        };
        match feed.plan(key, &state) {
            Ok(Plan::Advisories { requests, .. }) => return (requests, indexes),
            Ok(Plan::Index(more)) => indexes.extend(more.into_iter().map(|request| IndexFile {
                body: index(&request.name),
                request,
            })),
            _ => break,
        }
    }
    (Vec::new(), indexes)
}

/// Index files as the fixtures have them.
fn index_of(feed: &dyn Feed) -> impl Fn(&str) -> Vec<u8> + use<> {
    let files = seed::files(&format!("crates/feeds/tests/data/{}", feed.name()));
    move |name| {
        let found = files.iter().find(|(path, _)| path.ends_with(name));
        found.map(|(_, bytes)| bytes.clone()).unwrap_or_default()
    }
}

/// The files of its fixture folder, as the requests that ask for them.
pub(crate) fn seeds(feed: &dyn Feed) -> Vec<Vec<u8>> {
    let folder = format!("crates/feeds/tests/data/{}", feed.name());
    let files = seed::files(&folder);
    let mut seeds = Vec::new();
    let cases: BTreeSet<_> = files
        .iter()
        .filter_map(|(path, _)| path.components().next())
        .map(|case| case.as_os_str().to_owned())
        .collect();
    for case in cases {
        let in_case: Vec<_> = files
            .iter()
            .filter_map(|(path, bytes)| Some((path.strip_prefix(&case).ok()?, bytes)))
            .collect();
        let named = |name: &str| {
            let found = in_case.iter().find(|(path, _)| path.to_str() == Some(name));
            found.map(|(_, bytes)| (*bytes).clone())
        };
        let key = named("part")
            .and_then(|part| String::from_utf8(part).ok())
            .or_else(|| feed.parts().into_iter().next())
            .unwrap_or_default();
        let (requests, _) = planned(feed, &key, &|name| named(name).unwrap_or_default());
        for (path, bytes) in &in_case {
            let owner = requests.iter().enumerate().find_map(|(number, request)| {
                Some((number, path.strip_prefix(&request.name).ok()?))
            });
            let (number, member) = owner.unwrap_or((0, std::path::Path::new("")));
            let line = format!("{key}\t{number}\t{}", member.display());
            seeds.push(input::with_line(line.as_bytes(), bytes));
        }
    }
    seeds
}
