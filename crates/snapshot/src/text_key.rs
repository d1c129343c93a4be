//! Tuples of texts as bytes that sort like the tuples.

/// A key whose byte order is the order of the tuple of texts: 0 is written 0 255, the end 0 0.
pub(crate) fn text_key(texts: &[&str]) -> Vec<u8> {
    let mut key = Vec::with_capacity(texts.iter().map(|text| text.len() + 2).sum());
    for text in texts {
        for byte in text.bytes() {
            key.push(byte);
            if byte == 0 {
                key.push(255);
            }
        }
        key.extend_from_slice(&[0, 0]);
    }
    key
}

/// The texts of a [`text_key`].
pub(crate) fn texts_of(key: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    let mut text = Vec::new();
    let mut bytes = key.iter();
    while let Some(byte) = bytes.next() {
        if *byte != 0 {
            text.push(*byte);
        } else if bytes.next() == Some(&255) {
            text.push(0);
        } else {
            texts.push(String::from_utf8_lossy(&text).into_owned());
            text.clear();
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_and_come_back_like_their_texts() {
        let texts = [
            "", "\0", "\0\0", "\0a", "a", "a\0", "a\0b", "a!", "ab", "b", "ü",
        ];
        let mut tuples: Vec<[&str; 2]> = Vec::new();
        for first in texts {
            tuples.extend(texts.map(|second| [first, second]));
        }
        tuples.sort_unstable();
        let keys: Vec<Vec<u8>> = tuples.iter().map(|tuple| text_key(tuple)).collect();
        assert!(keys.is_sorted());
        for (key, tuple) in keys.iter().zip(&tuples) {
            assert_eq!(texts_of(key), tuple);
        }
    }
}
