//! Python distributions, by the metadata that installers leave.
//!
//! Source: the packaging specifications "Recording installed projects" and "Core metadata". Four
//! places: `X.dist-info/METADATA` (wheels), `X.egg-info/PKG-INFO` and a file `X.egg-info`
//! (setup.py), `X.egg/EGG-INFO/PKG-INFO`, where `X.egg` is a folder or a zip archive. The format is
//! a mail header; the description may follow it, or stand in it, after name and version. Where the
//! metadata names no version the folder's name does. A `PKG-INFO` elsewhere is that of a source
//! archive and installs nothing.

use pellucid_image::{Body, Want};
use pellucid_model::{Package, PackageKind};

use super::{NAME, VERSION, value};
use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};
use crate::lines::Lines;
use crate::path::split;
use crate::region::Region;
use crate::zip::Archive;

/// The detector.
pub(crate) struct Python;

/// Lines of a header that are read.
const LINES: u64 = 100_000;

/// Largest metadata of an egg.
const METADATA: usize = 4 << 20;

impl Detector for Python {
    fn name(&self) -> &'static str {
        "python"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Language
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[
            Trigger::Name("METADATA"),
            Trigger::Name("PKG-INFO"),
            Trigger::Extension("egg-info"),
            Trigger::Extension("egg"),
        ]
    }

    fn wants(&self, candidate: &Candidate<'_>) -> Want {
        let folder = split(candidate.folder()).1;
        match candidate.name() {
            b"METADATA" if stem(folder, b".dist-info").is_some() => {}
            b"PKG-INFO" if stem(folder, b".egg-info").is_some() || folder == b"EGG-INFO" => {}
            b"METADATA" | b"PKG-INFO" => return Want::Skip,
            _ => {}
        }
        Want::Whole { limit: 512 << 20 }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let (folder, name) = split(file.path);
        if stem(name, b".egg").is_some() {
            return egg(file.body, name, out);
        }
        let folder = match split(folder) {
            (above, b"EGG-INFO") => split(above).1,
            (_, folder) => folder,
        };
        let known_as = if name == b"METADATA" || name == b"PKG-INFO" {
            folder
        } else {
            name
        };
        distribution(&mut file.lines(), known_as, out)
    }
}

/// An egg that is an archive; egg links and others of the name are not.
fn egg(body: &Body, name: &[u8], out: &mut Detected) -> Result<(), DetectError> {
    let region = Region::of(body)?;
    if region.array::<2>(0)? != Some(*b"PK") {
        return Ok(());
    }
    let archive = Archive::open(region)?;
    let Some(entry) = archive
        .entries()
        .next(|name| name == b"EGG-INFO/PKG-INFO")?
    else {
        return Ok(());
    };
    let (metadata, _) = archive.read(&entry, METADATA)?;
    distribution(&mut Lines::new(&Body::Memory(metadata)), name, out)
}

/// Reads a header; `known_as` is the folder or file that is named after the distribution.
fn distribution(
    lines: &mut Lines<'_>,
    known_as: &[u8],
    out: &mut Detected,
) -> Result<(), DetectError> {
    let mut name = None;
    let mut version = None;
    while name.is_none() || version.is_none() {
        let Some(line) = lines.next_line()? else {
            break;
        };
        if line.bytes.is_empty() || line.number > LINES {
            break;
        }
        if let Some(text) = field(line.bytes, b"name:") {
            name = name.or_else(|| text_of(text, NAME));
        } else if let Some(text) = field(line.bytes, b"version:") {
            version = version.or_else(|| text_of(text, VERSION));
        }
    }
    if name.is_none() || version.is_none() {
        out.bad_record(1, "metadata without name or version");
        let Some((known_name, known_version)) = named(known_as) else {
            return Ok(());
        };
        name.get_or_insert_with(|| known_name.to_owned());
        version.get_or_insert_with(|| known_version.to_owned());
    }
    // What setuptools writes for a project that does not say its name.
    if let (Some(name), Some(version)) = (name.filter(|name| name != "UNKNOWN"), version) {
        out.packages
            .push(Package::new(PackageKind::Pypi, name, version));
    }
    Ok(())
}

fn text_of(bytes: &[u8], most: usize) -> Option<String> {
    value(bytes, most)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

fn field<'l>(line: &'l [u8], key: &[u8]) -> Option<&'l [u8]> {
    let (start, rest) = line.split_at_checked(key.len())?;
    start.eq_ignore_ascii_case(key).then_some(rest)
}

/// Name and version in `name-version.dist-info`, `name-version-py3.11.egg-info`.
fn named(folder: &[u8]) -> Option<(&str, &str)> {
    let stem = [&b".dist-info"[..], b".egg-info", b".egg"]
        .iter()
        .find_map(|end| stem(folder, end))?;
    let stem = value(stem, NAME)?;
    let (name, rest) = stem.split_once('-')?;
    let version = rest.split('-').next()?;
    (!name.is_empty() && version.starts_with(|first: char| first.is_ascii_digit()))
        .then_some((name, version))
}

fn stem<'n>(name: &'n [u8], end: &[u8]) -> Option<&'n [u8]> {
    let (stem, rest) = name.split_at_checked(name.len().checked_sub(end.len())?)?;
    (rest.eq_ignore_ascii_case(end) && !stem.is_empty()).then_some(stem)
}
