//! ELF: section and program headers.
//!
//! Source: the System V ABI. Where there are more than 65,279 sections their number and the index
//! of the table of names stand in section 0.

use super::{Binary, Numbers, Segment};
use crate::DetectError;
use crate::region::Region;

pub(super) const MAGIC: [u8; 4] = *b"\x7fELF";

/// Sections of one file that are looked at.
const SECTIONS: u64 = 100_000;

/// Bytes of the table of section names.
const STRINGS: usize = 8 << 20;

const NO_BITS: u32 = 8;
const LOAD: u32 = 1;

pub(super) fn read(file: Region<'_>) -> Result<Option<Binary<'_>>, DetectError> {
    let header = file.bytes(0, 64)?;
    let wide = header.get(4) == Some(&2);
    let numbers = Numbers {
        bytes: &header,
        big: header.get(5) == Some(&2),
    };
    let mut binary = Binary {
        file,
        sections: Vec::new(),
        segments: Vec::new(),
        cut: false,
    };
    // A header that is cut off has no tables.
    if tables(&mut binary, wide, numbers)?.is_none() {
        binary.cut = true;
    }
    Ok(Some(binary))
}

fn tables(
    binary: &mut Binary<'_>,
    wide: bool,
    header: Numbers<'_>,
) -> Result<Option<()>, DetectError> {
    let big = header.big;
    let (Some(programs), Some(sections)) = (header.word(wide, 32, 28), header.word(wide, 40, 32))
    else {
        return Ok(None);
    };
    let short = |at, narrow| {
        header
            .u16(if wide { at } else { narrow })
            .map_or(0, u64::from)
    };
    let (program_bytes, mut program_count) = (short(54, 42), short(56, 44));
    let (section_bytes, mut section_count, mut names) =
        (short(58, 46), short(60, 48), short(62, 50));
    let first = binary
        .file
        .bytes(sections, usize::try_from(section_bytes).unwrap_or_default())?;
    let first = Numbers { bytes: &first, big };
    if sections != 0 {
        if section_count == 0 {
            section_count = first.word(wide, 32, 20).unwrap_or_default();
        }
        if names == 0xffff {
            names = first.u32(if wide { 40 } else { 24 }).map_or(0, u64::from);
        }
        if program_count == 0xffff {
            program_count = first.u32(if wide { 44 } else { 28 }).map_or(0, u64::from);
        }
    }
    let (table, whole) = table(binary.file, programs, program_bytes, program_count)?;
    binary.cut |= !whole;
    for entry in rows(&table, program_bytes) {
        let entry = Numbers { bytes: entry, big };
        if entry.u32(0) != Some(LOAD) {
            continue;
        }
        let flags = entry.u32(if wide { 4 } else { 24 }).unwrap_or_default();
        if let (Some(offset), Some(address), Some(size)) = (
            entry.word(wide, 8, 4),
            entry.word(wide, 16, 8),
            entry.word(wide, 32, 16),
        ) {
            let data = flags & 3 == 2;
            binary.add_segment(Segment {
                address,
                offset,
                size,
                data,
            });
        }
    }
    if sections == 0 || section_count == 0 {
        return Ok(Some(()));
    }
    let (table, whole) = self::table(binary.file, sections, section_bytes, section_count)?;
    binary.cut |= !whole;
    let section = |index: u64| {
        let at = usize::try_from(index.checked_mul(section_bytes)?).ok()?;
        let entry = Numbers {
            bytes: table.get(at..)?,
            big,
        };
        Some((entry.word(wide, 24, 16)?, entry.word(wide, 32, 20)?))
    };
    let Some((strings, length)) = section(names) else {
        return Ok(None);
    };
    let strings = binary.file.bytes(
        strings,
        usize::try_from(length).map_or(STRINGS, |length| length.min(STRINGS)),
    )?;
    for (index, entry) in (0..).zip(rows(&table, section_bytes)) {
        let entry = Numbers { bytes: entry, big };
        if entry.u32(4) == Some(NO_BITS) {
            continue;
        }
        let name = entry
            .u32(0)
            .and_then(|at| strings.get(usize::try_from(at).ok()?..))
            .and_then(|rest| {
                rest.get(..32.min(rest.len()))?
                    .split(|byte| *byte == 0)
                    .next()
            });
        if let (Some(name), Some((offset, size))) = (name, section(index)) {
            binary.add_section(name, offset, size);
        }
    }
    Ok(Some(()))
}

/// A table's bytes, as far as the file has them, and whether it has them all.
fn table(file: Region<'_>, at: u64, row: u64, count: u64) -> Result<(Vec<u8>, bool), DetectError> {
    let bytes = row.saturating_mul(count.min(SECTIONS)).min(16 << 20);
    let bytes = usize::try_from(bytes).unwrap_or_default();
    let table = file.bytes(at, bytes)?;
    let whole = table.len() == bytes;
    Ok((table, whole))
}

fn rows(table: &[u8], row: u64) -> impl Iterator<Item = &[u8]> {
    // A row of no bytes holds nothing.
    let row = usize::try_from(row).unwrap_or_default();
    table
        .chunks_exact(row.max(1))
        .filter(move |entry| entry.len() > 1)
}
