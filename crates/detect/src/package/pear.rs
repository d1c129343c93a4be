//! PHP packages that PEAR installed: `.registry/NAME.reg`.
//!
//! Source: PEAR's `PEAR_Registry`, and PHP's `serialize()`: `s:3:"abc";` is a text, `a:2:{…}` a list of keys and
//! values. A package of the second format has `name`, `channel` and `version` → `release`; one of the first has
//! `package` and `version`, and no channel, which means `pear.php.net`. Packagist, by whose names advisories go, has the
//! packages of that channel as `pear/NAME`. The official images of PHP ship `Archive_Tar` in this way alone.
//!
//! Not here: packages of other channels (`.registry/.channel.HOST/`), PECL's extensions among them: no advisory
//! names them.

use pellucid_image::Want;
use pellucid_model::PackageKind;

use super::named;
use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};
use crate::path::split;

/// The detector.
pub(crate) struct Pear;

/// Deepest list that is read.
const DEPTH: usize = 64;
/// The channel whose packages Packagist knows.
const CHANNEL: &str = "pear.php.net";

impl Detector for Pear {
    fn name(&self) -> &'static str {
        "pear"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Language
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[Trigger::Extension("reg")]
    }

    fn wants(&self, candidate: &Candidate<'_>) -> Want {
        if split(candidate.folder()).1 == b".registry" {
            Want::Whole { limit: 8 << 20 }
        } else {
            Want::Skip
        }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let bytes = file.bytes()?;
        let package = Registered::read(&bytes).ok_or(DetectError::Malformed(
            "no package of PEAR's registry, or one that ends early",
        ))?;
        if package.channel.unwrap_or(CHANNEL) != CHANNEL {
            return Ok(());
        }
        let name = package.name.unwrap_or_default();
        let name = match name {
            "" => String::new(),
            name => format!("pear/{name}"),
        };
        let version = package.version.unwrap_or_default();
        named(out, PackageKind::Composer, &name, version, None)
    }
}

/// What a file of the registry says of its package.
#[derive(Default)]
struct Registered<'a> {
    name: Option<&'a str>,
    channel: Option<&'a str>,
    version: Option<&'a str>,
}

/// A list that is being read.
struct Level<'a> {
    /// The key under which it stands.
    under: &'a str,
    /// The key of the value that comes next; `None` where a key comes next.
    key: Option<&'a str>,
}

impl<'a> Registered<'a> {
    /// `None` where the bytes are no serialized list, or not all of one.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut found = Self::default();
        let mut rest = bytes;
        let mut levels: Vec<Level<'a>> = Vec::new();
        loop {
            let (token, after) = Token::take(rest)?;
            rest = after;
            if let Token::End = token {
                levels.pop()?;
                if levels.is_empty() {
                    return Some(found);
                }
                continue;
            }
            let depth = levels.len();
            let mut under = "";
            if let Some(level) = levels.last_mut() {
                let Some(key) = level.key.take() else {
                    level.key = match token {
                        Token::Text(key) => Some(key),
                        Token::Other => Some(""),
                        _ => return None,
                    };
                    continue;
                };
                if let Token::Text(text) = token {
                    match (depth, level.under, key) {
                        (1, _, "name" | "package") => found.name = Some(text),
                        (1, _, "channel") => found.channel = Some(text),
                        (1, _, "version") | (2, "version", "release") => found.version = Some(text),
                        _ => {}
                    }
                }
                under = key;
            }
            match token {
                Token::Begin if depth < DEPTH => levels.push(Level { under, key: None }),
                // Nothing but a list is a package.
                Token::Begin => return None,
                _ if depth == 0 => return None,
                _ => {}
            }
        }
    }
}

/// A part of serialized bytes.
enum Token<'a> {
    /// A text; an empty one where it is not UTF-8.
    Text(&'a str),
    /// The beginning of a list or an object.
    Begin,
    /// The end of one.
    End,
    /// A number, a truth value, nothing.
    Other,
}

impl<'a> Token<'a> {
    /// The token that bytes begin with, and what follows.
    fn take(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (first, rest) = bytes.split_first()?;
        let until = |rest: &'a [u8], end: u8| {
            let at = memchr::memchr(end, rest)?;
            Some((rest.get(..at)?, rest.get(at + 1..)?))
        };
        let number = |digits: &[u8]| std::str::from_utf8(digits).ok()?.parse::<usize>().ok();
        let text = |rest: &'a [u8]| {
            let (length, rest) = until(rest.strip_prefix(b":")?, b':')?;
            let (text, rest) = rest
                .strip_prefix(b"\"")?
                .split_at_checked(number(length)?)?;
            Some((text, rest.strip_prefix(b"\"")?))
        };
        match first {
            b'}' => Some((Self::End, rest)),
            b's' => {
                let (text, rest) = text(rest)?;
                let text = std::str::from_utf8(text).unwrap_or_default();
                Some((Self::Text(text), rest.strip_prefix(b";")?))
            }
            b'a' | b'O' => {
                let rest = match first {
                    b'O' => text(rest)?.1,
                    _ => rest,
                };
                let (_count, rest) = until(rest.strip_prefix(b":")?, b':')?;
                Some((Self::Begin, rest.strip_prefix(b"{")?))
            }
            b'N' | b'b' | b'i' | b'd' | b'r' | b'R' => {
                let (_, rest) = until(rest, b';')?;
                Some((Self::Other, rest))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(String, String, String)> {
        let found = Registered::read(text.as_bytes())?;
        let [name, channel, version] =
            [found.name, found.channel, found.version].map(|text| text.unwrap_or("-").to_owned());
        Some((name, channel, version))
    }

    #[test]
    fn the_package_s_own_fields_are_told_from_those_inside() {
        let second = r#"a:4:{s:7:"attribs";a:1:{s:7:"version";s:3:"2.0";}s:4:"name";s:3:"A;}";s:7:"channel";s:12:"pear.php.net";s:7:"version";a:2:{s:3:"api";s:1:"9";s:7:"release";s:3:"1.2";}}"#;
        let found = read(second).unwrap();
        assert_eq!(found, ("A;}".into(), "pear.php.net".into(), "1.2".into()));
        let first = r#"a:3:{s:7:"package";s:1:"B";s:4:"deps";a:1:{i:0;a:1:{s:4:"name";s:1:"C";}}s:7:"version";s:3:"0.9";}"#;
        let found = read(first).unwrap();
        assert_eq!(found, ("B".into(), "-".into(), "0.9".into()));
    }

    #[test]
    fn bytes_that_are_no_list_or_end_early_are_refused() {
        for text in [
            "",
            "s:1:\"a\";",
            "a:1:{s:9:\"a\";i:1;}",
            "a:1:{i:0;",
            "}",
            "a:1:{a:0:{}i:1;}",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        let deep = |levels: usize| "a:1:{i:0;".repeat(levels) + "a:0:{}" + &"}".repeat(levels);
        assert!(read(&deep(DEPTH - 1)).is_some());
        assert_eq!(read(&deep(DEPTH)), None);
    }
}
