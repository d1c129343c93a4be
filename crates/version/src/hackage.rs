//! Haskell package versions: numbers parted by dots.
//!
//! Of two versions that begin alike the longer is newer, zeros included: `1.0 < 1.0.0`. The tags
//! that Cabal once had (`1.0-beta`) are refused, as Hackage does.
//!
//! Source: the Haskell Package Versioning Policy, and `Data.Version`.

use std::cmp::Ordering;

use crate::cran::read_numbers;
use crate::scan::compare_numbers;

/// A list of numbers, as it is written.
#[derive(Clone)]
pub(crate) struct Parts<'a> {
    pub(crate) text: &'a [u8],
}

pub(crate) fn read(text: &str) -> Result<Parts<'_>, &'static str> {
    read_numbers(text, |byte| byte == b'.')
}

pub(crate) fn compare(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    let numbers = |text| <[u8]>::split(text, |byte: &u8| !byte.is_ascii_digit());
    let (mut a, mut b) = (numbers(a.text), numbers(b.text));
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => compare_numbers(a, b),
        };
        if order.is_ne() {
            return order;
        }
    }
}
