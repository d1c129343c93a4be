//! `/etc/alpine-release`: one line, Alpine's full version.
//!
//! Edge writes the coming release with `_alpha` and a date (`3.21.0_alpha20240606`).

use pellucid_image::Want;
use pellucid_model::Release;

use super::os_release::identifier;
use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};

/// The detector.
pub(crate) struct AlpineRelease;

impl Detector for AlpineRelease {
    fn name(&self) -> &'static str {
        "alpine-release"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Namespace
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[Trigger::Path("etc/alpine-release")]
    }

    fn wants(&self, _candidate: &Candidate<'_>) -> Want {
        Want::Whole { limit: 64 << 10 }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let Some(version) = file.lines().next_line()?.and_then(|line| {
            let line = String::from_utf8_lossy(line.bytes);
            identifier(&line).filter(|version| version.starts_with(|c: char| c.is_ascii_digit()))
        }) else {
            return Ok(());
        };
        out.release = Some(Release {
            id: "alpine".to_owned(),
            version: Some(version),
            ..Release::default()
        });
        Ok(())
    }
}
