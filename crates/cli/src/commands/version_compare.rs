//! `pellucid version-compare`: the order of two versions, or of a file of them.
//!
//! A file has a comparison a line, `A op B` with `<`, `=` or `>`; lines that are empty or start with
//! `#` or `//` are comments. It is how an order is held against the one of the native tool.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use anyhow::Context as _;
use pellucid_version::{MAX_LENGTH, Scheme};

use crate::args::VersionCompareArgs;
use crate::exit::{Exit, Usage};
use crate::output;

/// Longest line of a file: two versions and what stands around them.
const LONGEST_LINE: u64 = 2 * MAX_LENGTH as u64 + 64;

/// Compares two versions, or checks a file of comparisons.
pub(crate) fn run(args: &VersionCompareArgs) -> anyhow::Result<Exit> {
    match (&args.file, &args.a, &args.b) {
        (Some(file), ..) => check(args.scheme, file),
        (None, Some(a), Some(b)) => {
            let order = args
                .scheme
                .compare(a, b)
                .map_err(|error| Usage(error.to_string()))?;
            output::write(None, |out| writeln!(out, "{}", sign(order)))?;
            Ok(Exit::Clean)
        }
        // The argument parser asks for both versions where there is no file.
        _ => Err(Usage("two versions are needed, or --file".to_owned()).into()),
    }
}

/// Prints the comparisons of a file that are wrong.
fn check(scheme: Scheme, path: &Path) -> anyhow::Result<Exit> {
    let cannot_read = || format!("cannot read {}", path.display());
    let mut lines = BufReader::new(File::open(path).with_context(cannot_read)?);
    let mut wrong = Vec::new();
    let mut line = String::new();
    for number in 1_u64.. {
        line.clear();
        if lines
            .by_ref()
            .take(LONGEST_LINE)
            .read_line(&mut line)
            .with_context(cannot_read)?
            == 0
        {
            break;
        }
        if let Some(complaint) = disagreement(scheme, &line)
            .with_context(|| format!("{} line {number}", path.display()))?
        {
            wrong.push(complaint);
        }
    }
    output::write(None, |out| {
        wrong.iter().try_for_each(|line| writeln!(out, "{line}"))
    })?;
    Ok(if wrong.is_empty() {
        Exit::Clean
    } else {
        Exit::Reached
    })
}

/// The line with the right sign, where its own is wrong.
fn disagreement(scheme: Scheme, line: &str) -> Result<Option<String>, Usage> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') || line.starts_with("//") {
        return Ok(None);
    }
    let (a, said, b) = parts(line).ok_or_else(|| Usage("not a comparison `A op B`".to_owned()))?;
    let order = scheme
        .compare(a, b)
        .map_err(|error| Usage(error.to_string()))?;
    Ok((order != said).then(|| {
        let text = format!("{a} {} {b} (the file says {})", sign(order), sign(said));
        pellucid_report::escape(&text, output::is_utf8()).into_owned()
    }))
}

/// The two versions of a line and the order it states. Spaces stand around the sign.
fn parts(line: &str) -> Option<(&str, Ordering, &str)> {
    let mut words = line.split_ascii_whitespace();
    let (a, sign, b) = (words.next()?, words.next()?, words.next()?);
    let order = match sign {
        "<" => Ordering::Less,
        "=" | "==" => Ordering::Equal,
        ">" => Ordering::Greater,
        _ => return None,
    };
    words.next().is_none().then_some((a, order, b))
}

const fn sign(order: Ordering) -> &'static str {
    match order {
        Ordering::Less => "<",
        Ordering::Equal => "=",
        Ordering::Greater => ">",
    }
}
