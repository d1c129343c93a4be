//! Red Hat's content manifests: the repositories that the packages of an image were built from.
//!
//! `root/buildinfo/content_manifests/<name>-<version>-<release>.json`, one from every image in the chain
//! of bases, and since 2024 `usr/share/buildinfo/content-sets.json`; both have a list `content_sets`.
//! Which products a repository belongs to is Red Hat's to say (`repository-to-cpe.json`, a feed).
//!
//! A list that is empty tells nothing: builds that do not fetch their packages beforehand write it so, with
//! `from_dnf_hint`, and leave the rest to the package manager's history.
//!
//! Not here: that history, and `root/buildinfo/Dockerfile-*` of images from before 2020, with which one
//! would have to ask Red Hat.

use pellucid_image::Want;
use pellucid_model::WarningKind;
use serde::Deserialize;

use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};

/// The detector.
pub(crate) struct ContentSets;

/// Real ones have some kilobytes.
const FILE: u64 = 4 << 20;
/// Most repositories of one manifest.
const REPOSITORIES: usize = 1000;
/// Longest name of a repository in bytes; real ones have up to 74.
const NAME: usize = 200;

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    content_sets: Vec<String>,
}

impl Detector for ContentSets {
    fn name(&self) -> &'static str {
        "content-sets"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Repository
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[
            Trigger::Folder("root/buildinfo/content_manifests"),
            Trigger::Path("usr/share/buildinfo/content-sets.json"),
        ]
    }

    fn wants(&self, candidate: &Candidate<'_>) -> Want {
        if candidate.name().ends_with(b".json") {
            Want::Whole { limit: FILE }
        } else {
            Want::Skip
        }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let manifest: Manifest = crate::json::document(file.body)?;
        if manifest.content_sets.len() > REPOSITORIES {
            return Err(DetectError::Malformed(
                "it lists more than 1000 repositories",
            ));
        }
        for name in manifest.content_sets {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:+".contains(&byte);
            if (1..=NAME).contains(&name.len()) && name.bytes().all(plain) {
                out.repositories.push(name);
            } else {
                let message = "a content set whose name is empty, too long or no name";
                out.warn(WarningKind::BadRecord, None, message);
            }
        }
        Ok(())
    }
}
