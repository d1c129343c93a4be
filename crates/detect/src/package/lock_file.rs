//! Lock files: what a project's package manager decided to install.
//!
//! One row of [`FORMATS`] a file name. A lock file says what a project wants, and nothing about
//! what is installed: in images it is listed only where asked for. Files that people write are read
//! where they pin versions (`requirements.txt`). Ranges, checksums, and packages without a version
//! or of the project itself (workspaces, `path`, `file:`, SDKs) are left out.
//!
//! Formats that tools write line by line are read line by line, also those that are TOML or YAML
//! by name: they are never nested deeper than the tool nests them, and a line that is not as the
//! tool writes it names no package. Not read: `go.sum` (every version ever considered),
//! `luarocks.lock`, `Podfile.lock` (no ecosystem has advisories for pods).

mod json;
mod lines;
mod node;
mod sections;
mod tables;

use pellucid_image::Want;
use pellucid_model::PackageKind;

use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};
use crate::path::split;

/// The detector.
pub(crate) struct LockFile;

/// Largest lock file that is read.
const LIMIT: u64 = 16 << 20;

type Read = fn(&DetectFile<'_>, PackageKind, &mut Detected) -> Result<(), DetectError>;

/// A format: the file's name, whose packages it lists, and how it is read.
type Format = (&'static str, PackageKind, Read);

/// Every format that is known by a file's whole name.
const FORMATS: &[Format] = &[
    ("package-lock.json", PackageKind::Npm, json::package_lock),
    ("npm-shrinkwrap.json", PackageKind::Npm, json::package_lock),
    ("yarn.lock", PackageKind::Npm, node::yarn),
    ("pnpm-lock.yaml", PackageKind::Npm, node::pnpm),
    ("bun.lock", PackageKind::Npm, node::bun),
    ("poetry.lock", PackageKind::Pypi, tables::packages),
    ("uv.lock", PackageKind::Pypi, tables::packages),
    ("pdm.lock", PackageKind::Pypi, tables::packages),
    ("pylock.toml", PackageKind::Pypi, tables::packages),
    ("Cargo.lock", PackageKind::Cargo, tables::cargo),
    ("Manifest.toml", PackageKind::Julia, tables::julia),
    ("Pipfile.lock", PackageKind::Pypi, json::pipfile),
    ("composer.lock", PackageKind::Composer, json::composer),
    ("packages.lock.json", PackageKind::Nuget, json::nuget),
    (
        "packages.config",
        PackageKind::Nuget,
        lines::packages_config,
    ),
    ("Package.resolved", PackageKind::Swift, json::swift),
    ("conan.lock", PackageKind::Conan, json::conan),
    ("renv.lock", PackageKind::Cran, json::renv),
    ("go.mod", PackageKind::Golang, sections::go_mod),
    ("Gemfile.lock", PackageKind::Gem, sections::gemfile),
    ("gems.locked", PackageKind::Gem, sections::gemfile),
    ("pubspec.lock", PackageKind::Pub, sections::pubspec),
    ("mix.lock", PackageKind::Hex, lines::mix),
    ("rebar.lock", PackageKind::Hex, lines::rebar),
    ("gradle.lockfile", PackageKind::Maven, lines::gradle),
    (
        "buildscript-gradle.lockfile",
        PackageKind::Maven,
        lines::gradle,
    ),
    ("cabal.project.freeze", PackageKind::Hackage, lines::cabal),
    ("stack.yaml.lock", PackageKind::Hackage, lines::stack),
    ("cpanfile.snapshot", PackageKind::Cpan, lines::cpanfile),
];

impl Detector for LockFile {
    fn name(&self) -> &'static str {
        "lock-file"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Lock
    }

    fn triggers(&self) -> &'static [Trigger] {
        const NAMES: [Trigger; FORMATS.len() + 1] = {
            let mut names = [Trigger::Extension("txt"); FORMATS.len() + 1];
            let (mut formats, mut index) = (FORMATS, 0);
            while let [(name, ..), rest @ ..] = formats {
                #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
                {
                    names[index] = Trigger::Name(name);
                }
                (formats, index) = (rest, index + 1);
            }
            names
        };
        &NAMES
    }

    fn wants(&self, candidate: &Candidate<'_>) -> Want {
        // What package managers keep for themselves or ship with a package locks nothing here.
        let inside = [
            &b"/node_modules/"[..],
            b"/site-packages/",
            b"/dist-packages/",
            b"/testdata/",
        ]
        .iter()
        .any(|folder| {
            candidate
                .path
                .windows(folder.len())
                .any(|part| part == *folder)
        });
        if inside
            || candidate.path.starts_with(b"node_modules/")
            || read_of(candidate.path).is_none()
        {
            return Want::Skip;
        }
        Want::Whole { limit: LIMIT }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        if let Some((kind, read)) = read_of(file.path) {
            read(file, kind, out)?;
        }
        out.packages.sort();
        out.packages.dedup();
        Ok(())
    }
}

fn read_of(path: &[u8]) -> Option<(PackageKind, Read)> {
    let (folder, name) = split(path);
    if let Some((_, kind, read)) = FORMATS.iter().find(|(known, ..)| known.as_bytes() == name) {
        return Some((*kind, *read));
    }
    let pins = name.ends_with(b".txt")
        && (name.starts_with(b"requirements") || split(folder).1 == b"requirements");
    pins.then_some((PackageKind::Pypi, lines::requirements as Read))
}
