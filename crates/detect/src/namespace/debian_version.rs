//! `/etc/debian_version`: one line, Debian's full version (`12.5`), or for testing and unstable
//! alike the coming release's name and `sid` (`trixie/sid`).
//!
//! Derivatives keep the file of the Debian they were made from; os-release then decides.

use pellucid_image::Want;
use pellucid_model::Release;

use super::os_release::identifier;
use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};

/// The detector.
pub(crate) struct DebianVersion;

impl Detector for DebianVersion {
    fn name(&self) -> &'static str {
        "debian-version"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Namespace
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[Trigger::Path("etc/debian_version")]
    }

    fn wants(&self, _candidate: &Candidate<'_>) -> Want {
        Want::Whole { limit: 64 << 10 }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let line = file
            .lines()
            .next_line()?
            .and_then(|line| identifier(&String::from_utf8_lossy(line.bytes)));
        let Some(line) = line else { return Ok(()) };
        let mut release = Release {
            id: "debian".to_owned(),
            ..Release::default()
        };
        if line.starts_with(|c: char| c.is_ascii_digit()) {
            release.version = Some(line);
        } else {
            release.codename = Some(line);
        }
        out.release = Some(release);
        Ok(())
    }
}
