//! Components of Bitnami's images: `opt/bitnami/.bitnami_components.json`.
//!
//! Source: Bitnami's `containers`, whose `prebuildfs` has the file: an object by component, each with `version`
//! (and its revision), `distro`, `arch` and `digest`. Images of today have a bill of materials for each component
//! beside it (`sbom.rs`), which names the same; older ones, kept as `bitnamilegacy`, have this alone.

use std::collections::BTreeMap;

use pellucid_image::Want;
use pellucid_model::PackageKind;
use serde::Deserialize;

use super::named;
use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};

/// The detector.
pub(crate) struct Bitnami;

impl Detector for Bitnami {
    fn name(&self) -> &'static str {
        "bitnami"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Language
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[Trigger::Path("opt/bitnami/.bitnami_components.json")]
    }

    fn wants(&self, _candidate: &Candidate<'_>) -> Want {
        Want::Whole { limit: 8 << 20 }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let components = crate::json::document::<BTreeMap<String, Component>>(file.body)?;
        for (name, component) in components {
            named(out, PackageKind::Bitnami, &name, &component.version, None)?;
        }
        Ok(())
    }
}

/// A component; without a version it becomes a warning and not the list's end.
#[derive(Deserialize)]
struct Component {
    #[serde(default)]
    version: String,
}
