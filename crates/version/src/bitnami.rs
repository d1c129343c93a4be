//! Bitnami's versions: those of semver with the revision of the package at the end.
//!
//! What semver takes for a pre-release is a revision where it begins with a number, and a revision
//! comes after the version without one: `1.2.3-rc1 < 1.2.3 < 1.2.3-1`. A pre-release may have a
//! revision too (`1.2.3-rc1-2`). Numbers and words of both are parted by dots and hyphens. Revision 0
//! is the first build, and equals none: advisories write `1.2.3-0` for the beginning of a version.
//!
//! A revision is another build of the same source, so the bound of a range that has none means every
//! revision: `1.2.3-4` is in `<= 1.2.3`, and not in `> 1.2.3`.
//!
//! Source: github.com/bitnami/go-version, whose pre-releases are revisions as well; here `rc1` stays
//! before the release, as Bitnami's advisories mean it.

use std::cmp::Ordering;

use crate::scan::split_digits;
use crate::semver::{self, Pre, compare_identifiers};

/// The parts of a version, as slices of its text.
#[derive(Clone)]
pub(crate) struct Parts<'a> {
    numbers: semver::Parts<'a>,
    pre: Option<&'a [u8]>,
    /// Empty where there is none.
    revision: &'a [u8],
}

impl<'a> Parts<'a> {
    fn revision(&self) -> &'a [u8] {
        match self.revision {
            [] => b"0",
            revision => revision,
        }
    }
}

#[inline]
pub(crate) fn read(text: &str) -> Result<Parts<'_>, &'static str> {
    let numbers = semver::read(text)?;
    let end = match numbers.pre {
        Some(Pre::Dotted(end)) => end,
        // Go alone writes tags.
        Some(Pre::Tag(..)) | None => &[],
    };
    let (pre, revision) = split_revision(end);
    Ok(Parts {
        pre: (!pre.is_empty()).then_some(pre),
        revision,
        numbers,
    })
}

/// Splits before the first number that begins the text or follows a hyphen.
fn split_revision(end: &[u8]) -> (&[u8], &[u8]) {
    let mut start = 0_usize;
    for word in end.split(|&byte| byte == b'-') {
        if is_number(word.split(|&byte| byte == b'.').next().unwrap_or_default()) {
            let pre = end.get(..start.saturating_sub(1));
            return (
                pre.unwrap_or_default(),
                end.get(start..).unwrap_or_default(),
            );
        }
        start += word.len() + 1;
    }
    (end, &[])
}

fn is_number(text: &[u8]) -> bool {
    !text.is_empty() && split_digits(text).1.is_empty()
}

#[inline]
pub(crate) fn compare(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    compare_source(a, b).then_with(|| compare_words(a.revision(), b.revision()))
}

/// Compares with the bound of a range.
pub(crate) fn compare_to_bound(version: &Parts<'_>, bound: &Parts<'_>) -> Ordering {
    if bound.revision.is_empty() {
        compare_source(version, bound)
    } else {
        compare(version, bound)
    }
}

/// Compares without the revision.
fn compare_source(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    semver::compare_released(&a.numbers, &b.numbers).then_with(|| match (a.pre, b.pre) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => compare_words(a, b),
    })
}

fn compare_words(a: &[u8], b: &[u8]) -> Ordering {
    let words = |text| <[u8]>::split(text, |&byte| byte == b'.' || byte == b'-');
    compare_identifiers(words(a), words(b), |a, b| a.cmp(b))
}
