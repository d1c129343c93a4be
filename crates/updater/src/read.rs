//! From downloaded files to a snapshot: the feed reads each, the builder takes what it says.
//!
//! Not here: what to download, and whether the snapshot is published.

use std::collections::HashSet;
use std::path::PathBuf;

use pellucid_feeds::{AdvisorySink, Feed, Fetched, IndexFile, Request};
use pellucid_model::{Advisory, Namespace};
use pellucid_snapshot::{Builder, Built, Meta, Snapshot, SnapshotError};

use crate::archive::MemberSink;
use crate::fetch::FetchedFile;
use crate::validators::State;
use crate::{BadRecords, UpdateError};

/// Bad records that are kept with id and reason.
pub(crate) const EXAMPLES: usize = 20;
/// Members of an archive that may be broken, whatever their share.
const BROKEN_MEMBERS: u64 = 20;
/// Longest id or reason kept, in characters.
const EXAMPLE_LENGTH: usize = 300;

/// Files to read for a new snapshot, in the feed's order, and what to remember of them.
pub(crate) struct Files {
    pub(crate) files: Vec<FetchedFile>,
    /// Index files that led to them.
    pub(crate) indexes: Vec<IndexFile>,
    pub(crate) state: State,
    /// Ids that upstream withdrew, where the files are changes to the current snapshot.
    pub(crate) changes: Option<Vec<String>>,
    /// Files that upstream does not have.
    pub(crate) absent: Vec<String>,
}

/// Reads files one after the other into a snapshot.
pub(crate) fn build(
    key: &str,
    feed: &dyn Feed,
    files: Files,
    current: Option<&Snapshot>,
    as_of: Option<i64>,
    path: PathBuf,
) -> (Result<Built, UpdateError>, BadRecords, u64) {
    let meta = Meta {
        key: key.to_owned(),
        feed: feed.name().to_owned(),
        as_of,
    };
    let builder = match Builder::create(path, meta) {
        Ok(builder) => builder,
        Err(error) => return (Err(error.into()), BadRecords::default(), 0),
    };
    let mut sink = Sink {
        builder,
        error: None,
        bad_records: BadRecords::default(),
        left_out: 0,
        replaced: files
            .changes
            .map(|withdrawn| withdrawn.into_iter().collect()),
    };
    for name in &files.absent {
        sink.bad_record(name, "upstream has no such file");
    }
    for file in &files.files {
        if let Some(other) = file.instead() {
            let reason = format!("upstream has no such file; {other}, which says less, was read");
            sink.bad_record(&file.request().url, &reason);
        }
        if let Some(remark) = &file.request().remark {
            sink.bad_record(&file.request().name, remark);
        }
    }
    let parsed = files
        .files
        .into_iter()
        .try_for_each(|file| parse(key, feed, file, &files.indexes, &mut sink));
    let Sink {
        mut builder,
        bad_records,
        left_out,
        replaced,
        ..
    } = sink;
    let carried = parsed.and_then(|()| match (&replaced, current) {
        (None, _) => Ok(()),
        (Some(replaced), Some(current)) => {
            Ok(builder.carry_over(current, |id| !replaced.contains(id))?)
        }
        (Some(_), None) => Err(UpdateError::NoAdvisories),
    });
    let built = carried.and_then(|()| Ok(builder.finish()?));
    (built, bad_records, left_out)
}

/// Parses one file, or all members of an archive.
fn parse(
    key: &str,
    feed: &dyn Feed,
    file: FetchedFile,
    indexes: &[IndexFile],
    sink: &mut Sink,
) -> Result<(), UpdateError> {
    if let Some(limit) = file.request().member_limit {
        let request = file.request().clone();
        let mut members = Members {
            key,
            feed,
            request: &request,
            indexes,
            sink,
            read: 0,
            broken: 0,
        };
        return file.members(limit, &mut members);
    }
    let (request, body) = file.into_body()?;
    let fetched = Fetched {
        key,
        request: &request,
        member: None,
        body: &body,
        indexes,
    };
    feed.parse(&fetched, sink)?;
    sink.take_error()
}

/// Members of an archive on their way to the feed.
struct Members<'a> {
    key: &'a str,
    feed: &'a dyn Feed,
    request: &'a Request,
    indexes: &'a [IndexFile],
    sink: &'a mut Sink,
    read: u64,
    broken: u64,
}

impl MemberSink for Members<'_> {
    type Error = UpdateError;

    fn wants(&mut self, name: &str) -> bool {
        self.feed.wants_member(self.request, name)
    }

    fn member(&mut self, name: &str, body: &[u8]) -> Result<(), UpdateError> {
        let fetched = Fetched {
            key: self.key,
            request: self.request,
            member: Some(name),
            body,
            indexes: self.indexes,
        };
        self.read += 1;
        if let Err(error) = self.feed.parse(&fetched, self.sink) {
            self.broken += 1;
            // A few broken documents are upstream's; many are not the documents that are meant.
            if self.broken > BROKEN_MEMBERS && self.broken > self.read / 10 {
                return Err(error.into());
            }
            let error = UpdateError::from(error);
            self.sink.bad_record(name, &error.chain());
        }
        self.sink.take_error()
    }

    fn too_large(&mut self, name: &str) {
        self.sink
            .bad_record(name, "it is larger than a member may be");
    }
}

/// Puts advisories into a snapshot being built.
struct Sink {
    builder: Builder,
    error: Option<SnapshotError>,
    bad_records: BadRecords,
    left_out: u64,
    /// Ids that the files say something of, where they are changes.
    replaced: Option<HashSet<String>>,
}

impl Sink {
    fn replace(&mut self, id: &str) {
        if let Some(replaced) = &mut self.replaced {
            replaced.insert(id.to_owned());
        }
    }

    fn take_error(&mut self) -> Result<(), UpdateError> {
        self.error.take().map_or(Ok(()), |error| Err(error.into()))
    }
}

impl AdvisorySink for Sink {
    fn advisory(&mut self, advisory: Advisory) {
        self.replace(&advisory.id);
        if self.error.is_none() {
            self.error = self.builder.add(&advisory).err();
        }
    }

    fn bad_record(&mut self, id: &str, reason: &str) {
        let short = |text: &str| text.chars().take(EXAMPLE_LENGTH).collect();
        self.bad_records.count += 1;
        if self.bad_records.examples.len() < EXAMPLES {
            self.bad_records.examples.push((short(id), short(reason)));
        }
    }

    fn left_out(&mut self, id: &str, _reason: &'static str) {
        self.replace(id);
        self.left_out += 1;
    }

    fn built_from(&mut self, namespace: &Namespace, binary: &str, source: &str) {
        if self.error.is_none() {
            self.error = self.builder.built_from(namespace, binary, source).err();
        }
    }
}
