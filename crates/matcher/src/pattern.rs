//! Patterns of names and paths: `*` stands for anything but a slash, `**` for anything, `?` for one
//! letter that is no slash. A pattern without a wildcard is the text itself.
//!
//! Matching takes at most pattern times text steps: a pattern may come from a file of somebody else.

use std::fmt;

/// Most letters of a pattern.
const LONGEST: usize = 1024;

/// A pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Letter(char),
    One,
    Some,
    All,
}

/// A pattern that cannot be.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a pattern may be neither empty nor longer than {LONGEST} letters")]
pub struct PatternError;

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// It is empty or too long.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() || text.chars().count() > LONGEST {
            return Err(PatternError);
        }
        let mut parts = Vec::new();
        for letter in text.chars() {
            match (letter, parts.last_mut()) {
                ('*', Some(last @ (Part::Some | Part::All))) => *last = Part::All,
                ('*', _) => parts.push(Part::Some),
                ('?', _) => parts.push(Part::One),
                _ => parts.push(Part::Letter(letter)),
            }
        }
        Ok(Self {
            text: text.to_owned(),
            parts,
        })
    }

    /// Whether it stands for this text, whole.
    pub fn matches(&self, text: &str) -> bool {
        // Which numbers of parts the text read so far can be the match of.
        let mut at = vec![false; self.parts.len() + 1];
        if let Some(first) = at.first_mut() {
            *first = true;
        }
        self.skip(&mut at);
        for letter in text.chars() {
            let mut next = vec![false; at.len()];
            for (number, part) in self.parts.iter().enumerate() {
                if !at.get(number).copied().unwrap_or_default() {
                    continue;
                }
                let (is_met, stays) = match part {
                    Part::Letter(wanted) => (*wanted == letter, false),
                    Part::One => (letter != '/', false),
                    Part::Some => (letter != '/', true),
                    Part::All => (true, true),
                };
                let to = if stays { number } else { number + 1 };
                if is_met && let Some(reached) = next.get_mut(to) {
                    *reached = true;
                }
            }
            self.skip(&mut next);
            at = next;
        }
        at.last().copied().unwrap_or_default()
    }

    /// Goes over stars, which may stand for nothing.
    fn skip(&self, at: &mut [bool]) {
        for (number, part) in self.parts.iter().enumerate() {
            if matches!(part, Part::Some | Part::All)
                && at.get(number).copied().unwrap_or_default()
                && let Some(after) = at.get_mut(number + 1)
            {
                *after = true;
            }
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stop_at_slashes_and_two_do_not() {
        let check = |pattern: &str, text: &str, expected: bool| {
            let pattern = Pattern::new(pattern).unwrap();
            assert_eq!(pattern.matches(text), expected, "{pattern} {text}");
        };
        check("openssl", "openssl", true);
        check("openssl", "openssl1", false);
        check("open*", "openssl", true);
        check("*ssl*", "libssl3", true);
        check("usr/*/x", "usr/lib/x", true);
        check("usr/*/x", "usr/lib/y/x", false);
        check("usr/**/x", "usr/lib/y/x", true);
        check("usr/**", "usr/", true);
        check("CVE-202?-1", "CVE-2024-1", true);
        check("**", "", true);
        check("a?c", "a/c", false);
        assert!(Pattern::new("").is_err());
    }

    #[test]
    fn many_stars_do_not_cost_much() {
        let pattern = Pattern::new(&"a*".repeat(400)).unwrap();
        assert!(!pattern.matches(&format!("{}b/", "a".repeat(1000))));
    }
}
