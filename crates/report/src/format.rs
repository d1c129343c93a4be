//! The formats, and the table that registers them.
//!
//! Not here: the table of columns (`layout`) and the counting (`summary`), which several share.

pub(crate) mod json;
pub(crate) mod table;

use std::io;

use crate::Report;

/// How a format that people read should look. Formats that machines read ignore it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Style {
    /// Columns to wrap to; `None` never wraps.
    pub width: Option<usize>,
    /// Whether to write colours, as ANSI escape sequences.
    pub color: bool,
    /// Whether letters beyond ASCII may be written as they are; otherwise they are escaped.
    pub unicode: bool,
    /// Whether every vulnerability is told by itself, with layer and reason.
    pub detail: bool,
}

/// A way to write a report down.
pub trait Format: Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// Writes the report. Where it carries no assessment, the packages alone are written.
    ///
    /// # Errors
    /// Whatever the stream reports.
    fn write(&self, report: &Report, style: &Style, out: &mut dyn io::Write) -> io::Result<()>;
}

/// Every format; the first is the default.
pub const FORMATS: &[&dyn Format] = &[&table::Table, &json::Json];

/// The format of that name.
pub fn format(name: &str) -> Option<&'static dyn Format> {
    FORMATS.iter().copied().find(|format| format.name() == name)
}
