//! Lua rocks: `rocks-5.4/NAME/VERSION/NAME-VERSION.rockspec`.
//!
//! Source: LuaRocks' documentation of its file tree. A rockspec is a Lua program and is not looked
//! into; its place says name and version.

use pellucid_image::Want;
use pellucid_model::PackageKind;

use super::named;
use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};
use crate::path::split;

/// The detector.
pub(crate) struct Lua;

impl Detector for Lua {
    fn name(&self) -> &'static str {
        "lua"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Language
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[Trigger::Extension("rockspec")]
    }

    fn wants(&self, candidate: &Candidate<'_>) -> Want {
        if place(candidate.path).is_some() {
            Want::Whole { limit: 4 << 20 }
        } else {
            Want::Skip
        }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        match place(file.path) {
            Some((name, version)) => named(out, PackageKind::Luarocks, name, version, None),
            None => Ok(()),
        }
    }
}

/// Name and version by the folders that a rockspec stands in.
fn place(path: &[u8]) -> Option<(&str, &str)> {
    let (above, version) = split(split(path).0);
    let (tree, name) = split(above);
    let tree = split(tree).1;
    (tree == b"rocks" || tree.starts_with(b"rocks-")).then_some(())?;
    Some((
        std::str::from_utf8(name).ok()?,
        std::str::from_utf8(version).ok()?,
    ))
}
