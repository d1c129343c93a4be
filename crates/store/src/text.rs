//! Text as PostgreSQL can store it: without the character NUL, which names in an image may hold.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

/// A text with U+FFFD for each NUL.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}").into()
    } else {
        text.into()
    }
}

/// A text inside a list parameter.
pub(crate) struct Clean<'a>(pub(crate) &'a str);

impl Serialize for Clean<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&clean(self.0))
    }
}
