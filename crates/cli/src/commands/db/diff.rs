//! `pellucid db diff`: what changed from one snapshot to another.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use pellucid_model::{Advisory, Digest, Severity};
use pellucid_snapshot::{Catalog, Snapshot, Stored};
use serde::Serialize;

use super::table::{FormArgs, columns, nothing};
use crate::advice;
use crate::args::StoreArgs;
use crate::exit::{Exit, Usage};

#[derive(clap::Args)]
pub(crate) struct DbDiffArgs {
    /// What was: a key as debian or alpine/v3.20 for its current snapshot, debian~1 for the one before
    /// it, the first letters of a digest, or a snapshot's file.
    #[arg(value_name = "OLD")]
    old: String,
    /// What is.
    #[arg(value_name = "NEW")]
    new: String,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Serialize)]
struct Changes {
    schema: &'static str,
    old: String,
    new: String,
    changes: Vec<Change>,
}

#[derive(Serialize)]
struct Change {
    what: &'static str,
    /// Absent where the feed speaks of no package.
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    id: String,
    packages: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<Advisory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<Advisory>,
}

/// Compares two snapshots on meaning.
pub(crate) fn run(args: &DbDiffArgs) -> anyhow::Result<Exit> {
    let catalog = advice::existing(&args.store)?;
    let (old, new) = (find(&catalog, &args.old)?, find(&catalog, &args.new)?);
    let mut changes = Changes {
        schema: "pellucid-db-diff/1",
        old: old.digest().to_string(),
        new: new.digest().to_string(),
        changes: Vec::new(),
    };
    let damaged = || "a snapshot cannot be read";
    if adds(&old) && adds(&new) {
        for change in pellucid_snapshot::additions(old, new) {
            let change = change.with_context(damaged)?;
            changes.changes.push(Change {
                what: what(&change.old, &change.new),
                namespace: None,
                id: change.id,
                packages: Vec::new(),
                old: change.old,
                new: change.new,
            });
        }
        args.form.write(&changes, |out| {
            let rows = changes.changes.iter().map(|change| {
                let known = known(change);
                vec![change.what.to_owned(), change.id.clone(), known]
            });
            let rows: Vec<Vec<String>> = rows.collect();
            columns(&["CHANGE", "ID", "KNOWN"], &rows, out, nothing)
        })?;
        return Ok(Exit::Clean);
    }
    for change in pellucid_snapshot::diff(old, new)? {
        let change = change.with_context(damaged)?;
        changes.changes.push(Change {
            what: what(&change.old, &change.new),
            namespace: Some(change.namespace.to_string()),
            id: change.id,
            packages: change.packages,
            old: change.old,
            new: change.new,
        });
    }
    args.form.write(&changes, |out| {
        let rows: Vec<Vec<String>> = changes
            .changes
            .iter()
            .map(|change| {
                vec![
                    change.what.to_owned(),
                    change.namespace.clone().unwrap_or_default(),
                    change.id.clone(),
                    change.packages.join(", "),
                    severities(change),
                ]
            })
            .collect();
        let heading = ["CHANGE", "NAMESPACE", "ID", "PACKAGES", "SEVERITY"];
        columns(&heading, &rows, out, nothing)
    })?;
    Ok(Exit::Clean)
}

/// Whether a snapshot's feed adds to findings and speaks of no package.
fn adds(snapshot: &Snapshot) -> bool {
    pellucid_feeds::feed_of(&snapshot.meta().key).is_some_and(|feed| feed.enriches())
}

fn what(old: &Option<Advisory>, new: &Option<Advisory>) -> &'static str {
    match (old, new) {
        (None, _) => "added",
        (_, None) => "removed",
        _ => "changed",
    }
}

/// What is known of a vulnerability, before and after where that differs.
fn known(change: &Change) -> String {
    let before = change.old.as_ref().map(facts).unwrap_or_default();
    let after = change.new.as_ref().map(facts).unwrap_or_default();
    let both = before.into_iter().zip(after);
    let both = both.filter(|(before, after)| before != after);
    let shown = both.map(|(before, after)| match (before, after) {
        (Some(before), Some(after)) => format!("{before} -> {after}"),
        (Some(before), None) if change.new.is_some() => format!("{before} -> none"),
        (before, after) => after.or(before).unwrap_or_default(),
    });
    shown.collect::<Vec<_>>().join("; ")
}

/// Exploitation, its likelihood, severity, vectors and weaknesses, in words.
fn facts(advisory: &Advisory) -> [Option<String>; 5] {
    let kev = advisory.kev.as_ref().map(|kev| {
        let ransomware = if kev.ransomware { ", ransomware" } else { "" };
        format!("known exploited since {}{ransomware}", kev.date_added)
    });
    let epss = advisory.epss.as_ref();
    let epss = epss.map(|epss| format!("EPSS {}", epss.score));
    let severity = Some(advisory.severity).filter(|it| *it != Severity::Unknown);
    let vectors = advisory.cvss.iter().map(|cvss| cvss.vector.as_str());
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    [
        kev,
        epss,
        severity.map(|it| it.to_string()),
        some(vectors.collect::<Vec<_>>().join(" ")),
        some(advisory.cwes.join(" ")),
    ]
}

fn severities(change: &Change) -> String {
    let of = |advisory: &Option<Advisory>| advisory.as_ref().map(|it| it.severity);
    match (of(&change.old), of(&change.new)) {
        (Some(old), Some(new)) if old != new => format!("{old} -> {new}"),
        (old, new) => new.or(old).map(|it| it.to_string()).unwrap_or_default(),
    }
}

/// The snapshot that a word means.
fn find(catalog: &Catalog, word: &str) -> anyhow::Result<Arc<Snapshot>> {
    let entries = catalog.entries();
    let (key, back) = match word.strip_suffix("~1") {
        Some(key) => (key, true),
        None => (word, false),
    };
    let chosen: Option<Stored> = match entries.get(key) {
        Some(entry) if back => entry.previous.first().cloned(),
        Some(entry) => entry.current.clone(),
        None => {
            let hex = word.strip_prefix("sha256:").unwrap_or(word);
            let all = entries
                .values()
                .flat_map(|entry| entry.current.iter().chain(&entry.previous));
            let fits = |stored: &&Stored| hex.len() >= 8 && stored.digest.hex().starts_with(hex);
            all.filter(fits).max_by_key(|stored| stored.digest).cloned()
        }
    };
    if let Some(stored) = chosen {
        return Ok(catalog.snapshot(&stored)?);
    }
    let path = Path::new(word);
    if path.is_file() {
        // Only the name of what is compared hangs on the digest of a file; its rows are read checked.
        let digest = digest_of(path)?;
        return Ok(Arc::new(Snapshot::open(path, digest)?));
    }
    let why = format!("{word:?} is no key with such a snapshot, no digest and no file");
    Err(Usage(why).into())
}

fn digest_of(path: &Path) -> anyhow::Result<Digest> {
    use sha2::Digest as _;
    let context = || format!("cannot read {}", path.display());
    let mut file = std::fs::File::open(path).with_context(context)?;
    let mut hash = sha2::Sha256::new();
    let mut buffer = vec![0; 128 << 10];
    loop {
        let read = std::io::Read::read(&mut file, &mut buffer).with_context(context)?;
        match buffer.get(..read).filter(|bytes| !bytes.is_empty()) {
            Some(bytes) => hash.update(bytes),
            None => return Ok(Digest::Sha256(hash.finalize().into())),
        }
    }
}
