//! R packages of a library: `library/NAME/DESCRIPTION`.
//!
//! Source: "Writing R Extensions". The packages of R itself carry R's version and are listed as
//! well. A `DESCRIPTION` elsewhere is that of a source package.

use pellucid_image::Want;
use pellucid_model::PackageKind;

use super::named;
use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};
use crate::path::split;

/// The detector.
pub(crate) struct R;

impl Detector for R {
    fn name(&self) -> &'static str {
        "r"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Language
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[Trigger::Name("DESCRIPTION")]
    }

    fn wants(&self, candidate: &Candidate<'_>) -> Want {
        let library = split(split(candidate.folder()).0).1;
        if library == b"library" || library == b"site-library" {
            Want::Whole { limit: 4 << 20 }
        } else {
            Want::Skip
        }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let (mut name, mut version) = (None, None);
        let mut lines = file.lines();
        while name.is_none() || version.is_none() {
            let Some(line) = lines.next_line()? else {
                break;
            };
            let Ok(text) = std::str::from_utf8(line.bytes) else {
                continue;
            };
            if let Some(value) = text.strip_prefix("Package:") {
                name = name.or_else(|| Some(value.to_owned()));
            } else if let Some(value) = text.strip_prefix("Version:") {
                version = version.or_else(|| Some(value.to_owned()));
            }
        }
        // Translations and other data that has no version is no package.
        match (name, version) {
            (Some(name), Some(version)) => named(out, PackageKind::Cran, &name, &version, None),
            _ => Ok(()),
        }
    }
}
