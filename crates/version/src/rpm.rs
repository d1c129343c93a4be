//! RPM versions: `[epoch:]version[-release]`, for every distribution that installs with rpm.
//!
//! The epoch is what stands before the first `:` only if it is all digits; the release stands after
//! the last `-`. An absent epoch is 0. An absent release is older than any release, the empty one
//! included (`1.0 < 1.0-`): rpm's own answer to `rpm.vercmp("1.0", "1.0-1")`. Separators part
//! segments and do not count, nor does anything outside ASCII letters and digits; `~` sorts before
//! the end of the text, `^` after it and before anything else.
//!
//! Source: rpm-version(7), and rpm as the oracle.
//!
//! Not here: architectures, `.rpm`, and the capability rule that lets a dependency on `1.0` match
//! every release of it.

use std::cmp::Ordering;

use crate::scan::{
    after_common, compare_numbers, split_digits, split_epoch, split_last_dash, split_while,
};

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
            (a, b) => a.is_some().cmp(&b.is_some()),
        })
}

fn compare_part(a: &[u8], b: &[u8]) -> Ordering {
    let (mut a, mut b) = after_common(a, b, |byte| byte.is_ascii_alphanumeric());
    loop {
        a = split_while(a, is_separator).1;
        b = split_while(b, is_separator).1;
        match (a.split_first(), b.split_first()) {
            (Some((b'~', rest_a)), Some((b'~', rest_b)))
            | (Some((b'^', rest_a)), Some((b'^', rest_b))) => (a, b) = (rest_a, rest_b),
            (Some((b'~', _)), _) => return Ordering::Less,
            (_, Some((b'~', _))) => return Ordering::Greater,
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some((b'^', _)), Some(_)) => return Ordering::Less,
            (Some(_), Some((b'^', _))) => return Ordering::Greater,
            (Some((first_a, _)), Some((first_b, _))) => {
                let (order, rest_a, rest_b) =
                    match (first_a.is_ascii_digit(), first_b.is_ascii_digit()) {
                        (true, false) => return Ordering::Greater,
                        (false, true) => return Ordering::Less,
                        (true, true) => {
                            let (digits_a, rest_a) = split_digits(a);
                            let (digits_b, rest_b) = split_digits(b);
                            (compare_numbers(digits_a, digits_b), rest_a, rest_b)
                        }
                        (false, false) => {
                            let (letters_a, rest_a) =
                                split_while(a, |byte| byte.is_ascii_alphabetic());
                            let (letters_b, rest_b) =
                                split_while(b, |byte| byte.is_ascii_alphabetic());
                            (letters_a.cmp(letters_b), rest_a, rest_b)
                        }
                    };
                if order.is_ne() {
                    return order;
                }
                (a, b) = (rest_a, rest_b);
            }
        }
    }
}

fn is_separator(byte: u8) -> bool {
    !byte.is_ascii_alphanumeric() && byte != b'~' && byte != b'^'
}
