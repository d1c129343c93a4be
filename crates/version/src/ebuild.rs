//! Gentoo's versions: `1.2.3b_rc4_p5-r6`.
//!
//! Numbers, one letter, any count of suffixes (`_alpha _beta _pre _rc` before the bare version, `_p`
//! after it), a revision. A number after the first compares as text, without its trailing zeros, where
//! one of the two begins with a zero: `1.05 < 1.1` and `1.010 = 1.01`, but `1.1 < 1.10`. A suffix
//! without a number has the number 0, a version without a revision the revision 0. What has another
//! form is no version; nobody could say where it stands.
//!
//! The order is total: of two numbers that begin with a zero and not, the one with the zero is
//! always the lower, so the two ways to compare never disagree.
//!
//! Source: Gentoo's Package Manager Specification, "Version specifications" and "Version comparison".

use std::cmp::Ordering;

use crate::scan::{after_common, compare_numbers, split_digits, split_while};

/// The parts of a version, as slices of its text.
#[derive(Clone)]
pub(crate) struct Parts<'a> {
    /// All numbers, with the dots between them.
    numbers: &'a [u8],
    letter: Option<u8>,
    /// All suffixes, each with the underscore before it.
    suffixes: &'a [u8],
    /// The digits of the revision.
    revision: &'a [u8],
}

/// What may come next in a row of suffixes; the order of the variants is that of versions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Suffix {
    Alpha,
    Beta,
    Pre,
    Rc,
    End,
    Patch,
}

pub(crate) fn read(text: &str) -> Result<Parts<'_>, &'static str> {
    let text = text.as_bytes();
    let (mut digits, mut rest) = split_digits(text);
    if digits.is_empty() {
        return Err("it does not begin with a number");
    }
    while let Some(after) = rest.strip_prefix(b".") {
        (digits, rest) = split_digits(after);
        if digits.is_empty() {
            return Err("a dot stands before no number");
        }
    }
    let (numbers, rest) = text.split_at(text.len() - rest.len());
    let (letter, rest) = match rest.split_first() {
        Some((letter @ b'a'..=b'z', rest)) => (Some(*letter), rest),
        _ => (None, rest),
    };
    let mut after = rest;
    while after.starts_with(b"_") {
        let (suffix, _, next) = next_suffix(after);
        if suffix == Suffix::End {
            return Err("a suffix is none of _alpha, _beta, _pre, _rc, _p");
        }
        after = next;
    }
    let (suffixes, rest) = rest.split_at(rest.len() - after.len());
    let revision = match rest {
        [] => rest,
        [b'-', b'r', digits @ ..]
            if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) =>
        {
            digits
        }
        _ => return Err("it ends in something that is no revision"),
    };
    Ok(Parts {
        numbers,
        letter,
        suffixes,
        revision,
    })
}

#[inline]
pub(crate) fn compare(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    compare_all_numbers(a.numbers, b.numbers)
        .then_with(|| a.letter.cmp(&b.letter))
        .then_with(|| compare_suffixes(a.suffixes, b.suffixes))
        .then_with(|| compare_numbers(a.revision, b.revision))
}

fn compare_all_numbers(a: &[u8], b: &[u8]) -> Ordering {
    // A number that begins in what both have in common is kept whole.
    let (rest_a, rest_b) = after_common(a, b, |byte| byte.is_ascii_digit());
    if rest_a.len() < a.len() {
        return compare_later_numbers(rest_a, rest_b);
    }
    let (first_a, a) = split_digits(a);
    let (first_b, b) = split_digits(b);
    let (a, b) = (a.get(1..), b.get(1..));
    compare_numbers(first_a, first_b)
        .then_with(|| compare_later_numbers(a.unwrap_or_default(), b.unwrap_or_default()))
}

/// Compares numbers behind the first, which begin after a dot; of two rows the longer one wins if they
/// are else equal.
fn compare_later_numbers(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() && !b.is_empty() {
        let (number_a, rest_a) = split_digits(a);
        let (number_b, rest_b) = split_digits(b);
        let order = if number_a.starts_with(b"0") || number_b.starts_with(b"0") {
            without_trailing_zeros(number_a).cmp(without_trailing_zeros(number_b))
        } else {
            compare_numbers(number_a, number_b)
        };
        if order.is_ne() {
            return order;
        }
        (a, b) = (
            rest_a.get(1..).unwrap_or_default(),
            rest_b.get(1..).unwrap_or_default(),
        );
    }
    a.is_empty().cmp(&b.is_empty()).reverse()
}

fn without_trailing_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().rev().take_while(|digit| **digit == b'0');
    digits
        .get(..digits.len() - zeros.count())
        .unwrap_or_default()
}

fn compare_suffixes(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while a != b {
        let (suffix_a, number_a, rest_a) = next_suffix(a);
        let (suffix_b, number_b, rest_b) = next_suffix(b);
        let order = suffix_a
            .cmp(&suffix_b)
            .then_with(|| compare_numbers(number_a, number_b));
        if order.is_ne() {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
    Ordering::Equal
}

/// The suffix that a text begins with, its number, and what follows; [`Suffix::End`] if there is none.
fn next_suffix(text: &[u8]) -> (Suffix, &[u8], &[u8]) {
    let (name, rest) = match text.strip_prefix(b"_") {
        Some(rest) => split_while(rest, |byte| byte.is_ascii_lowercase()),
        None => (text, text),
    };
    let suffix = match name {
        b"alpha" => Suffix::Alpha,
        b"beta" => Suffix::Beta,
        b"pre" => Suffix::Pre,
        b"rc" => Suffix::Rc,
        b"p" => Suffix::Patch,
        _ => return (Suffix::End, &[], &[]),
    };
    let (number, rest) = split_digits(rest);
    (suffix, number, rest)
}
