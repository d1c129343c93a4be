//! Dart packages of a cache: `.pub-cache/hosted/HOST/NAME-VERSION/pubspec.yaml`.
//!
//! Source: the documentation of `dart pub`. The folder says name and version. Compiled programs
//! carry no list of what they were built from.

use pellucid_image::Want;
use pellucid_model::PackageKind;

use super::named;
use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};
use crate::path::split;

/// The detector.
pub(crate) struct Dart;

impl Detector for Dart {
    fn name(&self) -> &'static str {
        "dart"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Language
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[Trigger::Name("pubspec.yaml")]
    }

    fn wants(&self, candidate: &Candidate<'_>) -> Want {
        if place(candidate.path).is_some() {
            Want::Whole { limit: 4 << 20 }
        } else {
            Want::Skip
        }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        match place(file.path) {
            Some((name, version)) => named(out, PackageKind::Pub, name, version, None),
            None => Ok(()),
        }
    }
}

/// Name and version by the folder that a package stands in. Names have no hyphens.
fn place(path: &[u8]) -> Option<(&str, &str)> {
    let (host, package) = split(split(path).0);
    let (cache, folder) = split(split(host).0);
    (folder == b"hosted" && split(cache).1.ends_with(b"pub-cache")).then_some(())?;
    std::str::from_utf8(package).ok()?.split_once('-')
}
