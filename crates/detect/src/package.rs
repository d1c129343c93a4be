//! Packages, one file per database or ecosystem.

pub(crate) mod apk;
pub(crate) mod dpkg;
pub(crate) mod pacman;
pub(crate) mod rpm;

/// Longest name of a package that is believed, in bytes.
const NAME: usize = 1024;

/// Longest version that is believed, in bytes.
const VERSION: usize = 8192;

/// Bytes as text; `None` where they are no UTF-8 or longer than `most`.
fn value(bytes: &[u8], most: usize) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?.trim_matches([' ', '\t']);
    (text.len() <= most).then_some(text)
}
