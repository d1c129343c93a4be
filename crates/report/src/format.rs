//! The formats, and the table that registers them.
//!
//! Not here: the table of columns (`layout`) and the counting (`summary`), which several share.

mod clair_text;
mod csv;
mod cyclonedx;
mod gitlab;
mod html;
pub(crate) mod json;
mod junit;
mod markdown;
mod openvex;
mod plan;
mod sarif;
mod spdx;
pub(crate) mod table;
pub(crate) mod template;

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
    /// Whether suppressed findings are told one by one, in formats where they need not be.
    pub suppressed: bool,
    /// When the report is written, in seconds since the epoch, for the formats that demand a time;
    /// the image's own date, else the epoch, stands where it is absent.
    pub time: Option<i64>,
}

/// A way to write a report down.
pub trait Format: Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// Whether it lists findings and has no place to say how many others are suppressed, so that whoever
    /// writes it must say so beside it. Where [`Style::suppressed`] is set, each is there.
    fn leaves_out_suppressed(&self) -> bool {
        false
    }

    /// Whether it tells the report's warnings, so that whoever writes it need not tell them beside it.
    fn tells_warnings(&self) -> bool {
        false
    }

    /// Whether it tells what no advisory data covers, so that whoever writes it need not tell it beside
    /// it.
    fn tells_coverage(&self) -> bool {
        true
    }

    /// Writes the report. Where it carries no assessment, the packages alone are written.
    ///
    /// # Errors
    /// Whatever the stream reports.
    fn write(&self, report: &Report, style: &Style, out: &mut dyn io::Write) -> io::Result<()>;
}

/// Every format; the first is the default.
pub const FORMATS: &[&dyn Format] = &[
    &table::Table,
    &json::Json,
    &plan::Plan,
    &markdown::Markdown,
    &html::Html,
    &csv::Csv,
    &sarif::Sarif,
    &cyclonedx::CycloneDx,
    &spdx::Spdx,
    &gitlab::Gitlab,
    &junit::Junit,
    &clair_text::ClairText,
    &openvex::OpenVex,
];

/// The format of that name.
pub fn format(name: &str) -> Option<&'static dyn Format> {
    FORMATS.iter().copied().find(|format| format.name() == name)
}

/// Most warnings in a format that other tools read.
const WARNINGS: usize = 1000;

/// The time that a format which demands one writes.
fn time(report: &Report, style: &Style) -> jiff::Timestamp {
    let given = style
        .time
        .and_then(|at| jiff::Timestamp::from_second(at).ok());
    let created = report.inventory.image.created.as_deref();
    given.or_else(|| created?.parse().ok()).unwrap_or_default()
}

/// Sets a field of an object of JSON.
fn set(object: &mut serde_json::Value, name: &str, value: serde_json::Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}
