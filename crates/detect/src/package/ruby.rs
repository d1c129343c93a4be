//! Ruby gems, by the specifications that RubyGems writes where it installs.
//!
//! Source: RubyGems' `Gem::Specification#to_ruby` and the guide to specifications. A specification
//! is a Ruby program; it is read line by line for the two assignments of plain texts that RubyGems
//! writes, and never run: an expression (`"#{ENV}"`, `File.read(…)`) is no name. Installed is what
//! lies in a folder `specifications` (`specifications/default` for what comes with Ruby) or in
//! Bundler's own checkouts `bundler/gems`. The other `.gemspec` files are sources. A platform
//! (`nokogiri-1.13.10-x86_64-linux`) is no part of the version.

use pellucid_image::Want;
use pellucid_model::PackageKind;

use super::named;
use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};
use crate::path::split;

/// The detector.
pub(crate) struct Ruby;

/// Lines of a specification that are read.
const LINES: u64 = 2_000;

impl Detector for Ruby {
    fn name(&self) -> &'static str {
        "ruby"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Language
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[Trigger::Extension("gemspec")]
    }

    fn wants(&self, candidate: &Candidate<'_>) -> Want {
        let (above, folder) = split(candidate.folder());
        let installed = folder == b"specifications"
            || (folder == b"default" && split(above).1 == b"specifications")
            || is_checkout(above);
        if installed {
            Want::Whole { limit: 4 << 20 }
        } else {
            Want::Skip
        }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let mut stub = None;
        let mut name = None;
        let mut version = None;
        let mut lines = file.lines();
        while name.is_none() || version.is_none() {
            let Some(line) = lines.next_line()? else {
                break;
            };
            if line.number > LINES {
                break;
            }
            let Ok(text) = std::str::from_utf8(line.bytes) else {
                continue;
            };
            if let Some(rest) = text.strip_prefix("# stub: ") {
                let mut words = rest.split(' ');
                stub = words
                    .next()
                    .map(str::to_owned)
                    .zip(words.next().map(str::to_owned));
            } else if let Some((field, value)) = assignment(text) {
                match field {
                    "name" if name.is_none() => name = literal(value).map(str::to_owned),
                    "version" if version.is_none() => {
                        version = literal(unwrapped(value)).map(str::to_owned);
                    }
                    _ => {}
                }
            }
        }
        let known = match (name, version, stub) {
            (Some(name), Some(version), _) => Some((name, version)),
            (_, _, Some(stub)) => Some(stub),
            // A checkout's specification is the author's own program.
            _ if is_checkout(split(split(file.path).0).0) => None,
            _ => from_name(split(file.path).1),
        };
        match known {
            Some((name, version)) if plain(&name) && is_version(&version) => {
                named(out, PackageKind::Gem, &name, &version, None)
            }
            _ => {
                out.bad_record(
                    1,
                    "a specification that does not say name and version plainly",
                );
                Ok(())
            }
        }
    }
}

/// Whether a folder holds gems that Bundler checked out of repositories.
fn is_checkout(folder: &[u8]) -> bool {
    folder.ends_with(b"bundler/gems")
}

/// `s.name = value`, as field and value.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (object, rest) = line.trim_start().split_once('.')?;
    let (field, value) = rest.split_once('=')?;
    let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    (object.chars().all(word) && !object.is_empty() && !value.starts_with(['=', '~']))
        .then(|| (field.trim(), value.trim()))
}

/// What `Gem::Version.new` is given.
fn unwrapped(value: &str) -> &str {
    value
        .strip_prefix("Gem::Version.new")
        .or_else(|| value.strip_prefix("Gem::Version.create"))
        .map_or(value, |value| value.trim_start_matches(['(', ' ']))
}

/// A text without escapes or expressions in it.
fn literal(value: &str) -> Option<&str> {
    let (close, rest) = match value
        .strip_prefix("%q")
        .or_else(|| value.strip_prefix("%Q"))
    {
        Some(rest) => match rest.chars().next()? {
            '(' => (')', rest.get(1..)?),
            '{' => ('}', rest.get(1..)?),
            '[' => (']', rest.get(1..)?),
            '<' => ('>', rest.get(1..)?),
            _ => return None,
        },
        None => match value.chars().next()? {
            quote @ ('"' | '\'') => (quote, value.get(1..)?),
            _ => return None,
        },
    };
    let (text, after) = rest.split_once(close)?;
    let after = after.trim_start();
    let after = after.strip_prefix(".freeze").unwrap_or(after).trim_start();
    let ended =
        after.is_empty() || after.starts_with([')', '#', ';', '.']) && !after.starts_with(".+");
    (ended && !text.contains(['\\', '#'])).then_some(text)
}

/// Name and version of a file `name-1.2.3.gemspec`.
fn from_name(name: &[u8]) -> Option<(String, String)> {
    let stem = std::str::from_utf8(name).ok()?.strip_suffix(".gemspec")?;
    stem.match_indices('-').find_map(|(at, _)| {
        let (name, version) = stem.split_at_checked(at)?;
        let version = version.strip_prefix('-')?;
        let version = version.split('-').next()?;
        is_version(version).then(|| (name.to_owned(), version.to_owned()))
    })
}

/// Whether RubyGems would take a text for a gem's name.
fn plain(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Whether RubyGems would take a text for a version.
fn is_version(version: &str) -> bool {
    version.starts_with(|first: char| first.is_ascii_digit()) && plain(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_texts_are_read() {
        assert_eq!(assignment("  s.name = \"a\""), Some(("name", "\"a\"")));
        assert_eq!(assignment("  s.name == \"a\""), None);
        assert_eq!(assignment("# s.name = \"a\""), None);
        for (value, text) in [
            ("\"rake\".freeze", Some("rake")),
            ("'rake'", Some("rake")),
            ("%q{rake}", Some("rake")),
            ("\"1.2\".freeze)", Some("1.2")),
            ("\"a\" # the name", Some("a")),
            ("\"#{ENV['X']}\"", None),
            ("\"a\" + b", None),
            ("\"a\\\"b\"", None),
            ("File.read('x')", None),
            ("NAME", None),
            ("", None),
            ("\"a", None),
            ("%q", None),
        ] {
            assert_eq!(literal(value), text, "{value}");
        }
        assert_eq!(unwrapped("Gem::Version.new(\"1\")"), "\"1\")");
    }

    #[test]
    fn a_file_is_named_after_its_gem() {
        let some = |name: &str, version: &str| Some((name.to_owned(), version.to_owned()));
        assert_eq!(from_name(b"a-b-1.2.gemspec"), some("a-b", "1.2"));
        assert_eq!(from_name(b"a-1.2-x86_64-linux.gemspec"), some("a", "1.2"));
        assert_eq!(from_name(b"a.gemspec"), None);
    }
}
