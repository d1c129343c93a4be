//! `pellucid db diff`: what changed from one snapshot to another.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use pellucid_model::{Advisory, Digest};
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
    namespace: String,
    id: String,
    packages: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<Advisory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<Advisory>,
}

/// Compares two snapshots on meaning.
pub(crate) fn run(args: &DbDiffArgs) -> anyhow::Result<Exit> {
    let catalog = advice::catalog(&args.store)?;
    let (old, new) = (find(&catalog, &args.old)?, find(&catalog, &args.new)?);
    let mut changes = Changes {
        schema: "pellucid-db-diff/1",
        old: old.digest().to_string(),
        new: new.digest().to_string(),
        changes: Vec::new(),
    };
    for change in pellucid_snapshot::diff(old, new)? {
        let change = change.context("a snapshot cannot be read")?;
        changes.changes.push(Change {
            what: match (&change.old, &change.new) {
                (None, _) => "added",
                (_, None) => "removed",
                _ => "changed",
            },
            namespace: change.namespace.to_string(),
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
                    change.namespace.clone(),
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
