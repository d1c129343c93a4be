//! `pellucid db list`: which namespaces the data speaks of, and how much it says.

use std::collections::BTreeSet;

use anyhow::Context as _;
use serde::Serialize;

use super::table::{FormArgs, columns, nothing};
use crate::advice;
use crate::args::StoreArgs;
use crate::exit::Exit;

#[derive(clap::Args)]
pub(crate) struct ListArgs {
    /// Which feeds, or parts of feeds such as alpine/v3.20; all if absent.
    #[arg(value_name = "FEED")]
    feeds: Vec<String>,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Serialize)]
struct List {
    schema: &'static str,
    namespaces: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    feed: String,
    /// Absent where the feed speaks of vulnerabilities and not of packages.
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    advisories: u64,
    packages: u64,
    statements: u64,
}

/// Lists the namespaces.
pub(crate) fn run(args: &ListArgs) -> anyhow::Result<Exit> {
    let named: BTreeSet<String> = super::keys(&args.feeds)?.into_iter().collect();
    let is_wanted = |key: &String| args.feeds.is_empty() || named.contains(key);
    let catalog = advice::existing(&args.store)?;
    let mut rows = Vec::new();
    for (key, entry) in catalog.entries() {
        let Some(stored) = entry.current.filter(|_| is_wanted(&key)) else {
            continue;
        };
        if stored.namespaces.is_empty() {
            rows.push(Row {
                feed: key.clone(),
                namespace: None,
                advisories: stored.advisories,
                packages: 0,
                statements: 0,
            });
        }
        rows.extend(stored.namespaces.into_iter().map(|count| Row {
            feed: key.clone(),
            namespace: Some(count.namespace.to_string()),
            advisories: count.advisories,
            packages: count.packages,
            statements: count.affected,
        }));
    }
    if rows.is_empty() {
        match args.feeds.as_slice() {
            [] => tracing::warn!("{}", advice::no_data(&catalog)),
            feeds => tracing::warn!("{}", advice::no_data_of(&feeds.join(" "))),
        }
    }
    let list = List {
        schema: "pellucid-db-list/1",
        namespaces: rows,
    };
    args.form
        .write(&list, |out| {
            let rows: Vec<Vec<String>> = list.namespaces.iter().map(cells).collect();
            let heading = ["FEED", "NAMESPACE", "ADVISORIES", "PACKAGES", "STATEMENTS"];
            columns(&heading, &rows, out, nothing)
        })
        .context("cannot write the list")?;
    Ok(Exit::Clean)
}

fn cells(row: &Row) -> Vec<String> {
    vec![
        row.feed.clone(),
        row.namespace.clone().unwrap_or_else(|| "-".to_owned()),
        row.advisories.to_string(),
        row.packages.to_string(),
        row.statements.to_string(),
    ]
}
