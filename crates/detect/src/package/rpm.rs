//! RPM: the package database in its three backends, in `var/lib/rpm` or `usr/lib/sysimage/rpm`.
//!
//! The version is `epoch:version-release`, with the epoch only where the header has one. The source
//! package is read from the name of the source RPM (`name-version-release.src.rpm`), which has no
//! epoch: where it is another version than the package's, it is the source's without one.
//! `gpg-pubkey` entries are keys that were imported, not packages.
//!
//! An SQLite database and its write-ahead log are one: read together, also where they lie in two
//! layers. Where several backends are there at once, as after a conversion, all of them are read: a
//! package that only the older one lists may still be on the disk, so it is better listed.

use pellucid_image::Want;
use pellucid_model::{Package, PackageKind, SourcePackage, WarningKind};

use super::push;
use crate::detector::{
    Candidate, Class, DetectFile, Detected, Detector, OwnedFile, OwnedFiles, Trigger,
};
use crate::path::LONGEST;
use crate::rpmdb::{self, DigestAlgorithm, File, Header, HeaderError};
use crate::{DetectError, RawPath};

/// The detector.
pub(crate) struct Rpm;

const WAL: &[u8] = b"-wal";

impl Detector for Rpm {
    fn name(&self) -> &'static str {
        "rpm"
    }

    fn version(&self) -> u32 {
        3
    }

    fn class(&self) -> Class {
        Class::Database
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[
            Trigger::Path("var/lib/rpm/Packages"),
            Trigger::Path("var/lib/rpm/Packages.db"),
            Trigger::Path("var/lib/rpm/rpmdb.sqlite"),
            Trigger::Path("var/lib/rpm/rpmdb.sqlite-wal"),
            Trigger::Path("usr/lib/sysimage/rpm/Packages"),
            Trigger::Path("usr/lib/sysimage/rpm/Packages.db"),
            Trigger::Path("usr/lib/sysimage/rpm/rpmdb.sqlite"),
            Trigger::Path("usr/lib/sysimage/rpm/rpmdb.sqlite-wal"),
            // Of ostree.
            Trigger::Path("usr/share/rpm/Packages"),
            Trigger::Path("usr/share/rpm/Packages.db"),
            Trigger::Path("usr/share/rpm/rpmdb.sqlite"),
            Trigger::Path("usr/share/rpm/rpmdb.sqlite-wal"),
        ]
    }

    fn wants(&self, _candidate: &Candidate<'_>) -> Want {
        Want::Whole { limit: 512 << 20 }
    }

    fn main_of(&self, path: &[u8]) -> Option<RawPath> {
        path.strip_suffix(WAL).map(RawPath::new)
    }

    fn addition_of(&self, path: &[u8]) -> Option<RawPath> {
        path.ends_with(b".sqlite")
            .then(|| RawPath::new(&[path, WAL].concat()))
    }

    fn in_memory(&self) -> bool {
        true
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let database = file.bytes()?;
        let wal = match file.addition {
            Some(wal) => Some(wal.bytes().map_err(DetectError::Body)?),
            None => None,
        };
        if database.is_empty() && wal.is_none() {
            return Ok(());
        }
        let mut full = None;
        rpmdb::read(
            &database,
            wal.as_deref(),
            &rpmdb::Limits::default(),
            &mut |header| match header {
                Ok(header) if full.is_none() => full = package(&header, file, out).err(),
                Ok(_) => {}
                Err(error) => out.warn(WarningKind::BadRecord, None, error.to_string()),
            },
        )
        .map_err(DetectError::Rpmdb)?;
        full.map_or(Ok(()), Err)
    }
}

fn package(
    header: &Header<'_>,
    file: &DetectFile<'_>,
    out: &mut Detected,
) -> Result<(), DetectError> {
    if header.name == "gpg-pubkey" {
        return Ok(());
    }
    if let Some(fault) = &header.fault {
        let number = header.number;
        let fault = fault.clone();
        let error = HeaderError { number, fault };
        out.warn(WarningKind::BadRecord, None, error.to_string());
    }
    let version = evr(header);
    let mut package = Package::new(PackageKind::Rpm, &*header.name, &*version);
    package.arch = header.arch.as_deref().map(str::to_owned);
    package.vendor = header.vendor.as_deref().map(str::to_owned);
    package.module = header.modularity_label.as_deref().map(str::to_owned);
    let own = format!("{}-{}", header.version, header.release);
    let source = header.source_rpm.as_deref();
    package.source = source.and_then(|source| source_of(&package.name, &own, source));
    let files = owned(header, file, out)?;
    if !files.is_empty() {
        out.owned.push(OwnedFiles {
            package: package.name.clone(),
            arch: package.arch.clone(),
            files,
        });
    }
    push(out, package)
}

fn evr(header: &Header<'_>) -> String {
    match header.epoch {
        Some(epoch) => format!("{epoch}:{}-{}", header.version, header.release),
        None => format!("{}-{}", header.version, header.release),
    }
}

/// The source package of a package of this name and `version-release`, by the file name of its source
/// RPM; `None` where it is called like the package.
pub(super) fn source_of(name: &str, own: &str, source_rpm: &str) -> Option<SourcePackage> {
    let (source, version) = source(source_rpm)?;
    let version = (version != own).then(|| version.to_owned());
    (source != name || version.is_some()).then(|| SourcePackage {
        name: source.to_owned(),
        version,
    })
}

/// Name, and version with release, of `name-version-release.src.rpm`.
fn source(file: &str) -> Option<(&str, &str)> {
    let stem = file.strip_suffix(".rpm")?;
    let stem = stem
        .strip_suffix(".src")
        .or_else(|| stem.strip_suffix(".nosrc"))?;
    let release = stem.rfind('-')?;
    let version = stem.get(..release)?.rfind('-')?;
    let (name, version) = stem.split_at_checked(version)?;
    (!name.is_empty()).then_some((name, version.get(1..)?))
}

/// Files that other detectors look at.
fn owned(
    header: &Header<'_>,
    file: &DetectFile<'_>,
    out: &mut Detected,
) -> Result<Vec<OwnedFile>, DetectError> {
    let mut owned = Vec::new();
    if !crate::dispatch::dispatch().has_languages() {
        return Ok(owned);
    }
    let files = match header.files() {
        Ok(files) => files,
        Err(error) => {
            out.warn(WarningKind::BadRecord, None, error.to_string());
            return Ok(owned);
        }
    };
    let algorithm = match files.algorithm() {
        DigestAlgorithm::Md5 => Some("md5"),
        DigestAlgorithm::Sha1 => Some("sha1"),
        DigestAlgorithm::Sha256 => Some("sha256"),
        _ => None,
    };
    let is_open_to_programs = |one: &File<'_>| one.directory.len() + one.name.len() <= LONGEST;
    let files = files.filter(|one| !one.is_ghost());
    // Each path is put together anew: a long folder may be that of a million names.
    for one in files.filter(is_open_to_programs) {
        let path = one.path();
        let path = path.strip_prefix(b"/").unwrap_or(&path);
        if !file.owns(path) {
            continue;
        }
        let digest = one
            .digest
            .and_then(|digest| std::str::from_utf8(digest).ok());
        let digest = algorithm.zip(digest);
        let digest = digest.map(|(algorithm, digest)| format!("{algorithm}:{digest}"));
        let path = RawPath::new(path);
        out.own(&mut owned, OwnedFile { path, digest })?;
    }
    Ok(owned)
}
