//! Columns of text, as wide as their widest cell, and the choice between them and JSON.

use std::io::{self, Write};

use serde::Serialize;

use crate::args::StatusFormat;
use crate::output;

/// How a command of `db` writes what it did.
#[derive(clap::Args)]
pub(crate) struct FormArgs {
    /// How to write it.
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    format: StatusFormat,
    /// The same as --format json.
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

impl FormArgs {
    pub(crate) fn is_json(&self) -> bool {
        self.json || self.format == StatusFormat::Json
    }

    /// Writes a value as JSON, or what stands for it in text.
    pub(super) fn write(
        &self,
        value: &impl Serialize,
        text: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        output::write(None, |out| {
            if self.is_json() {
                serde_json::to_writer_pretty(&mut *out, value)?;
                writeln!(out)
            } else {
                text(out)
            }
        })
    }
}

/// Writes rows under a heading. Cells are escaped; `below` may write more under a row.
pub(super) fn columns(
    heading: &[&str],
    rows: &[Vec<String>],
    out: &mut dyn Write,
    mut below: impl FnMut(usize, &mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let shown = |cells: &[String]| -> Vec<String> {
        let escape = |cell: &String| pellucid_report::escape(cell, false).into_owned();
        cells.iter().map(escape).collect()
    };
    let heading: Vec<String> = heading.iter().map(|cell| (*cell).to_owned()).collect();
    let rows: Vec<Vec<String>> = rows.iter().map(|row| shown(row)).collect();
    let width = |column: usize| {
        let cells = rows.iter().chain([&heading]);
        let cells = cells.filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heading.len()).map(width).collect();
    let line = |row: &[String]| {
        let cells = row.iter().zip(&widths);
        let line: String = cells
            .map(|(cell, width)| format!("{cell:width$}  "))
            .collect();
        line.trim_end().to_owned()
    };
    writeln!(out, "{}", line(&heading))?;
    for (number, row) in rows.iter().enumerate() {
        writeln!(out, "{}", line(row))?;
        below(number, out)?;
    }
    Ok(())
}

/// Nothing under a row.
pub(super) fn nothing(_: usize, _: &mut dyn Write) -> io::Result<()> {
    Ok(())
}
