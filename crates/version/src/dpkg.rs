//! dpkg versions: `[epoch:]upstream[-revision]`, for Debian, Ubuntu and what derives from them.
//!
//! `~` sorts before everything, the end of the text included; letters sort before all other
//! characters; digits count as numbers. An absent revision equals the revision `0`. What
//! dpkg only warns of is read (an upstream version that starts with no digit, odd characters: they
//! occur in status files); what it refuses is invalid (an empty part, an epoch that is no number or
//! above 2147483647, embedded spaces). Non-ASCII bytes sort between letters and symbols, as in
//! dpkg where `char` is signed.
//!
//! Source: deb-version(7).

use std::cmp::Ordering;

use crate::scan::{after_common, compare_numbers, split_digits, without_zeros};

const HIGHEST_EPOCH: &[u8] = b"2147483647";

/// The parts of a version, as slices of its text.
#[derive(Clone)]
pub(crate) struct Parts<'a> {
    epoch: &'a [u8],
    upstream: &'a [u8],
    revision: &'a [u8],
}

#[inline]
pub(crate) fn read(text: &str) -> Result<Parts<'_>, &'static str> {
    let bytes = text.as_bytes();
    let (mut colon, mut dash) = (None, None);
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            b':' if colon.is_none() => colon = Some(index),
            b'-' => dash = Some(index),
            b' ' | b'\t'..=b'\r' => return Err("it has embedded spaces"),
            _ => {}
        }
    }
    let epoch = colon.and_then(|colon| bytes.get(..colon));
    if let Some(epoch) = epoch {
        if epoch.is_empty() || !split_digits(epoch).1.is_empty() {
            return Err("its epoch is not a number");
        }
        if compare_numbers(epoch, HIGHEST_EPOCH).is_gt() {
            return Err("its epoch is too big");
        }
    }
    let begin = colon.map_or(0, |colon| colon + 1);
    let upstream = bytes
        .get(begin..dash.unwrap_or(bytes.len()))
        .unwrap_or_default();
    if upstream.is_empty() {
        return Err("it has no upstream version");
    }
    let revision = dash.and_then(|dash| bytes.get(dash + 1..));
    if revision.is_some_and(<[u8]>::is_empty) {
        return Err("its revision is empty");
    }
    Ok(Parts {
        epoch: epoch.unwrap_or_default(),
        upstream,
        revision: revision.unwrap_or_default(),
    })
}

#[inline]
pub(crate) fn compare_text(a: &str, b: &str) -> Result<Ordering, &'static str> {
    Ok(compare(&read(a)?, &read(b)?))
}

#[inline]
pub(crate) fn compare(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    compare_numbers(a.epoch, b.epoch)
        .then_with(|| compare_part(a.upstream, b.upstream))
        .then_with(|| compare_part(a.revision, b.revision))
}

fn compare_part(a: &[u8], b: &[u8]) -> Ordering {
    let (mut a, mut b) = after_common(a, b, |byte| byte.is_ascii_digit());
    while !a.is_empty() || !b.is_empty() {
        loop {
            let (rank_a, rank_b) = (rank(a.first()), rank(b.first()));
            if rank_a != rank_b {
                return rank_a.cmp(&rank_b);
            }
            // Equal ranks of zero: both are at a digit or at the end.
            if rank_a == 0 {
                break;
            }
            a = a.split_first().map_or(a, |(_, rest)| rest);
            b = b.split_first().map_or(b, |(_, rest)| rest);
        }
        let (digits_a, rest_a) = split_digits(without_zeros(a));
        let (digits_b, rest_b) = split_digits(without_zeros(b));
        let numbers = digits_a
            .len()
            .cmp(&digits_b.len())
            .then_with(|| digits_a.cmp(digits_b));
        if numbers.is_ne() {
            return numbers;
        }
        (a, b) = (rest_a, rest_b);
    }
    Ordering::Equal
}

fn rank(byte: Option<&u8>) -> i32 {
    match byte {
        None | Some(b'0'..=b'9') => 0,
        Some(b'~') => -1,
        Some(&byte) if byte.is_ascii_alphabetic() || !byte.is_ascii() => i32::from(byte),
        Some(&byte) => i32::from(byte) + 256,
    }
}
