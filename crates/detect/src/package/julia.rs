//! Julia packages of a depot: `packages/NAME/SLUG/Project.toml`.
//!
//! Source: the documentation of Pkg. Several versions of a package lie in a depot side by side, of
//! which a project's manifest chooses.

use pellucid_image::Want;
use pellucid_model::PackageKind;

use super::named;
use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};
use crate::path::split;

/// The detector.
pub(crate) struct Julia;

impl Detector for Julia {
    fn name(&self) -> &'static str {
        "julia"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Language
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[Trigger::Name("Project.toml")]
    }

    fn wants(&self, candidate: &Candidate<'_>) -> Want {
        let package = split(split(candidate.folder()).0).0;
        if split(package).1 == b"packages" {
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
            if text.starts_with('[') {
                break;
            }
            let Some((key, value)) = text.split_once('=') else {
                continue;
            };
            let value = value.trim().trim_matches('"').to_owned();
            match key.trim() {
                "name" => name = Some(value),
                "version" => version = Some(value),
                _ => {}
            }
        }
        match (name, version) {
            (Some(name), Some(version)) => named(out, PackageKind::Julia, &name, &version, None),
            _ => Ok(()),
        }
    }
}
