//! NuGet versions: semantic versions with a fourth number and no letter case.
//!
//! Missing numbers are 0 (`1.0 = 1.0.0.0`), letters of a pre-release compare without case, and the
//! build is ignored.
//!
//! Source: learn.microsoft.com/nuget/concepts/package-versioning.

use std::cmp::Ordering;

use crate::scan::{compare_numbers, split_digits, split_while};
use crate::semver::compare_identifiers;

/// The parts of a version, as slices of its text.
#[derive(Clone)]
pub(crate) struct Parts<'a> {
    numbers: [&'a [u8]; 4],
    pre: Option<&'a [u8]>,
}

pub(crate) fn read(text: &str) -> Result<Parts<'_>, &'static str> {
    if text
        .bytes()
        .any(|byte| byte.is_ascii_control() || byte == b' ')
    {
        return Err("it has embedded spaces or control characters");
    }
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let (first, mut rest) = split_digits(text.as_bytes());
    if first.is_empty() {
        return Err("it does not begin with a number");
    }
    let mut numbers = [first, &[], &[], &[]];
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
    match rest.split_first() {
        None | Some((b'+', _)) => Ok(Parts { numbers, pre: None }),
        Some((b'-', rest)) => Ok(Parts {
            numbers,
            pre: Some(split_while(rest, |byte| byte != b'+').0),
        }),
        Some(_) => Err("something else follows its numbers"),
    }
}

pub(crate) fn compare(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    let mut numbers = a
        .numbers
        .iter()
        .zip(b.numbers)
        .map(|(a, b)| compare_numbers(a, b));
    numbers
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
        .then_with(|| {
            let (a, b) = match (a.pre, b.pre) {
                (None, None) => return Ordering::Equal,
                (None, Some(_)) => return Ordering::Greater,
                (Some(_), None) => return Ordering::Less,
                (Some(a), Some(b)) => (a, b),
            };
            let identifiers = |pre| <[u8]>::split(pre, |&byte| byte == b'.');
            compare_identifiers(identifiers(a), identifiers(b), |a, b| {
                a.iter()
                    .map(u8::to_ascii_lowercase)
                    .cmp(b.iter().map(u8::to_ascii_lowercase))
            })
        })
}
