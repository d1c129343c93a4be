//! Lock files of Yarn, pnpm and Bun.

use pellucid_model::PackageKind;

use super::lines::each;
use crate::DetectError;
use crate::detector::{DetectFile, Detected};

/// `yarn.lock`: a block per package, headed by the ranges it answers. Yarn 2 and later also write
/// a `resolution`, which says the package's own name where a range has an alias.
pub(super) fn yarn(
    file: &DetectFile<'_>,
    kind: PackageKind,
    out: &mut Detected,
) -> Result<(), DetectError> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut name = String::new();
    let mut version = String::new();
    each(file, kind, out, |line| {
        if !line.starts_with([' ', '#']) && line.ends_with(':') {
            (name, version) = (heading(line).unwrap_or_default().to_owned(), String::new());
        } else if let Some(value) = line.strip_prefix("  version") {
            value
                .trim_start_matches(':')
                .trim()
                .trim_matches('"')
                .clone_into(&mut version);
            // Yarn 1 writes no resolution of the package's name.
            if !value.starts_with(':') && !name.is_empty() {
                found.push((name.clone(), version.clone()));
            }
        } else if let Some(value) = line.strip_prefix("  resolution:") {
            let value = value.trim().trim_matches('"');
            if let Some((name, _)) = value.split_once("@npm:")
                && !name.is_empty()
            {
                found.push((name.to_owned(), version.clone()));
            }
        }
        None
    })?;
    for (name, version) in found {
        super::super::named(out, kind, &name, &version, None)?;
    }
    Ok(())
}

/// The package of `"@scope/name@^1.0.0", other@range:`, of `alias@npm:name@range` the real one.
fn heading(line: &str) -> Option<&str> {
    let first = line.trim_end_matches(':').split(',').next()?.trim();
    let first = first.trim_matches('"');
    let at = |text: &str| {
        text.get(1..)
            .and_then(|rest| rest.find('@'))
            .map(|at| at + 1)
    };
    let (name, range) = first.split_at_checked(at(first)?)?;
    let real = range
        .strip_prefix("@npm:")
        .and_then(|real| real.split_at_checked(at(real)?));
    if ["@file:", "@link:", "@portal:", "@workspace:"]
        .iter()
        .any(|start| range.starts_with(start))
    {
        return None;
    }
    Some(real.map_or(name, |(real, _)| real))
}

/// `pnpm-lock.yaml`: keys of `packages`, `/name/1.0.0`, `/name@1.0.0(peer@1)` or `name@1.0.0`.
pub(super) fn pnpm(
    file: &DetectFile<'_>,
    kind: PackageKind,
    out: &mut Detected,
) -> Result<(), DetectError> {
    let mut inside = false;
    each(file, kind, out, |line| {
        if !line.starts_with([' ', '\t']) && !line.is_empty() {
            inside = line.trim_end() == "packages:";
            return None;
        }
        let key = line
            .strip_prefix("  ")
            .filter(|key| inside && !key.starts_with(' '))?;
        let key = key.trim_end().strip_suffix(':')?.trim_matches(['\'', '"']);
        let old = key.starts_with('/');
        let key = key.strip_prefix('/').unwrap_or(key);
        let key = key.split('(').next()?;
        // Before version 6 a slash stands before the version, and peers follow an underscore.
        let slash = key.rfind('/').filter(|_| old);
        let slash = slash.filter(|at| {
            let version = key.get(at + 1..).unwrap_or_default();
            version.starts_with(|first: char| first.is_ascii_digit())
                && !version.split('_').next().unwrap_or_default().contains('@')
        });
        let at = match slash {
            Some(at) => at,
            None => key.get(1..)?.rfind('@')? + 1,
        };
        let (name, version) = key.split_at_checked(at)?;
        let version = version.get(1..)?;
        let version = version.split('_').next()?;
        version
            .starts_with(|first: char| first.is_ascii_digit())
            .then_some((name, version))
    })
}

/// `bun.lock`: JSON with trailing commas; `"key": ["name@1.0.0", …` below `packages`.
pub(super) fn bun(
    file: &DetectFile<'_>,
    kind: PackageKind,
    out: &mut Detected,
) -> Result<(), DetectError> {
    let mut inside = false;
    each(file, kind, out, |line| {
        let line = line.trim();
        if line.starts_with("\"packages\": {") {
            inside = true;
        }
        let (_, rest) = line.split_once("\": [\"").filter(|_| inside)?;
        let (package, _) = rest.split_once('"')?;
        let at = package.get(1..)?.rfind('@')? + 1;
        let (name, version) = package.split_at_checked(at)?;
        let version = version.get(1..)?;
        version
            .starts_with(|first: char| first.is_ascii_digit())
            .then_some((name, version))
    })
}
