//! What was not as it should be, without making the answer wrong.
//!
//! A warning is data: it is part of the report. Anything that would make the list of packages
//! shorter without a trace is an error instead.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What sort of thing went wrong.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WarningKind {
    /// A record in a package database that could not be read; the others were.
    BadRecord,
    /// A file that would have been looked into, but is larger than its limit.
    TooLarge,
    /// A link that leads nowhere, in a circle, or out of the image.
    BadLink,
    /// The image is of a distribution and has no database of its packages: what they are is not known.
    NoDatabase,
    /// Two files that say different things about the same fact.
    Conflict,
    /// A version that the ecosystem's order cannot place; matching could not be done for it.
    BadVersion,
    /// A detector failed on a file; its result for that file is missing.
    DetectorFailed,
    /// Advisory data is older than asked for, or its last update failed.
    StaleData,
    /// Anything about the image's own description (tags, history, platform).
    Image,
    /// A rule of the user's that no longer holds, or that met nothing.
    Policy,
}

/// One warning.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Warning {
    /// What sort of thing.
    pub kind: WarningKind,
    /// Index of the layer it was seen in, lowest is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<usize>,
    /// File it was seen in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Line of that file, first is 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// What happened, in a sentence without a full stop.
    pub message: String,
}

impl Warning {
    /// A warning about a file.
    pub fn of_file(
        kind: WarningKind,
        path: impl Into<String>,
        line: Option<u64>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            layer: None,
            path: Some(path.into()),
            line,
            message: message.into(),
        }
    }
}

/// The sentence, after the place it is about.
impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(layer) = self.layer {
            write!(out, "layer {layer}, ")?;
        }
        if let Some(path) = &self.path {
            write!(out, "file {path}")?;
            if let Some(line) = self.line {
                write!(out, " line {line}")?;
            }
            out.write_str(": ")?;
        }
        out.write_str(&self.message)
    }
}
