//! Java runtimes: the file `release` in their root.
//!
//! Source: the JDK's build documentation. Lines of `KEY="value"`; a file of that name without
//! `JAVA_VERSION` is of something else.

use pellucid_image::Want;
use pellucid_model::PackageKind;

use super::named;
use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};
use crate::path::split;

/// The detector.
pub(crate) struct Jdk;

impl Detector for Jdk {
    fn name(&self) -> &'static str {
        "jdk"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Language
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[Trigger::Name("release")]
    }

    fn wants(&self, candidate: &Candidate<'_>) -> Want {
        if split(candidate.folder()).1.is_empty() {
            Want::Skip
        } else {
            Want::Whole { limit: 256 << 10 }
        }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let mut version = None;
        let mut product = "openjdk";
        let mut lines = file.lines();
        while let Some(line) = lines.next_line()? {
            let Ok(text) = std::str::from_utf8(line.bytes) else {
                return Ok(());
            };
            let Some((key, value)) = text.split_once('=') else {
                continue;
            };
            let value = value.trim().trim_matches('"');
            match key {
                "JAVA_VERSION" => version = Some(value.to_owned()),
                "IMPLEMENTOR" if value == "Oracle Corporation" => product = "jdk",
                "GRAALVM_VERSION" => product = "graalvm",
                _ => {}
            }
        }
        match version {
            Some(version) => named(out, PackageKind::Generic, product, &version, None),
            None => Ok(()),
        }
    }
}
