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
//! Nine of ten entries are shape 1 without extras: four bytes. In memory such an entry takes a hundred
//! times as much, and one string that stands once may be named by every entry; so what a row may
//! become is bounded apart from its length.

use std::collections::HashMap;

use pellucid_model::{Affected, NameKind, Namespace, Severity, Status};
use pellucid_version::{Lower, Range, Upper};

use crate::codec::{EXPECTED, Malformed, Reader, Writer};

const VERSION: u8 = 1;

/// Most bytes of memory that a row's entries may take. The largest rows of real feeds take some
/// megabytes.
pub(crate) const MAX_DECODED: usize = 256 << 20;

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
    decode_within(MAX_DECODED, bytes, namespace, package)
}

/// Decodes a row whose entries may take so many bytes of memory.
fn decode_within(
    limit: usize,
    bytes: &[u8],
    namespace: &Namespace,
    package: &str,
) -> Result<Row, Malformed> {
    let mut reader = Reader::new(bytes);
    if reader.byte()? != VERSION {
        return Err(Malformed("has an unknown version"));
    }
    let mut table = Table {
        strings: Vec::new(),
        left: limit,
    };
    for _ in 0..reader.count()? {
        table.take(size_of::<&str>())?;
        table.strings.push(reader.text()?);
    }
    let count = reader.count()?;
    let mut entries = Vec::with_capacity(count.min(EXPECTED));
    let mut advisory = 0_u32;
    for _ in 0..count {
        let step = reader.int32()?;
        advisory = advisory
            .checked_add(step)
            .ok_or(Malformed("counts advisories too high"))?;
        table.take(size_of::<(u32, Affected)>() + package.len())?;
        let affected = decode_entry(&mut reader, &mut table, namespace, package)?;
        entries.push((advisory, affected));
    }
    reader.finish()?;
    Ok(entries)
}

/// The memory that what is said of a package takes, as [`decode`] counts it.
pub(crate) fn cost(affected: &Affected) -> usize {
    let of_text = |text: &String| size_of::<String>() + text.len();
    let of_range = |range: &Range| {
        let lower = match &range.lower {
            Lower::Beginning => 0,
            Lower::Inclusive(version) | Lower::Exclusive(version) => of_text(version),
        };
        let upper = match &range.upper {
            Upper::Open => 0,
            Upper::Before(version) | Upper::Through(version) | Upper::Below(version) => {
                of_text(version)
            }
        };
        size_of::<Range>() + lower + upper
    };
    let lists = [&affected.versions, &affected.arches, &affected.cpes];
    let texts = lists.into_iter().flatten();
    let texts = texts.chain(&affected.module).chain(&affected.note);
    size_of::<(u32, Affected)>()
        + affected.package.len()
        + affected.ranges.iter().map(of_range).sum::<usize>()
        + texts.map(of_text).sum::<usize>()
}

/// The strings of a row that is read, and how much memory its entries may still take.
struct Table<'a> {
    strings: Vec<&'a str>,
    left: usize,
}

impl<'a> Table<'a> {
    fn take(&mut self, bytes: usize) -> Result<(), Malformed> {
        let left = self.left.checked_sub(bytes);
        self.left = left.ok_or(Malformed("becomes larger than a row may"))?;
        Ok(())
    }

    fn string(&mut self, reader: &mut Reader<'_>) -> Result<&'a str, Malformed> {
        let number = usize::try_from(reader.int()?).unwrap_or(usize::MAX);
        let string = self.strings.get(number).copied();
        let string = string.ok_or(Malformed("names a string that is not there"))?;
        self.take(size_of::<String>() + string.len())?;
        Ok(string)
    }

    fn list(&mut self, reader: &mut Reader<'_>) -> Result<Vec<String>, Malformed> {
        (0..reader.count()?)
            .map(|_| self.string(reader).map(str::to_owned))
            .collect()
    }
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
        Upper::Below(version) => (3, Some(version)),
    };
    out.byte(lower | upper << 2);
    for version in [from, to].into_iter().flatten() {
        strings.put(version, out);
    }
}

fn decode_entry(
    reader: &mut Reader<'_>,
    table: &mut Table<'_>,
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
        1 => {
            table.take(size_of::<Range>())?;
            vec![Range::before(table.string(reader)?)]
        }
        2 => {
            table.take(size_of::<Range>())?;
            vec![Range::all()]
        }
        _ => (0..reader.count()?)
            .map(|_| decode_range(reader, table))
            .collect::<Result<_, _>>()?,
    };
    if head & 0x80 == 0 {
        return Ok(affected);
    }
    let extras = reader.byte()?;
    if extras & 1 != 0 {
        affected.versions = table.list(reader)?;
    }
    if extras & 2 != 0 {
        affected.arches = table.list(reader)?;
    }
    if extras & 4 != 0 {
        affected.module = Some(table.string(reader)?.to_owned());
    }
    if extras & 8 != 0 {
        affected.cpes = table.list(reader)?;
    }
    if extras & 16 != 0 {
        affected.note = Some(table.string(reader)?.to_owned());
    }
    Ok(affected)
}

fn decode_range(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Result<Range, Malformed> {
    table.take(size_of::<Range>())?;
    let head = reader.byte()?;
    let mut version = || table.string(reader).map(str::to_owned);
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
        3 => Upper::Below(version()?),
        _ => return Err(Malformed("has an unknown kind of range")),
    };
    Ok(Range { lower, upper })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_few_bytes_become_is_bounded() {
        let namespace = Namespace::from("debian:12");
        let row = |strings: &[&str], entries: usize, entry: &dyn Fn(&mut Writer)| {
            let mut out = Writer::new();
            out.byte(VERSION);
            out.len(strings.len());
            for string in strings {
                out.text(string);
            }
            out.len(entries);
            for _ in 0..entries {
                out.int(0);
                entry(&mut out);
            }
            out.into_bytes()
        };
        let refused = |bytes: &[u8]| {
            let decoded = decode_within(64 << 10, bytes, &namespace, "a");
            assert_eq!(
                decoded.unwrap_err(),
                Malformed("becomes larger than a row may")
            );
        };
        let whole = |bytes: &[u8]| decode_within(64 << 10, bytes, &namespace, "a").unwrap();
        // Two bytes an entry.
        let plain = |out: &mut Writer| out.byte(0);
        assert_eq!(whole(&row(&[], 20, &plain)).len(), 20);
        refused(&row(&[], 2_000, &plain));
        // A byte a range.
        let ranges = |out: &mut Writer| {
            out.byte(3 << 5);
            out.len(2_000);
            (0..2_000).for_each(|_| out.byte(0));
        };
        refused(&row(&[], 1, &ranges));
        // A byte a copy of a string.
        let copies = |out: &mut Writer| {
            out.byte(0x80);
            out.byte(1);
            out.len(100);
            (0..100).for_each(|_| out.int(0));
        };
        let long = "x".repeat(1_000);
        assert_eq!(whole(&row(&["x"], 1, &copies)).len(), 1);
        refused(&row(&[&long], 1, &copies));
        refused(&row(&[""; 5_000], 0, &plain));
    }

    #[test]
    fn the_cost_that_is_written_is_the_one_that_is_read() {
        let affected = Affected {
            namespace: Namespace::from("debian:12"),
            package: "openssl".to_owned(),
            name_kind: NameKind::Binary,
            status: Status::Affected,
            ranges: vec![
                Range::before("1"),
                Range::exactly("3"),
                Range::all(),
                Range {
                    lower: Lower::Exclusive("4".to_owned()),
                    upper: Upper::Open,
                },
                Range {
                    lower: Lower::Beginning,
                    upper: Upper::Below("5".to_owned()),
                },
            ],
            versions: vec!["7".to_owned(), "8".to_owned()],
            severity: Some(Severity::High),
            arches: vec!["x86_64".to_owned()],
            module: Some("m".to_owned()),
            cpes: vec!["cpe:/o:x".to_owned()],
            note: Some("a note".to_owned()),
        };
        let bytes = encode(&[(0, affected.clone())]);
        let texts = 10 * size_of::<&str>();
        let limit = cost(&affected) + texts;
        let decode = |limit| decode_within(limit, &bytes, &affected.namespace, "openssl");
        assert_eq!(decode(limit).unwrap(), [(0, affected.clone())]);
        assert!(decode(limit - 1).is_err());
    }
}
