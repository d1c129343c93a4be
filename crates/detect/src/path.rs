//! Paths inside an image: bytes, not text, and never a path of the host.
//!
//! Normalised by the layer reader: relative to the image's root, no empty part, no `.` or `..`,
//! no slash at either end. Written out (and into caches) as text, bytes that are not UTF-8 and
//! backslashes become `\xNN`, so that two paths never look the same.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest path that any program can open, in bytes.
pub(crate) const LONGEST: usize = 4096;

/// A normalised path inside an image.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct RawPath(Box<[u8]>);

impl RawPath {
    /// A path of these bytes, taken as they are.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for RawPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text(&self.0))
    }
}

impl fmt::Debug for RawPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&text(&self.0), f)
    }
}

impl From<&str> for RawPath {
    fn from(path: &str) -> Self {
        Self::new(path.as_bytes())
    }
}

impl Serialize for RawPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text(&self.0))
    }
}

impl<'de> Deserialize<'de> for RawPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        bytes(&text)
            .map(|bytes| Self(bytes.into()))
            .ok_or_else(|| serde::de::Error::custom("a backslash that begins no \\xNN"))
    }
}

/// The parts of a path, first to last.
pub(crate) fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty())
}

/// A path's parent folder (empty for the root) and last part.
pub(crate) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path
        .iter()
        .rposition(|byte| *byte == b'/')
        .and_then(|at| path.split_at_checked(at))
    {
        Some((parent, rest)) => (parent, rest.get(1..).unwrap_or_default()),
        None => (&[], path),
    }
}

/// What is left of a path below a folder; `None` where it does not lie below it.
pub(crate) fn below<'a>(path: &'a [u8], folder: &[u8]) -> Option<&'a [u8]> {
    if folder.is_empty() {
        return Some(path);
    }
    path.strip_prefix(folder)?.strip_prefix(b"/")
}

/// A path as text that tells any two paths apart.
pub(crate) fn text(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        for (index, part) in chunk.valid().split('\\').enumerate() {
            if index > 0 {
                text.push_str("\\x5c");
            }
            text.push_str(part);
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let mut pieces = text.split('\\');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (hex, rest) = piece.strip_prefix('x')?.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_survive_being_written_as_text() {
        for path in [
            &b"usr/\xff\xfe\xe9.jar"[..],
            b"a\\x41",
            b"\\",
            b"plain",
            b"a\nb\x1b[31m",
            b"",
        ] {
            assert_eq!(bytes(&text(path)).unwrap(), path);
        }
        assert!(bytes("a\\b").is_none());
    }

    #[test]
    fn a_folder_is_not_a_prefix_of_its_namesakes() {
        assert_eq!(below(b"var/lib/rpm/x", b"var/lib/rpm"), Some(&b"x"[..]));
        assert_eq!(below(b"var/lib/rpm2/x", b"var/lib/rpm"), None);
        assert_eq!(below(b"var/lib/rpm", b"var/lib/rpm"), None);
        assert_eq!(split(b"a/b/c"), (&b"a/b"[..], &b"c"[..]));
    }
}
