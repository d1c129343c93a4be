//! Reading runs of bytes, and numbers of any length.

use std::cmp::Ordering;

/// Splits off the leading bytes for which `keep` holds.
#[inline]
pub(crate) fn split_while(bytes: &[u8], keep: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let length = bytes
        .iter()
        .position(|&byte| !keep(byte))
        .unwrap_or(bytes.len());
    bytes.split_at(length)
}

/// Splits off the leading ASCII digits.
#[inline]
pub(crate) fn split_digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    split_while(bytes, |byte| byte.is_ascii_digit())
}

/// The bytes without leading zeros; zero is the empty string.
#[inline]
pub(crate) fn without_zeros(digits: &[u8]) -> &[u8] {
    split_while(digits, |byte| byte == b'0').1
}

/// Compares two strings of digits as numbers of any length. No digits at all count as zero.
#[inline]
pub(crate) fn compare_numbers(a: &[u8], b: &[u8]) -> Ordering {
    let (a, b) = (without_zeros(a), without_zeros(b));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Splits `digits:` off the front, as dpkg's relatives write an epoch; an absent one is empty.
#[inline]
pub(crate) fn split_epoch(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (digits, rest) = split_digits(bytes);
    match rest.split_first() {
        Some((b':', rest)) => (digits, rest),
        _ => (&[], bytes),
    }
}

/// Splits at the last `-`, which is in neither half.
#[inline]
pub(crate) fn split_last_dash(bytes: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut halves = bytes.rsplitn(2, |&byte| byte == b'-');
    match (halves.next(), halves.next()) {
        (Some(after), Some(before)) => (before, Some(after)),
        _ => (bytes, None),
    }
}

/// Drops what two texts begin with in common, but not the end of a run of bytes for which `together`
/// holds: what remains begins with the whole run that the first difference is in.
#[inline]
pub(crate) fn after_common<'a>(
    a: &'a [u8],
    b: &'a [u8],
    together: impl Fn(u8) -> bool,
) -> (&'a [u8], &'a [u8]) {
    let mut start = 0;
    for (index, (&byte_a, &byte_b)) in a.iter().zip(b).enumerate() {
        if byte_a != byte_b {
            break;
        }
        if !together(byte_a) {
            start = index + 1;
        }
    }
    (
        a.get(start..).unwrap_or_default(),
        b.get(start..).unwrap_or_default(),
    )
}
