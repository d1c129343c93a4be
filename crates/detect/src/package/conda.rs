//! Conda packages: `conda-meta/NAME-VERSION-BUILD.json` in an environment.
//!
//! Source: conda's package record. The same file lists every path of the package, so that it may
//! have megabytes. Python packages of an environment have their `dist-info` as well, and are found
//! there too: the two ecosystems name and version them differently.

use pellucid_image::Want;
use pellucid_model::{Package, PackageKind};

use super::{NAME, VERSION, value};
use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};
use crate::path::split;

/// The detector.
pub(crate) struct Conda;

impl Detector for Conda {
    fn name(&self) -> &'static str {
        "conda"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Language
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[Trigger::Extension("json")]
    }

    fn wants(&self, candidate: &Candidate<'_>) -> Want {
        if split(candidate.folder()).1 == b"conda-meta" {
            Want::Whole { limit: 128 << 20 }
        } else {
            Want::Skip
        }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let [name, version, subdir] = crate::json::texts(file.body, ["name", "version", "subdir"])?;
        let name = name
            .as_deref()
            .and_then(|name| value(name.as_bytes(), NAME));
        let version = version
            .as_deref()
            .and_then(|version| value(version.as_bytes(), VERSION));
        match (name, version) {
            (Some(name), Some(version)) if !name.is_empty() && !version.is_empty() => {
                out.packages.push(Package {
                    arch: subdir.filter(|subdir| subdir.len() <= NAME),
                    ..Package::new(PackageKind::Conda, name, version)
                });
            }
            _ => out.bad_record(1, "a conda package without name or version"),
        }
        Ok(())
    }
}
