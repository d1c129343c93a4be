//! Lock files with a package a line.

use pellucid_model::PackageKind;

use crate::DetectError;
use crate::detector::{DetectFile, Detected};
use crate::package::named;

/// Reads the packages that lines name; `parse` gets a line and says name and version.
pub(super) fn each(
    file: &DetectFile<'_>,
    kind: PackageKind,
    out: &mut Detected,
    mut parse: impl FnMut(&str) -> Option<(&str, &str)>,
) -> Result<(), DetectError> {
    let mut lines = file.lines();
    while let Some(line) = lines.next_line()? {
        if line.cut {
            out.bad_record(line.number, "a line that is too long");
        } else if let Ok(text) = std::str::from_utf8(line.bytes) {
            if let Some((name, version)) = parse(text) {
                named(out, kind, name, version, Some(line.number))?;
            }
        } else {
            out.bad_record(line.number, "a line that is no UTF-8");
        }
    }
    Ok(())
}

/// pip's requirements, as far as `==` pins them.
pub(super) fn requirements(
    file: &DetectFile<'_>,
    kind: PackageKind,
    out: &mut Detected,
) -> Result<(), DetectError> {
    each(file, kind, out, |line| {
        let line = line.split(['#', ';']).next()?.trim();
        let (name, version) = line.split_once("==")?;
        let name = name.split('[').next()?.trim();
        let version = version.trim_start_matches('=').split_whitespace().next()?;
        let plain = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.+!".contains(&byte))
        };
        (!name.starts_with('-') && plain(name) && plain(version)).then_some((name, version))
    })
}

/// Elixir's `mix.lock`: `"name": {:hex, :package, "1.0.0", …`.
pub(super) fn mix(
    file: &DetectFile<'_>,
    kind: PackageKind,
    out: &mut Detected,
) -> Result<(), DetectError> {
    each(file, kind, out, |line| {
        let (_, rest) = line.split_once("{:hex, :")?;
        let (name, rest) = rest.split_once(", \"")?;
        Some((name.trim_matches('"'), rest.split_once('"')?.0))
    })
}

/// Erlang's `rebar.lock`: `{<<"name">>,{pkg,<<"package">>,<<"1.0.0">>},0}`.
pub(super) fn rebar(
    file: &DetectFile<'_>,
    kind: PackageKind,
    out: &mut Detected,
) -> Result<(), DetectError> {
    each(file, kind, out, |line| {
        let (_, rest) = line.split_once("{pkg,<<\"")?;
        let (name, rest) = rest.split_once("\">>,<<\"")?;
        Some((name, rest.split_once('"')?.0))
    })
}

/// Gradle's `group:artifact:version=configurations`.
pub(super) fn gradle(
    file: &DetectFile<'_>,
    kind: PackageKind,
    out: &mut Detected,
) -> Result<(), DetectError> {
    each(file, kind, out, |line| {
        let coordinates = line.split('=').next()?.trim();
        if coordinates.starts_with('#') {
            return None;
        }
        let (name, version) = coordinates.rsplit_once(':')?;
        name.contains(':').then_some((name, version))
    })
}

/// Cabal's `constraints: any.name ==1.0.0,`.
pub(super) fn cabal(
    file: &DetectFile<'_>,
    kind: PackageKind,
    out: &mut Detected,
) -> Result<(), DetectError> {
    each(file, kind, out, |line| {
        let (_, rest) = line.split_once("any.")?;
        let (name, version) = rest.split_once("==")?;
        Some((name, version.trim_end().trim_end_matches(',')))
    })
}

/// Stack's `hackage: name-1.0.0@sha256:…`.
pub(super) fn stack(
    file: &DetectFile<'_>,
    kind: PackageKind,
    out: &mut Detected,
) -> Result<(), DetectError> {
    each(file, kind, out, |line| {
        let (_, rest) = line.split_once("hackage: ")?;
        rest.split('@').next()?.rsplit_once('-')
    })
}

/// Carton's `cpanfile.snapshot`: a distribution by two spaces, what it is made of by more.
pub(super) fn cpanfile(
    file: &DetectFile<'_>,
    kind: PackageKind,
    out: &mut Detected,
) -> Result<(), DetectError> {
    each(file, kind, out, |line| {
        let rest = line.strip_prefix("  ")?;
        if rest.starts_with(' ') {
            return None;
        }
        let (name, version) = rest.rsplit_once('-')?;
        Some((name, version.strip_prefix('v').unwrap_or(version)))
    })
}

/// NuGet's `packages.config`: `<package id="Name" version="1.0.0" />`.
pub(super) fn packages_config(
    file: &DetectFile<'_>,
    kind: PackageKind,
    out: &mut Detected,
) -> Result<(), DetectError> {
    fn attribute<'l>(line: &'l str, name: &str) -> Option<&'l str> {
        let (_, rest) = line.split_once(name)?;
        Some(rest.split_once('"')?.0)
    }
    each(file, kind, out, |line| {
        let (_, line) = line.split_once("<package ")?;
        Some((attribute(line, "id=\"")?, attribute(line, "version=\"")?))
    })
}
