//! Paths and kinds of a layer's entries in the order of the tar, in little memory.
//!
//! A tar lists neighbours one after the other, so each path is kept as the number of bytes it
//! shares with the one before and the rest: some 20 bytes an entry where the paths have 60.

use pellucid_image::EntryKind;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What an entry is, as far as the overlay needs to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    File,
    Directory,
    Symlink,
    Hardlink,
    Whiteout,
    Opaque,
    Other,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::File,
        Self::Directory,
        Self::Symlink,
        Self::Hardlink,
        Self::Whiteout,
        Self::Opaque,
        Self::Other,
    ];

    pub(crate) fn of(kind: &EntryKind<'_>) -> Self {
        match kind {
            EntryKind::File { .. } => Self::File,
            EntryKind::Directory => Self::Directory,
            EntryKind::Symlink { .. } => Self::Symlink,
            EntryKind::Hardlink { .. } => Self::Hardlink,
            EntryKind::Whiteout => Self::Whiteout,
            EntryKind::Opaque => Self::Opaque,
            EntryKind::Other => Self::Other,
        }
    }
}

/// The list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Entries {
    /// Per entry: kind, length shared with the path before, length of the rest, the rest. Lengths
    /// are in groups of seven bits, lowest first, the top bit set on all but the last.
    data: Vec<u8>,
    count: usize,
    /// Bytes held elsewhere that count against the limit.
    reserved: usize,
    last: Vec<u8>,
}

impl Entries {
    /// Most bytes that the list may take.
    pub(crate) const LIMIT: usize = 64 << 20;

    /// Bytes that the list takes.
    pub(crate) fn bytes(&self) -> usize {
        self.data.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Adds an entry; `false` if it does not fit.
    pub(crate) fn push(&mut self, kind: Kind, path: &[u8]) -> bool {
        let shared = self
            .last
            .iter()
            .zip(path)
            .take_while(|(a, b)| a == b)
            .count();
        let rest = path.get(shared..).unwrap_or_default();
        if !self.fits(rest.len() + 16) {
            return false;
        }
        self.data.push(kind as u8);
        put(&mut self.data, shared);
        put(&mut self.data, rest.len());
        self.data.extend_from_slice(rest);
        self.last.truncate(shared);
        self.last.extend_from_slice(rest);
        self.count += 1;
        true
    }

    /// Counts bytes that are kept beside the list; `false` if they do not fit.
    pub(crate) fn reserve(&mut self, bytes: usize) -> bool {
        self.reserved += bytes + 32;
        self.fits(0)
    }

    /// Gives back what was only needed while adding.
    pub(crate) fn shrink(&mut self) {
        self.last = Vec::new();
        self.reserved = 0;
        self.data.shrink_to_fit();
    }

    pub(crate) fn iter(&self) -> Iter<'_> {
        Iter {
            data: &self.data,
            path: Vec::new(),
        }
    }

    fn fits(&self, more: usize) -> bool {
        self.data.len() + self.reserved + more <= Self::LIMIT
    }
}

/// Goes through the entries. Not an [`Iterator`], as each path is only lent.
pub(crate) struct Iter<'a> {
    data: &'a [u8],
    path: Vec<u8>,
}

impl Iter<'_> {
    pub(crate) fn next(&mut self) -> Option<(Kind, &[u8])> {
        let (kind, data) = self.data.split_first()?;
        let (shared, data) = take(data)?;
        let (length, data) = take(data)?;
        let (rest, data) = data.split_at_checked(length)?;
        self.data = data;
        self.path.truncate(shared);
        self.path.extend_from_slice(rest);
        Some((*Kind::ALL.get(usize::from(*kind))?, &self.path))
    }
}

fn put(data: &mut Vec<u8>, mut number: usize) {
    while number > 127 {
        data.push((number & 127) as u8 | 128);
        number >>= 7;
    }
    data.push((number & 127) as u8);
}

fn take(data: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0_usize;
    for (index, byte) in data.iter().enumerate().take(5) {
        number |= usize::from(byte & 127) << (7 * index);
        if byte & 128 == 0 {
            return Some((number, data.get(index + 1..)?));
        }
    }
    None
}

impl Serialize for Entries {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(self.data.len() * 2);
        for byte in &self.data {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            }
        }
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let (pairs, odd) = text.as_bytes().as_chunks::<2>();
        let digit = |byte: u8| {
            char::from(byte)
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        };
        let data: Option<Vec<u8>> = pairs
            .iter()
            .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
            .collect();
        let data = data
            .filter(|_| odd.is_empty())
            .ok_or_else(|| serde::de::Error::custom("entries are not written in hex"))?;
        let mut entries = Self {
            data,
            ..Self::default()
        };
        let mut iter = entries.iter();
        let mut count = 0;
        while iter.next().is_some() {
            count += 1;
        }
        if !iter.data.is_empty() {
            return Err(serde::de::Error::custom("entries end in the middle of one"));
        }
        entries.count = count;
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_in_order_and_survive_serialising() {
        let long = vec![b'x'; 70_000];
        let given: &[(Kind, &[u8])] = &[
            (Kind::Directory, b"usr"),
            (Kind::File, b"usr/bin/a"),
            (Kind::Symlink, b"usr/bin/ab"),
            (Kind::Whiteout, b"etc"),
            (Kind::Opaque, b""),
            (Kind::Other, &long),
            (Kind::Hardlink, b"\xff\xfe"),
        ];
        let mut entries = Entries::default();
        for (kind, path) in given {
            assert!(entries.push(*kind, path));
        }
        entries.shrink();
        let text = serde_json::to_string(&entries).unwrap();
        let again: Entries = serde_json::from_str(&text).unwrap();
        assert_eq!(again, entries);
        let mut iter = again.iter();
        for (kind, path) in given {
            assert_eq!(iter.next(), Some((*kind, *path)));
        }
        assert_eq!(iter.next(), None);
        assert!(serde_json::from_str::<Entries>(text.trim_end_matches("\"")).is_err());
        assert!(serde_json::from_str::<Entries>("\"00\"").is_err());
    }
}
