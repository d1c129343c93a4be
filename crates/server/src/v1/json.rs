//! JSON as Go's `encoding/json` writes it: members in the order given, empty ones left out, `<`, `>`
//! and `&` escaped, one newline at the end.

/// Writes one document.
pub(crate) fn document(write: impl FnOnce(&mut Object<'_>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    object(&mut out, write);
    out.push(b'\n');
    out
}

fn object(out: &mut Vec<u8>, write: impl FnOnce(&mut Object<'_>)) {
    out.push(b'{');
    write(&mut Object { out, first: true });
    out.push(b'}');
}

/// An object being written.
pub(crate) struct Object<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl Object<'_> {
    fn key(&mut self, name: &str) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        string(self.out, name);
        self.out.push(b':');
    }

    /// A text; left out if empty.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.text_always(name, text);
        }
    }

    /// A text.
    pub(crate) fn text_always(&mut self, name: &str, text: &str) {
        self.key(name);
        string(self.out, text);
    }

    /// A number; left out if 0.
    pub(crate) fn number(&mut self, name: &str, number: i64) {
        if number != 0 {
            self.number_always(name, number);
        }
    }

    /// A number.
    pub(crate) fn number_always(&mut self, name: &str, number: i64) {
        self.key(name);
        self.out.extend_from_slice(number.to_string().as_bytes());
    }

    /// A value that is JSON already, in Go's spelling; left out if there is none.
    pub(crate) fn raw(&mut self, name: &str, json: Option<&str>) {
        if let Some(json) = json {
            self.key(name);
            self.out.extend_from_slice(json.as_bytes());
        }
    }

    /// An object.
    pub(crate) fn object(&mut self, name: &str, write: impl FnOnce(&mut Object<'_>)) {
        self.key(name);
        object(self.out, write);
    }

    /// A list of objects; left out if empty.
    pub(crate) fn list<T>(
        &mut self,
        name: &str,
        items: &[T],
        write: impl FnMut(&T, &mut Object<'_>),
    ) {
        if !items.is_empty() {
            self.list_or_null(name, items, write);
        }
    }

    /// A list of objects; `null` if empty.
    pub(crate) fn list_or_null<T>(
        &mut self,
        name: &str,
        items: &[T],
        mut write: impl FnMut(&T, &mut Object<'_>),
    ) {
        self.list_as_it_comes(name, |list| {
            for item in items {
                list.push(|it| write(item, it));
            }
        });
    }

    /// A list of objects that are not held all at once; `null` if there are none.
    pub(crate) fn list_as_it_comes<T>(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut List<'_>) -> T,
    ) -> T {
        self.key(name);
        let mut list = List {
            out: self.out,
            count: 0,
        };
        let written = write(&mut list);
        let end: &[u8] = if list.count == 0 { b"null" } else { b"]" };
        self.out.extend_from_slice(end);
        written
    }

    /// A list of texts; left out if empty.
    pub(crate) fn texts<'t>(&mut self, name: &str, texts: impl Iterator<Item = &'t str>) {
        let mut first = true;
        for text in texts {
            if std::mem::take(&mut first) {
                self.key(name);
                self.out.push(b'[');
            } else {
                self.out.push(b',');
            }
            string(self.out, text);
        }
        if !first {
            self.out.push(b']');
        }
    }
}

/// A list of objects being written.
pub(crate) struct List<'a> {
    out: &'a mut Vec<u8>,
    count: usize,
}

impl List<'_> {
    /// The next object.
    pub(crate) fn push(&mut self, write: impl FnOnce(&mut Object<'_>)) {
        self.out.push(if self.count == 0 { b'[' } else { b',' });
        self.count += 1;
        object(self.out, write);
    }

    /// Objects so far.
    pub(crate) fn len(&self) -> usize {
        self.count
    }
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut plain = 0;
    let bytes = text.as_bytes();
    for (at, letter) in text.char_indices() {
        let short = match letter {
            '"' => Some("\\\""),
            '\\' => Some("\\\\"),
            '\n' => Some("\\n"),
            '\r' => Some("\\r"),
            '\t' => Some("\\t"),
            '\u{2028}' => Some("\\u2028"),
            '\u{2029}' => Some("\\u2029"),
            '<' => Some("\\u003c"),
            '>' => Some("\\u003e"),
            '&' => Some("\\u0026"),
            _ => None,
        };
        if short.is_none() && letter >= ' ' {
            continue;
        }
        out.extend_from_slice(bytes.get(plain..at).unwrap_or_default());
        match short {
            Some(short) => out.extend_from_slice(short.as_bytes()),
            None => out.extend_from_slice(format!("\\u{:04x}", u32::from(letter)).as_bytes()),
        }
        plain = at + letter.len_utf8();
    }
    out.extend_from_slice(bytes.get(plain..).unwrap_or_default());
    out.push(b'"');
}

/// Any value as Go would write it after reading it into an `interface{}`: keys sorted, numbers as
/// 64-bit floats.
pub(crate) fn value(value: &serde_json::Value) -> String {
    let mut out = Vec::new();
    write_value(&mut out, value);
    String::from_utf8(out).unwrap_or_default()
}

/// The depth is that of the reader, which has a bound.
fn write_value(out: &mut Vec<u8>, value: &serde_json::Value) {
    use serde_json::Value;
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(truth) => out.extend_from_slice(if *truth { b"true" } else { b"false" }),
        Value::Number(number) => {
            out.extend_from_slice(float(number.as_f64().unwrap_or_default()).as_bytes());
        }
        Value::String(text) => string(out, text),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_value(out, item);
            }
            out.push(b']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|a, b| a.0.cmp(b.0));
            out.push(b'{');
            for (index, (name, member)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                string(out, name);
                out.push(b':');
                write_value(out, member);
            }
            out.push(b'}');
        }
    }
}

/// A float in the shortest digits that read back as it, with an exponent where ES6 has one.
fn float(number: f64) -> String {
    let size = number.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{number:e}");
        return match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => {
                format!("{digits}e+{exponent}")
            }
            _ => text,
        };
    }
    format!("{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_as_go_does() {
        let written = document(|it| it.text("a<", "<b>&\"\\\n\t\r\u{1}\u{7f}ü\u{2028}"));
        assert_eq!(
            String::from_utf8(written).unwrap(),
            "{\"a\\u003c\":\"\\u003cb\\u003e\\u0026\\\"\\\\\\n\\t\\r\\u0001\u{7f}ü\\u2028\"}\n"
        );
    }

    #[test]
    fn empty_members_are_left_out_and_lists_may_be_null() {
        let none: [u8; 0] = [];
        let written = document(|it| {
            it.text("a", "");
            it.number("b", 0);
            it.list("c", &none, |_, _| ());
            it.list_or_null("d", &none, |_, _| ());
            it.number("e", -1);
            it.list("f", &[1], |n, it| it.number("n", *n));
            it.texts("g", ["x", "y"].into_iter());
        });
        let expected = r#"{"d":null,"e":-1,"f":[{"n":1}],"g":["x","y"]}"#;
        assert_eq!(String::from_utf8(written).unwrap(), format!("{expected}\n"));
    }

    #[test]
    fn numbers_are_go_floats() {
        for (text, expected) in [
            ("7.0", "7"),
            ("12345678901234567890", "12345678901234567000"),
            ("1e21", "1e+21"),
            ("1e20", "100000000000000000000"),
            ("1e-7", "1e-7"),
            ("0.000001", "0.000001"),
            ("-2.5", "-2.5"),
            ("0", "0"),
        ] {
            let read: serde_json::Value = serde_json::from_str(text).unwrap();
            assert_eq!(value(&read), expected);
        }
    }
}
