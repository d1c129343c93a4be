//! `os-release`, in `/etc` and `/usr/lib`.
//!
//! Source: freedesktop's os-release(5). Lines `NAME=value` with the quoting of a shell; a later
//! assignment wins. Debian's testing and unstable, Arch and others have no `VERSION_ID`. CentOS
//! Stream calls itself `centos`, only the name for people tells it apart.
//!
//! No shell is run, and nothing is expanded: a value with `$` or a backquote is taken as text, and
//! an `ID` that is no identifier is passed over with a warning.

use pellucid_image::Want;
use pellucid_model::{Release, WarningKind};

use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};

/// The detector.
pub(crate) struct OsRelease;

impl Detector for OsRelease {
    fn name(&self) -> &'static str {
        "os-release"
    }

    fn version(&self) -> u32 {
        2
    }

    fn class(&self) -> Class {
        Class::Namespace
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[
            Trigger::Path("etc/os-release"),
            Trigger::Path("usr/lib/os-release"),
            // Bottlerocket, where only the folder was unpacked that its `/usr` leads to.
            Trigger::Path("x86_64-bottlerocket-linux-gnu/sys-root/usr/lib/os-release"),
            Trigger::Path("aarch64-bottlerocket-linux-gnu/sys-root/usr/lib/os-release"),
        ]
    }

    fn wants(&self, _candidate: &Candidate<'_>) -> Want {
        Want::Whole { limit: 4 << 20 }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let mut release = Release::default();
        let mut name = None;
        each_assignment(file, |key, value, line| {
            let mut bad = |what: &str| {
                let shown: String = value.chars().take(40).collect();
                out.warn(
                    WarningKind::BadRecord,
                    Some(line),
                    format!("{what} {shown:?} passed over"),
                );
            };
            match key {
                "ID" => match identifier(&value) {
                    Some(id) => release.id = id,
                    None => bad("ID"),
                },
                "VERSION_ID" => match identifier(&value) {
                    Some(version) => release.version = Some(version),
                    None if value.is_empty() => release.version = None,
                    None => bad("VERSION_ID"),
                },
                "VERSION_CODENAME" => release.codename = identifier(&value),
                "ID_LIKE" => {
                    release.like = value
                        .split_ascii_whitespace()
                        .filter_map(identifier)
                        .collect();
                }
                "NAME" => name = text(&value),
                "PRETTY_NAME" => release.pretty = text(&value),
                "CPE_NAME" => release.cpe = text(&value),
                _ => {}
            }
        })?;
        // Debian before 9 and some derivatives name the release in words only.
        release.pretty = release.pretty.or(name);
        if !release.id.is_empty() {
            out.release = Some(release);
        }
        Ok(())
    }
}

/// Calls `each` with the name, unquoted value and line of every assignment.
pub(super) fn each_assignment(
    file: &DetectFile<'_>,
    mut each: impl FnMut(&str, String, u64),
) -> Result<(), DetectError> {
    let mut lines = file.lines();
    while let Some(line) = lines.next_line()? {
        if line.cut {
            continue;
        }
        let text = String::from_utf8_lossy(line.bytes);
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0' || c == '\u{feff}');
        let Some((key, value)) = text.split_once('=') else {
            continue;
        };
        if !key.is_empty()
            && key
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            each(key, unquote(value.trim()), line.number);
        }
    }
    Ok(())
}

/// A value without its quotes, as a shell reads one word. A quote that is not closed on its line
/// ends with the line.
fn unquote(value: &str) -> String {
    let mut word = String::with_capacity(value.len());
    let mut chars = value.chars();
    let mut quote = None;
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (Some('"'), '\\') => match chars.next() {
                Some(escaped @ ('"' | '$' | '`' | '\\')) => word.push(escaped),
                Some(other) => word.extend(['\\', other]),
                None => word.push('\\'),
            },
            (None, '\\') => word.extend(chars.next()),
            (None, c) if c.is_whitespace() => break,
            (_, c) => word.push(c),
        }
    }
    word
}

/// A value that can stand in a namespace, in lower case.
pub(super) fn identifier(value: &str) -> Option<String> {
    let value = value.trim();
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+~/".contains(&byte);
    let begins = value.starts_with(|c: char| c.is_ascii_alphanumeric());
    (begins && value.len() <= 64 && !value.contains("..") && value.bytes().all(good))
        .then(|| value.to_ascii_lowercase())
}

/// A value for people, if it is one.
pub(super) fn text(value: &str) -> Option<String> {
    (!value.is_empty() && value.len() <= 1024).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_a_shell_reads_them() {
        for (value, word) in [
            ("debian", "debian"),
            ("\"12\"", "12"),
            ("'x", "x"),
            ("\"12", "12"),
            ("\"a \\\"b\\\" \\$c \\d\"", "a \"b\" $c \\d"),
            ("'a\\b'", "a\\b"),
            ("a\\ b c", "a b"),
            ("\"a\"'b'c", "abc"),
            ("", ""),
        ] {
            assert_eq!(unquote(value), word, "{value}");
        }
    }

    #[test]
    fn shell_code_is_no_identifier() {
        assert_eq!(identifier("$(touch /tmp/x)"), None);
        assert_eq!(identifier("Debian").as_deref(), Some("debian"));
    }
}
