//! .NET packages of a published program: `NAME.deps.json`.
//!
//! Source: dotnet/runtime's "host runtime configuration" documents. `libraries` lists what the
//! program was built with as `Name/Version`; packages have the type `package`, the program itself
//! and its parts `project`. A program that carries its runtime lists it as
//! `runtimepack.NAME/VERSION`, and a shared runtime's own file as a package of that name: that is
//! the package advisories are written for. Packages needed to compile only are left out. DLLs
//! without such a file are not looked into: their version resources say a file's version, not a
//! package's.

use std::collections::BTreeMap;

use pellucid_image::Want;
use pellucid_model::PackageKind;
use serde::Deserialize;

use super::named;
use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};

/// The detector.
pub(crate) struct Dotnet;

impl Detector for Dotnet {
    fn name(&self) -> &'static str {
        "dotnet"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Language
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[Trigger::Extension("json")]
    }

    fn wants(&self, candidate: &Candidate<'_>) -> Want {
        if candidate.name().ends_with(b".deps.json") {
            Want::Whole { limit: 32 << 20 }
        } else {
            Want::Skip
        }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let context: Context = crate::json::document(file.body)?;
        for (key, library) in context.libraries {
            let key = match library.kind.as_deref() {
                Some("package") => key.as_str(),
                Some("runtimepack") => key.strip_prefix("runtimepack.").unwrap_or(&key),
                _ => continue,
            };
            if library.compile_only {
                continue;
            }
            let (name, version) = key.split_once('/').unwrap_or((key, ""));
            named(out, PackageKind::Nuget, name, version, None)?;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Context {
    #[serde(default)]
    libraries: BTreeMap<String, Library>,
}

#[derive(Deserialize)]
struct Library {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default, rename = "compileOnly")]
    compile_only: bool,
}
