//! Lock files whose lines mean something by the section around them.

use std::collections::BTreeMap;

use pellucid_model::PackageKind;

use super::lines::each;
use crate::DetectError;
use crate::detector::{DetectFile, Detected};
use crate::package::named;

/// Go's `go.mod`: what the main module requires, with what replaces it. Modules that only others
/// require are there since Go 1.17. A module replaced by a folder has no version.
pub(super) fn go_mod(
    file: &DetectFile<'_>,
    kind: PackageKind,
    out: &mut Detected,
) -> Result<(), DetectError> {
    let mut block = String::new();
    let mut required: BTreeMap<String, String> = BTreeMap::new();
    let mut replaced: Vec<Replaced> = Vec::new();
    each(file, kind, out, |line| {
        let line = line.split("//").next().unwrap_or_default().trim();
        if line == ")" {
            block.clear();
            return None;
        }
        if let Some(opened) = line.strip_suffix('(') {
            opened.trim().clone_into(&mut block);
            return None;
        }
        let mut words = line.split_whitespace().map(|word| word.trim_matches('"'));
        let verb = if block.is_empty() {
            words.next()?
        } else {
            block.as_str()
        };
        let (path, second) = (words.next()?, words.next());
        match verb {
            "require" => {
                required.insert(path.to_owned(), second?.to_owned());
            }
            "replace" => {
                let of = second.filter(|word| *word != "=>").map(str::to_owned);
                let mut by = words.skip_while(|word| *word == "=>");
                let by = by.next().zip(by.next());
                let by = by.map(|(path, version)| (path.to_owned(), version.to_owned()));
                replaced.push(Replaced {
                    path: path.to_owned(),
                    of,
                    by,
                });
            }
            _ => {}
        }
        None
    })?;
    for Replaced { path, of, by } in replaced {
        let applies = required
            .get(&path)
            .is_some_and(|version| of.as_ref().is_none_or(|of| of == version));
        if applies {
            required.remove(&path);
            required.extend(by);
        }
    }
    for (path, version) in &required {
        named(out, kind, path, version, None)?;
    }
    Ok(())
}

/// A module that another one stands for.
struct Replaced {
    path: String,
    /// The only version that is replaced.
    of: Option<String>,
    /// Path and version of the other; `None` for a folder.
    by: Option<(String, String)>,
}

/// Bundler's `Gemfile.lock`: `specs:` of sections, a gem by four spaces, what it wants by six.
/// Gems of `PATH` are the project's own.
pub(super) fn gemfile(
    file: &DetectFile<'_>,
    kind: PackageKind,
    out: &mut Detected,
) -> Result<(), DetectError> {
    let mut inside = false;
    each(file, kind, out, |line| {
        if !line.starts_with(' ') {
            inside = matches!(line.trim_end(), "GEM" | "GIT" | "PLUGIN SOURCE");
            return None;
        }
        let gem = line
            .strip_prefix("    ")
            .filter(|gem| inside && !gem.starts_with(' '))?;
        let (name, version) = gem.trim_end().strip_suffix(')')?.split_once(" (")?;
        Some((name, version.split('-').next()?))
    })
}

/// Dart's `pubspec.lock`: packages by two spaces, their facts by four.
pub(super) fn pubspec(
    file: &DetectFile<'_>,
    kind: PackageKind,
    out: &mut Detected,
) -> Result<(), DetectError> {
    let mut inside = false;
    let mut found: Vec<(String, String)> = Vec::new();
    let mut name = String::new();
    let mut is_own = false;
    each(file, kind, out, |line| {
        if !line.starts_with(' ') {
            inside = line.trim_end() == "packages:";
        } else if let Some(fact) = line.strip_prefix("    ").filter(|_| inside) {
            if let Some(source) = fact.strip_prefix("source: ") {
                is_own = matches!(source.trim(), "sdk" | "path");
            } else if let Some(version) = fact.strip_prefix("version: ").filter(|_| !is_own) {
                found.push((name.clone(), version.trim().trim_matches('"').to_owned()));
            }
        } else if let Some(key) = line.strip_prefix("  ").filter(|_| inside) {
            key.trim().trim_matches([':', '"']).clone_into(&mut name);
            is_own = false;
        }
        None
    })?;
    for (name, version) in found {
        named(out, kind, &name, &version, None)?;
    }
    Ok(())
}
