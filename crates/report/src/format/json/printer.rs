//! Indented JSON in which no letter is written raw that a terminal could obey or hide.
//!
//! `serde_json` escapes what JSON demands, the control characters below a space. A terminal also
//! obeys those from U+0080 to U+009F and the bidirectional marks; JSON may escape any letter, so
//! these are escaped too, without loss; and so
//! is the second of two number signs, by which a build service knows its commands (`##vso[`).

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

use crate::escape;

/// Writes a value, and a line break after it.
pub(crate) fn print(value: &impl Serialize, out: &mut dyn io::Write) -> io::Result<()> {
    let mut out = out;
    let printer = Printer(PrettyFormatter::new());
    value.serialize(&mut Serializer::with_formatter(&mut out, printer))?;
    out.write_all(b"\n")
}

struct Printer(PrettyFormatter<'static>);

impl Formatter for Printer {
    fn write_string_fragment<W>(&mut self, out: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + io::Write,
    {
        let mut rest = fragment;
        let mut last = ' ';
        // Two number signs: a build service looks for `##vso[` anywhere in a line.
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| {
            let is_mark = *c == '#' && last == '#';
            last = *c;
            is_mark || !escape::is_visible(*c)
        }) {
            let (before, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
            out.write_all(before.as_bytes())?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = after.strip_prefix(c).unwrap_or_default();
        }
        out.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W>(&mut self, out: &mut W, first: bool) -> io::Result<()>
    where
        W: ?Sized + io::Write,
    {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W>(&mut self, out: &mut W, first: bool) -> io::Result<()>
    where
        W: ?Sized + io::Write,
    {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}
