//! Reports that were saved, or made now where an image or a bill of materials is named instead.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use anyhow::Context as _;
use clap::{CommandFactory as _, FromArgMatches as _};
use pellucid_model::Inventory;
use pellucid_report::Report;
use pellucid_snapshot::Catalog;

use super::{packages, scan};
use crate::args::{ImageArgs, ReportArgs, Talk, without_empty};
use crate::exit::Usage;
use crate::rules::Rules;
use crate::{bill, outputs};

/// Most bytes of a saved report.
const LARGEST: u64 = 1 << 30;

/// What a name stands for.
enum Given {
    Report(Box<Report>),
    Inventory(Box<Inventory>),
}

/// Reads a saved report; `-` is standard input.
pub(super) fn read(path: &Path) -> anyhow::Result<Report> {
    parsed(path, &bytes(path)?)
}

/// A saved report, or a scan of the image or bill of materials of that name. Its warnings are told on standard error: what
/// is made of it has no place for them.
pub(super) fn report(
    source: &str,
    catalog: &Catalog,
    args: &ReportArgs,
    talk: &Talk,
) -> anyhow::Result<Report> {
    let report = match given(source, args.data.offline, talk)? {
        Given::Report(report) => *report,
        Given::Inventory(inventory) => {
            let rules = Rules::of_rules(args.rules.clone())?;
            scan::report(
                *inventory,
                catalog,
                &args.data,
                &args.freshness,
                &rules,
                false,
                talk,
            )?
        }
    };
    outputs::say_warnings(&report);
    Ok(report)
}

/// What is in the image of that name, or was when the report was saved.
pub(super) fn inventory(source: &str, offline: bool, talk: &Talk) -> anyhow::Result<Inventory> {
    Ok(match given(source, offline, talk)? {
        Given::Report(report) => report.inventory,
        Given::Inventory(inventory) => *inventory,
    })
}

/// Bills of materials are JSON as reports are: a report is what says so itself.
fn given(source: &str, offline: bool, talk: &Talk) -> anyhow::Result<Given> {
    let path = Path::new(source);
    let is_standard_input = source == "-";
    if is_standard_input {
        // It is read once; a file is read again, as a scan reads it.
        let memory = defaults(source)?.memory;
        if let Some(memory) = memory {
            memory.watch();
        }
        let json = bytes(path)?;
        if is_report(&*json) {
            return Ok(Given::Report(Box::new(parsed(path, &json)?)));
        }
        let found = bill::document("sbom:-", &json, memory).context("cannot read the image -")?;
        if let Some(memory) = memory {
            memory.check()?;
        }
        return Ok(Given::Inventory(Box::new(found)));
    }
    // What is no report is not taken into memory here: how much there is of that, a scan knows.
    if starts_as_json(path) && File::open(path).is_ok_and(|file| is_report(BufReader::new(file))) {
        return Ok(Given::Report(Box::new(read(path)?)));
    }
    let inventory = packages::inventory(&defaults(source)?, offline, talk)?;
    Ok(Given::Inventory(Box::new(inventory)))
}

/// The bounds of a scan that `scan` has without options.
fn defaults(source: &str) -> anyhow::Result<ImageArgs> {
    #[derive(clap::Parser)]
    struct Defaults {
        #[command(flatten)]
        image: ImageArgs,
    }
    let defaults = without_empty(Defaults::command())
        .try_get_matches_from(["image", "--", source])
        .and_then(|matches| Defaults::from_arg_matches(&matches))
        .map_err(|_| Usage(format!("{source:?} is no report and no image")))?;
    Ok(defaults.image)
}

/// Whether it says in its schema that it is a report of ours, of whatever version.
fn is_report(json: impl Read) -> bool {
    #[derive(serde::Deserialize)]
    struct Head {
        schema: serde_json::Value,
    }
    let head = serde_json::from_reader::<_, Head>(json);
    let schema = head.as_ref().ok().and_then(|head| head.schema.as_str());
    schema.is_some_and(|schema| schema.starts_with("pellucid-"))
}

/// Whether a file starts as JSON does: no archive does.
fn starts_as_json(path: &Path) -> bool {
    let mut start = Vec::new();
    let is_read = File::open(path)
        .and_then(|file| file.take(64).read_to_end(&mut start))
        .is_ok();
    is_read && start.trim_ascii_start().first() == Some(&b'{')
}

fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = if path == Path::new("-") {
        bounded(io::stdin().lock())
    } else {
        File::open(path).and_then(bounded)
    };
    bytes.with_context(|| cannot_read(path))
}

fn parsed(path: &Path, json: &[u8]) -> anyhow::Result<Report> {
    pellucid_report::read_json(json).with_context(|| cannot_read(path))
}

fn cannot_read(path: &Path) -> String {
    format!("cannot read the report {}", path.display())
}

fn bounded(file: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other(format!(
            "it is larger than {LARGEST} bytes"
        )));
    }
    Ok(bytes)
}
