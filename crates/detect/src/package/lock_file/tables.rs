//! Lock files in TOML that hold a table per package.

use pellucid_model::PackageKind;

use super::lines::each;
use crate::DetectError;
use crate::detector::{DetectFile, Detected};
use crate::package::named;

/// A table, as far as it is of use.
#[derive(Default)]
struct Table {
    name: String,
    version: String,
    source: String,
}

/// `[[package]]` of Poetry, uv and PDM, `[[packages]]` of pylock.
pub(super) fn packages(
    file: &DetectFile<'_>,
    kind: PackageKind,
    out: &mut Detected,
) -> Result<(), DetectError> {
    let tables = tables(file, kind, out, |header| {
        matches!(header, "[[package]]" | "[[packages]]").then_some("")
    })?;
    for table in tables {
        // uv lists the project itself, as it lies in a folder.
        let own = ["virtual", "editable", "directory"].iter().any(|word| {
            table
                .source
                .trim_start_matches(['{', ' '])
                .starts_with(word)
        });
        if !own && !table.version.is_empty() {
            named(out, kind, &table.name, &table.version, None)?;
        }
    }
    Ok(())
}

/// `Cargo.lock`: what has no source is of the workspace.
pub(super) fn cargo(
    file: &DetectFile<'_>,
    kind: PackageKind,
    out: &mut Detected,
) -> Result<(), DetectError> {
    let tables = tables(file, kind, out, |header| {
        (header == "[[package]]").then_some("")
    })?;
    for table in tables.iter().filter(|table| !table.source.is_empty()) {
        named(out, kind, &table.name, &table.version, None)?;
    }
    Ok(())
}

/// Julia's `Manifest.toml`: `[[deps.Name]]`, before Julia 1.7 `[[Name]]`. What has no version is
/// of Julia itself.
pub(super) fn julia(
    file: &DetectFile<'_>,
    kind: PackageKind,
    out: &mut Detected,
) -> Result<(), DetectError> {
    let tables = tables(file, kind, out, |header| {
        let name = header.strip_prefix("[[")?.strip_suffix("]]")?;
        let name = name.strip_prefix("deps.").unwrap_or(name);
        (!name.contains('.')).then_some(name)
    })?;
    for table in tables.iter().filter(|table| !table.version.is_empty()) {
        named(out, kind, &table.name, &table.version, None)?;
    }
    Ok(())
}

/// The tables whose header is one of a package; `header` says which, and a name if it has one.
fn tables(
    file: &DetectFile<'_>,
    kind: PackageKind,
    out: &mut Detected,
    header: impl Fn(&str) -> Option<&str>,
) -> Result<Vec<Table>, DetectError> {
    let mut tables: Vec<Table> = Vec::new();
    let mut inside = false;
    each(file, kind, out, |line| {
        if line.starts_with('[') {
            let name = header(line.trim_end());
            inside = name.is_some();
            if let Some(name) = name {
                tables.push(Table {
                    name: name.to_owned(),
                    ..Table::default()
                });
            }
        } else if let Some((key, value)) = line.split_once('=')
            && let Some(table) = tables.last_mut().filter(|_| inside)
        {
            let value = value.trim().trim_matches('"');
            match key.trim_end() {
                "name" => value.clone_into(&mut table.name),
                "version" => value.clone_into(&mut table.version),
                "source" => value.clone_into(&mut table.source),
                _ => {}
            }
        }
        None
    })?;
    Ok(tables)
}
