//! Sources of apt: `sources.list`, and `*.list` and `*.sources` in `sources.list.d`.
//!
//! Source: sources.list(5). One-line entries `deb [options] URI SUITE COMPONENT…`, or deb822
//! stanzas with a `Suites:` field. The last resort, for root file systems without any release
//! file: the first suite that is a release's name decides. `stable` and its like are no answer, as
//! they mean another release every other year.

use pellucid_image::Want;

use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};
use pellucid_model::{Release, debian_release, ubuntu_release};

/// The detector.
pub(crate) struct AptSources;

impl Detector for AptSources {
    fn name(&self) -> &'static str {
        "apt-sources"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Namespace
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[
            Trigger::Path("etc/apt/sources.list"),
            Trigger::Folder("etc/apt/sources.list.d"),
        ]
    }

    fn wants(&self, candidate: &Candidate<'_>) -> Want {
        let name = candidate.name();
        if name.ends_with(b".list") || name.ends_with(b".sources") {
            Want::Whole { limit: 1 << 20 }
        } else {
            Want::Skip
        }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let deb822 = file.path.ends_with(b".sources");
        let mut in_suites = false;
        let mut lines = file.lines();
        while let Some(line) = lines.next_line()? {
            let text = String::from_utf8_lossy(line.bytes);
            if text.starts_with('#') {
                continue;
            }
            let release = if deb822 {
                let value = match text.split_once(':') {
                    _ if text.starts_with([' ', '\t']) => &*text,
                    Some((key, value)) => {
                        in_suites = key.eq_ignore_ascii_case("suites");
                        value
                    }
                    None => continue,
                };
                in_suites
                    .then(|| value.split_ascii_whitespace().find_map(release))
                    .flatten()
            } else {
                one_line(&text).and_then(release)
            };
            if let Some(release) = release {
                out.release = Some(release);
                return Ok(());
            }
        }
        Ok(())
    }
}

/// The suite of a one-line entry.
fn one_line(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("deb")?;
    let rest = rest.strip_prefix("-src").unwrap_or(rest);
    let rest = rest.strip_prefix([' ', '\t'])?.trim_start();
    // Options may hold blanks and stand in brackets; so may a cdrom's URI.
    let rest = match rest.strip_prefix('[') {
        Some(options) => options.split_once(']')?.1,
        None => rest,
    };
    let rest = match rest.trim_start().strip_prefix("cdrom:[") {
        Some(label) => label
            .split_once(']')?
            .1
            .trim_start_matches(|c: char| !c.is_whitespace()),
        None => rest.trim_start().split_once([' ', '\t'])?.1,
    };
    rest.split_ascii_whitespace().next()
}

/// The release that a suite belongs to.
fn release(suite: &str) -> Option<Release> {
    let codename = suite.split(['-', '/']).next()?;
    let (id, version) = match (debian_release(codename), ubuntu_release(codename)) {
        (Some("unstable"), _) => ("debian", None),
        (Some(version), _) => ("debian", Some(version)),
        (None, Some(version)) => ("ubuntu", Some(version)),
        (None, None) => return None,
    };
    Some(Release {
        id: id.to_owned(),
        version: version.map(str::to_owned),
        codename: Some(codename.to_owned()),
        ..Release::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suite_is_found_behind_options_and_labels() {
        for (line, suite) in [
            (
                "deb http://deb.example.org/debian bookworm main",
                Some("bookworm"),
            ),
            (
                "deb-src\thttp://x  bookworm-updates main",
                Some("bookworm-updates"),
            ),
            (
                "deb [ arch=amd64 signed-by=/x ] http://x jammy main",
                Some("jammy"),
            ),
            (
                "deb cdrom:[Debian 12 _Bookworm_]/ bookworm main",
                Some("bookworm"),
            ),
            ("# deb http://x sid main", None),
            ("debian http://x sid main", None),
            ("deb", None),
        ] {
            assert_eq!(one_line(line), suite, "{line}");
        }
        assert_eq!(
            release("bullseye/updates").unwrap().version.as_deref(),
            Some("11")
        );
        assert_eq!(release("stable"), None);
    }
}
