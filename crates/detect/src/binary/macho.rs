//! Mach-O: segments and their sections.
//!
//! Source: Apple's `mach-o/loader.h` and `mach-o/fat.h`. A file of several architectures holds a
//! whole Mach-O file for each; the first is read, as all are built from the same source. Its magic
//! number is that of Java classes too, where a version of at least 45 stands in the count's place.

use super::{Binary, Numbers, Segment};
use crate::DetectError;
use crate::region::Region;

const SEGMENT: u32 = 1;
const SEGMENT_64: u32 = 0x19;

/// Bytes of the commands.
const COMMANDS: usize = 1 << 20;

/// Whether a file of these first bytes can be one.
pub(super) fn is_magic(bytes: &[u8]) -> bool {
    match bytes.first_chunk::<8>() {
        Some([0xca, 0xfe, 0xba, 0xbe, count @ ..]) => (1..20).contains(&u32::from_be_bytes(*count)),
        Some([a, b, c, d, ..]) => order([*a, *b, *c, *d]).is_some(),
        None => false,
    }
}

/// Whether numbers are big-endian, and whether addresses have eight bytes.
fn order(magic: [u8; 4]) -> Option<(bool, bool)> {
    match magic {
        [0xfe, 0xed, 0xfa, 0xce] => Some((true, false)),
        [0xfe, 0xed, 0xfa, 0xcf] => Some((true, true)),
        [0xce, 0xfa, 0xed, 0xfe] => Some((false, false)),
        [0xcf, 0xfa, 0xed, 0xfe] => Some((false, true)),
        _ => None,
    }
}

pub(super) fn read(file: Region<'_>, magic: [u8; 4]) -> Result<Option<Binary<'_>>, DetectError> {
    if let Some(order) = order(magic) {
        return one(file, order).map(Some);
    }
    let head = file.bytes(0, 28)?;
    if !is_magic(&head) {
        return Ok(None);
    }
    let first = Numbers {
        bytes: &head,
        big: true,
    };
    let part = first
        .u32(16)
        .zip(first.u32(20))
        .and_then(|(offset, size)| file.part(u64::from(offset), u64::from(size)));
    let Some(part) = part else {
        return Ok(None);
    };
    match part.array::<4>(0)?.and_then(order) {
        Some(order) => one(part, order).map(Some),
        None => Ok(None),
    }
}

fn one(file: Region<'_>, (big, wide): (bool, bool)) -> Result<Binary<'_>, DetectError> {
    let header_bytes = if wide { 32 } else { 28 };
    let header = file.bytes(0, header_bytes)?;
    let numbers = Numbers {
        bytes: &header,
        big,
    };
    let size = numbers
        .u32(20)
        .and_then(|size| usize::try_from(size).ok())
        .unwrap_or_default();
    let commands = file.bytes(header_bytes as u64, size.min(COMMANDS))?;
    let mut binary = Binary {
        file,
        sections: Vec::new(),
        segments: Vec::new(),
        cut: false,
    };
    let mut rest = commands.as_slice();
    for _ in 0..numbers.u32(16).unwrap_or_default() {
        let command = Numbers { bytes: rest, big };
        let (Some(kind), Some(length)) = (command.u32(0), command.u32(4)) else {
            break;
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some((this, after)) = rest.split_at_checked(length).filter(|_| length >= 8) else {
            break;
        };
        match kind {
            SEGMENT_64 if wide => segment(&mut binary, Numbers { bytes: this, big }, true),
            SEGMENT if !wide => segment(&mut binary, Numbers { bytes: this, big }, false),
            _ => None,
        };
        rest = after;
    }
    Ok(binary)
}

fn segment(binary: &mut Binary<'_>, command: Numbers<'_>, wide: bool) -> Option<()> {
    let address = command.word(wide, 24, 24)?;
    let offset = command.word(wide, 40, 32)?;
    let size = command.word(wide, 48, 36)?;
    let (most, first) = if wide { (56, 60) } else { (40, 44) };
    let (most, first) = (command.u32(most)?, command.u32(first)?);
    binary.add_segment(Segment {
        address,
        offset,
        size,
        data: most == 3 && first == 3 && address != 0,
    });
    let (table, row) = if wide { (72, 80) } else { (56, 68) };
    for section in command.bytes.get(table..)?.chunks_exact(row) {
        let name = section.get(..16)?.split(|byte| *byte == 0).next()?;
        let entry = Numbers {
            bytes: section,
            big: command.big,
        };
        let size = entry.word(wide, 40, 36)?;
        let offset = entry.u32(if wide { 48 } else { 40 })?;
        binary.add_section(name, u64::from(offset), size);
    }
    Some(())
}
