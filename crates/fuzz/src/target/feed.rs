//! A feed on one downloaded file: a line with the snapshot's key, the request's number and the
//! member's path, separated by tabs, then the bytes. Where the feed asks for index files first, the
//! bytes are handed to it as each of them, too. The feed plans a first update, and those that follow
//! it with its mark: the requests of all of them are numbered in this order.

use std::collections::BTreeSet;
use std::path::Path;

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
    let mut update = planned(feed, key, &|_| body.to_vec());
    // What the bytes do not ask for as an index, the fixtures' may.
    if number >= update.requests.len() {
        let fixtures = index_of(feed);
        update = planned(feed, key, &fixtures);
        if update.requests.is_empty()
            && let Some(key) = feed.parts().first()
        {
            update = planned(feed, key, &fixtures);
        }
    }
    let Update { requests, indexes } = update;
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

/// What a feed asks for.
#[derive(Default)]
struct Update {
    requests: Vec<Request>,
    indexes: Vec<IndexFile>,
}

/// The files that the feed wants of a snapshot, with index files from `index`, and these; no files
/// where it does not get so far. Then those that it wants in updates that follow: where nothing has
/// changed since, and where the newest change was not there yet.
fn planned(feed: &dyn Feed, key: &str, index: &dyn Fn(&str) -> Vec<u8>) -> Update {
    let Some((mut update, _)) = plan(feed, key, None, index) else {
        return Update::default();
    };
    for mark in marks(feed, key, index) {
        let Some((next, _)) = plan(feed, key, Some(&mark), index) else {
            continue;
        };
        for request in next.requests {
            if update.requests.iter().all(|one| one.name != request.name) {
                update.requests.push(request);
            }
        }
    }
    update
}

/// Marks of earlier updates: one that read the same index files, and one before their newest change.
fn marks(
    feed: &dyn Feed,
    key: &str,
    index: &dyn Fn(&str) -> Vec<u8>,
) -> impl Iterator<Item = String> {
    let before = |name: &str| without_newest(index(name));
    let updates = [plan(feed, key, None, index), plan(feed, key, None, &before)];
    updates.into_iter().filter_map(|update| update?.1)
}

/// One update: its files, and the mark that it leaves.
fn plan(
    feed: &dyn Feed,
    key: &str,
    mark: Option<&str>,
    index: &dyn Fn(&str) -> Vec<u8>,
) -> Option<(Update, Option<String>)> {
    let mut indexes = Vec::new();
    for _ in 0..4 {
        let state = FeedState {
            mark,
            indexes: &indexes,
        };
        match feed.plan(key, &state).ok()? {
            Plan::Index(more) => indexes.extend(more.into_iter().map(|request| IndexFile {
                body: index(&request.name),
                request,
            })),
            Plan::Advisories { requests, mark } => {
                return Some((Update { requests, indexes }, mark));
            }
            Plan::Changes {
                requests,
                removed,
                mark: next,
            } => {
                assert!(mark.is_some(), "there is a snapshot to change");
                assert!(next.is_some(), "changes do not end what was begun");
                assert!(removed.iter().all(|id| !id.is_empty()), "an id is a name");
                let update = Update { requests, indexes };
                return Some((update, next));
            }
            _ => return None,
        }
    }
    None
}

/// A list of changes, which has the newest first, before that one; another file as it is.
fn without_newest(mut list: Vec<u8>) -> Vec<u8> {
    let end = list.iter().position(|byte| *byte == b'\n');
    match end.map(|end| end + 1) {
        Some(end) if list.iter().take(end).any(|byte| *byte == b',') => list.split_off(end),
        _ => list,
    }
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
        let update = planned(feed, &key, &|name| named(name).unwrap_or_default());
        for (path, bytes) in &in_case {
            let mut owners: Vec<_> = update
                .requests
                .iter()
                .enumerate()
                .filter_map(|(number, request)| {
                    // What changed may be in an archive of the fixtures only.
                    let whole = path.ends_with(&request.name).then(|| Path::new(""));
                    Some((number, path.strip_prefix(&request.name).ok().or(whole)?))
                })
                .collect();
            if owners.is_empty() {
                owners.push((0, Path::new("")));
            }
            for (number, member) in owners {
                let line = format!("{key}\t{number}\t{}", member.display());
                seeds.push(input::with_line(line.as_bytes(), bytes));
            }
        }
    }
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_asked_for_alone() {
        for (feed, key, whole, changed) in [
            ("nvd", "nvd", "2002.json", vec!["modified.json"]),
            (
                "osv",
                "osv/PyPI",
                "all.zip",
                vec!["GHSA-aaaa-bbbb-cccc.json", "PYSEC-2020-1.json"],
            ),
            // The newest change of the fixture is that a document was withdrawn.
            ("redhat", "redhat", "archive", vec![]),
        ] {
            let feed = pellucid_feeds::feed_of(feed).unwrap();
            let index = index_of(feed);
            let asked = |mark: Option<&str>| -> Vec<String> {
                let (update, _) = plan(feed, key, mark, &index).unwrap();
                let requests = update.requests.into_iter();
                requests.map(|request| request.name).collect()
            };
            assert!(asked(None).iter().any(|name| name == whole), "{key}");
            let found = marks(feed, key, &index).any(|mark| asked(Some(&mark)) == changed);
            assert!(found, "{key}");
        }
    }
}
