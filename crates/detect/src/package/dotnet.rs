//! .NET packages of a published program: `NAME.deps.json`.
//!
//! Source: dotnet/runtime's "host runtime configuration" documents. `libraries` lists what the
//! program was built with as `Name/Version`; packages have the type `package`, the program itself
//! and its parts `project`. A program that carries its runtime lists it as
//! `runtimepack.NAME/VERSION`, and a shared runtime's own file as a package of that name: that is
//! the package advisories are written for. Packages needed to compile only are left out, and
//! those of which the target that is run has no file: the SDK takes the files out that the runtime has in
//! a newer version. DLLs without such a file are not looked into: their version resources say a file's version, not a
//! package's.

use std::collections::BTreeMap;

use pellucid_image::Want;
use pellucid_model::PackageKind;
use serde::Deserialize;
use serde::de::IgnoredAny;

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
        2
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
        let bundled = context.libraries.keys().any(|key| is_bundler(key));
        for (key, library) in &context.libraries {
            if library.compile_only || !bundled && context.lost_its_files(key) {
                continue;
            }
            let key = match library.kind.as_deref() {
                Some("package") => key.as_str(),
                Some("runtimepack") => key.strip_prefix("runtimepack.").unwrap_or(key),
                _ => continue,
            };
            let (name, version) = key.split_once('/').unwrap_or((key, ""));
            named(out, PackageKind::Nuget, name, version, None)?;
        }
        Ok(())
    }
}

/// Tools that put the files of other packages into the program's own.
fn is_bundler(key: &str) -> bool {
    let name = key.split('/').next().unwrap_or_default();
    ["costura.fody", "ilrepack", "ilmerge"]
        .iter()
        .any(|tool| name.to_ascii_lowercase().starts_with(tool))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    #[serde(default)]
    runtime_target: Option<RuntimeTarget>,
    #[serde(default)]
    targets: BTreeMap<String, BTreeMap<String, Files>>,
    #[serde(default)]
    libraries: BTreeMap<String, Library>,
}

impl Context {
    /// Whether the target that is run has this library without any file: the runtime brings a newer
    /// one, and the SDK took the package's own out.
    fn lost_its_files(&self, library: &str) -> bool {
        let target = self.runtime_target.as_ref();
        let target = target.and_then(|target| self.targets.get(target.name()));
        target
            .and_then(|libraries| libraries.get(library))
            .is_some_and(Files::is_empty)
    }
}

/// `{"name": "…"}`; the name alone in files of .NET Core 1.
#[derive(Deserialize)]
#[serde(untagged)]
enum RuntimeTarget {
    Named { name: String },
    Name(String),
}

impl RuntimeTarget {
    fn name(&self) -> &str {
        match self {
            Self::Named { name } | Self::Name(name) => name,
        }
    }
}

/// What a library gives a target: lists by path.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Files {
    #[serde(default)]
    runtime: BTreeMap<String, IgnoredAny>,
    #[serde(default)]
    runtime_targets: BTreeMap<String, IgnoredAny>,
    #[serde(default)]
    native: BTreeMap<String, IgnoredAny>,
    #[serde(default)]
    resources: BTreeMap<String, IgnoredAny>,
}

impl Files {
    fn is_empty(&self) -> bool {
        [
            &self.runtime,
            &self.runtime_targets,
            &self.native,
            &self.resources,
        ]
        .iter()
        .all(|files| files.is_empty())
    }
}

#[derive(Deserialize)]
struct Library {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default, rename = "compileOnly")]
    compile_only: bool,
}
