//! `pellucid diff OLD NEW`: what changed between two reports, and whether the image, the advisories,
//! the tool or the policy changed it.

use std::path::Path;

use crate::args::{DiffArgs, StatusFormat, Talk};
use crate::commands::saved;
use crate::exit::{Exit, Usage};
use crate::{advice, output};

/// Compares two reports or images.
pub(crate) fn run(args: &DiffArgs, talk: &Talk) -> anyhow::Result<Exit> {
    if args.old == "-" && args.new == "-" {
        return Err(Usage("only one of both can be standard input".to_owned()).into());
    }
    let catalog = advice::for_scan(&args.scan.data, &args.scan.freshness)?;
    let old = saved::report(&args.old, &catalog, &args.scan, talk)?;
    let new = saved::report(&args.new, &catalog, &args.scan, talk)?;
    let diff = pellucid_report::diff(&old, &new);
    let style = output::style(None::<&Path>, false);
    output::write(None, |out| match args.format {
        StatusFormat::Table => diff.write(&style, out),
        StatusFormat::Json => diff.write_json(out),
    })?;
    Ok(Exit::Clean)
}
