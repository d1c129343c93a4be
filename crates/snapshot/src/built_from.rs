//! Which source packages the binary packages of a namespace were built from.
//!
//! Advisories speak of sources, and a package database says which one a package is from; other lists
//! of packages (chisel's manifest, some bills of materials) do not, and some advisories do. One row of the
//! table `meta` holds it for a namespace (`built-from:ubuntu:24.04`): releases that do not know of it read
//! such a file as any other. Pairs of the same name are left out.

use std::collections::{BTreeSet, HashMap};

use crate::codec::{EXPECTED, Malformed, Reader, Writer};

/// What the key of a row of `meta` begins with; the namespace follows.
const KEY: &str = "built-from:";

/// Key of a namespace's row.
pub(crate) fn key(namespace: &str) -> String {
    format!("{KEY}{namespace}")
}

/// Pairs of a binary package and its source that are being gathered.
#[derive(Default)]
pub(crate) struct Gathered {
    sources: HashMap<Box<str>, BTreeSet<Box<str>>>,
    pairs: usize,
}

impl Gathered {
    /// Adds a pair; gives how many there are.
    pub(crate) fn add(&mut self, binary: &str, source: &str) -> usize {
        if binary == source {
            return self.pairs;
        }
        // Most pairs come with every advisory of the source.
        if let Some(known) = self.sources.get_mut(binary) {
            if !known.contains(source) {
                known.insert(source.into());
                self.pairs += 1;
            }
        } else {
            self.sources
                .insert(binary.into(), BTreeSet::from([source.into()]));
            self.pairs += 1;
        }
        self.pairs
    }

    /// The row; `None` without a pair.
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        let mut pairs: Vec<(&str, &str)> = self
            .sources
            .iter()
            .flat_map(|(binary, sources)| sources.iter().map(|source| (&**binary, &**source)))
            .collect();
        pairs.sort_unstable();
        let mut writer = Writer::new();
        writer.len(pairs.len());
        for (binary, source) in &pairs {
            writer.text(binary);
            writer.text(source);
        }
        (!pairs.is_empty()).then(|| writer.into_bytes())
    }
}

/// The pairs of one namespace, in order.
pub(crate) struct BuiltFrom {
    pairs: Vec<(Box<str>, Box<str>)>,
}

impl BuiltFrom {
    /// No pairs.
    pub(crate) const fn new() -> Self {
        Self { pairs: Vec::new() }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let count = reader.list_count()?;
        let mut pairs: Vec<(Box<str>, Box<str>)> = Vec::with_capacity(count.min(EXPECTED));
        for _ in 0..count {
            let pair = (reader.text()?.into(), reader.text()?.into());
            if pairs.last().is_some_and(|before| *before >= pair) {
                return Err(Malformed("is out of order"));
            }
            pairs.push(pair);
        }
        reader.finish()?;
        Ok(Self { pairs })
    }

    /// The sources of a binary package.
    pub(crate) fn sources(&self, binary: &str) -> impl Iterator<Item = &str> {
        let from = self.pairs.partition_point(|(name, _)| **name < *binary);
        let own = self.pairs.get(from..).unwrap_or_default().iter();
        own.take_while(move |(name, _)| **name == *binary)
            .map(|(_, source)| &**source)
    }

    /// Every pair.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs
            .iter()
            .map(|(binary, source)| (&**binary, &**source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_come_back_in_order_and_once() {
        let mut gathered = Gathered::default();
        assert!(gathered.encode().is_none());
        for (binary, source) in [
            ("runc", "runc-app"),
            ("libc6", "glibc"),
            ("libc-bin", "glibc"),
            ("libc6", "glibc"),
            ("glibc", "glibc"),
            ("runc", "runc-stable"),
        ] {
            gathered.add(binary, source);
        }
        assert_eq!(gathered.add("libc6", "glibc"), 4);
        let row = gathered.encode().unwrap();
        let built = BuiltFrom::decode(&row).unwrap();
        let sources = |binary| built.sources(binary).collect::<Vec<_>>();
        assert_eq!(sources("libc6"), ["glibc"]);
        assert_eq!(sources("runc"), ["runc-app", "runc-stable"]);
        assert_eq!(sources("glibc"), [""; 0]);
        assert_eq!(sources("zlib1g"), [""; 0]);
        assert_eq!(built.pairs().count(), 4);
        assert!(BuiltFrom::decode(&row[..row.len() - 1]).is_err());
        let mut twice = Writer::new();
        twice.len(2);
        for text in ["a", "b", "a", "b"] {
            twice.text(text);
        }
        assert!(BuiltFrom::decode(twice.as_bytes()).is_err());
    }
}
