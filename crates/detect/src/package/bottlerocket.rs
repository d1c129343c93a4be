//! Bottlerocket's list of what an image was built from: `application-inventory.json`.
//!
//! Source: twoliter, which builds Bottlerocket and leaves no RPM database behind. One object a
//! package, with the parts of its RPM version. Until 1.25 the version was Bottlerocket's own and
//! there was no epoch; since then packages below 3 have epoch 1, so that RPM's order holds across
//! the two. Names are without the prefix `bottlerocket-` that their RPMs have; some releases of
//! early 2025 left it on, and advisories never have it.
//!
//! The system's `/usr` is a link to the root folder of its cross compiler, which is also what is
//! there where only that folder was unpacked.

use pellucid_image::Want;
use pellucid_model::PackageKind;
use serde::Deserialize;

use super::{NAME, named};
use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};

/// The detector.
pub(crate) struct Bottlerocket;

impl Detector for Bottlerocket {
    fn name(&self) -> &'static str {
        "bottlerocket"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Database
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[
            Trigger::Path("usr/share/bottlerocket/application-inventory.json"),
            Trigger::Path(
                "x86_64-bottlerocket-linux-gnu/sys-root/usr/share/bottlerocket/application-inventory.json",
            ),
            Trigger::Path(
                "aarch64-bottlerocket-linux-gnu/sys-root/usr/share/bottlerocket/application-inventory.json",
            ),
        ]
    }

    fn wants(&self, _candidate: &Candidate<'_>) -> Want {
        Want::Whole { limit: 32 << 20 }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        for listed in crate::json::document::<Inventory>(file.body)?.content {
            let name = listed.name.strip_prefix("bottlerocket-");
            let name = name.unwrap_or(&listed.name);
            // Without a release, or even a version, `named` is to note it and not to list half.
            let version = match (
                listed.epoch.trim(),
                listed.version.trim(),
                listed.release.trim(),
            ) {
                (_, "", _) | (_, _, "") => String::new(),
                ("" | "0", version, release) => format!("{version}-{release}"),
                (epoch, version, release) => format!("{epoch}:{version}-{release}"),
            };
            let before = out.packages.len();
            named(out, PackageKind::Rpm, name, &version, None)?;
            if let Some(package) = out.packages.get_mut(before) {
                package.arch =
                    Some(listed.architecture).filter(|arch| (1..=NAME).contains(&arch.len()));
                package.vendor =
                    Some(listed.publisher).filter(|vendor| (1..=NAME).contains(&vendor.len()));
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Inventory {
    #[serde(rename = "Content")]
    content: Vec<Listed>,
}

/// A package of the list; what is missing becomes a warning and not the list's end.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Listed {
    name: String,
    publisher: String,
    version: String,
    release: String,
    epoch: String,
    architecture: String,
}
