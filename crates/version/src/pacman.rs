//! pacman versions: `[epoch:]pkgver[-pkgrel]`, for Arch and what derives from it.
//!
//! Like RPM's order of long ago, with two differences that decide: a trailing run of letters is
//! older than nothing (`1.0rc1 < 1.0`), and of two versions whose separators differ in length the
//! longer separator wins (`1..0 > 1.0`). `~` and `^` mean nothing. An absent pkgrel equals every
//! pkgrel, so the order is not transitive between versions with and without one:
//! `1-1 = 1 = 1-2`, but `1-1 < 1-2`.
//!
//! Source: vercmp(8).

use std::cmp::Ordering;

use crate::scan::{compare_numbers, split_digits, split_epoch, split_last_dash, split_while};

/// The parts of a version, as slices of its text.
#[derive(Clone)]
pub(crate) struct Parts<'a> {
    epoch: &'a [u8],
    version: &'a [u8],
    release: Option<&'a [u8]>,
}

#[inline]
pub(crate) fn read(text: &str) -> Parts<'_> {
    let (epoch, rest) = split_epoch(text.as_bytes());
    let (version, release) = split_last_dash(rest);
    Parts {
        epoch,
        version,
        release,
    }
}

#[inline]
pub(crate) fn compare(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    compare_numbers(a.epoch, b.epoch)
        .then_with(|| compare_part(a.version, b.version))
        .then_with(|| match (a.release, b.release) {
            (Some(a), Some(b)) => compare_part(a, b),
            _ => Ordering::Equal,
        })
}

fn compare_part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    while !a.is_empty() && !b.is_empty() {
        let (separator_a, segment_a) = split_while(a, is_separator);
        let (separator_b, segment_b) = split_while(b, is_separator);
        (a, b) = (segment_a, segment_b);
        let (Some(first_a), Some(first_b)) = (a.first(), b.first()) else {
            break;
        };
        if separator_a.len() != separator_b.len() {
            return separator_a.len().cmp(&separator_b.len());
        }
        let (order, rest_a, rest_b) = match (first_a.is_ascii_digit(), first_b.is_ascii_digit()) {
            (true, false) => return Ordering::Greater,
            (false, true) => return Ordering::Less,
            (true, true) => {
                let (digits_a, rest_a) = split_digits(a);
                let (digits_b, rest_b) = split_digits(b);
                (compare_numbers(digits_a, digits_b), rest_a, rest_b)
            }
            (false, false) => {
                let (letters_a, rest_a) = split_while(a, |byte| byte.is_ascii_alphabetic());
                let (letters_b, rest_b) = split_while(b, |byte| byte.is_ascii_alphabetic());
                (letters_a.cmp(letters_b), rest_a, rest_b)
            }
        };
        if order.is_ne() {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
    let letter = |bytes: &[u8]| bytes.first().is_some_and(u8::is_ascii_alphabetic);
    match (a.is_empty(), b.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) if !letter(b) => Ordering::Less,
        _ if letter(a) => Ordering::Less,
        _ => Ordering::Greater,
    }
}

fn is_separator(byte: u8) -> bool {
    !byte.is_ascii_alphanumeric()
}
