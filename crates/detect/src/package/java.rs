//! Java archives, however deep they lie in each other.
//!
//! Sources: the JAR file specification; Maven's archiver, which leaves
//! `META-INF/maven/GROUP/ARTIFACT/pom.properties`. An archive made of others (*shaded*) has several
//! of these and is all of them. Without one, an archive is known by a `pom.xml`, by its manifest,
//! or only by the name of its file.
//!
//! An application brings its libraries as archives in itself. They are read where they lie if they
//! are stored, and inflated one after the other if not, all under one budget of depth, number and
//! bytes; what it stops is said. Not here: the classes.

mod coordinates;
mod manifest;
mod pom;

use std::collections::BTreeSet;
use std::io::{self, Read, Seek as _, Write as _};

use pellucid_image::{Body, Want};
use pellucid_model::{Package, PackageKind, WarningKind};

use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};
use crate::path::split;
use crate::region::Region;
use crate::zip::{Archive, Content};
use coordinates::{Coordinates, FileName};
use manifest::Manifest;

/// The detector.
pub(crate) struct Java;

/// Archives inside archives.
const DEPTH: usize = 32;

/// Archives in one file, at any depth.
const ARCHIVES: usize = 20_000;

/// Packages of one file.
const PACKAGES: usize = 20_000;

/// Bytes of all central directories in one file.
const DIRECTORIES: u64 = 256 << 20;

/// Bytes inflated of one file: so many for any file, so many for each of its bytes, and
/// no more than so many.
const BYTES: u64 = 256 << 20;
const RATIO: u64 = 50;
const BYTES_MOST: u64 = 2 << 30;

/// Longest `pom.properties`, manifest (its main section comes first) and `pom.xml`.
const TEXT: usize = 256 << 10;

/// `pom.properties` in one archive.
const POMS: usize = 4096;

impl Detector for Java {
    fn name(&self) -> &'static str {
        "java"
    }

    fn version(&self) -> u32 {
        3
    }

    fn class(&self) -> Class {
        Class::Language
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[
            Trigger::Extension("jar"),
            Trigger::Extension("war"),
            Trigger::Extension("ear"),
            Trigger::Extension("par"),
            Trigger::Extension("sar"),
            Trigger::Extension("nar"),
            Trigger::Extension("kar"),
            Trigger::Extension("hpi"),
            Trigger::Extension("jpi"),
            Trigger::Extension("lpkg"),
        ]
    }

    fn wants(&self, _candidate: &Candidate<'_>) -> Want {
        Want::Whole { limit: 1 << 30 }
    }

    fn reuses(&self) -> bool {
        true
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let region = Region::of(file.body)?;
        if region.len() == 0 {
            return Ok(());
        }
        let mut walk = Walk {
            out,
            packages: BTreeSet::new(),
            archives: 0,
            directories: 0,
            bytes: 0,
            budget: (BYTES + RATIO * region.len().min(BYTES_MOST)).min(BYTES_MOST),
            full: false,
        };
        let name = String::from_utf8_lossy(split(file.path).1).into_owned();
        let outcome = walk.archive(region, &name, "", 0);
        let packages = walk.packages;
        out.packages.extend(packages);
        outcome
    }
}

/// The way through an archive and all archives in it.
struct Walk<'o> {
    out: &'o mut Detected,
    packages: BTreeSet<Package>,
    archives: usize,
    directories: u64,
    bytes: u64,
    budget: u64,
    full: bool,
}

impl Walk<'_> {
    /// Reads an archive; `inside` is its path in the outermost one, empty for that.
    fn archive(
        &mut self,
        region: Region<'_>,
        name: &str,
        inside: &str,
        depth: usize,
    ) -> Result<(), DetectError> {
        let archive = Archive::open(region)?;
        self.directories += archive.directory_bytes();
        if self.directories > DIRECTORIES {
            self.too_large(inside, "archives with more than 256 MiB of directories");
            return Ok(());
        }
        self.identify(&archive, name, inside);
        let mut entries = archive.entries();
        loop {
            let entry = match entries.next(is_archive) {
                Ok(Some(entry)) => entry,
                Ok(None) => return Ok(()),
                // Said once, by the first way through the directory.
                Err(_) => return Ok(()),
            };
            self.archives += 1;
            if self.archives > ARCHIVES {
                self.too_large(inside, "more than 20000 archives in it");
                return Ok(());
            }
            let path = String::from_utf8_lossy(&entry.name);
            let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
            let path = match inside {
                "" => path.to_string(),
                above => format!("{above}!/{path}"),
            };
            if depth + 1 > DEPTH {
                self.too_large(&path, "archives more than 32 deep in it");
                return Ok(());
            }
            let outcome = match archive.content(&entry) {
                Ok(Content::Stored(region)) => self.archive(region, name, &path, depth + 1),
                Ok(Content::Deflated(packed)) => {
                    self.inflate(packed, depth, &path)
                        .and_then(|body| match body {
                            Some(body) => self.archive(Region::of(&body)?, name, &path, depth + 1),
                            None => Ok(()),
                        })
                }
                Err(error) => Err(error),
            };
            match outcome {
                Ok(()) => {}
                Err(DetectError::Body(error)) => return Err(DetectError::Body(error)),
                Err(error) => self.bad(&path, &error),
            }
        }
    }

    /// Adds what an archive says it is.
    fn identify(&mut self, archive: &Archive<'_>, name: &str, inside: &str) {
        let mut manifest = Manifest::default();
        let mut projects = Vec::new();
        let mut properties: Vec<Coordinates> = Vec::new();
        let file = FileName::of(name);
        let mut entries = archive.entries();
        loop {
            let entry = match entries.next(is_metadata) {
                Ok(Some(entry)) => entry,
                Ok(None) => break,
                Err(error) => {
                    self.bad(inside, &error);
                    break;
                }
            };
            if self.bytes > self.budget {
                let budget = self.budget;
                self.too_large(inside, &format!("more than {budget} bytes to inflate"));
                break;
            }
            let (bytes, whole) = match archive.read(&entry, TEXT) {
                Ok(read) => read,
                Err(error) => {
                    self.bad(&join(inside, &entry.name), &error);
                    continue;
                }
            };
            self.bytes += bytes.len() as u64;
            let base = split(&entry.name).1;
            if base.eq_ignore_ascii_case(b"MANIFEST.MF") {
                manifest = Manifest::of(&bytes);
            } else if !whole {
                self.too_large(&join(inside, &entry.name), "more than 256 KiB");
            } else if properties.len() + projects.len() >= POMS {
                self.too_large(inside, "more than 4096 Maven projects in it");
                break;
            } else if base == b"pom.properties" {
                match pom::properties(&bytes, &file) {
                    Some(found) => properties.push(found),
                    None => self.out.warn(
                        WarningKind::BadRecord,
                        None,
                        format!("{}: names no artifact", join(inside, &entry.name)),
                    ),
                }
            } else if let Some(project) = pom::project(&bytes, &entry.name) {
                projects.push(project);
            }
        }
        // A project that has both files said all it can by its properties.
        projects.retain(|project| {
            let is_it = |one: &Coordinates| one.artifact == project.artifact;
            !properties.iter().any(is_it)
        });
        let guess = coordinates::guess(&file, &manifest, &projects);
        let own = match properties.as_slice() {
            [] => false,
            // Renamed, or one library put into another: the guess must be of something else.
            [only] => !guess.as_ref().is_some_and(|(guess, sure)| {
                *sure && !file.is_named_after(&only.artifact) && !guess.is_akin(only)
            }),
            several => several.iter().any(|one| file.is_named_after(&one.artifact)),
        };
        for one in properties {
            self.add(one);
        }
        if own {
            return;
        }
        if let Some((guess, _)) = guess {
            self.add(guess);
        }
    }

    fn add(&mut self, one: Coordinates) {
        if self.packages.len() < PACKAGES {
            let name = match one.group {
                Some(group) => format!("{group}:{}", one.artifact),
                None => one.artifact,
            };
            self.packages
                .insert(Package::new(PackageKind::Maven, name, one.version));
        } else if !self.full {
            self.full = true;
            self.out.warn(
                WarningKind::TooLarge,
                None,
                "more than 20000 packages in it",
            );
        }
    }

    /// Inflates an archive, into memory if it is small; `None` where the budget does not allow it.
    fn inflate(
        &mut self,
        mut packed: impl Read,
        depth: usize,
        path: &str,
    ) -> Result<Option<Body<'static>>, DetectError> {
        const BROKEN: DetectError = DetectError::Malformed("does not inflate");
        // All archives above this one are in memory too.
        let memory = if depth == 0 { 2 << 20 } else { 512 << 10 };
        let budget = self.budget.saturating_sub(self.bytes);
        let mut bytes = Vec::new();
        let read = packed
            .by_ref()
            .take(budget.min(memory + 1))
            .read_to_end(&mut bytes)
            .map_err(|_| BROKEN)? as u64;
        let mut total = read;
        let body = if read <= memory && read < budget {
            Body::Memory(bytes)
        } else if read > memory && !may_be_archive(&bytes) {
            return Err(DetectError::Malformed("no zip archive"));
        } else {
            let mut file = tempfile::tempfile().map_err(DetectError::Body)?;
            file.write_all(&bytes).map_err(DetectError::Body)?;
            drop(bytes);
            total += spool(&mut packed.take(budget - read), &mut file)?.ok_or(BROKEN)?;
            file.rewind().map_err(DetectError::Body)?;
            Body::Spool(file)
        };
        self.bytes += total;
        if total >= budget {
            let budget = self.budget;
            self.too_large(path, &format!("more than {budget} bytes to inflate"));
            return Ok(None);
        }
        Ok(Some(body))
    }

    fn bad(&mut self, path: &str, error: &DetectError) {
        let message = match path {
            "" => error.to_string(),
            path => format!("{path}: {error}"),
        };
        self.out.warn(WarningKind::BadRecord, None, message);
    }

    fn too_large(&mut self, path: &str, what: &str) {
        let message = match path {
            "" => what.to_owned(),
            path => format!("{path}: {what}"),
        };
        self.out.warn(WarningKind::TooLarge, None, message);
    }
}

/// Whether a file of these first bytes can be an archive: one, or a script or program before one.
fn may_be_archive(bytes: &[u8]) -> bool {
    [&b"PK"[..], b"#!", b"MZ", b"\x7fELF"]
        .iter()
        .any(|magic| bytes.starts_with(magic))
}

/// Copies to a spool; `None` where the reader, not the spool, fails.
fn spool(from: &mut impl Read, to: &mut std::fs::File) -> Result<Option<u64>, DetectError> {
    let mut buffer = vec![0; 64 << 10];
    let mut total = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(Some(total)),
            Ok(count) => {
                to.write_all(buffer.get(..count).unwrap_or_default())
                    .map_err(DetectError::Body)?;
                total += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Ok(None),
        }
    }
}

fn join(inside: &str, name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    match inside {
        "" => name.into_owned(),
        inside => format!("{inside}!/{name}"),
    }
}

/// Longest name of an entry that is looked at.
const ENTRY_NAME: usize = 1024;

fn is_metadata(name: &[u8]) -> bool {
    name.len() <= ENTRY_NAME
        && (name.eq_ignore_ascii_case(b"META-INF/MANIFEST.MF")
            || name.ends_with(b"/pom.properties")
            || (name.ends_with(b"/pom.xml") && name.starts_with(b"META-INF/maven/")))
}

fn is_archive(name: &[u8]) -> bool {
    const EXTENSIONS: &[&[u8]] = &[
        b"jar", b"war", b"ear", b"par", b"sar", b"nar", b"kar", b"rar", b"hpi", b"jpi", b"lpkg",
    ];
    name.len() <= ENTRY_NAME
        && name
            .iter()
            .rposition(|byte| *byte == b'.')
            .is_some_and(|at| {
                name.get(at + 1..).is_some_and(|extension| {
                    EXTENSIONS
                        .iter()
                        .any(|known| extension.eq_ignore_ascii_case(known))
                })
            })
}
