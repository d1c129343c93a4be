//! Red Hat's labels: the product that an image is of.
//!
//! `root/buildinfo/labels.json` and `usr/share/buildinfo/labels.json` hold the labels of the image's configuration,
//! for scanners that see its files alone; Red Hat's build system writes them since September 2025. `cpe` is the
//! CPE of the product. The shape is Red Hat's (`security.access.redhat.com/data/meta/v1/embedded_metadata.v1.schema.json`);
//! Clair 4 reads the file for what it says of the image as a whole (claircore, `rhel/rhcc`). A CPE stands
//! among the repositories, as one of which nobody has to ask what it is part of.
//!
//! Not here: the same label in the image's configuration (`pellucid_image` reads it), and names, versions
//! and dates.

use pellucid_image::Want;
use pellucid_model::WarningKind;

use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};

/// The detector.
pub(crate) struct Labels;

/// Real ones have two kilobytes.
const FILE: u64 = 1 << 20;
/// Longest CPE in bytes; real ones have up to 70.
const CPE: usize = 200;

impl Detector for Labels {
    fn name(&self) -> &'static str {
        "labels"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Repository
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[
            Trigger::Path("root/buildinfo/labels.json"),
            Trigger::Path("usr/share/buildinfo/labels.json"),
        ]
    }

    fn wants(&self, _candidate: &Candidate<'_>) -> Want {
        Want::Whole { limit: FILE }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let [cpe] = crate::json::texts(file.body, ["cpe"])?;
        match cpe {
            Some(cpe) if is_cpe(&cpe) => out.repositories.push(cpe),
            Some(_) => out.warn(WarningKind::BadRecord, None, "a label cpe that is no CPE"),
            // What is no product has none.
            None => {}
        }
        Ok(())
    }
}

/// Whether a text is the CPE of a product as Red Hat writes them: `cpe:/a:redhat:made:1::el9`.
pub(crate) fn is_cpe(text: &str) -> bool {
    text.len() <= CPE
        && text.strip_prefix("cpe:/").is_some_and(|rest| {
            rest.contains(':') && rest.bytes().all(|byte| byte.is_ascii_graphic())
        })
}
