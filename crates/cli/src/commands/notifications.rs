//! `pellucid notifications`: what the service's outbox holds, and what becomes of it.
//!
//! It opens the service's database, running or not; nothing is sent from here.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Subcommand, ValueEnum};
use pellucid_notify::RECEIVER;
use pellucid_store::{DeliveryState, NotificationId, Posting, Store};
use serde::Serialize;

use super::serve;
use crate::advice;
use crate::args::StoreArgs;
use crate::exit::{Exit, Usage};
use crate::output;

/// Entries asked of the database at a time.
const PAGE: u32 = 1000;

#[derive(Subcommand)]
pub(crate) enum NotificationsCommand {
    /// List notifications: by default those given up and those held back.
    List(ListArgs),
    /// Send notifications that were given up again.
    Replay(ReplayArgs),
    /// Send what was held back because an update of a feed changed too much.
    Release(FeedArgs),
    /// Delete what was held back, unsent.
    Discard(FeedArgs),
}

#[derive(clap::Args)]
pub(crate) struct Place {
    /// The service's configuration; $VAR in its path is replaced. If absent, as for serve.
    #[arg(long, value_name = "FILE")]
    config: Option<String>,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    place: Place,
    /// Only those in this state.
    #[arg(long, value_name = "STATE")]
    state: Option<State>,
    /// How to write it.
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    format: Format,
}

#[derive(clap::Args)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    place: Place,
    /// Names of notifications.
    #[arg(value_name = "NAME", required_unless_present = "all")]
    names: Vec<String>,
    /// All that were given up.
    #[arg(long, conflicts_with = "names")]
    all: bool,
}

#[derive(clap::Args)]
pub(crate) struct FeedArgs {
    #[command(flatten)]
    place: Place,
    /// The feed, as `list` and the log name it: `debian`, `alpine/v3.20`.
    #[arg(value_name = "FEED")]
    feed: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum State {
    /// To be sent, or sent again.
    Pending,
    /// Sent, and not to be sent again.
    Done,
    /// Given up.
    Dead,
    /// Held back until released or discarded.
    Held,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
}

impl From<State> for DeliveryState {
    fn from(state: State) -> Self {
        match state {
            State::Pending => Self::Pending,
            State::Done => Self::Done,
            State::Dead => Self::Dead,
            State::Held => Self::Held,
        }
    }
}

/// Lists, or decides.
pub(crate) fn run(command: &NotificationsCommand) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        match command {
            NotificationsCommand::List(args) => list(args).await,
            NotificationsCommand::Replay(args) => replay(args).await,
            NotificationsCommand::Release(args) => {
                let count = open(&args.place).await?.release_held(&args.feed).await?;
                decided(count, "released", &args.feed)
            }
            NotificationsCommand::Discard(args) => {
                let count = open(&args.place).await?.discard_held(&args.feed).await?;
                decided(count, "discarded", &args.feed)
            }
        }
    })
}

async fn open(place: &Place) -> anyhow::Result<Store> {
    let config = serve::config(place.config.as_deref())?;
    let folder: PathBuf = match &config.data_dir {
        Some(folder) => folder.clone(),
        None => advice::data_dir(&place.store)?,
    };
    let database = pellucid_server::database(&config, &folder);
    if let pellucid_store::Database::Sqlite { path } = &database {
        there(path)?;
    }
    Store::open(&database)
        .await
        .context("the service's database cannot be opened")
}

/// A database that is asked about must be there; a new one would say that all is well.
fn there(path: &Path) -> Result<(), Usage> {
    if path.exists() {
        return Ok(());
    }
    let path = path.display();
    Err(Usage(format!("there is no database at {path}")))
}

async fn list(args: &ListArgs) -> anyhow::Result<Exit> {
    let store = open(&args.place).await?;
    let states = match args.state {
        Some(state) => vec![DeliveryState::from(state)],
        None => vec![DeliveryState::Dead, DeliveryState::Held],
    };
    let mut found: Vec<(DeliveryState, Posting)> = Vec::new();
    for state in states {
        let mut after = NotificationId(0);
        loop {
            let page = store.deliveries(RECEIVER, state, after, PAGE).await?;
            let Some(last) = page.last() else {
                break;
            };
            after = last.notification;
            found.extend(page.into_iter().map(|posting| (state, posting)));
        }
    }
    match args.format {
        Format::Json => {
            let rows: Vec<Row<'_>> = found.iter().map(Row::of).collect();
            output::write(None, |out| {
                serde_json::to_writer_pretty(&mut *out, &rows)?;
                writeln!(out)
            })?;
        }
        Format::Table => output::write(None, |out| {
            for (state, posting) in &found {
                let text = |text: &str| pellucid_report::escape(text, false).into_owned();
                writeln!(
                    out,
                    "{}  {:<7}  {}  {}  {}  {}",
                    posting.name,
                    state.name(),
                    text(posting.feed.as_deref().unwrap_or("api")),
                    text(&posting.namespace),
                    text(&posting.vulnerability),
                    text(posting.error.as_deref().unwrap_or("-")),
                )?;
            }
            Ok(())
        })?,
    }
    Ok(Exit::Clean)
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    state: &'static str,
    feed: Option<&'a str>,
    namespace: &'a str,
    vulnerability: &'a str,
    attempts: u32,
    next: i64,
    delivered: Option<i64>,
    error: Option<&'a str>,
}

impl<'a> Row<'a> {
    fn of((state, posting): &'a (DeliveryState, Posting)) -> Self {
        Self {
            name: &posting.name,
            state: state.name(),
            feed: posting.feed.as_deref(),
            namespace: &posting.namespace,
            vulnerability: &posting.vulnerability,
            attempts: posting.attempts,
            next: posting.next_at,
            delivered: posting.delivered_at,
            error: posting.error.as_deref(),
        }
    }
}

async fn replay(args: &ReplayArgs) -> anyhow::Result<Exit> {
    let store = open(&args.place).await?;
    if args.all {
        let count = store.replay_all(RECEIVER).await?;
        output::write(None, |out| writeln!(out, "{count} will be sent again"))?;
        return Ok(Exit::Clean);
    }
    for name in &args.names {
        if !store.replay(RECEIVER, name).await? {
            return Err(Usage(format!("{name} was not given up, or is not there")).into());
        }
    }
    let count = args.names.len();
    output::write(None, |out| writeln!(out, "{count} will be sent again"))?;
    Ok(Exit::Clean)
}

fn decided(count: usize, what: &str, feed: &str) -> anyhow::Result<Exit> {
    if count == 0 {
        return Err(Usage(format!("nothing of {feed} is held back")).into());
    }
    output::write(None, |out| writeln!(out, "{count} {what}"))?;
    Ok(Exit::Clean)
}
