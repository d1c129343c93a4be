//! PE: sections, and where they are loaded to.
//!
//! Source: Microsoft's PE format. A name has eight bytes; longer ones are cut or stand in a table
//! that is not read.

use super::{Binary, Numbers, Segment};
use crate::DetectError;
use crate::region::Region;

/// Initialised data that may be read and written.
const DATA: u32 = 0xc000_0040;
const ALIGNMENT: u32 = 0x00f0_0000;

pub(super) fn read(file: Region<'_>) -> Result<Option<Binary<'_>>, DetectError> {
    let Some(at) = file.array::<4>(0x3c)?.map(u32::from_le_bytes) else {
        return Ok(None);
    };
    let header = file.bytes(u64::from(at), 256)?;
    if !header.starts_with(b"PE\0\0") {
        return Ok(None);
    }
    let numbers = Numbers {
        bytes: &header,
        big: false,
    };
    let count = numbers.u16(6).unwrap_or_default();
    let optional = numbers.u16(20).unwrap_or_default();
    let base = match numbers.u16(24) {
        Some(0x20b) => numbers.u64(48),
        _ => numbers.u32(52).map(u64::from),
    };
    let table = file.bytes(
        u64::from(at) + 24 + u64::from(optional),
        usize::from(count) * 40,
    )?;
    let mut binary = Binary {
        file,
        sections: Vec::new(),
        segments: Vec::new(),
        cut: false,
    };
    for row in table.chunks_exact(40) {
        let entry = Numbers {
            bytes: row,
            big: false,
        };
        let (Some(size), Some(address), Some(raw), Some(offset), Some(flags)) = (
            entry.u32(8),
            entry.u32(12),
            entry.u32(16),
            entry.u32(20),
            entry.u32(36),
        ) else {
            continue;
        };
        let name = row
            .get(..8)
            .and_then(|name| name.split(|byte| *byte == 0).next());
        let offset = u64::from(offset);
        // The rest up to the alignment is padding.
        let used = if size == 0 { raw } else { raw.min(size) };
        binary.add_section(name.unwrap_or_default(), offset, u64::from(used));
        binary.add_segment(Segment {
            address: base.unwrap_or_default().saturating_add(u64::from(address)),
            offset,
            size: u64::from(raw),
            data: flags & !ALIGNMENT == DATA && address != 0,
        });
    }
    Ok(Some(binary))
}
