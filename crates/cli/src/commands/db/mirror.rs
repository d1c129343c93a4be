//! `pellucid db mirror`: upstream's own files in a folder that `--mirror` reads.

use std::path::PathBuf;

use anyhow::Context as _;
use pellucid_updater::{Copied, FileCount};
use serde::Serialize;

use super::table::FormArgs;
use crate::args::{OriginArgs, Talk};
use crate::exit::Exit;
use crate::progress::FeedBars;
use crate::{advice, hints, units};

#[derive(clap::Args)]
pub(crate) struct MirrorArgs {
    /// The folder; it is made if it is not there, and what is in it is brought up to date.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Which feeds, or parts of feeds such as alpine/v3.20; all if absent.
    #[arg(value_name = "FEED")]
    feeds: Vec<String>,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    origin: OriginArgs,
}

#[derive(Serialize)]
struct Mirrored {
    schema: &'static str,
    feeds: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    feed: String,
    files: u64,
    bytes: u64,
    /// Files that were fetched, because they were not there or not as they are now.
    new: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Copies the files.
pub(crate) fn run(args: &MirrorArgs, talk: &Talk) -> anyhow::Result<Exit> {
    let keys = super::keys(&args.feeds)?;
    let options = args.origin.options();
    let bars = FeedBars::new(talk);
    let copied = advice::runtime()?
        .block_on(pellucid_updater::mirror(
            &keys,
            &args.folder,
            &options,
            &bars,
        ))
        .with_context(|| format!("cannot make a mirror in {}", args.folder.display()))?;
    bars.clear();
    let mirrored = Mirrored {
        schema: "pellucid-db-mirror/1",
        feeds: copied.iter().map(row).collect(),
    };
    args.form.write(&mirrored, |out| {
        let done = mirrored.feeds.iter().filter(|row| row.error.is_none());
        done.into_iter().try_for_each(|row| {
            let size = units::shown_size(row.bytes);
            writeln!(
                out,
                "{}: {} files, {size}, {} new",
                row.feed, row.files, row.new
            )
        })
    })?;
    let mut exit = Exit::Clean;
    for Copied { key, result } in copied {
        if let Err(error) = result {
            hints::print(&anyhow::Error::new(error).context(format!("{key} is not mirrored")));
            exit = Exit::Failed;
        }
    }
    Ok(exit)
}

fn row(copied: &Copied) -> Row {
    let copy = copied.result.as_ref().ok().copied();
    let FileCount { files, bytes, new } = copy.unwrap_or_default();
    Row {
        feed: copied.key.clone(),
        files,
        bytes,
        new,
        error: copied.result.as_ref().err().map(|error| error.chain()),
    }
}
