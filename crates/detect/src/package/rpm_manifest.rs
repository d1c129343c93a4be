//! The list of RPMs in images that have no RPM database: `var/lib/rpmmanifest/container-manifest-2`.
//!
//! Azure Linux and its forerunner CBL-Mariner write it into their images without a package manager
//! (`distroless/base` and those made from it). A line is a package, its columns are separated by tabs:
//! name, version with release, time of installation and of building, vendor, `(none)`, size,
//! architecture, epoch, file name of the source RPM. No epoch is written as 0, and nothing as `(none)`.
//!
//! Not here: `container-manifest-1` beside it, which has the packages' file names alone, and which files
//! a package owns: no list says it.

use pellucid_image::Want;
use pellucid_model::{Package, PackageKind};

use super::rpm::source_of;
use super::{NAME, TEXT, VERSION, push, value};
use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};

/// The detector.
pub(crate) struct RpmManifest;

impl Detector for RpmManifest {
    fn name(&self) -> &'static str {
        "rpm-manifest"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Database
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[Trigger::Path("var/lib/rpmmanifest/container-manifest-2")]
    }

    fn wants(&self, _candidate: &Candidate<'_>) -> Want {
        Want::Whole { limit: TEXT }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let mut lines = file.lines();
        let mut text = false;
        while let Some(line) = lines.next_line()? {
            if line.bytes.is_empty() {
                continue;
            }
            text = true;
            match package(line.bytes).filter(|_| !line.cut) {
                Some(package) if package.name == "gpg-pubkey" => {}
                Some(package) => push(out, package)?,
                None => out.bad_record(line.number, "not the ten columns of a package"),
            }
        }
        if text && out.packages.is_empty() {
            return Err(DetectError::Malformed("no line of it names a package"));
        }
        Ok(())
    }
}

/// The package of a line.
fn package(line: &[u8]) -> Option<Package> {
    let column = |column| value(column, VERSION).filter(|text| *text != "(none)");
    let columns = line.split(|byte| *byte == b'\t').map(column);
    let columns: Vec<Option<&str>> = columns.take(10).collect();
    let [name, own, _, _, vendor, _, _, arch, epoch, source_rpm] = columns.try_into().ok()?;
    let (name, own) = (name?, own?);
    let is_name = |text: &&str| (1..=NAME).contains(&text.len());
    let version = match epoch {
        None | Some("" | "0") => own.to_owned(),
        Some(epoch) => format!("{}:{own}", epoch.parse::<u32>().ok()?),
    };
    if !is_name(&name) || own.is_empty() {
        return None;
    }
    let mut package = Package::new(PackageKind::Rpm, name, version);
    package.arch = arch.filter(is_name).map(str::to_owned);
    package.vendor = vendor.filter(is_name).map(str::to_owned);
    package.source = source_rpm.and_then(|source| source_of(name, own, source));
    Some(package)
}
