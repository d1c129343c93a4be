//! Reports that were saved, or made now where an image is named instead.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::Context as _;
use clap::Parser as _;
use pellucid_model::Inventory;
use pellucid_report::Report;
use pellucid_snapshot::Catalog;

use super::{packages, scan};
use crate::args::{ImageArgs, ReportArgs, Talk};
use crate::exit::Usage;
use crate::outputs;
use crate::rules::Rules;

/// Most bytes of a saved report.
const LARGEST: u64 = 1 << 30;

/// Reads a saved report; `-` is standard input.
pub(super) fn read(path: &Path) -> anyhow::Result<Report> {
    let cannot_read = || format!("cannot read the report {}", path.display());
    let json = if path == Path::new("-") {
        bounded(io::stdin().lock())
    } else {
        File::open(path).and_then(bounded)
    };
    let json = json.with_context(cannot_read)?;
    pellucid_report::read_json(&json).with_context(cannot_read)
}

/// A saved report, or a scan of the image of that name. Its warnings are told on standard error: what
/// is made of it has no place for them.
pub(super) fn report(
    source: &str,
    catalog: &Catalog,
    args: &ReportArgs,
    talk: &Talk,
) -> anyhow::Result<Report> {
    let report = if is_report(Path::new(source)) {
        read(Path::new(source))?
    } else {
        let inventory = scanned(source, args.data.offline, talk)?;
        let rules = Rules::of_rules(args.rules.clone())?;
        scan::report(
            inventory,
            catalog,
            &args.data,
            &args.freshness,
            &rules,
            false,
            talk,
        )?
    };
    outputs::say_warnings(&report);
    Ok(report)
}

/// What is in the image of that name, or was when the report was saved.
pub(super) fn inventory(source: &str, offline: bool, talk: &Talk) -> anyhow::Result<Inventory> {
    if is_report(Path::new(source)) {
        return Ok(read(Path::new(source))?.inventory);
    }
    scanned(source, offline, talk)
}

fn scanned(source: &str, offline: bool, talk: &Talk) -> anyhow::Result<Inventory> {
    #[derive(clap::Parser)]
    struct Defaults {
        #[command(flatten)]
        image: ImageArgs,
    }
    // The bounds of a scan are those that `scan` has without options.
    let defaults = Defaults::try_parse_from(["image", "--", source])
        .map_err(|_| Usage(format!("{source:?} is no report and no image")))?;
    packages::inventory(&defaults.image, offline, talk)
}

/// Whether a file starts as JSON does: no archive does.
fn is_report(path: &Path) -> bool {
    if path == Path::new("-") {
        return true;
    }
    let mut start = Vec::new();
    let is_read = File::open(path)
        .and_then(|file| file.take(64).read_to_end(&mut start))
        .is_ok();
    is_read && start.trim_ascii_start().first() == Some(&b'{')
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
