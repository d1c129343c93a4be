//! Templates of the user's own, in Jinja's language.
//!
//! A template sees the report under the names of `pellucid-report/1` and nothing else: it can read no
//! file and no environment, and include nothing. How many steps it takes and how much it writes is
//! bounded; how much memory a single value takes is not, so a template is as trusted as the command
//! line. What it prints is escaped for where its name says it goes: `.html` and `.xml` as markup,
//! `.md` as code spans, `.csv` as cells, else as for a terminal. `|safe` prints a value as it is.

use std::io;

use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, ErrorKind};

use super::json;
use crate::Report;
use crate::escape;
use crate::format::{Format, Style};

/// Most letters of a template.
const SOURCE: usize = 1 << 20;

/// Most steps of a template.
const FUEL: u64 = 50_000_000;

/// Most bytes that a template may write.
const OUTPUT: u64 = 256 << 20;

/// The name under which the template is told of in errors.
const NAME: &str = "template";

/// A template.
pub struct Template {
    environment: Environment<'static>,
}

/// A template that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// It is larger than the limit.
    #[error("the template is larger than {SOURCE} bytes")]
    TooLarge,
    /// It is not written in the templates' language.
    #[error("the template has a mistake")]
    Syntax(#[source] minijinja::Error),
}

impl Template {
    /// Reads a template; the ending of its file's name says how what it prints is escaped.
    ///
    /// # Errors
    /// It is too large, or has a mistake.
    pub fn new(file: &str, source: &str) -> Result<Self, TemplateError> {
        if source.len() > SOURCE {
            return Err(TemplateError::TooLarge);
        }
        let escaping = escaping(file);
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        // Jinja drops the last line break.
        let syntax = minijinja::syntax::SyntaxConfig::builder()
            .keep_trailing_newline(true)
            .build()
            .map_err(TemplateError::Syntax)?;
        environment.set_syntax(syntax);
        environment.set_auto_escape_callback(move |_| AutoEscape::Custom(escaping.into()));
        environment.set_formatter(|out, state, value| {
            let AutoEscape::Custom(escaping) = state.auto_escape() else {
                return minijinja::escape_formatter(out, state, value);
            };
            let written = if value.is_safe() {
                write!(out, "{value}")
            } else if value.is_undefined() || value.is_none() {
                Ok(())
            } else {
                out.write_str(&escaped(escaping, &value.to_string()))
            };
            written.map_err(|_| minijinja::Error::new(ErrorKind::WriteFailure, "cannot write"))
        });
        for name in ["html", "xml", "markdown", "csv", "text"] {
            environment.add_filter(name, move |value: &Value| {
                Value::from_safe_string(escaped(name, &value.to_string()))
            });
        }
        environment
            .add_template_owned(NAME, source.to_owned())
            .map_err(TemplateError::Syntax)?;
        Ok(Self { environment })
    }
}

impl Format for Template {
    fn name(&self) -> &'static str {
        NAME
    }

    fn write(&self, report: &Report, _: &Style, out: &mut dyn io::Write) -> io::Result<()> {
        let template = self
            .environment
            .get_template(NAME)
            .map_err(io::Error::other)?;
        let context = Value::from(Serde(json::values(report)));
        let capped = Capped { out, left: OUTPUT };
        template
            .render_captured_to(context, capped)
            .map(|_| ())
            .map_err(io::Error::other)
    }
}

/// The stream, up to a number of bytes.
struct Capped<'a> {
    out: &'a mut dyn io::Write,
    left: u64,
}

impl io::Write for Capped<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = bytes.len() as u64;
        self.left = self.left.checked_sub(length).ok_or_else(|| {
            io::Error::other(format!("the template writes more than {OUTPUT} bytes"))
        })?;
        self.out.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn escaping(file: &str) -> &'static str {
    // `report.html.j2` is HTML too.
    let file = file.to_ascii_lowercase();
    let file = file.trim_end_matches(".j2").trim_end_matches(".jinja");
    match file.rsplit('.').next() {
        Some("html" | "htm") => "html",
        Some("xml") => "xml",
        Some("md" | "markdown") => "markdown",
        Some("csv") => "csv",
        _ => "text",
    }
}

fn escaped(escaping: &str, text: &str) -> String {
    match escaping {
        "html" | "xml" => escape::markup::text(text),
        "markdown" => escape::markdown::code(text),
        "csv" => escape::csv::cell(text),
        _ => escape::text(text, true).into_owned(),
    }
}
