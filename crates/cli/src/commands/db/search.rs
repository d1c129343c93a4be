//! `pellucid db search`: what the data says of a vulnerability or of a package.

use std::collections::BTreeSet;

use anyhow::Context as _;
use pellucid_model::{Advisory, Affected, Namespace, Status};
use pellucid_snapshot::{Catalog, NamespaceCount};
use serde::Serialize;

use super::table::{FormArgs, columns, nothing};
use crate::advice;
use crate::args::StoreArgs;
use crate::exit::Exit;

#[derive(clap::Args)]
pub(crate) struct SearchArgs {
    /// A vulnerability by any of its names, or a package as the advisories name it.
    #[arg(value_name = "CVE|PACKAGE")]
    text: String,
    /// Only what is said about this namespace, as debian:12.
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Most advisories of a feed.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Serialize)]
struct Found {
    schema: &'static str,
    advisories: Vec<Hit>,
    /// Feeds of which not everything is listed.
    cut_short: Vec<String>,
}

#[derive(Serialize)]
struct Hit {
    feed: String,
    snapshot: String,
    advisory: Advisory,
}

/// Searches every snapshot. Ends with 1 if nothing is found, as searches do.
///
/// # Errors
/// There is nothing to search: no data at all, or none of the namespace.
pub(crate) fn run(args: &SearchArgs) -> anyhow::Result<Exit> {
    let catalog = advice::existing(&args.store)?;
    let mut found = Found {
        schema: "pellucid-db-search/1",
        advisories: Vec::new(),
        cut_short: Vec::new(),
    };
    check_data(&catalog, args.namespace.as_deref())?;
    for key in catalog.entries().into_keys() {
        let context = || format!("cannot read the data of {key}");
        let Some(snapshot) = catalog.current(&key).with_context(context)? else {
            continue;
        };
        // Which hits are of the namespace is known only once they are read.
        let most = match args.namespace {
            Some(_) => usize::MAX,
            None => args.limit.saturating_add(1),
        };
        let hits = snapshot.search(&args.text, most).with_context(context)?;
        let mut shown = 0;
        for hit in hits {
            let mut advisory = snapshot.whole(hit).with_context(context)?;
            narrow(&mut advisory, args);
            if args.namespace.is_some() && advisory.affected.is_empty() {
                continue;
            }
            if shown == args.limit {
                found.cut_short.push(key.clone());
                break;
            }
            shown += 1;
            found.advisories.push(Hit {
                feed: key.clone(),
                snapshot: snapshot.digest().to_string(),
                advisory,
            });
        }
    }
    args.form.write(&found, |out| {
        let rows: Vec<Vec<String>> = found.advisories.iter().flat_map(rows).collect();
        let heading = [
            "FEED",
            "ID",
            "SEVERITY",
            "NAMESPACE",
            "PACKAGE",
            "STATUS",
            "AFFECTED",
        ];
        columns(&heading, &rows, out, nothing)?;
        for key in &found.cut_short {
            writeln!(out, "{key} says more; --limit shows it")?;
        }
        Ok(())
    })?;
    Ok(if found.advisories.is_empty() {
        Exit::Reached
    } else {
        Exit::Clean
    })
}

/// That nothing is found says something only where there is data.
fn check_data(catalog: &Catalog, namespace: Option<&str>) -> anyhow::Result<()> {
    let entries = catalog.entries();
    let mut stored = entries.values().filter_map(|entry| entry.current.as_ref());
    let Some(namespace) = namespace else {
        return match stored.next() {
            Some(_) => Ok(()),
            None => Err(anyhow::anyhow!(advice::no_data(catalog))),
        };
    };
    let is_of = |count: &NamespaceCount| count.namespace.as_str() == namespace;
    if stored.any(|stored| stored.namespaces.iter().any(is_of)) {
        return Ok(());
    }
    let answers = pellucid_feeds::covering(&Namespace::new(namespace));
    let keys: BTreeSet<String> = answers.into_iter().map(|answer| answer.key).collect();
    if keys.is_empty() {
        anyhow::bail!("there is no data of {namespace}, and no feed speaks of it");
    }
    let keys: Vec<String> = keys.into_iter().collect();
    anyhow::bail!(
        "there is no data of {namespace}; it comes with \"pellucid db update {}\"",
        keys.join(" ")
    )
}

/// Leaves what was asked for: where a package was, what is said of it alone, though the namespace be
/// one in which the advisory speaks of other packages.
fn narrow(advisory: &mut Advisory, args: &SearchArgs) {
    let is_of = |affected: &Affected| {
        affected.package == args.text
            || affected.package == affected.namespace.normalise(&args.text)
    };
    if advisory.affected.iter().any(is_of) {
        advisory.affected.retain(is_of);
    }
    if let Some(namespace) = &args.namespace {
        advisory
            .affected
            .retain(|affected| affected.namespace.as_str() == namespace);
    }
}

fn rows(hit: &Hit) -> Vec<Vec<String>> {
    let head = vec![
        hit.feed.clone(),
        hit.advisory.id.clone(),
        hit.advisory.severity.to_string(),
    ];
    if hit.advisory.affected.is_empty() {
        let mut row = head;
        row.extend(["-", "-", "-"].map(str::to_owned));
        row.push(adds(&hit.advisory));
        return vec![row];
    }
    hit.advisory
        .affected
        .iter()
        .map(|affected| {
            let ranges: Vec<String> = affected.ranges.iter().map(ToString::to_string).collect();
            let listed = affected.versions.len();
            let mut row = head.clone();
            row.push(affected.namespace.to_string());
            row.push(affected.package.clone());
            row.push(word(affected.status).to_owned());
            row.push(match (ranges.is_empty(), listed) {
                (true, 0) => String::new(),
                (true, listed) => format!("{listed} listed versions"),
                (false, _) => ranges.join(" or "),
            });
            row
        })
        .collect()
}

/// What a feed without packages says.
fn adds(advisory: &Advisory) -> String {
    let mut parts = Vec::new();
    if let Some(kev) = &advisory.kev {
        parts.push(format!(
            "exploited, in CISA's catalog since {}",
            kev.date_added
        ));
    }
    if let Some(epss) = &advisory.epss {
        parts.push(format!(
            "EPSS {}, percentile {}",
            epss.score, epss.percentile
        ));
    }
    parts.extend(advisory.cvss.first().map(|cvss| cvss.vector.clone()));
    parts.join("; ")
}

const fn word(status: Status) -> &'static str {
    match status {
        Status::Affected => "affected",
        Status::NotAffected => "not affected",
        Status::UnderInvestigation => "under investigation",
        Status::WillNotFix => "will not fix",
        Status::Deferred => "deferred",
        Status::EndOfLife => "end of life",
    }
}
