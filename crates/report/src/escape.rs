//! The one way for an image's or a feed's text to a terminal.
//!
//! A package may be called anything: names have carried escape sequences that retitle or rewrite a
//! terminal, bidirectional overrides that show another text than is there, invisible letters, line
//! breaks that forge a row, and the marks by which a build service takes a line of a log for a
//! command (`::set-env`, `##vso[`). All of it is made visible: `\x1b`, `\u{202e}`, `\n`. What was
//! there stays readable, and one cell stays one line.
//!
//! Not here: backslashes are left alone, so the escaped text is for people, not for reading back.

pub(crate) mod csv;
pub(crate) mod markdown;
pub(crate) mod markup;

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar as _;

/// The text with everything made visible that is not a letter, digit, sign or single space. Letters
/// beyond ASCII stay where `unicode` allows them.
pub fn text(text: &str, unicode: bool) -> Cow<'_, str> {
    if is_harmless(text) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        // Build services look for these marks at the start of a line, some anywhere in it.
        let is_mark = match c {
            '#' => before == '#',
            ':' => before == ' ' && rest.peek() == Some(&':'),
            _ => false,
        };
        if is_mark || !is_visible(c) || !(unicode || c.is_ascii()) {
            push_escaped(&mut escaped, c);
        } else {
            escaped.push(c);
        }
        before = c;
    }
    Cow::Owned(escaped)
}

/// The address, where it is one that a reader may be sent to: of the web, and without a letter that
/// could end the place it is written in.
pub(crate) fn link(address: &str) -> Option<&str> {
    let after = ["https://", "http://"].map(|scheme| address.strip_prefix(scheme));
    let is_web = after.into_iter().flatten().any(|rest| !rest.is_empty());
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"<>\"'`()[]{}|\\^".contains(&byte);
    let is_short = address.len() <= 2000;
    (is_web && is_short && !address.contains("##") && address.bytes().all(is_plain))
        .then_some(address)
}

/// At most so many letters, with an ellipsis in place of the rest.
pub(crate) fn shortened(text: &str, letters: usize) -> Cow<'_, str> {
    match text.char_indices().nth(letters) {
        Some(_) => {
            let kept: String = text.chars().take(letters.saturating_sub(3)).collect();
            Cow::Owned(kept + "...")
        }
        None => Cow::Borrowed(text),
    }
}

/// One line of a build step: runs of spaces, tabs, line breaks and their continuations are one
/// space, because people fold long commands.
pub(crate) fn folded(text: &str) -> String {
    let words: Vec<&str> = text
        .split([' ', '\t', '\n', '\r'])
        .filter(|word| !word.is_empty() && *word != "\\")
        .collect();
    words.join(" ")
}

/// Whether a letter shows as itself and where it stands: it has a width, hides nothing and turns
/// nothing around.
pub(crate) fn is_visible(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    let hides = matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{2800}' | '\u{3164}'
        | '\u{ffa0}' | '\u{feff}'
        | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}'
        | '\u{fff0}'..='\u{ffff}'
        | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}');
    // Letters written from right to left turn around the cells beside them.
    let turns = matches!(c,
        '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}'
        | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}');
    !hides
        && !turns
        && !c.is_control()
        && !c.is_whitespace()
        && c.width().is_some_and(|width| width > 0)
}

fn is_harmless(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && !text.contains("##")
        && !text.contains("::")
}

fn push_escaped(out: &mut String, c: char) {
    // Writing to a String cannot fail.
    let _ = match c {
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        c if c.is_ascii() => write!(out, "\\x{:02x}", u32::from(c)),
        c => write!(out, "\\u{{{:x}}}", u32::from(c)),
    };
}

#[cfg(test)]
mod tests {
    use super::{link, text};

    #[test]
    fn an_address_leads_somewhere() {
        for good in ["https://example.org/a?b=c#d", "http://x"] {
            assert_eq!(link(good), Some(good));
        }
        for bad in [
            "https://",
            "http://",
            "ftp://example.org",
            "javascript:1",
            "https://a b",
        ] {
            assert_eq!(link(bad), None, "{bad}");
        }
    }

    #[test]
    fn nothing_unseen_passes() {
        let check = |given: &str, expected: &str| assert_eq!(text(given, true), expected);
        check("libc6 2.36-9+deb12u9", "libc6 2.36-9+deb12u9");
        check("\x1b[2Jevil\x07", "\\x1b[2Jevil\\x07");
        check("a\u{9b}31m", "a\\u{9b}31m");
        check("user\u{202e}txt.exe", "user\\u{202e}txt.exe");
        check(
            "ze\u{200b}ro\u{ad}\u{feff}",
            "ze\\u{200b}ro\\u{ad}\\u{feff}",
        );
        check("row\r\nforged\ttab\x7f", "row\\r\\nforged\\ttab\\x7f");
        check("::set-env name=A::b", "\\x3a:set-env name=A::b");
        check("say ::error::x", "say \\x3a:error::x");
        check("Foo::Bar", "Foo::Bar");
        check("x##vso[task]", "x#\\x23vso[task]");
        check("e\u{301}a\u{e0041}", "e\\u{301}a\\u{e0041}");
        check("Grüße 日本", "Grüße 日本");
        assert_eq!(text("Grüße", false), "Gr\\u{fc}\\u{df}e");
    }

    #[test]
    fn no_letter_at_all_reaches_the_terminal_unseen() {
        use unicode_width::UnicodeWidthStr as _;
        for c in '\0'..=char::MAX {
            let shown = text(&format!("a{c}b"), true).into_owned();
            assert!(!shown.chars().any(char::is_control), "{c:?}");
            assert!(shown.width() >= 3, "{c:?} is shown as {shown:?}");
        }
    }
}
