//! pacman: one folder a package in `var/lib/pacman/local`, with `desc` and `files`.
//!
//! Source: pacman's local database, ALPM-DB-VERSION 9. A section is a line `%NAME%`, values one a
//! line, and an empty line. `%BASE%` is the source package; it has the package's version. `files`
//! lists the package's files and, ending in a slash, its folders; it has no checksums, and does not
//! say whose it is: the folder is `name-version-release`.

use pellucid_image::Want;
use pellucid_model::{Package, PackageKind, SourcePackage};

use super::{NAME, VERSION, value};
use crate::detector::{
    Candidate, Class, DetectFile, Detected, Detector, OwnedFile, OwnedFiles, Trigger,
};
use crate::path::{below, split};
use crate::{DetectError, RawPath};

/// The detector.
pub(crate) struct Pacman;

const LOCAL: &str = "var/lib/pacman/local";

impl Detector for Pacman {
    fn name(&self) -> &'static str {
        "pacman"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Database
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[Trigger::Folder(LOCAL)]
    }

    fn wants(&self, candidate: &Candidate<'_>) -> Want {
        let whole = Want::Whole { limit: 64 << 20 };
        match below(candidate.path, LOCAL.as_bytes()).map(split) {
            Some((folder, b"desc")) if is_one(folder) => whole,
            Some((folder, b"files"))
                if is_one(folder) && crate::dispatch::dispatch().has_languages() =>
            {
                whole
            }
            _ => Want::Skip,
        }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let (folder, name) = split(file.path);
        if name == b"files" {
            files(split(folder).1, file, out)
        } else {
            desc(file, out)
        }
    }
}

fn is_one(folder: &[u8]) -> bool {
    !folder.is_empty() && !folder.contains(&b'/')
}

fn desc(file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
    let (mut name, mut version, mut arch, mut base) = (None, None, None, None);
    let mut section = Vec::new();
    let mut lines = file.lines();
    while let Some(line) = lines.next_line()? {
        if line.bytes.starts_with(b"%") && line.bytes.ends_with(b"%") {
            section = line.bytes.to_vec();
            continue;
        }
        let (slot, most) = match section.as_slice() {
            b"%NAME%" => (&mut name, NAME),
            b"%VERSION%" => (&mut version, VERSION),
            b"%ARCH%" => (&mut arch, NAME),
            b"%BASE%" => (&mut base, NAME),
            _ => continue,
        };
        match value(line.bytes, most).filter(|_| !line.cut) {
            Some("") => {}
            Some(value) => *slot = slot.take().or(Some(value.to_owned())),
            None => out.bad_record(line.number, "a value that is too long or no UTF-8"),
        }
    }
    // One file is one package: without these two the list would be shorter by it.
    let (Some(name), Some(version)) = (name, version) else {
        return Err(DetectError::Malformed("no name or no version in it"));
    };
    let mut package = Package::new(PackageKind::Alpm, name, version);
    package.arch = arch;
    package.source = base
        .filter(|base| *base != package.name)
        .map(|name| SourcePackage {
            name,
            version: None,
        });
    out.push(package)
}

fn files(folder: &[u8], file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
    let folder = String::from_utf8_lossy(folder);
    // name-version-release: neither version nor release holds a hyphen.
    let Some(name) = folder.rsplitn(3, '-').nth(2) else {
        return Ok(());
    };
    let mut files = Vec::new();
    let mut in_files = false;
    let mut lines = file.lines();
    while let Some(line) = lines.next_line()? {
        match line.bytes {
            b"%FILES%" => in_files = true,
            [b'%', .., b'%'] => in_files = false,
            path if in_files && !path.ends_with(b"/") && file.owns(path) => {
                let path = RawPath::new(path);
                out.own(&mut files, OwnedFile { path, digest: None })?;
            }
            _ => {}
        }
    }
    if !files.is_empty() {
        out.owned.push(OwnedFiles {
            package: name.to_owned(),
            arch: None,
            files,
        });
    }
    Ok(())
}
