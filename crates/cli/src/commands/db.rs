//! `pellucid db`: fetch advisory data, and say what is there.

mod carry;
mod diff;
mod keep;
mod list;
mod mirror;
mod search;
mod status;
mod table;

use std::collections::BTreeSet;

use pellucid_feeds::FEEDS;
use pellucid_updater::{Outcome, Updated};
use serde::Serialize;

use self::status::day;
pub(crate) use self::table::FormArgs;
use crate::args::{StatusArgs, Talk, UpdateArgs};
use crate::exit::{Exit, Usage};
use crate::{advice, hints, units};

/// Commands about advisory data.
#[derive(clap::Subcommand)]
pub(crate) enum DbCommand {
    /// Fetch feeds whose data is not the newest.
    Update(UpdateArgs),
    /// Say of each feed's data how old it is, what is in it, and how its last update went.
    Status(StatusArgs),
    /// List the namespaces that the data speaks of.
    List(list::ListArgs),
    /// Look up a vulnerability or a package; status 1 if nothing is found.
    Search(search::SearchArgs),
    /// Say what changed from one snapshot to another.
    Diff(diff::DbDiffArgs),
    /// Write the data into one file, to carry it where no network is.
    Export(carry::ExportArgs),
    /// Take over a file that export wrote.
    Import(carry::ImportArgs),
    /// Remove snapshots that are not used.
    Prune(keep::PruneArgs),
    /// Go back to the data in use before.
    Rollback(keep::RollbackArgs),
    /// Copy upstream's own files into a folder that --mirror reads.
    Mirror(mirror::MirrorArgs),
}

/// Runs one of them.
pub(crate) fn run(command: &DbCommand, talk: &Talk) -> anyhow::Result<Exit> {
    match command {
        DbCommand::Update(args) => update(args, talk),
        DbCommand::Status(args) => status::run(args),
        DbCommand::List(args) => list::run(args),
        DbCommand::Search(args) => search::run(args),
        DbCommand::Diff(args) => diff::run(args),
        DbCommand::Export(args) => carry::export(args),
        DbCommand::Import(args) => carry::import(args),
        DbCommand::Prune(args) => keep::prune(args),
        DbCommand::Rollback(args) => keep::rollback(args),
        DbCommand::Mirror(args) => mirror::run(args, talk),
    }
}

#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    feeds: Vec<Done<'a>>,
}

/// What became of one snapshot key.
#[derive(Serialize)]
struct Done<'a> {
    key: &'a str,
    became: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    advisories: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    bad_records: u64,
    downloaded: u64,
    seconds: f64,
}

impl<'a> Done<'a> {
    fn of(outcome: &'a Outcome) -> Self {
        let (became, digest, advisories) = match &outcome.result {
            Ok(Updated::Published {
                digest, advisories, ..
            }) => ("published", Some(digest.to_string()), Some(*advisories)),
            Ok(Updated::Unchanged) => ("unchanged", None, None),
            Ok(Updated::Kept) => ("kept", None, None),
            Err(_) => ("failed", None, None),
        };
        Self {
            key: &outcome.key,
            became,
            digest,
            advisories,
            error: outcome.result.as_ref().err().map(|error| error.chain()),
            bad_records: outcome.bad_records.count,
            downloaded: outcome.downloaded,
            seconds: outcome.took.as_secs_f64(),
        }
    }
}

/// Brings feeds up to date and says what became of each.
fn update(args: &UpdateArgs, talk: &Talk) -> anyhow::Result<Exit> {
    let keys = keys(&args.feeds)?;
    if !advice::may_fetch(&args.data) {
        let why = "nothing can be fetched offline but from a mirror that is a folder";
        return Err(Usage(why.to_owned()).into());
    }
    let catalog = advice::catalog(&args.data.store)?;
    let outcomes = advice::fetch(&keys, &catalog, &args.data, talk)?;
    let report = Report {
        schema: "pellucid-db-update/1",
        feeds: outcomes.iter().map(Done::of).collect(),
    };
    args.form.write(&report, |out| {
        let done = outcomes.iter().filter_map(line);
        done.into_iter()
            .try_for_each(|line| writeln!(out, "{line}"))
    })?;
    let mut exit = Exit::Clean;
    for outcome in outcomes {
        let key = outcome.key;
        if let Err(error) = outcome.result {
            hints::print(&anyhow::Error::new(error).context(format!("{key} is not updated")));
            exit = Exit::Failed;
        }
    }
    Ok(exit)
}

/// The snapshot keys that the given words mean; where there are none, all but those that are fetched on
/// request alone.
fn keys(words: &[String]) -> Result<Vec<String>, Usage> {
    if words.is_empty() {
        let followed = FEEDS.iter().filter(|feed| !feed.on_request());
        return Ok(followed.flat_map(|feed| feed.parts()).collect());
    }
    let mut keys = BTreeSet::new();
    for word in words {
        keys.extend(pellucid_feeds::keys(word).map_err(|error| {
            let known: Vec<&str> = FEEDS.iter().map(|feed| feed.name()).collect();
            Usage(format!("{error}; the feeds are {}", known.join(", ")))
        })?);
    }
    Ok(keys.into_iter().collect())
}

/// What became of a feed, in a line; errors are told elsewhere.
fn line(outcome: &Outcome) -> Option<String> {
    let key = &outcome.key;
    let mut line = match outcome.result.as_ref().ok()? {
        Updated::Published {
            advisories,
            bytes,
            as_of,
            ..
        } => {
            let of = as_of
                .and_then(day)
                .map(|day| format!(" of {day}"))
                .unwrap_or_default();
            let size = units::shown_size(*bytes);
            format!("{key}: {advisories} advisories{of}, {size}")
        }
        Updated::Unchanged => format!("{key}: nothing new"),
        Updated::Kept => format!("{key}: kept as it is"),
    };
    let bad = &outcome.bad_records;
    if bad.count > 0 {
        line.push_str(&format!("; {} records could not be read", bad.count));
        if let Some((id, reason)) = bad.examples.first() {
            line.push_str(&format!(", the first {id}: {reason}"));
        }
    }
    Some(pellucid_report::escape(&line, false).into_owned())
}
