//! PHP packages that Composer installed: `vendor/composer/installed.json`.
//!
//! Source: Composer's `FilesystemRepository`. Composer 2 writes `{"packages": […]}`, Composer 1 the
//! list alone. Versions are as tagged, often with a `v`. Packages for development are listed where
//! they are installed.
//!
//! Not here: PEAR's registry (`pear.rs`).

use pellucid_image::Want;
use pellucid_model::PackageKind;
use serde::Deserialize;

use super::named;
use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};
use crate::path::split;

/// The detector.
pub(crate) struct Php;

impl Detector for Php {
    fn name(&self) -> &'static str {
        "php"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Language
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[Trigger::Name("installed.json")]
    }

    fn wants(&self, candidate: &Candidate<'_>) -> Want {
        if split(candidate.folder()).1 == b"composer" {
            Want::Whole { limit: 32 << 20 }
        } else {
            Want::Skip
        }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let packages = if crate::json::is_list(file.body)? {
            crate::json::document::<Vec<Listed>>(file.body)?
        } else {
            crate::json::document::<Installed>(file.body)?.packages
        };
        for package in packages {
            named(
                out,
                PackageKind::Composer,
                &package.name,
                &package.version,
                None,
            )?;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Installed {
    packages: Vec<Listed>,
}

/// A package of Composer's lists; what is missing becomes a warning and not the list's end.
#[derive(Deserialize)]
pub(super) struct Listed {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) version: String,
}
