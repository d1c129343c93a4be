//! The update of snapshots: each key on its own, several at a time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use pellucid_feeds::{Feed, FeedError, FeedState, IndexFile, Plan, Request, feed_of};
use pellucid_model::{Digest, Namespace};
use pellucid_snapshot::{Built, Catalog, FeedStatus, Snapshot, SnapshotError, UpdateLock};
use tokio::sync::Semaphore;

use crate::fetch::{FetchedFile, Fetcher, Got};
use crate::mirror::Root;
use crate::read::{EXAMPLES, Files, build};
use crate::validators::{self, State, Validators};
use crate::{FetchOptions, UpdateError, UpdateProgress};

/// Rounds of index files before a feed must know what to read.
const ROUNDS: usize = 8;
/// How much older than the current data new data may say it is: dates come from several clocks, and
/// some have no time of day.
const SLACK: i64 = 24 * 3600;
/// Pause between looks at a lock that another process holds.
const LOCK_POLL: Duration = Duration::from_millis(100);

/// How the update of one snapshot ended.
#[derive(Debug)]
pub struct Outcome {
    /// Key of the snapshot.
    pub key: String,
    /// What became of it. After an error the snapshot that was there is still in use.
    pub result: Result<Updated, UpdateError>,
    /// Records that could not be read.
    pub bad_records: BadRecords,
    /// Records of kinds that are not reported.
    pub left_out: u64,
    /// Bytes fetched, as they came.
    pub downloaded: u64,
    /// How long it took.
    pub took: Duration,
}

/// What became of a snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Updated {
    /// A new one is in use.
    Published {
        /// Its digest.
        digest: Digest,
        /// Digest of the one in use before.
        before: Option<Digest>,
        /// Advisories in it.
        advisories: u64,
        /// Statements about packages in it.
        affected: u64,
        /// Size of its file in bytes.
        bytes: u64,
        /// Date of the data, in seconds since the epoch.
        as_of: Option<i64>,
    },
    /// Upstream has nothing new.
    Unchanged,
    /// Nothing was asked, and what is there is used.
    Kept,
}

/// Records of an update that could not be read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BadRecords {
    /// How many.
    pub count: u64,
    /// The first of them: id and reason.
    pub examples: Vec<(String, String)>,
}

/// Keys of the snapshots that speak of any of these namespaces, sorted.
pub fn covering<'a>(namespaces: impl IntoIterator<Item = &'a Namespace>) -> Vec<String> {
    let keys: BTreeSet<_> = namespaces
        .into_iter()
        .flat_map(pellucid_feeds::covering)
        .map(|answer| answer.key)
        .collect();
    keys.into_iter().collect()
}

/// Brings the snapshots of these keys up to date. One outcome a key, in the order of the keys.
///
/// Needs a tokio runtime with time and I/O. Holds the catalog's update lock while it runs. Dropping
/// the future leaves every snapshot as it was or as it became, never in between.
pub async fn update(
    keys: &[String],
    catalog: &Catalog,
    options: &FetchOptions,
    progress: &dyn UpdateProgress,
) -> Vec<Outcome> {
    let keys: Vec<&String> = {
        let mut seen = BTreeSet::new();
        keys.iter().filter(|key| seen.insert(*key)).collect()
    };
    let from_folder = |key: &str| {
        let mirror = options.mirror_of(key);
        mirror.is_some_and(|mirror| matches!(Root::new(mirror), Ok(Root::Folder(_))))
    };
    if options.offline && !keys.iter().any(|key| from_folder(key)) {
        return keys
            .into_iter()
            .map(|key| keep(key, catalog, progress))
            .collect();
    }
    let _lock = match lock(catalog, options).await {
        Ok(lock) => lock,
        Err(error) => {
            // Every key meets the same fate, but an error cannot be copied: each tries for itself.
            let mut error = Some(error);
            return keys
                .into_iter()
                .map(|key| {
                    let error = error.take().unwrap_or_else(|| SnapshotError::Busy {
                        path: catalog.directory().to_owned(),
                    });
                    finish(
                        key,
                        Err(error.into()),
                        Tally::default(),
                        Instant::now(),
                        progress,
                    )
                })
                .collect();
        }
    };
    let fetcher = Fetcher::new(options, progress);
    let parsers = Arc::new(Semaphore::new(options.parsers.max(1)));
    // The futures first, then the stream: a closure in the stream would make it impossible to show
    // that this future may move between threads.
    let updates: Vec<_> = keys
        .into_iter()
        .map(|key| {
            let one = One {
                key,
                catalog,
                options,
                progress,
                fetcher: &fetcher,
                parsers: &parsers,
            };
            one.update()
        })
        .collect();
    futures_util::stream::iter(updates)
        .buffered(options.parallel.max(1))
        .collect()
        .await
}

/// The outcome of a run that may fetch nothing.
fn keep(key: &str, catalog: &Catalog, progress: &dyn UpdateProgress) -> Outcome {
    let result = match catalog.current(key) {
        Ok(Some(_)) => Ok(Updated::Kept),
        Ok(None) => Err(UpdateError::Offline),
        Err(error) => Err(error.into()),
    };
    finish(key, result, Tally::default(), Instant::now(), progress)
}

/// The lock that keeps two processes from fetching the same; afterwards the catalog is as the other
/// process left it.
async fn lock(catalog: &Catalog, options: &FetchOptions) -> Result<UpdateLock, SnapshotError> {
    let begun = Instant::now();
    loop {
        match catalog.lock_updates() {
            Ok(lock) => {
                catalog.reload()?;
                return Ok(lock);
            }
            Err(SnapshotError::Busy { .. }) if begun.elapsed() < options.lock_timeout => {
                tokio::time::sleep(LOCK_POLL).await;
            }
            Err(error) => return Err(error),
        }
    }
}

fn finish(
    key: &str,
    result: Result<Updated, UpdateError>,
    tally: Tally,
    begun: Instant,
    progress: &dyn UpdateProgress,
) -> Outcome {
    let outcome = Outcome {
        key: key.to_owned(),
        result,
        bad_records: tally.bad_records,
        left_out: tally.left_out,
        downloaded: tally.downloaded,
        took: begun.elapsed(),
    };
    progress.finished(&outcome);
    outcome
}

/// What is counted on the way.
#[derive(Default)]
struct Tally {
    bad_records: BadRecords,
    left_out: u64,
    downloaded: u64,
}

/// The update of one key.
struct One<'a> {
    key: &'a str,
    catalog: &'a Catalog,
    options: &'a FetchOptions,
    progress: &'a dyn UpdateProgress,
    fetcher: &'a Fetcher<'a>,
    parsers: &'a Arc<Semaphore>,
}

impl One<'_> {
    async fn update(self) -> Outcome {
        let begun = Instant::now();
        let mut tally = Tally::default();
        let result = self.run(&mut tally).await;
        self.note(&result, &tally, begun.elapsed());
        finish(self.key, result, tally, begun, self.progress)
    }

    async fn run(&self, tally: &mut Tally) -> Result<Updated, UpdateError> {
        let unknown = || FeedError::UnknownKey {
            key: self.key.to_owned(),
        };
        let feed = feed_of(self.key).ok_or_else(unknown)?;
        let status = self.catalog.status(self.key);
        // A snapshot that cannot be opened is as good as none: everything is fetched again.
        let current = match self.catalog.current(self.key) {
            Ok(current) => current,
            Err(error) => {
                tracing::warn!(
                    feed.key = self.key,
                    "the current snapshot is unusable: {error}"
                );
                None
            }
        };
        let nothing = State::new();
        let remembered = if current.is_some() {
            &status.state
        } else {
            &nothing
        };
        let Some(files) = self.fetch(feed, remembered, tally).await? else {
            let now = now();
            let status = FeedStatus {
                last_checked: Some(now),
                last_tried: Some(now),
                last_error: None,
                quarantined: None,
                ..status
            };
            self.catalog.record_status(self.key, status)?;
            return Ok(Updated::Unchanged);
        };
        let as_of = files.files.iter().filter_map(FetchedFile::as_of).max();
        let stored = self.catalog.entry(self.key).and_then(|entry| entry.current);
        if let (Some(offered), Some(known), None) = (
            as_of,
            stored.as_ref().and_then(|stored| stored.as_of),
            &self.options.as_of,
        ) && offered < known - SLACK
        {
            return Err(UpdateError::Older {
                offered: date(offered),
                current: date(known),
            });
        }
        let state = files.state.clone();
        let is_change = files.changes.is_some();
        let as_of = if is_change {
            as_of.max(stored.as_ref().and_then(|stored| stored.as_of))
        } else {
            as_of
        };
        let built = self
            .build(feed, files, current.clone(), as_of, tally)
            .await?;
        let is_empty = if feed.enriches() {
            built.advisories == 0
        } else {
            built.affected == 0
        };
        let gate = match &stored {
            _ if is_empty => Err(UpdateError::NoAdvisories),
            // Only what can still be read is worth protecting.
            Some(stored) if current.is_some() => self
                .options
                .gate
                .check(stored, &built)
                .map_err(UpdateError::from),
            _ => Ok(()),
        };
        if let Err(error) = gate {
            remove(&built.path);
            return Err(error);
        }
        // What was wrong with the records that stay is still wrong.
        if is_change {
            tally.bad_records.count += status.bad_records;
        }
        let now = now();
        let status = FeedStatus {
            last_checked: Some(now),
            last_tried: Some(now),
            last_error: None,
            quarantined: None,
            bad_records: tally.bad_records.count,
            bad_examples: tally
                .bad_records
                .examples
                .iter()
                .map(|(id, reason)| format!("{id}: {reason}"))
                .chain(status.bad_examples.into_iter().filter(|_| is_change))
                .take(EXAMPLES)
                .collect(),
            state,
        };
        let before = current.as_ref().map(|snapshot| snapshot.digest());
        if before == Some(built.digest) {
            remove(&built.path);
            self.catalog.record_status(self.key, status)?;
            return Ok(Updated::Unchanged);
        }
        let published = Updated::Published {
            digest: built.digest,
            before,
            advisories: built.advisories,
            affected: built.affected,
            bytes: built.bytes,
            as_of,
        };
        self.catalog.publish(self.key, built, now, status)?;
        Ok(published)
    }

    /// Everything that the feed plans; `None` if it is what it was.
    async fn fetch(
        &self,
        feed: &dyn Feed,
        remembered: &State,
        tally: &mut Tally,
    ) -> Result<Option<Files>, UpdateError> {
        let mut indexes: Vec<IndexFile> = Vec::new();
        let mut marked = validators::mark(remembered);
        for _ in 0..ROUNDS {
            let state = FeedState {
                mark: marked,
                indexes: &indexes,
            };
            match feed.plan(self.key, &state)? {
                Plan::Index(requests) => {
                    for request in &requests {
                        let (request, body) = match self.fetch_new(request, tally).await {
                            Ok(file) => file.into_body()?,
                            Err(error) if request.may_be_absent && error.is_absence() => {
                                (request.clone(), Vec::new())
                            }
                            Err(error) if request.may_fail => {
                                tracing::warn!(
                                    feed.key = self.key,
                                    "made without {}: {}",
                                    request.name,
                                    error.chain()
                                );
                                (request.clone(), Vec::new())
                            }
                            Err(error) => return Err(error),
                        };
                        indexes.push(IndexFile { request, body });
                    }
                }
                Plan::Advisories { requests, mark } => {
                    let files = self.fetch_all(&requests, mark, None, remembered, tally);
                    return Ok(files.await?.map(|files| Files { indexes, ..files }));
                }
                Plan::Changes {
                    requests,
                    removed,
                    mark,
                } if state.mark.is_some() => {
                    let changes = self
                        .fetch_all(&requests, mark, Some(removed), remembered, tally)
                        .await;
                    match changes {
                        // A mirror has the whole, not every change to it.
                        Err(error) if error.is_absence() => marked = None,
                        changes => {
                            return Ok(changes?.map(|files| Files { indexes, ..files }));
                        }
                    }
                }
                // A kind of plan that this room does not know yet.
                _ => break,
            }
        }
        Err(UpdateError::EndlessPlan)
    }

    async fn fetch_all(
        &self,
        requests: &[Request],
        mark: Option<String>,
        changes: Option<Vec<String>>,
        remembered: &State,
        tally: &mut Tally,
    ) -> Result<Option<Files>, UpdateError> {
        let mut got = Vec::with_capacity(requests.len());
        let mut absent = Vec::new();
        let mut last_absence = None;
        let mut all_known = true;
        for request in requests {
            let previous = Validators::read(remembered, &request.url);
            let known = previous.is_some();
            let file = self
                .fetcher
                .fetch(self.key, request, previous.as_ref())
                .await
                .map_err(UpdateError::from);
            match file {
                Ok(file) => {
                    all_known &= known;
                    if let Got::File(file) = &file {
                        tally.downloaded += file.bytes();
                    }
                    got.push((request, file));
                }
                // A file that was there yesterday is missing, whoever may say that it never was.
                Err(error) if request.may_be_absent && error.is_absence() && !known => {
                    absent.push(request.name.clone());
                    last_absence = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        // Files that are all gone are no upstream without news.
        if let (true, Some(error)) = (got.is_empty(), last_absence) {
            return Err(error);
        }
        // Changes are a step on the way: without any, there is nothing to read but the mark moves.
        let nothing_new = got.iter().all(|(_, file)| matches!(file, Got::Unchanged));
        if changes.as_ref().is_none_or(Vec::is_empty) && all_known && nothing_new {
            return Ok(None);
        }
        let mut files = Vec::with_capacity(requests.len());
        let mut state = validators::begin(mark);
        for (request, got) in got {
            let file = match got {
                Got::File(file) => *file,
                // The snapshot is made anew from all files, also from those that are as they were.
                Got::Unchanged => self.fetch_new(request, tally).await?,
            };
            file.validators().write(&mut state, &request.url);
            files.push(file);
        }
        Ok(Some(Files {
            files,
            indexes: Vec::new(),
            state,
            changes,
            absent,
        }))
    }

    /// Fetches a file whether or not it changed.
    async fn fetch_new(
        &self,
        request: &Request,
        tally: &mut Tally,
    ) -> Result<FetchedFile, UpdateError> {
        let file = self.fetcher.fetch_now(self.key, request).await?;
        tally.downloaded += file.bytes();
        Ok(file)
    }

    /// Reads the files and builds a snapshot of them, off the runtime's threads.
    async fn build(
        &self,
        feed: &'static dyn Feed,
        files: Files,
        current: Option<Arc<Snapshot>>,
        as_of: Option<i64>,
        tally: &mut Tally,
    ) -> Result<Built, UpdateError> {
        let path = self.catalog.building_path(self.key)?;
        // The semaphore is never closed.
        let permit = Arc::clone(self.parsers).acquire_owned().await;
        self.progress.reading(self.key);
        let key = self.key.to_owned();
        let read = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            build(&key, feed, files, current.as_deref(), as_of, path)
        });
        let Ok((built, bad_records, left_out)) = read.await else {
            return Err(UpdateError::Panicked);
        };
        tally.bad_records = bad_records;
        tally.left_out = left_out;
        built
    }

    /// Writes down how it went, in the catalog and in the log.
    fn note(&self, result: &Result<Updated, UpdateError>, tally: &Tally, took: Duration) {
        let duration_ms = took.as_millis() as u64;
        let key = self.key;
        let error = match result {
            Ok(Updated::Published { advisories, .. }) => {
                tracing::info!(
                    feed.key = key,
                    advisories,
                    bad_records = tally.bad_records.count,
                    duration_ms,
                    "updated {key}: {advisories} advisories"
                );
                return;
            }
            Ok(_) => {
                tracing::info!(feed.key = key, duration_ms, "{key} is up to date");
                return;
            }
            Err(error) => error,
        };
        let reason = error.chain();
        tracing::warn!(
            feed.key = key,
            duration_ms,
            "{key} was not updated: {reason}"
        );
        if matches!(error, UpdateError::Feed(FeedError::UnknownKey { .. })) {
            return;
        }
        let mut status = self.catalog.status(key);
        status.last_tried = Some(now());
        if matches!(
            error,
            UpdateError::Quarantined(_) | UpdateError::Older { .. }
        ) {
            status.quarantined = Some(reason.clone());
        }
        status.last_error = Some(reason);
        if let Err(error) = self.catalog.record_status(key, status) {
            tracing::warn!(
                feed.key = key,
                "the status of {key} cannot be written: {error}"
            );
        }
    }
}

/// Best effort: `prune` sweeps what stays.
fn remove(path: &std::path::Path) {
    let _ = std::fs::remove_file(path);
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Seconds since the epoch as a day.
fn date(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(
        |_| seconds.to_string(),
        |time| time.strftime("%Y-%m-%d").to_string(),
    )
}
