//! JSON documents that are read by borrowing from their text.
//!
//! serde's own `Cow<str>` always copies and its maps allocate a node for a handful of entries; the
//! large feeds have a hundred thousand of each. Duplicate keys are kept, in the document's order.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::{FeedError, Fetched};

/// The text of a JSON document.
///
/// # Errors
/// The body is empty, a web page, or not UTF-8.
pub(crate) fn text<'a>(file: &Fetched<'a>) -> Result<&'a str, FeedError> {
    let name = || file.name().to_owned();
    let body = file.body.trim_ascii();
    match body.first() {
        None => Err(FeedError::Empty { file: name() }),
        Some(b'<') => Err(FeedError::WebPage { file: name() }),
        Some(_) => std::str::from_utf8(body).map_err(|source| FeedError::NotText {
            file: name(),
            source,
        }),
    }
}

/// Reads the document that a file is.
///
/// # Errors
/// The body is empty, a web page, not UTF-8, or no document of this shape.
pub(crate) fn document<'a, T: Deserialize<'a>>(file: &Fetched<'a>) -> Result<T, FeedError> {
    serde_json::from_str(text(file)?).map_err(|source| FeedError::Json {
        file: file.name().to_owned(),
        source,
    })
}

/// A string that borrows where it has no escapes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// An object's members in the document's order.
#[derive(Debug)]
pub(crate) struct Members<'a, V>(pub(crate) Vec<(Text<'a>, V)>);

impl<'de: 'a, 'a, V: Deserialize<'de>> Deserialize<'de> for Members<'a, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor(PhantomData))
    }
}

struct MembersVisitor<'a, V>(PhantomData<(&'a str, V)>);

impl<'de: 'a, 'a, V: Deserialize<'de>> Visitor<'de> for MembersVisitor<'a, V> {
    type Value = Members<'a, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}
