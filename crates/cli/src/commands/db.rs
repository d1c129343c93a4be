//! `pellucid db`: fetch advisory data, and say what is there.

mod status;

use std::collections::BTreeSet;

use pellucid_feeds::FEEDS;
use pellucid_updater::{Outcome, Updated};

pub(crate) use self::status::run as status;
use crate::args::{Talk, UpdateArgs};
use crate::exit::{Exit, Usage};
use crate::{advice, hints, output, units};

/// Brings feeds up to date and says what became of each.
pub(crate) fn update(args: &UpdateArgs, talk: &Talk) -> anyhow::Result<Exit> {
    let keys = keys(&args.feeds)?;
    if !advice::may_fetch(&args.data) {
        let why = "nothing can be fetched offline but from a mirror that is a folder";
        return Err(Usage(why.to_owned()).into());
    }
    let catalog = advice::catalog(&args.data.store)?;
    let outcomes = advice::fetch(&keys, &catalog, &args.data, talk)?;
    output::write(None, |out| {
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
                .and_then(status::day)
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
