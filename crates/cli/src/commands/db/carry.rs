//! `pellucid db export` and `db import`: all snapshots in one file, to carry where no network is.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use base64::Engine as _;
use pellucid_snapshot::bundle::{self, Bundled, Imported, SigningKey, VerifyingKey};
use serde::Serialize;

use super::table::{FormArgs, columns, nothing};
use crate::args::StoreArgs;
use crate::exit::{Exit, Usage};
use crate::{advice, units};

#[derive(clap::Args)]
pub(crate) struct ExportArgs {
    /// The file to write; it appears whole or not at all.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Which feeds, or parts of feeds such as alpine/v3.20; all that are there if absent.
    #[arg(value_name = "FEED")]
    feeds: Vec<String>,
    /// Sign it with this private Ed25519 key (PKCS #8, as `openssl genpkey -algorithm ed25519` makes it).
    #[arg(long, value_name = "KEY")]
    sign: Option<PathBuf>,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(clap::Args)]
pub(crate) struct ImportArgs {
    /// A file that `db export` wrote.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Take it only if it is signed with the private key of this public Ed25519 key.
    #[arg(long, value_name = "KEY")]
    key: Option<PathBuf>,
    /// Take data also where what is here was fetched later.
    #[arg(long)]
    older: bool,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Serialize)]
struct Carried {
    schema: &'static str,
    snapshots: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    feed: String,
    digest: String,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    became: Option<&'static str>,
}

impl Row {
    fn of(bundled: Bundled, became: Option<&'static str>) -> Self {
        Self {
            feed: bundled.key,
            digest: bundled.digest.to_string(),
            bytes: bundled.bytes,
            as_of: bundled.as_of.and_then(super::status::day),
            became,
        }
    }
}

/// Writes a bundle.
pub(crate) fn export(args: &ExportArgs) -> anyhow::Result<Exit> {
    let sign = args
        .sign
        .as_deref()
        .map(|path| SigningKey::from_der(&key(path)?).with_context(|| path.display().to_string()))
        .transpose()?;
    let catalog = advice::existing(&args.store)?;
    let entries = catalog.entries();
    let is_there = |key: &String| {
        entries
            .get(key)
            .is_some_and(|entry| entry.current.is_some())
    };
    let keys: Vec<String> = if args.feeds.is_empty() {
        entries
            .keys()
            .filter(|key| is_there(key))
            .cloned()
            .collect()
    } else {
        let mut all = BTreeSet::new();
        for feed in &args.feeds {
            let keys = super::keys(std::slice::from_ref(feed))?;
            let there: Vec<String> = keys.into_iter().filter(is_there).collect();
            // A bundle without it would be taken for a whole one where it is carried to.
            if there.is_empty() {
                anyhow::bail!("nothing is exported: {}", advice::no_data_of(feed));
            }
            all.extend(there);
        }
        all.into_iter().collect()
    };
    if keys.is_empty() {
        anyhow::bail!(advice::no_data(&catalog));
    }
    let context = || format!("cannot write {}", args.file.display());
    let folder = match args.file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = BufWriter::new(tempfile::NamedTempFile::new_in(folder).with_context(context)?);
    let written = bundle::export(&catalog, &keys, sign.as_ref(), &mut file)?;
    file.flush().with_context(context)?;
    let file = file.into_inner().with_context(context)?;
    file.as_file().sync_all().with_context(context)?;
    file.persist(&args.file).with_context(context)?;
    show(
        &args.form,
        written
            .into_iter()
            .map(|bundled| Row::of(bundled, None))
            .collect(),
    )?;
    Ok(Exit::Clean)
}

/// Takes over a bundle.
pub(crate) fn import(args: &ImportArgs) -> anyhow::Result<Exit> {
    let key = args
        .key
        .as_deref()
        .map(|path| VerifyingKey::from_der(&key(path)?).with_context(|| path.display().to_string()))
        .transpose()?;
    let catalog = advice::catalog(&args.store)?;
    let context = || format!("cannot take over {}", args.file.display());
    let file = File::open(&args.file).with_context(context)?;
    let imported = bundle::import(&catalog, BufReader::new(file), key.as_ref(), args.older)
        .with_context(context)?;
    if key.is_none() {
        tracing::warn!("the bundle was taken without a look at its signature; --key checks it");
    }
    let rows = imported.into_iter().map(|(bundled, became)| {
        let became = match became {
            Imported::Published => "taken over",
            Imported::Unchanged => "was here",
            Imported::Older => "kept what is here, which was fetched later",
        };
        Row::of(bundled, Some(became))
    });
    show(&args.form, rows.collect())?;
    Ok(Exit::Clean)
}

fn show(form: &FormArgs, snapshots: Vec<Row>) -> anyhow::Result<()> {
    let carried = Carried {
        schema: "pellucid-db-bundle/1",
        snapshots,
    };
    form.write(&carried, |out| {
        let rows: Vec<Vec<String>> = carried
            .snapshots
            .iter()
            .map(|row| {
                vec![
                    row.feed.clone(),
                    row.as_of.clone().unwrap_or_else(|| "unknown".to_owned()),
                    units::shown_size(row.bytes),
                    row.digest.chars().take(19).collect(),
                    row.became.unwrap_or_default().to_owned(),
                ]
            })
            .collect();
        columns(
            &["FEED", "AS OF", "SIZE", "DIGEST", ""],
            &rows,
            out,
            nothing,
        )
    })
}

/// A key's bytes, from DER or from PEM.
fn key(path: &Path) -> anyhow::Result<Vec<u8>> {
    const MOST: u64 = 64 << 10;
    let context = || format!("cannot read the key {}", path.display());
    let size = std::fs::metadata(path).with_context(context)?.len();
    if size > MOST {
        return Err(Usage(format!("{} is too large for a key", path.display())).into());
    }
    let bytes = std::fs::read(path).with_context(context)?;
    let Some(text) = std::str::from_utf8(&bytes)
        .ok()
        .filter(|text| text.trim_start().starts_with("-----BEGIN"))
    else {
        return Ok(bytes);
    };
    let body: String = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("-----"))
        .collect();
    base64::engine::general_purpose::STANDARD
        .decode(body)
        .with_context(context)
}
