//! Perl distributions that cpanminus installed: `.meta/DISTRIBUTION-VERSION/install.json`.
//!
//! Source: cpanminus' documentation. The CPAN client leaves `.packlist` files, which name no
//! version; modules say theirs in Perl. Neither is read.

use pellucid_image::Want;
use pellucid_model::PackageKind;

use super::named;
use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};
use crate::path::split;

/// The detector.
pub(crate) struct Perl;

impl Detector for Perl {
    fn name(&self) -> &'static str {
        "perl"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Language
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[Trigger::Name("install.json")]
    }

    fn wants(&self, candidate: &Candidate<'_>) -> Want {
        if split(split(candidate.folder()).0).1 == b".meta" {
            Want::Whole { limit: 4 << 20 }
        } else {
            Want::Skip
        }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let [dist, version] = crate::json::texts(file.body, ["dist", "version"])?;
        let (dist, version) = (dist.unwrap_or_default(), version.unwrap_or_default());
        let name = dist.strip_suffix(&*version).unwrap_or(&dist);
        let name = name.strip_suffix("-v").or_else(|| name.strip_suffix('-'));
        named(
            out,
            PackageKind::Cpan,
            name.unwrap_or(&dist),
            &version,
            None,
        )
    }
}
