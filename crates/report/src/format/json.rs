//! JSON of our own, `pellucid-report/1`, written and read.
//!
//! Described by `docs/pellucid-report-1.schema.json`. Within version 1 fields are added, never changed
//! or removed. Where only packages were asked for, the schema is `pellucid-packages/1`: the same
//! without findings, coverage and summary, so that no reader takes an unasked question for "none".
//! Letters that direct or hide text are written as `\u202e`: the bytes are safe on a terminal, and a
//! reader gets back what was there.

pub(crate) mod printer;
mod wire;
pub(super) mod words;

use std::io;

use crate::Report;
use crate::format::{Format, Style};

/// The schema of a report.
const REPORT: &str = "pellucid-report/1";

/// The schema of an inventory alone.
const PACKAGES: &str = "pellucid-packages/1";

/// JSON for machines.
pub(crate) struct Json;

impl Format for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn tells_warnings(&self) -> bool {
        true
    }

    fn write(&self, report: &Report, _: &Style, out: &mut dyn io::Write) -> io::Result<()> {
        printer::print(&wire::Report::of(report), out)
    }
}

/// The values of a report under the names that the schema gives them, for templates.
pub(super) fn values(report: &Report) -> impl serde::Serialize {
    wire::Report::of(report)
}

/// Text that is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// No JSON, or JSON of another shape.
    #[error("the report is not JSON of the shape that {REPORT} describes")]
    Shape(#[source] serde_json::Error),
    /// A schema that this version does not know.
    #[error("the report's schema is {0:?}, not {REPORT} or {PACKAGES}")]
    Schema(String),
    /// A word or number in a place where it cannot stand.
    #[error("the report says {value:?} where {what} stands")]
    Value {
        /// What should stand there.
        what: &'static str,
        /// What does, shortened.
        value: String,
    },
}

impl ReadError {
    fn value(what: &'static str, value: &str) -> Self {
        Self::Value {
            what,
            value: value.chars().take(80).collect(),
        }
    }
}

/// Reads a report that [`Format::write`] of `json` wrote. Counts and purls are not read: they follow
/// from the rest. A snapshot's time of fetching is not in the report; the date of its data stands
/// for it.
///
/// # Errors
/// The text is no JSON, of another schema, or contradicts itself.
pub fn read(json: &[u8]) -> Result<Report, ReadError> {
    let wire: wire::Report = serde_json::from_slice(json).map_err(ReadError::Shape)?;
    wire.read()
}
