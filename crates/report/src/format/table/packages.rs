//! The packages alone, where no advisories were asked about.

use std::collections::BTreeMap;
use std::io;

use pellucid_model::{Inventory, PackageEntry};

use crate::layout::{Cell, Page, Paint, plain, span};
use crate::verdict::counted;

/// Writes an inventory.
pub(super) fn write(page: &mut Page<'_>, inventory: &Inventory, detail: bool) -> io::Result<()> {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in &inventory.packages {
        *kinds.entry(entry.package.kind.name()).or_default() += 1;
    }
    let kinds: Vec<String> = kinds
        .iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    let mut line = counted(inventory.packages.len(), "package");
    line.push_str(&format!(
        " in {}",
        counted(inventory.image.layers.len(), "layer")
    ));
    if !kinds.is_empty() {
        line.push_str(&format!(": {}", kinds.join(", ")));
    }
    page.paragraph(0, &[plain(line)])?;
    if inventory.packages.is_empty() {
        return Ok(());
    }
    page.gap()?;
    let mut heading = vec!["KIND", "PACKAGE", "VERSION", "ARCH", "SOURCE", "LAYER"];
    if detail {
        heading.push("FILE");
    }
    let mut rows: Vec<Vec<Cell>> = vec![
        heading
            .iter()
            .map(|word| vec![span(Paint::Bold, *word)])
            .collect(),
    ];
    rows.extend(inventory.packages.iter().map(|entry| row(entry, detail)));
    let widths = page.columns(&rows);
    rows.iter().try_for_each(|cells| page.row(&widths, cells))
}

fn row(entry: &PackageEntry, detail: bool) -> Vec<Cell> {
    let package = &entry.package;
    let mut name = vec![plain(&package.name)];
    if entry.hidden {
        name.push(span(Paint::Dim, " [hidden]"));
    }
    if let Some(owner) = &entry.owner {
        name.push(span(Paint::Dim, format!(" [of {}]", owner.name)));
    }
    let source = package.source.as_ref().map_or_else(String::new, |source| {
        let version = source.version.as_ref().map(|version| format!(" {version}"));
        format!("{}{}", source.name, version.unwrap_or_default())
    });
    let layer = entry
        .layer()
        .map(|layer| layer.to_string())
        .unwrap_or_default();
    let mut cells = vec![
        vec![plain(package.kind.name())],
        name,
        vec![plain(&package.version)],
        vec![plain(package.arch.as_deref().unwrap_or_default())],
        vec![plain(source)],
        vec![plain(layer)],
    ];
    if detail {
        cells.push(vec![plain(entry.path().unwrap_or_default())]);
    }
    cells
}
