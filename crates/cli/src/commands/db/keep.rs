//! `pellucid db prune` and `db rollback`: which snapshots are kept, and which is used.

use anyhow::Context as _;
use serde::Serialize;

use super::table::FormArgs;
use crate::advice;
use crate::args::StoreArgs;
use crate::exit::Exit;

#[derive(clap::Args)]
pub(crate) struct PruneArgs {
    /// Also remove the snapshots that `db rollback` would go back to.
    #[arg(long)]
    earlier: bool,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(clap::Args)]
pub(crate) struct RollbackArgs {
    /// The key, as debian or alpine/v3.20. Twice returns to where one was.
    #[arg(value_name = "FEED")]
    key: String,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Serialize)]
struct Pruned {
    schema: &'static str,
    removed: Vec<String>,
}

#[derive(Serialize)]
struct RolledBack<'a> {
    schema: &'static str,
    feed: &'a str,
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<String>,
}

/// Removes what no key uses, and what crashed updates left.
pub(crate) fn prune(args: &PruneArgs) -> anyhow::Result<Exit> {
    let catalog = advice::catalog(&args.store)?;
    let removed = catalog.prune(args.earlier)?;
    let pruned = Pruned {
        schema: "pellucid-db-prune/1",
        removed: removed
            .iter()
            .map(|path| path.display().to_string())
            .collect(),
    };
    args.form.write(&pruned, |out| {
        let mut removed = pruned.removed.iter();
        removed.try_for_each(|path| writeln!(out, "removed {path}"))
    })?;
    Ok(Exit::Clean)
}

/// Goes back to the snapshot before.
pub(crate) fn rollback(args: &RollbackArgs) -> anyhow::Result<Exit> {
    let catalog = advice::catalog(&args.store)?;
    let snapshot = catalog
        .rollback(&args.key)
        .with_context(|| format!("{} cannot go back", args.key))?;
    let back = RolledBack {
        schema: "pellucid-db-rollback/1",
        feed: &args.key,
        digest: snapshot.digest().to_string(),
        as_of: snapshot.meta().as_of.and_then(super::status::day),
    };
    args.form.write(&back, |out| {
        let of = back.as_of.as_deref().unwrap_or("an unknown day");
        writeln!(out, "{}: back to {} of {of}", back.feed, back.digest)
    })?;
    Ok(Exit::Clean)
}
