//! Haskell packages that GHC knows: `package.conf.d/NAME-VERSION.conf`.
//!
//! Source: GHC's user guide, "InstalledPackageInfo". Programs are linked statically and carry no
//! such record, so that this sees compilers and libraries installed for them.

use pellucid_image::Want;
use pellucid_model::PackageKind;

use super::named;
use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};
use crate::path::split;

/// The detector.
pub(crate) struct Haskell;

impl Detector for Haskell {
    fn name(&self) -> &'static str {
        "haskell"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Language
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[Trigger::Extension("conf")]
    }

    fn wants(&self, candidate: &Candidate<'_>) -> Want {
        if split(candidate.folder()).1 == b"package.conf.d" {
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
            if let Some(value) = text.strip_prefix("name:") {
                name = name.or_else(|| Some(value.to_owned()));
            } else if let Some(value) = text.strip_prefix("version:") {
                version = version.or_else(|| Some(value.to_owned()));
            }
        }
        let (name, version) = (name.unwrap_or_default(), version.unwrap_or_default());
        named(out, PackageKind::Hackage, &name, &version, None)
    }
}
