//! The refusal of a text that is no version of its scheme.

use std::fmt;

use crate::Scheme;

/// How many characters of the refused text an error keeps.
const SHOWN: usize = 64;

/// Text that is no version, or no requirement, of a scheme.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct InvalidVersion {
    /// The scheme that refused the text.
    pub scheme: Scheme,
    /// The beginning of the text, control characters escaped: safe to show on a terminal.
    pub text: Box<str>,
    /// What is wrong with it, in lower case.
    pub reason: &'static str,
}

impl InvalidVersion {
    pub(crate) fn new(scheme: Scheme, text: &str, reason: &'static str) -> Self {
        let mut shown = String::new();
        let mut characters = text.chars();
        for character in characters.by_ref().take(SHOWN) {
            if is_printable(character) {
                shown.push(character);
            } else {
                shown.extend(character.escape_default());
            }
        }
        if characters.next().is_some() {
            shown.push('…');
        }
        Self {
            scheme,
            text: shown.into(),
            reason,
        }
    }
}

/// Control characters drive terminals; the bidirectional and zero-width ones deceive readers.
fn is_printable(character: char) -> bool {
    !character.is_control()
        && !matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

impl fmt::Display for InvalidVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "\"{}\" is not a {} version: {}",
            self.text, self.scheme, self.reason
        )
    }
}

impl std::error::Error for InvalidVersion {}
