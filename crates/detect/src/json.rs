//! Single texts of a JSON object, without building the rest of it.
//!
//! Files of package managers hold a few short facts among megabytes of others, and hostile ones a
//! hundred thousand brackets: whatever is not asked for is skipped by a loop, not by recursion. Of
//! a key that stands there twice the last one counts, as it does for JavaScript.

use std::fmt;

use pellucid_image::Body;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use crate::DetectError;
use crate::region::Region;

/// The texts of these keys of a file's outermost object; `None` where a key is missing or its
/// value is no text.
pub(crate) fn texts<const N: usize>(
    body: &Body,
    keys: [&str; N],
) -> Result<[Option<String>; N], DetectError> {
    const BOM: &[u8] = b"\xef\xbb\xbf";
    match body {
        Body::Memory(bytes) => {
            let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
            read(&mut serde_json::Deserializer::from_slice(bytes), keys)
        }
        _ => {
            let mut region = Region::of(body)?;
            if region.array::<3>(0)?.is_some_and(|start| start == BOM) {
                region = region.part(3, region.len() - 3).unwrap_or(region);
            }
            let reader = region.buffered(64 << 10);
            read(&mut serde_json::Deserializer::from_reader(reader), keys)
        }
    }
}

/// A whole document, as far as `T` asks for its parts. Parts of a type that holds itself may be
/// nested 128 deep; what is not asked for is skipped by a loop.
pub(crate) fn document<T: DeserializeOwned>(body: &Body) -> Result<T, DetectError> {
    const BOM: &[u8] = b"\xef\xbb\xbf";
    let document = match body {
        Body::Memory(bytes) => serde_json::from_slice(bytes.strip_prefix(BOM).unwrap_or(bytes)),
        _ => {
            let mut region = Region::of(body)?;
            if region.array::<3>(0)?.is_some_and(|start| start == BOM) {
                region = region.part(3, region.len() - 3).unwrap_or(region);
            }
            serde_json::from_reader(region.buffered(64 << 10))
        }
    };
    document.map_err(|error| match error.classify() {
        serde_json::error::Category::Io => DetectError::Body(error.into()),
        serde_json::error::Category::Data => DetectError::Malformed("JSON of another shape"),
        _ => DetectError::Malformed("no JSON"),
    })
}

/// Whether a document is a list.
pub(crate) fn is_list(body: &Body) -> Result<bool, DetectError> {
    let mut head = [0; 256];
    let read = body.read_at(0, &mut head).map_err(DetectError::Body)?;
    let head = head.get(..read).unwrap_or_default();
    let first = head
        .iter()
        .find(|byte| !byte.is_ascii_whitespace() && **byte < 0x80);
    Ok(first == Some(&b'['))
}

fn read<'de, const N: usize, R: serde_json::de::Read<'de>>(
    json: &mut serde_json::Deserializer<R>,
    keys: [&str; N],
) -> Result<[Option<String>; N], DetectError> {
    let texts = json.deserialize_any(Object { keys }).and_then(|texts| {
        json.end()?;
        Ok(texts)
    });
    texts.map_err(|error| match error.classify() {
        serde_json::error::Category::Io => DetectError::Body(error.into()),
        _ => DetectError::Malformed("no JSON object"),
    })
}

struct Object<'k, const N: usize> {
    keys: [&'k str; N],
}

impl<'de, const N: usize> Visitor<'de> for Object<'_, N> {
    type Value = [Option<String>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut texts = [const { None }; N];
        while let Some(key) = map.next_key_seed(Text)? {
            let place = self
                .keys
                .iter()
                .position(|known| key.as_deref() == Some(*known))
                .and_then(|index| texts.get_mut(index));
            match place {
                Some(text) => *text = map.next_value_seed(Text)?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(texts)
    }
}

/// A field that is a text, or counts as none.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Text.deserialize(deserializer)
}

/// A value that may be a text.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(json: &str) -> Option<[Option<String>; 2]> {
        texts(&Body::Memory(json.into()), ["name", "version"]).ok()
    }

    #[test]
    fn only_texts_of_the_outermost_object_count() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            both(r#"{"a":{"name":"x"},"version":"1","name":"old","name":"\u0061b"}"#),
            Some([some("ab"), some("1")])
        );
        assert_eq!(both("\u{feff}{\"version\":\"1\"}"), Some([None, some("1")]));
        assert_eq!(
            both(r#"{"name":["x"],"version":{"a":1}}"#),
            Some([None, None])
        );
        assert_eq!(both(r#"{"name":null,"version":1.5}"#), Some([None, None]));
        for bad in ["", "[]", "{", "{}}", "\"name\"", r#"{"name":"x",}"#] {
            assert_eq!(both(bad), None, "{bad}");
        }
    }

    #[test]
    fn depth_needs_no_stack() {
        let deep = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
        for key in ["name", "other"] {
            let json = format!(r#"{{"{key}":{deep},"version":"1"}}"#);
            assert_eq!(both(&json), Some([None, Some("1".to_owned())]));
        }
    }
}
