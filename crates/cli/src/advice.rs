//! Getting the advisories that an image needs: which snapshots, how fresh, fetched where too old.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use pellucid_model::{Warning, WarningKind};
use pellucid_snapshot::Catalog;
use pellucid_updater::{FetchOptions, Outcome};

use crate::args::{DataArgs, FreshnessArgs, StoreArgs, Talk};
use crate::exit::Usage;
use crate::memory;
use crate::progress::FeedBars;

/// Feeds that add to findings and whose first fetch takes too long for a scan.
const LARGE: [&str; 1] = ["nvd"];

/// Opens the snapshots in the data directory, which is made if it is not there.
pub(crate) fn catalog(args: &StoreArgs) -> anyhow::Result<Catalog> {
    let folder = data_dir(args)?;
    Catalog::open(&folder).with_context(|| cannot_use(&folder))
}

/// The same, to read them alone: a data directory that is not there is an empty one.
pub(crate) fn existing(args: &StoreArgs) -> anyhow::Result<Catalog> {
    let folder = data_dir(args)?;
    Catalog::open_to_read(&folder).with_context(|| cannot_use(&folder))
}

/// The same for a scan, which reads alone where it fetches nothing.
pub(crate) fn for_scan(data: &DataArgs, freshness: &FreshnessArgs) -> anyhow::Result<Catalog> {
    match fetches(data, freshness) {
        true => catalog(&data.store),
        false => existing(&data.store),
    }
}

fn cannot_use(folder: &Path) -> String {
    format!("cannot use the data directory {}", folder.display())
}

/// What to say where a data directory is empty.
pub(crate) fn no_data(catalog: &Catalog) -> String {
    format!(
        "there is no advisory data in {}; run \"pellucid db update\", or \"pellucid db import\"",
        catalog.directory().display()
    )
}

/// What to say where there is no data of a feed or a part of one.
pub(crate) fn no_data_of(key: &str) -> String {
    format!(
        "there is no data of {key} yet; run \"pellucid db update {key}\", or \"pellucid db import\""
    )
}

/// The folder that an option names, else the user's own.
pub(crate) fn data_dir(args: &StoreArgs) -> Result<PathBuf, Usage> {
    if let Some(folder) = &args.data_dir {
        return Ok(folder.clone());
    }
    let folder = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    folder("XDG_DATA_HOME")
        .or_else(|| Some(folder("HOME")?.join(".local/share")))
        .map(|data| data.join("pellucid"))
        .ok_or_else(|| Usage("there is no home directory; say --data-dir DIR".to_owned()))
}

/// Seconds since the epoch.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Makes these snapshots and those that add to findings fresh enough, and warns where they are not.
///
/// # Errors
/// The data directory is unusable. A feed that cannot be fetched is a warning: what is there answers.
pub(crate) fn refresh(
    mut due: Vec<String>,
    catalog: &Catalog,
    data: &DataArgs,
    freshness: &FreshnessArgs,
    talk: &Talk,
) -> anyhow::Result<Vec<Warning>> {
    due.extend(enriching(catalog, freshness.max_data_age));
    due.retain(|key| {
        let is_wanted = !pellucid_feeds::is_on_request(key) || is_there(catalog, key);
        is_wanted && is_due(catalog, key, freshness.max_data_age)
    });
    if due.is_empty() {
        return Ok(Vec::new());
    }
    if !fetches(data, freshness) {
        return Ok(due.iter().filter_map(|key| stale(catalog, key)).collect());
    }
    let outcomes = memory::not_meant(|| fetch(&due, catalog, data, talk))?;
    Ok(outcomes
        .iter()
        .filter(|outcome| !is_left_out(catalog, data, &outcome.key))
        .filter_map(|outcome| failed(catalog, outcome))
        .collect())
}

/// Keys of the feeds that add to findings and are kept fresh by a scan: those that are there, and the
/// small ones.
/// One that could not be fetched lately is not waited for again by every scan.
fn enriching(catalog: &Catalog, max_age: Duration) -> impl Iterator<Item = String> {
    let keys = pellucid_feeds::enriching().flat_map(|feed| feed.parts());
    keys.filter(move |key| {
        let was_tried = is_recent(catalog.status(key).last_tried, max_age);
        is_there(catalog, key) || !LARGE.contains(&key.as_str()) && !was_tried
    })
}

/// Brings these snapshots up to date.
pub(crate) fn fetch(
    keys: &[String],
    catalog: &Catalog,
    data: &DataArgs,
    talk: &Talk,
) -> anyhow::Result<Vec<Outcome>> {
    let options = FetchOptions {
        offline: data.offline,
        ..data.origin.options()
    };
    let bars = FeedBars::new(talk);
    let outcomes = runtime()?.block_on(pellucid_updater::update(keys, catalog, &options, &bars));
    Ok(outcomes)
}

/// What fetching runs on.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime that fetches feeds")
}

/// Whether a scan fetches what is too old.
fn fetches(data: &DataArgs, freshness: &FreshnessArgs) -> bool {
    !freshness.skip_db_update && may_fetch(data)
}

/// Whether anything can be fetched: offline, only a mirror that is a folder can be read.
pub(crate) fn may_fetch(data: &DataArgs) -> bool {
    let is_url = |mirror: &str| mirror.starts_with("http://") || mirror.starts_with("https://");
    let own = data.origin.feed_mirror.iter().map(|(_, mirror)| mirror);
    !data.offline
        || data
            .origin
            .mirror
            .iter()
            .chain(own)
            .any(|mirror| !is_url(mirror))
}

/// Whether there is any data of a key.
fn is_there(catalog: &Catalog, key: &str) -> bool {
    catalog
        .entry(key)
        .is_some_and(|entry| entry.current.is_some())
}

fn is_due(catalog: &Catalog, key: &str, max_age: Duration) -> bool {
    // What cannot be opened is fetched again.
    let (Some(entry), Ok(Some(_))) = (catalog.entry(key), catalog.current(key)) else {
        return true;
    };
    !is_recent(entry.status.last_checked, max_age)
}

/// Whether a time is at most so long ago. One in the future is a clock set back, and is not.
fn is_recent(time: Option<i64>, max_age: Duration) -> bool {
    let max_age = i64::try_from(max_age.as_secs()).unwrap_or(i64::MAX);
    time.is_some_and(|time| (0..=max_age).contains(&now().saturating_sub(time)))
}

/// The warning that old data answers; where there is none, the coverage says so itself.
fn stale(catalog: &Catalog, key: &str) -> Option<Warning> {
    let entry = catalog.entry(key)?;
    entry.current.as_ref()?;
    let checked = entry
        .status
        .last_checked
        .and_then(|at| jiff::Timestamp::from_second(at).ok());
    Some(warning(match checked {
        Some(at) => format!(
            "{key} was last asked for news on {}",
            at.strftime("%Y-%m-%d")
        ),
        None => format!("{key} was never asked for news"),
    }))
}

/// Whether a mirror never had a feed that only adds to findings: whoever made it left it out, and the
/// report does not list it.
fn is_left_out(catalog: &Catalog, data: &DataArgs, key: &str) -> bool {
    let enriches = pellucid_feeds::feed_of(key).is_some_and(|feed| feed.enriches());
    data.origin.mirror.is_some() && enriches && !is_there(catalog, key)
}

fn failed(catalog: &Catalog, outcome: &Outcome) -> Option<Warning> {
    let error = outcome.result.as_ref().err()?;
    let key = &outcome.key;
    let effect = if is_there(catalog, key) {
        "could not be updated, so older data answers"
    } else {
        "has no data"
    };
    Some(warning(format!("{key} {effect}: {}", error.chain())))
}

const fn warning(message: String) -> Warning {
    Warning {
        kind: WarningKind::StaleData,
        layer: None,
        path: None,
        line: None,
        message,
    }
}
