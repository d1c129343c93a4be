//! `pellucid db status`: what is known of each snapshot key.

use std::collections::BTreeMap;
use std::io::{self, Write};

use pellucid_feeds::FEEDS;
use pellucid_snapshot::{CatalogEntry, FeedStatus, Stored};
use serde::Serialize;

use super::table::columns;
use crate::args::StatusArgs;
use crate::exit::Exit;
use crate::{advice, units};

const SCHEMA: &str = "pellucid-db-status/1";

/// Prints the state of every feed.
pub(crate) fn run(args: &StatusArgs) -> anyhow::Result<Exit> {
    let catalog = advice::existing(&args.store)?;
    let mut entries = catalog.entries();
    for key in FEEDS.iter().flat_map(|feed| feed.parts()) {
        entries.entry(key).or_default();
    }
    let status = Status {
        schema: SCHEMA,
        feeds: entries
            .iter()
            .map(|(key, entry)| feed(key, entry))
            .collect(),
    };
    args.form.write(&status, |out| table(&entries, out))?;
    Ok(Exit::Clean)
}

/// The day of a point in time.
pub(super) fn day(seconds: i64) -> Option<String> {
    let time = jiff::Timestamp::from_second(seconds).ok()?;
    Some(time.strftime("%Y-%m-%d").to_string())
}

fn table(entries: &BTreeMap<String, CatalogEntry>, out: &mut dyn Write) -> io::Result<()> {
    let heading = ["FEED", "AS OF", "FETCHED", "ADVISORIES", "SIZE", "DIGEST"];
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|(key, entry)| row(key, entry.current.as_ref()))
        .collect();
    let entries: Vec<&CatalogEntry> = entries.values().collect();
    columns(&heading, &rows, out, |number, out| {
        entries
            .get(number)
            .map_or(Ok(()), |entry| troubles(&entry.status, out))
    })
}

/// What went wrong with a feed, below its row.
fn troubles(status: &FeedStatus, out: &mut dyn Write) -> io::Result<()> {
    let escape = |text: &str| pellucid_report::escape(text, false).into_owned();
    let troubles = [
        ("last error", &status.last_error),
        ("held back", &status.quarantined),
    ];
    for (what, text) in troubles {
        if let Some(text) = text {
            writeln!(out, "  {what}: {}", escape(text))?;
        }
    }
    if status.bad_records > 0 {
        let count = status.bad_records;
        writeln!(out, "  records that could not be read: {count}")?;
        for example in &status.bad_examples {
            writeln!(out, "    {}", escape(example))?;
        }
    }
    Ok(())
}

fn row(key: &str, stored: Option<&Stored>) -> Vec<String> {
    let mut cells = vec![key.to_owned()];
    match stored {
        Some(stored) => cells.extend([
            stored
                .as_of
                .and_then(day)
                .unwrap_or_else(|| "unknown".to_owned()),
            day(stored.fetched_at).unwrap_or_default(),
            stored.advisories.to_string(),
            units::shown_size(stored.bytes),
            stored.digest.to_string().chars().take(19).collect(),
        ]),
        None => cells.push("no data".to_owned()),
    }
    cells
}

#[derive(Serialize)]
struct Status<'a> {
    schema: &'static str,
    feeds: Vec<Feed<'a>>,
}

/// One snapshot key. Times are RFC 3339 in UTC; what is not known is absent.
#[derive(Serialize)]
struct Feed<'a> {
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot: Option<Snapshot<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_checked: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_tried: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held_back: Option<&'a str>,
    bad_records: u64,
    /// The first of them, each with its id and the reason.
    bad_examples: &'a [String],
}

#[derive(Serialize)]
struct Snapshot<'a> {
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fetched_at: Option<String>,
    advisories: u64,
    affected: u64,
    bytes: u64,
    namespaces: Vec<&'a str>,
}

fn feed<'a>(key: &'a str, entry: &'a CatalogEntry) -> Feed<'a> {
    let status = &entry.status;
    Feed {
        key,
        snapshot: entry.current.as_ref().map(|stored| Snapshot {
            digest: stored.digest.to_string(),
            as_of: stored.as_of.and_then(time),
            fetched_at: time(stored.fetched_at),
            advisories: stored.advisories,
            affected: stored.affected,
            bytes: stored.bytes,
            namespaces: stored
                .namespaces
                .iter()
                .map(|count| count.namespace.as_str())
                .collect(),
        }),
        last_checked: status.last_checked.and_then(time),
        last_tried: status.last_tried.and_then(time),
        last_error: status.last_error.as_deref(),
        held_back: status.quarantined.as_deref(),
        bad_records: status.bad_records,
        bad_examples: &status.bad_examples,
    }
}

fn time(seconds: i64) -> Option<String> {
    jiff::Timestamp::from_second(seconds)
        .ok()
        .map(|time| time.to_string())
}
