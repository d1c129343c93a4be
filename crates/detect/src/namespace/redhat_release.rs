//! One-line release files of the Red Hat family: `/etc/redhat-release` and its siblings.
//!
//! `NAME release VERSION (CODENAME)`. The most special file comes first, as Oracle and others also
//! ship a `redhat-release` that names Red Hat. CentOS Stream is told by its name.

use pellucid_image::Want;
use pellucid_model::Release;

use super::os_release::{identifier, text};
use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};

/// The detector.
pub(crate) struct RedhatRelease;

/// How names begin, and the `ID` that os-release has for them.
const NAMES: &[(&str, &str)] = &[
    ("Red Hat Enterprise Linux", "rhel"),
    ("Oracle Linux", "ol"),
    ("CentOS", "centos"),
    ("Rocky Linux", "rocky"),
    ("AlmaLinux", "almalinux"),
    ("Amazon Linux", "amzn"),
    ("Fedora", "fedora"),
    ("Scientific Linux", "scientific"),
];

impl Detector for RedhatRelease {
    fn name(&self) -> &'static str {
        "redhat-release"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Namespace
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[
            Trigger::Path("etc/oracle-release"),
            Trigger::Path("etc/rocky-release"),
            Trigger::Path("etc/almalinux-release"),
            Trigger::Path("etc/centos-release"),
            Trigger::Path("usr/lib/centos-release"),
            Trigger::Path("etc/fedora-release"),
            Trigger::Path("etc/redhat-release"),
            Trigger::Path("etc/system-release"),
        ]
    }

    fn wants(&self, _candidate: &Candidate<'_>) -> Want {
        Want::Whole { limit: 64 << 10 }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let mut lines = file.lines();
        while let Some(line) = lines.next_line()? {
            let line = String::from_utf8_lossy(line.bytes);
            let line = line.trim();
            let Some((name, rest)) = line.split_once(" release ") else {
                continue;
            };
            let known = NAMES.iter().find(|(known, _)| name.starts_with(known));
            let first = name.split_ascii_whitespace().next().and_then(identifier);
            let Some(id) = known.map(|(_, id)| (*id).to_owned()).or(first) else {
                continue;
            };
            let version = rest.split_ascii_whitespace().next().and_then(identifier);
            let codename = rest
                .split_once('(')
                .and_then(|(_, name)| name.split(')').next())
                .and_then(identifier);
            out.release = Some(Release {
                id,
                version,
                codename,
                pretty: text(line),
                ..Release::default()
            });
            return Ok(());
        }
        Ok(())
    }
}
