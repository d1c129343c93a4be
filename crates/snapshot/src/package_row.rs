//! One row of the snapshot: everything that its advisories say of one package in one namespace.
//!
//! ```text
//! row     = version byte, strings, count, entry*
//! strings = count, (length, UTF-8)*            each string of the row once
//! entry   = advisory's number less that of the entry before, head byte, [severity], [ranges], [extras]
//! head    = status (bits 0-2), name kind (3), severity follows (4), shape (5-6), extras follow (7)
//! shape   = 0 no range, 1 `< string`, 2 every version, 3 count and ranges in full
//! extras  = mask byte, then of its bits: versions, arches, module, CPEs, note
//! ```
//! Nine of ten entries are shape 1 without extras: four bytes.

use std::collections::HashMap;

use pellucid_model::{Affected, NameKind, Namespace, Severity, Status};
use pellucid_version::{Lower, Range, Upper};

use crate::codec::{Malformed, Reader, Writer};

const VERSION: u8 = 1;

const STATUSES: [Status; 6] = [
    Status::Affected,
    Status::NotAffected,
    Status::UnderInvestigation,
    Status::WillNotFix,
    Status::Deferred,
    Status::EndOfLife,
];

/// Position of a status or severity in its table.
fn position<T: PartialEq>(table: &[T], value: &T) -> u8 {
    table
        .iter()
        .position(|item| item == value)
        .unwrap_or_default() as u8
}

pub(crate) fn severity_code(severity: Severity) -> u8 {
    position(&Severity::ALL, &severity)
}

pub(crate) fn severity_of(code: u8) -> Result<Severity, Malformed> {
    Severity::ALL
        .get(usize::from(code))
        .copied()
        .ok_or(Malformed("has an unknown severity"))
}

/// What one advisory says of the package; the namespace and package are the row's key.
pub(crate) type Row = Vec<(u32, Affected)>;

/// Encodes a row. Entries must be sorted by advisory number.
pub(crate) fn encode(entries: &[(u32, Affected)]) -> Vec<u8> {
    let mut strings = Strings::default();
    let mut body = Writer::new();
    let mut before = 0;
    body.len(entries.len());
    for (advisory, affected) in entries {
        body.int(u64::from(advisory.saturating_sub(before)));
        before = *advisory;
        encode_entry(affected, &mut strings, &mut body);
    }
    let mut row = Writer::new();
    row.byte(VERSION);
    row.len(strings.list.len());
    for string in &strings.list {
        row.text(string);
    }
    row.append(body.as_bytes());
    row.into_bytes()
}

/// Decodes a row of the given namespace and package.
pub(crate) fn decode(bytes: &[u8], namespace: &Namespace, package: &str) -> Result<Row, Malformed> {
    let mut reader = Reader::new(bytes);
    if reader.byte()? != VERSION {
        return Err(Malformed("has an unknown version"));
    }
    let strings: Vec<&str> = (0..reader.count()?)
        .map(|_| reader.text())
        .collect::<Result<_, _>>()?;
    let count = reader.count()?;
    let mut entries = Vec::with_capacity(count);
    let mut advisory = 0_u32;
    for _ in 0..count {
        let step = reader.int32()?;
        advisory = advisory
            .checked_add(step)
            .ok_or(Malformed("counts advisories too high"))?;
        let affected = decode_entry(&mut reader, &strings, namespace, package)?;
        entries.push((advisory, affected));
    }
    reader.finish()?;
    Ok(entries)
}

/// Every string of a row once, in order of first use.
#[derive(Default)]
struct Strings<'a> {
    list: Vec<&'a str>,
    numbers: HashMap<&'a str, u64>,
}

impl<'a> Strings<'a> {
    fn number(&mut self, string: &'a str) -> u64 {
        let next = self.list.len() as u64;
        *self.numbers.entry(string).or_insert_with(|| {
            self.list.push(string);
            next
        })
    }

    fn put(&mut self, string: &'a str, out: &mut Writer) {
        out.int(self.number(string));
    }

    fn put_all(&mut self, strings: &'a [String], out: &mut Writer) {
        out.len(strings.len());
        for string in strings {
            self.put(string, out);
        }
    }
}

fn encode_entry<'a>(affected: &'a Affected, strings: &mut Strings<'a>, out: &mut Writer) {
    let shape = match affected.ranges.as_slice() {
        [] => 0,
        [
            Range {
                lower: Lower::Beginning,
                upper: Upper::Before(_),
            },
        ] => 1,
        [
            Range {
                lower: Lower::Beginning,
                upper: Upper::Open,
            },
        ] => 2,
        _ => 3,
    };
    let extras = u8::from(!affected.versions.is_empty())
        | u8::from(!affected.arches.is_empty()) << 1
        | u8::from(affected.module.is_some()) << 2
        | u8::from(!affected.cpes.is_empty()) << 3
        | u8::from(affected.note.is_some()) << 4;
    out.byte(
        position(&STATUSES, &affected.status)
            | u8::from(affected.name_kind == NameKind::Binary) << 3
            | u8::from(affected.severity.is_some()) << 4
            | shape << 5
            | u8::from(extras != 0) << 7,
    );
    if let Some(severity) = affected.severity {
        out.byte(severity_code(severity));
    }
    match (shape, affected.ranges.first()) {
        (
            1,
            Some(Range {
                upper: Upper::Before(fixed),
                ..
            }),
        ) => strings.put(fixed, out),
        (3, _) => {
            out.len(affected.ranges.len());
            for range in &affected.ranges {
                encode_range(range, strings, out);
            }
        }
        _ => {}
    }
    if extras == 0 {
        return;
    }
    out.byte(extras);
    if !affected.versions.is_empty() {
        strings.put_all(&affected.versions, out);
    }
    if !affected.arches.is_empty() {
        strings.put_all(&affected.arches, out);
    }
    if let Some(module) = &affected.module {
        strings.put(module, out);
    }
    if !affected.cpes.is_empty() {
        strings.put_all(&affected.cpes, out);
    }
    if let Some(note) = &affected.note {
        strings.put(note, out);
    }
}

fn encode_range<'a>(range: &'a Range, strings: &mut Strings<'a>, out: &mut Writer) {
    let (lower, from) = match &range.lower {
        Lower::Beginning => (0, None),
        Lower::Inclusive(version) => (1, Some(version)),
        Lower::Exclusive(version) => (2, Some(version)),
    };
    let (upper, to) = match &range.upper {
        Upper::Open => (0, None),
        Upper::Before(version) => (1, Some(version)),
        Upper::Through(version) => (2, Some(version)),
    };
    out.byte(lower | upper << 2);
    for version in [from, to].into_iter().flatten() {
        strings.put(version, out);
    }
}

fn string<'a>(reader: &mut Reader<'_>, strings: &[&'a str]) -> Result<&'a str, Malformed> {
    let number = usize::try_from(reader.int()?).unwrap_or(usize::MAX);
    strings
        .get(number)
        .copied()
        .ok_or(Malformed("names a string that is not there"))
}

fn string_list(reader: &mut Reader<'_>, strings: &[&str]) -> Result<Vec<String>, Malformed> {
    (0..reader.count()?)
        .map(|_| string(reader, strings).map(str::to_owned))
        .collect()
}

fn decode_entry(
    reader: &mut Reader<'_>,
    strings: &[&str],
    namespace: &Namespace,
    package: &str,
) -> Result<Affected, Malformed> {
    let head = reader.byte()?;
    let status = STATUSES.get(usize::from(head & 7)).copied();
    let mut affected = Affected {
        namespace: namespace.clone(),
        package: package.to_owned(),
        name_kind: if head & 8 == 0 {
            NameKind::Source
        } else {
            NameKind::Binary
        },
        status: status.ok_or(Malformed("has an unknown status"))?,
        ranges: Vec::new(),
        versions: Vec::new(),
        severity: None,
        arches: Vec::new(),
        module: None,
        cpes: Vec::new(),
        note: None,
    };
    if head & 0x10 != 0 {
        affected.severity = Some(severity_of(reader.byte()?)?);
    }
    affected.ranges = match head >> 5 & 3 {
        0 => Vec::new(),
        1 => vec![Range::before(string(reader, strings)?)],
        2 => vec![Range::all()],
        _ => (0..reader.count()?)
            .map(|_| decode_range(reader, strings))
            .collect::<Result<_, _>>()?,
    };
    if head & 0x80 == 0 {
        return Ok(affected);
    }
    let extras = reader.byte()?;
    if extras & 1 != 0 {
        affected.versions = string_list(reader, strings)?;
    }
    if extras & 2 != 0 {
        affected.arches = string_list(reader, strings)?;
    }
    if extras & 4 != 0 {
        affected.module = Some(string(reader, strings)?.to_owned());
    }
    if extras & 8 != 0 {
        affected.cpes = string_list(reader, strings)?;
    }
    if extras & 16 != 0 {
        affected.note = Some(string(reader, strings)?.to_owned());
    }
    Ok(affected)
}

fn decode_range(reader: &mut Reader<'_>, strings: &[&str]) -> Result<Range, Malformed> {
    let head = reader.byte()?;
    let mut version = || string(reader, strings).map(str::to_owned);
    let lower = match head & 3 {
        0 => Lower::Beginning,
        1 => Lower::Inclusive(version()?),
        2 => Lower::Exclusive(version()?),
        _ => return Err(Malformed("has an unknown kind of range")),
    };
    let upper = match head >> 2 {
        0 => Upper::Open,
        1 => Upper::Before(version()?),
        2 => Upper::Through(version()?),
        _ => return Err(Malformed("has an unknown kind of range")),
    };
    Ok(Range { lower, upper })
}
