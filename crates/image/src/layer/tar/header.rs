//! One block that heads a member.
//!
//! Three dialects are told apart by the magic: ustar (its prefix field is the first part of the
//! name), GNU (no prefix, numbers in base 256, sparse maps) and star (a shorter prefix); without
//! one it is version 7. Go before 1.8 wrote a prefix into GNU headers of long names; such a header
//! is known by its access and change times, which are then text.

use super::{BLOCK, until_nul};
use crate::layer::tar::sparse::OldMap;

/// The fields that matter.
pub(crate) struct Header<'a> {
    block: &'a [u8; BLOCK],
    dialect: Dialect,
    pub(crate) kind: u8,
    pub(crate) size: u64,
    pub(crate) mode: u32,
    pub(crate) link: &'a [u8],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    V7,
    Ustar,
    Star,
    Gnu,
}

impl<'a> Header<'a> {
    pub(crate) fn parse(block: &'a [u8; BLOCK]) -> Result<Self, &'static str> {
        check_sum(block)?;
        let dialect = match (field(block, 257, 6), field(block, 263, 2)) {
            (b"ustar\0", _) if field(block, 508, 4) == b"tar\0" => Dialect::Star,
            (b"ustar\0", _) => Dialect::Ustar,
            (b"ustar ", b" \0") => Dialect::Gnu,
            _ => Dialect::V7,
        };
        let size = number(field(block, 124, 12)).ok_or("the size is not a number")?;
        let mode = number(field(block, 100, 8)).ok_or("the mode is not a number")?;
        Ok(Self {
            block,
            dialect,
            kind: field(block, 156, 1).first().copied().unwrap_or_default(),
            size: u64::try_from(size).map_err(|_| "the size is negative")?,
            mode: u32::try_from(mode & 0o7777).unwrap_or_default(),
            link: until_nul(field(block, 157, 100)),
        })
    }

    /// Appends the name.
    pub(crate) fn name(&self, name: &mut Vec<u8>) {
        let prefix = match self.dialect {
            Dialect::Ustar => until_nul(field(self.block, 345, 155)),
            Dialect::Star => until_nul(field(self.block, 345, 131)),
            Dialect::Gnu if self.times_are_text() => Some(until_nul(field(self.block, 345, 155)))
                .filter(|p| p.is_ascii())
                .unwrap_or(b""),
            Dialect::Gnu | Dialect::V7 => b"",
        };
        if !prefix.is_empty() {
            name.extend_from_slice(prefix);
            name.push(b'/');
        }
        name.extend_from_slice(until_nul(field(self.block, 0, 100)));
    }

    /// The first part of the map of an old GNU sparse file, and whether more blocks follow.
    pub(crate) fn sparse(&self) -> Result<(OldMap, bool), &'static str> {
        if self.dialect != Dialect::Gnu {
            return Err("a sparse file in a header that is not GNU's");
        }
        let size = number(field(self.block, 483, 12)).ok_or("the real size is not a number")?;
        let size = u64::try_from(size).map_err(|_| "the real size is negative")?;
        OldMap::begin(size, field(self.block, 386, 97))
    }

    fn times_are_text(&self) -> bool {
        [345, 357].into_iter().any(|start| {
            let time = field(self.block, start, 12);
            time.first() != Some(&0) && number(time).is_none()
        })
    }
}

/// Whether a block marks the end.
pub(crate) fn is_zero(block: &[u8; BLOCK]) -> bool {
    block.iter().all(|byte| *byte == 0)
}

/// A field of a block, by its constant place.
pub(crate) fn field(block: &[u8], start: usize, len: usize) -> &[u8] {
    block.get(start..start + len).unwrap_or_default()
}

/// A number: octal text between spaces and NULs, or base 256 if the first bit is set.
pub(crate) fn number(field: &[u8]) -> Option<i64> {
    match field.first() {
        Some(first) if first & 0x80 != 0 => base_256(field, first & 0x40 != 0),
        _ => octal(field),
    }
}

fn base_256(field: &[u8], negative: bool) -> Option<i64> {
    let flip = if negative { 0xff } else { 0 };
    let mut value: u64 = 0;
    for (index, byte) in field.iter().enumerate() {
        let byte = (byte ^ flip) & if index == 0 { 0x7f } else { 0xff };
        if value >> 56 != 0 {
            return None;
        }
        value = value << 8 | u64::from(byte);
    }
    let value = i64::try_from(value).ok()?;
    Some(if negative { !value } else { value })
}

fn octal(field: &[u8]) -> Option<i64> {
    let blank = |byte: &u8| *byte == b' ' || *byte == 0;
    let start = field
        .iter()
        .position(|byte| !blank(byte))
        .unwrap_or(field.len());
    let end = field
        .iter()
        .rposition(|byte| !blank(byte))
        .map_or(start, |last| last + 1);
    let mut value: i64 = 0;
    for byte in until_nul(field.get(start..end).unwrap_or_default()) {
        match byte {
            b'0'..=b'7' => value = value.checked_mul(8)?.checked_add(i64::from(byte - b'0'))?,
            _ => return None,
        }
    }
    Some(value)
}

fn check_sum(block: &[u8; BLOCK]) -> Result<(), &'static str> {
    let declared = octal(field(block, 148, 8)).ok_or("the check sum is not a number")?;
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    let own: u32 = field(block, 148, 8)
        .iter()
        .map(|byte| u32::from(*byte))
        .sum();
    let unsigned = i64::from(sum - own) + 8 * i64::from(b' ');
    if declared == unsigned {
        return Ok(());
    }
    // Some old writers added the bytes as signed numbers.
    let high = block.iter().filter(|byte| **byte > 0x7f).count();
    let own_high = field(block, 148, 8)
        .iter()
        .filter(|byte| **byte > 0x7f)
        .count();
    let signed = unsigned - 256 * i64::try_from(high - own_high).unwrap_or_default();
    if declared == signed {
        Ok(())
    } else {
        Err("the check sum of a header is wrong")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_all_their_spellings() {
        for (field, wanted) in [
            (&b"0000644\0"[..], Some(0o644)),
            (b"   644 \0", Some(0o644)),
            (b"644\0junk", Some(0o644)),
            (b"\0\0\0\0", Some(0)),
            (b"", Some(0)),
            (b"0000648\0", None),
            (b"-0000512\0", None),
            (b"\x80\0\0\0\0\0\0\0\0\0\x01\0", Some(256)),
            (b"\xff\xff\xff\xff", Some(-1)),
            (b"\x80\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", Some(i64::MAX)),
            (b"\x80\0\0\x80\0\0\0\0\0\0\0", None),
            (b"\x80\x01\0\0\0\0\0\0\0\0\0\0", None),
            (b"777777777777777777777", Some(i64::MAX)),
            (b"7777777777777777777777", None),
        ] {
            assert_eq!(number(field), wanted, "{field:?}");
        }
    }
}
