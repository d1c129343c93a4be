//! RubyGems versions: segments of digits or of letters, `1.0.0.beta2`.
//!
//! Separators part segments and do not count; a change between digits and letters parts too
//! (`1.0.a2 = 1.0.a.2`). A segment of letters makes a pre-release and is older than a number or
//! nothing. Zeros at the end of the numbers, and at the end of the pre-release, do not count
//! (`1.0.a = 1.a`). `-` reads as `.pre.`. Letters compare with case.
//!
//! Source: `Gem::Version`.
//!
//! Not here: the platform (`-x86_64-linux`) that file names and lock files append.

use std::cmp::Ordering;

use crate::scan::{compare_numbers, split_digits, split_while, without_zeros};

/// A version parted where its first letters or hyphen stand, either half without zeros at its end.
#[derive(Clone)]
pub(crate) struct Parts<'a> {
    release: &'a [u8],
    pre: &'a [u8],
}

enum Segment<'a> {
    Number(&'a [u8]),
    Text(&'a [u8]),
}

pub(crate) fn read(text: &str) -> Result<Parts<'_>, &'static str> {
    let bytes = text.as_bytes();
    if !bytes
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b".-_+".contains(byte))
    {
        return Err("it holds something else than letters, digits, dots and hyphens");
    }
    if !bytes.iter().any(u8::is_ascii_digit) {
        return Err("it has no number");
    }
    let (release, pre) = split_while(bytes, |byte| !byte.is_ascii_alphabetic() && byte != b'-');
    Ok(Parts {
        release: without_final_zeros(release),
        pre: without_final_zeros(pre),
    })
}

pub(crate) fn compare(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    let (mut a, mut b) = (a.segments(), b.segments());
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (a, b) => match (
                a.unwrap_or(Segment::Number(&[])),
                b.unwrap_or(Segment::Number(&[])),
            ) {
                (Segment::Number(a), Segment::Number(b)) => compare_numbers(a, b),
                (Segment::Text(a), Segment::Text(b)) => a.cmp(b),
                (Segment::Text(_), Segment::Number(_)) => Ordering::Less,
                (Segment::Number(_), Segment::Text(_)) => Ordering::Greater,
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}

impl<'a> Parts<'a> {
    fn segments(&self) -> impl Iterator<Item = Segment<'a>> {
        segments(self.release).chain(segments(self.pre))
    }
}

fn segments(mut rest: &[u8]) -> impl Iterator<Item = Segment<'_>> {
    std::iter::from_fn(move || {
        rest = split_while(rest, |byte| !byte.is_ascii_alphanumeric() && byte != b'-').1;
        let (&first, after) = rest.split_first()?;
        let segment;
        if first == b'-' {
            (segment, rest) = (Segment::Text(b"pre"), after);
        } else if first.is_ascii_digit() {
            let (digits, after) = split_digits(rest);
            (segment, rest) = (Segment::Number(digits), after);
        } else {
            let (letters, after) = split_while(rest, |byte| byte.is_ascii_alphabetic());
            (segment, rest) = (Segment::Text(letters), after);
        }
        Some(segment)
    })
}

/// Drops segments that are zero, and separators, from the end.
fn without_final_zeros(text: &[u8]) -> &[u8] {
    let mut kept = text;
    loop {
        let end = kept
            .iter()
            .rposition(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
        let segments = end.and_then(|end| kept.get(..=end)).unwrap_or_default();
        let begin = segments
            .iter()
            .rposition(|byte| !byte.is_ascii_digit())
            .map_or(0, |at| at + 1);
        let (before, digits) = segments.split_at(begin);
        if digits.is_empty() || !without_zeros(digits).is_empty() {
            return segments;
        }
        kept = before;
    }
}
