//! R package versions: numbers parted by `.` or `-`, which mean the same.
//!
//! Of two versions that begin alike the longer is newer, zeros included: `0.1.0 < 0.1.0.0`.
//!
//! Source: R's `package_version`.

use crate::hackage::Parts;
use crate::scan::split_digits;

pub(crate) fn read(text: &str) -> Result<Parts<'_>, &'static str> {
    read_numbers(text, |byte| byte == b'.' || byte == b'-')
}

/// Numbers with one separator between each two, and nothing else.
pub(crate) fn read_numbers(
    text: &str,
    separates: impl Fn(u8) -> bool,
) -> Result<Parts<'_>, &'static str> {
    let mut rest = text.as_bytes();
    loop {
        let (digits, after) = split_digits(rest);
        if digits.is_empty() {
            return Err("a number is missing");
        }
        match after.split_first() {
            None => {
                return Ok(Parts {
                    text: text.as_bytes(),
                });
            }
            Some((&byte, after)) if separates(byte) => rest = after,
            Some(_) => return Err("it holds something else than numbers"),
        }
    }
}
