//! `/etc/lsb-release`: `DISTRIB_ID`, `DISTRIB_RELEASE`, `DISTRIB_CODENAME`.
//!
//! Written like os-release, but the id is a name for people (`Ubuntu`, `LinuxMint`). Arch writes
//! `rolling` for its release.

use pellucid_image::Want;
use pellucid_model::Release;

use super::os_release::{each_assignment, identifier, text};
use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};

/// The detector.
pub(crate) struct LsbRelease;

impl Detector for LsbRelease {
    fn name(&self) -> &'static str {
        "lsb-release"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Namespace
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[Trigger::Path("etc/lsb-release")]
    }

    fn wants(&self, _candidate: &Candidate<'_>) -> Want {
        Want::Whole { limit: 1 << 20 }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let mut release = Release::default();
        each_assignment(file, |key, value, _| match key {
            "DISTRIB_ID" => release.id = identifier(&value).unwrap_or_default(),
            "DISTRIB_RELEASE" => release.version = identifier(&value),
            "DISTRIB_CODENAME" => release.codename = identifier(&value),
            "DISTRIB_DESCRIPTION" => release.pretty = text(&value),
            _ => {}
        })?;
        match release.id.as_str() {
            "redhatenterpriselinux" | "redhatenterpriseserver" => release.id = "rhel".to_owned(),
            "oracleserver" => release.id = "ol".to_owned(),
            _ => {}
        }
        // Debian writes full versions and, for testing, none or a word.
        let numeric = |version: &String| version.starts_with(|c: char| c.is_ascii_digit());
        release.version = release.version.filter(numeric);
        if !release.id.is_empty() {
            out.release = Some(release);
        }
        Ok(())
    }
}
