//! Portage: one folder a package, `var/db/pkg/CATEGORY/NAME-VERSION`, with a file for each of its facts.
//!
//! Source: Gentoo's `VDB` pages and Package Manager Specification. Portage takes category, name and version
//! from the path, and so do we; a package is there once its folder has a `SLOT`, which every one
//! must have. `CONTENTS` lists what it installed: `obj PATH MD5 TIME`, `sym PATH -> TARGET TIME`,
//! `dir PATH`. A folder `-MERGING-…` is that of an installation that did not end.
//!
//! Not here: the architecture, the overlay that an ebuild came from and the licence, which stand in
//! files of their own: one file is read at a time, and no statement of Gentoo's depends on them but a
//! few old ones on the architecture, which hold for all then.

use pellucid_image::Want;
use pellucid_model::{Package, PackageKind};
use pellucid_version::Scheme;

use super::{NAME, value};
use crate::detector::{
    Candidate, Class, DetectFile, Detected, Detector, OwnedFile, OwnedFiles, Trigger,
};
use crate::path::{below, split};
use crate::{DetectError, RawPath};

/// The detector.
pub(crate) struct Portage;

const DATABASE: &str = "var/db/pkg";

/// Longest slot that is read; real ones have some ten bytes.
const SLOT: u64 = 4096;

impl Detector for Portage {
    fn name(&self) -> &'static str {
        "portage"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Database
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[Trigger::Folder(DATABASE)]
    }

    fn wants(&self, candidate: &Candidate<'_>) -> Want {
        if folder(candidate.path).is_none() {
            return Want::Skip;
        }
        match candidate.name() {
            b"SLOT" => Want::Whole { limit: SLOT },
            b"CONTENTS" if crate::dispatch::dispatch().has_languages() => {
                Want::Whole { limit: 256 << 20 }
            }
            _ => Want::Skip,
        }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let Some((category, package)) = folder(file.path) else {
            return Ok(());
        };
        let file_name = split(file.path).1;
        let text = |bytes| value(bytes, NAME).filter(|text| !text.contains(char::is_control));
        let named = text(category).zip(text(package));
        let named = named.and_then(|(category, package)| {
            let (name, version) = name_and_version(package)?;
            Some((format!("{category}/{name}"), version))
        });
        // One folder is one package: without its name the list would be shorter by it.
        let (name, version) = named.ok_or(DetectError::Malformed(
            "the folder it stands in is not called by a name and a version",
        ))?;
        if file_name == b"CONTENTS" {
            return contents(name, file, out);
        }
        let mut package = Package::new(PackageKind::Ebuild, name, version);
        let bytes = file.bytes()?;
        let slot = std::str::from_utf8(&bytes).map(str::trim);
        match slot {
            Ok(slot) if is_slot(slot) => package.module = Some(slot.to_owned()),
            _ => out.bad_record(1, "no slot; statements about any slot are taken to hold"),
        }
        out.push(package)
    }
}

/// Category and folder of the package that a file of the database belongs to.
fn folder(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let (folder, _) = split(below(path, DATABASE.as_bytes())?);
    let (category, package) = split(folder);
    let is_one = !category.is_empty() && !category.contains(&b'/');
    (is_one && !package.starts_with(b"-MERGING-")).then_some((category, package))
}

/// `name-version` or `name-version-rN`. A name may hold hyphens, a version none but that of its
/// revision.
fn name_and_version(text: &str) -> Option<(&str, &str)> {
    let at_hyphen = |(at, _): (usize, &str)| text.split_at_checked(at);
    let halves = text.rmatch_indices('-').take(2).filter_map(at_hyphen);
    let halves = halves.map(|(name, version)| (name, version.strip_prefix('-').unwrap_or(version)));
    // With its revision, if it has one, a version is longer.
    let found = halves.filter(|(_, version)| Scheme::Ebuild.is_valid(version));
    found
        .last()
        // What no order can place is a package all the same.
        .or_else(|| {
            let mut hyphens = text.match_indices('-').filter_map(at_hyphen);
            let (name, version) = hyphens.find(|(_, rest)| {
                rest.chars()
                    .nth(1)
                    .is_some_and(|first| first.is_ascii_digit())
            })?;
            Some((name, version.strip_prefix('-')?))
        })
        .filter(|(name, _)| !name.is_empty())
}

/// Whether a text is a slot, with or without a sub-slot.
fn is_slot(text: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+_.-".contains(&byte))
    };
    let (slot, sub_slot) = text.split_once('/').unwrap_or((text, "0"));
    is_name(slot) && is_name(sub_slot)
}

fn contents(package: String, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
    let mut files = Vec::new();
    let mut lines = file.lines();
    while let Some(line) = lines.next_line()? {
        let Some(owned) = object(line.bytes) else {
            continue;
        };
        if file.owns(owned.path.bytes()) {
            out.own(&mut files, owned)?;
        }
    }
    if !files.is_empty() {
        out.owned.push(OwnedFiles {
            package,
            arch: None,
            files,
        });
    }
    Ok(())
}

/// A line `obj PATH MD5 TIME`; the path may hold blanks.
fn object(line: &[u8]) -> Option<OwnedFile> {
    let rest = line.strip_prefix(b"obj ")?;
    let mut words = rest.rsplitn(3, |byte| *byte == b' ');
    let (_time, md5, path) = (words.next()?, words.next()?, words.next()?);
    let md5 = std::str::from_utf8(md5).ok()?;
    Some(OwnedFile {
        path: RawPath::new(path.strip_prefix(b"/").unwrap_or(path)),
        digest: (md5.len() == 32).then(|| format!("md5:{}", md5.to_ascii_lowercase())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_a_name_and_a_version() {
        for (text, expected) in [
            ("gnupg-2.5.14", Some(("gnupg", "2.5.14"))),
            ("gnupg-2.5.14-r1", Some(("gnupg", "2.5.14-r1"))),
            (
                "libpcre2-32-10.42_rc1-r3",
                Some(("libpcre2-32", "10.42_rc1-r3")),
            ),
            (
                "font-adobe-100dpi-1.0.4-r2",
                Some(("font-adobe-100dpi", "1.0.4-r2")),
            ),
            ("gtk+-2.24.33-r3", Some(("gtk+", "2.24.33-r3"))),
            ("linux-headers-6.6-r1", Some(("linux-headers", "6.6-r1"))),
            ("r-1", Some(("r", "1"))),
            ("gnupg-2.5.14foo-r1", Some(("gnupg", "2.5.14foo-r1"))),
            ("gnupg", None),
            ("gnupg-r1", None),
            ("-1.0", None),
            ("", None),
        ] {
            assert_eq!(name_and_version(text), expected, "{text}");
        }
    }

    #[test]
    fn only_folders_of_packages_are_looked_into() {
        let package = folder(b"var/db/pkg/app-crypt/gnupg-2.5.14/SLOT");
        assert_eq!(package, Some((&b"app-crypt"[..], &b"gnupg-2.5.14"[..])));
        assert_eq!(folder(b"var/db/pkg/app-crypt/SLOT"), None);
        assert_eq!(folder(b"var/db/pkg/a/b-1/temp/SLOT"), None);
        assert_eq!(folder(b"var/db/pkg/a/-MERGING-b-1/SLOT"), None);
    }
}
