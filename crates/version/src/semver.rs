//! Semantic versions: `1.2.3-rc.1+build`, and the ecosystems that mean them by their versions.
//!
//! One order for semver, npm, Cargo, Hex, Pub and Go; they differ in what else they accept, and Pub
//! alone orders by the build too (`1.2.3 < 1.2.3+1`). Feeds and packages of the wild hold more than
//! the specification allows, so it is read leniently: a leading `v` or `=`, one or two missing
//! numbers (they are 0), leading zeros, a pre-release without its hyphen (`1.0.0beta`), and more than three
//! numbers, of which the rest belongs to the build. Go also names its own releases: `go1.21rc2` is
//! `1.21.0-rc.2`. A pseudo-version is a pre-release like any other, `+incompatible` a build.
//!
//! Source: semver.org 2.0.0 §11; pub.dev's version order; go.dev/doc/toolchain.
//!
//! Not here: the requirements that npm and Cargo write (`requirement`).

use std::cmp::Ordering;

use crate::scan::{compare_numbers, split_digits, split_while};

/// The parts of a version, as slices of its text.
#[derive(Clone)]
pub(crate) struct Parts<'a> {
    /// Major, minor and patch; an absent one is empty.
    pub(crate) numbers: [&'a [u8]; 3],
    /// Absent for a release.
    pub(crate) pre: Option<Pre<'a>>,
    build: &'a [u8],
}

/// The identifiers of a pre-release.
#[derive(Clone, Copy)]
pub(crate) enum Pre<'a> {
    /// Parted by dots.
    Dotted(&'a [u8]),
    /// Go's `rc2`: letters, then a number.
    Tag(&'a [u8], &'a [u8]),
}

#[inline]
pub(crate) fn read(text: &str) -> Result<Parts<'_>, &'static str> {
    let (mut parts, rest) = read_numbers(text)?;
    let rest = match rest.split_first() {
        Some((b'-', rest)) => read_pre(&mut parts, rest),
        Some((byte, _)) if byte.is_ascii_alphabetic() => read_pre(&mut parts, rest),
        _ => rest,
    };
    read_build(parts, rest)
}

/// Reads as [`read`] does, and the releases of Go itself.
#[inline]
pub(crate) fn read_go(text: &str) -> Result<Parts<'_>, &'static str> {
    let Some(release) = text
        .strip_prefix("go")
        .filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    else {
        return match read_numbers(text)? {
            // `1.21rc2`, without the prefix.
            (parts, [b'a'..=b'z', ..]) => read_go_tag(parts, text),
            _ => read(text),
        };
    };
    // A toolchain adds its experiments after a space: `go1.21.3 X:boringcrypto`.
    let release = release.split_ascii_whitespace().next().unwrap_or(release);
    match read_numbers(release)? {
        (parts, [b'a'..=b'z', ..]) => read_go_tag(parts, release),
        _ => read(release),
    }
}

fn read_go_tag<'a>(mut parts: Parts<'a>, release: &'a str) -> Result<Parts<'a>, &'static str> {
    let (_, rest) = read_numbers(release)?;
    let (letters, rest) = split_while(rest, |byte| byte.is_ascii_lowercase());
    let (digits, rest) = split_digits(rest);
    if digits.is_empty() || !matches!(rest, [] | [b'-' | b'+' | b'.', ..]) {
        return read(release);
    }
    parts.pre = Some(Pre::Tag(letters, digits));
    Ok(parts)
}

fn read_numbers(text: &str) -> Result<(Parts<'_>, &[u8]), &'static str> {
    if text
        .bytes()
        .any(|byte| byte.is_ascii_control() || byte == b' ')
    {
        return Err("it has embedded spaces or control characters");
    }
    let text = text.strip_prefix('=').unwrap_or(text);
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let (major, mut rest) = split_digits(text.as_bytes());
    if major.is_empty() {
        return Err("it does not begin with a number");
    }
    let mut numbers = [major, &[], &[]];
    for number in numbers.iter_mut().skip(1) {
        let Some(after_dot) = rest.strip_prefix(b".") else {
            break;
        };
        let (digits, after) = split_digits(after_dot);
        if digits.is_empty() {
            return Err("a number is missing after a dot");
        }
        (*number, rest) = (digits, after);
    }
    Ok((
        Parts {
            numbers,
            pre: None,
            build: &[],
        },
        rest,
    ))
}

fn read_pre<'a>(parts: &mut Parts<'a>, text: &'a [u8]) -> &'a [u8] {
    let (pre, rest) = split_while(text, |byte| byte != b'+');
    parts.pre = Some(Pre::Dotted(pre));
    rest
}

fn read_build<'a>(mut parts: Parts<'a>, rest: &'a [u8]) -> Result<Parts<'a>, &'static str> {
    match rest.split_first() {
        None => Ok(parts),
        Some((b'+' | b'.' | b'_' | b'~', build)) => {
            parts.build = build;
            Ok(parts)
        }
        Some(_) => Err("something else follows its numbers"),
    }
}

#[inline]
pub(crate) fn compare_text(a: &str, b: &str) -> Result<Ordering, &'static str> {
    Ok(compare(&read(a)?, &read(b)?))
}

#[inline]
pub(crate) fn compare(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    compare_released(a, b).then_with(|| match (a.pre, b.pre) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => {
            compare_identifiers(a.identifiers(), b.identifiers(), |a, b| a.cmp(b))
        }
    })
}

/// Pub's order: a build comes after none, and builds compare like pre-releases.
#[inline]
pub(crate) fn compare_with_build(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    compare(a, b).then_with(|| match (a.build, b.build) {
        ([], []) => Ordering::Equal,
        ([], _) => Ordering::Less,
        (_, []) => Ordering::Greater,
        (a, b) => compare_identifiers(split_dots(a), split_dots(b), |a, b| a.cmp(b)),
    })
}

/// Compares the three numbers alone.
#[inline]
pub(crate) fn compare_released(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    let pairs = a.numbers.iter().zip(b.numbers);
    pairs
        .map(|(a, b)| compare_numbers(a, b))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

impl<'a> Pre<'a> {
    fn identifiers(self) -> impl Iterator<Item = &'a [u8]> {
        let (first, second) = match self {
            Self::Dotted(text) => (text, None),
            Self::Tag(letters, digits) => (letters, Some(digits)),
        };
        split_dots(first).chain(second)
    }
}

fn split_dots(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'.')
}

/// Numbers come before text; of two lists that begin alike the longer comes after.
#[inline]
pub(crate) fn compare_identifiers<'a>(
    mut a: impl Iterator<Item = &'a [u8]>,
    mut b: impl Iterator<Item = &'a [u8]>,
    compare_text: impl Fn(&[u8], &[u8]) -> Ordering,
) -> Ordering {
    let is_number =
        |identifier: &[u8]| !identifier.is_empty() && identifier.iter().all(u8::is_ascii_digit);
    loop {
        let (a, b) = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => (a, b),
        };
        let order = match (is_number(a), is_number(b)) {
            (true, true) => compare_numbers(a, b),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => compare_text(a, b),
        };
        if order.is_ne() {
            return order;
        }
    }
}
