//! `pellucid db status`: what is known of each snapshot key.

use std::collections::BTreeMap;
use std::io::{self, Write};

use pellucid_feeds::FEEDS;
use pellucid_snapshot::{CatalogEntry, Stored};
use serde::Serialize;

use crate::args::{StatusArgs, StatusFormat};
use crate::exit::Exit;
use crate::{advice, output, units};

const SCHEMA: &str = "pellucid-db-status/1";

/// Prints the state of every feed.
pub(crate) fn run(args: &StatusArgs) -> anyhow::Result<Exit> {
    let catalog = advice::catalog(&args.store)?;
    let mut entries = catalog.entries();
    for key in FEEDS.iter().flat_map(|feed| feed.parts()) {
        entries.entry(key).or_default();
    }
    output::write(None, |out| match args.format {
        StatusFormat::Table => table(&entries, out),
        StatusFormat::Json => json(&entries, out),
    })?;
    Ok(Exit::Clean)
}

/// The day of a point in time.
pub(super) fn day(seconds: i64) -> Option<String> {
    let time = jiff::Timestamp::from_second(seconds).ok()?;
    Some(time.strftime("%Y-%m-%d").to_string())
}

fn table(entries: &BTreeMap<String, CatalogEntry>, out: &mut dyn Write) -> io::Result<()> {
    let heading = ["FEED", "AS OF", "FETCHED", "ADVISORIES", "SIZE", "DIGEST"]
        .map(str::to_owned)
        .to_vec();
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|(key, entry)| row(key, entry.current.as_ref()))
        .collect();
    let widths: Vec<usize> = (0..heading.len())
        .map(|column| {
            let cells = rows
                .iter()
                .chain([&heading])
                .filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths);
        let line: String = cells
            .map(|(cell, width)| format!("{cell:width$}  "))
            .collect();
        line.trim_end().to_owned()
    };
    writeln!(out, "{}", line(&heading))?;
    for (row, entry) in rows.iter().zip(entries.values()) {
        writeln!(out, "{}", line(row))?;
        let status = &entry.status;
        let troubles = [
            ("last error", &status.last_error),
            ("held back", &status.quarantined),
        ];
        for (what, text) in troubles {
            if let Some(text) = text {
                writeln!(out, "  {what}: {}", pellucid_report::escape(text, false))?;
            }
        }
        if status.bad_records > 0 {
            writeln!(
                out,
                "  records that could not be read: {}",
                status.bad_records
            )?;
        }
    }
    Ok(())
}

fn row(key: &str, stored: Option<&Stored>) -> Vec<String> {
    let mut cells = vec![pellucid_report::escape(key, false).into_owned()];
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

fn json(entries: &BTreeMap<String, CatalogEntry>, out: &mut dyn Write) -> io::Result<()> {
    let feeds = entries
        .iter()
        .map(|(key, entry)| feed(key, entry))
        .collect();
    serde_json::to_writer_pretty(
        &mut *out,
        &Status {
            schema: SCHEMA,
            feeds,
        },
    )?;
    writeln!(out)
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
    }
}

fn time(seconds: i64) -> Option<String> {
    jiff::Timestamp::from_second(seconds)
        .ok()
        .map(|time| time.to_string())
}
