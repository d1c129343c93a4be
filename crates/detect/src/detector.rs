//! What a detector is, and the table of all of them.
//!
//! One file in `namespace/`, `repository/` or `package/` is one detector; one line in [`DETECTORS`] registers it.
//! A detector says by [`Trigger`]s which files it could want, so that forty of them cost a few
//! table look-ups per entry and not forty calls. It reads one file and says what that file says;
//! layers, links and other files are the overlay's business.

use std::hash::Hasher as _;

use pellucid_image::{Body, Want};
use pellucid_model::{Package, Release, WarningKind};
use serde::{Deserialize, Serialize};

use crate::layer::Facts;
use crate::lines::Lines;
use crate::path::LONGEST;
use crate::{DetectError, RawPath};
use crate::{namespace, package, repository};

/// Every detector. Namespace detectors stand in the order of their precedence: the first that
/// has an answer decides which distribution the image is.
pub const DETECTORS: &[&dyn Detector] = &[
    &namespace::os_release::OsRelease,
    &namespace::alpine_release::AlpineRelease,
    &namespace::redhat_release::RedhatRelease,
    &namespace::lsb_release::LsbRelease,
    &namespace::debian_version::DebianVersion,
    &namespace::apt_sources::AptSources,
    &repository::content_sets::ContentSets,
    &repository::history::History,
    &repository::labels::Labels,
    &package::dpkg::Dpkg,
    &package::chisel::Chisel,
    &package::apk::Apk,
    &package::rpm::Rpm,
    &package::rpm_manifest::RpmManifest,
    &package::pacman::Pacman,
    &package::bottlerocket::Bottlerocket,
    &package::portage::Portage,
    &package::python::Python,
    &package::conda::Conda,
    &package::node::Node,
    &package::java::Java,
    &package::go_binary::GoBinary,
    &package::rust_binary::RustBinary,
    &package::ruby::Ruby,
    &package::php::Php,
    &package::pear::Pear,
    &package::dotnet::Dotnet,
    &package::erlang::Erlang,
    &package::dart::Dart,
    &package::haskell::Haskell,
    &package::r::R,
    &package::lua::Lua,
    &package::perl::Perl,
    &package::julia::Julia,
    &package::jdk::Jdk,
    &package::classifier::Classifier,
    &package::application::Application,
    &package::bitnami::Bitnami,
    &package::sbom::Sbom,
    &package::lock_file::LockFile,
];

/// Reads files of one kind.
pub trait Detector: Sync {
    /// Stable key: shown in reports, part of the analysis version.
    fn name(&self) -> &'static str;

    /// To be raised whenever the results for the same bytes change.
    fn version(&self) -> u32;

    /// What sort of answer it gives.
    fn class(&self) -> Class;

    /// Which entries it is asked about.
    fn triggers(&self) -> &'static [Trigger];

    /// How much of a file it wants. Asked for entries that one of the triggers names.
    fn wants(&self, candidate: &Candidate<'_>) -> Want;

    /// What it wants of a file after seeing its beginning, where [`Self::wants`] said
    /// [`Want::Head`].
    fn head(&self, _candidate: &Candidate<'_>, _head: &[u8]) -> Want {
        Want::Skip
    }

    /// The file that must be read together with `path`, if `path` is only an addition to it: for
    /// `rpmdb.sqlite-wal` that is `rpmdb.sqlite`.
    fn main_of(&self, _path: &[u8]) -> Option<RawPath> {
        None
    }

    /// The file that belongs to `path` and holds an addition to it; the reverse of
    /// [`Self::main_of`].
    fn addition_of(&self, _path: &[u8]) -> Option<RawPath> {
        None
    }

    /// Whether what it says depends on the file's bytes and last name alone and is dear to find, so
    /// that it should be found once however often an image has the file.
    fn reuses(&self) -> bool {
        false
    }

    /// The detector whose list says more where an image has both: a package that both name is that one's.
    fn yields_to(&self) -> Option<&'static str> {
        None
    }

    /// Whether it reads files into memory as a whole.
    fn in_memory(&self) -> bool {
        false
    }

    /// Reads a file.
    ///
    /// # Errors
    /// If nothing in the file can be trusted. What `out` holds by then is dropped. For a detector
    /// of [`Class::Database`] that ends the scan, for others it becomes a warning.
    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError>;
}

/// What sort of answer a detector gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Which distribution the image is.
    Namespace,
    /// Which repositories the packages came from.
    Repository,
    /// The packages of a distribution's package manager. Failing to read one ends the scan.
    Database,
    /// Packages of a language, or software known by its binary.
    Language,
    /// Packages that a project's lock file names, installed or not.
    Lock,
}

/// Entries that a detector is asked about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trigger {
    /// The file at this path; also when links of the image lead from there to another file.
    Path(&'static str),
    /// Files below this folder; also when links of the image lead from there to another folder.
    Folder(&'static str),
    /// Files of this name in any folder.
    Name(&'static str),
    /// Files whose name ends in a dot and this, in any letter case; given in lower case.
    Extension(&'static str),
    /// Every regular file. Dear: `wants` must decide by size and mode at once.
    Any,
}

/// An entry of a layer that a detector may want.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Normalised path.
    pub path: &'a [u8],
    /// Size in bytes; `None` where it is not known: for a link, and for a path in a package's
    /// list of files.
    pub size: Option<u64>,
    /// Permission bits; 0 where not known.
    pub mode: u32,
}

impl<'a> Candidate<'a> {
    /// A path of which no more is known.
    #[must_use]
    pub fn of_path(path: &'a [u8]) -> Self {
        Self {
            path,
            size: None,
            mode: 0,
        }
    }

    /// The last part of the path.
    #[must_use]
    pub fn name(&self) -> &'a [u8] {
        crate::path::split(self.path).1
    }

    /// The folder that the entry stands in.
    #[must_use]
    pub fn folder(&self) -> &'a [u8] {
        crate::path::split(self.path).0
    }
}

/// A file as a detector gets it.
pub struct DetectFile<'a> {
    /// Path in the image that the detector knows the file by.
    pub path: &'a [u8],
    /// The content: all of it, or its beginning where only that was asked for.
    pub body: &'a Body<'a>,
    /// The content of [`Detector::addition_of`], where the image has it.
    pub addition: Option<&'a Body<'a>>,
}

impl<'a> DetectFile<'a> {
    /// The whole content.
    ///
    /// # Errors
    /// [`DetectError::Body`] if a spooled file cannot be read back.
    pub fn bytes(&self) -> Result<std::borrow::Cow<'a, [u8]>, DetectError> {
        self.body.bytes().map_err(DetectError::Body)
    }

    /// The content line by line, in bounded memory.
    #[must_use]
    pub fn lines(&self) -> Lines<'a> {
        Lines::new(self.body)
    }

    /// Whether any detector of language packages would look at a file of this path, so that it is
    /// worth remembering whose it is.
    #[must_use]
    pub fn owns(&self, path: &[u8]) -> bool {
        path.len() <= LONGEST && crate::dispatch::dispatch().any_language(path)
    }
}

/// What one file says.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Detected {
    /// What it says about the distribution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Release>,
    /// Repositories that packages of the image came from, and CPEs of the product that it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repositories: Vec<String>,
    /// Packages it proves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<Package>,
    /// Files that packages own, as far as other detectors would look at them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owned: Vec<OwnedFiles>,
    /// Records that could not be read, each with the line where it begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<(WarningKind, Option<u64>, String)>,
    /// Further warnings that were counted only.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_warnings: u64,
    /// What its packages and their files may still take.
    #[serde(skip)]
    room: Room,
}

/// Most bytes that the facts of one layer, and so of one file, may take, about.
pub(crate) const FACTS: usize = 192 << 20;

/// Bytes of memory that are left. It is no fact: any two are equal.
#[derive(Clone, Debug)]
struct Room {
    limit: usize,
    left: usize,
}

impl Room {
    fn of(limit: usize) -> Self {
        Self { limit, left: limit }
    }

    fn take(&mut self, bytes: usize) -> Result<(), DetectError> {
        let limit = self.limit;
        let left = self.left.checked_sub(bytes);
        self.left = left.ok_or(DetectError::Weight { limit })?;
        Ok(())
    }
}

impl Default for Room {
    fn default() -> Self {
        Self::of(FACTS)
    }
}

impl PartialEq for Room {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Room {}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Detected {
    /// Warnings kept per file; the others are counted.
    pub const WARNINGS: usize = 50;

    /// Notes that something in the file is not as it should be.
    pub fn warn(&mut self, kind: WarningKind, line: Option<u64>, message: impl Into<String>) {
        if self.warnings.len() < Self::WARNINGS {
            self.warnings.push((kind, line, message.into()));
        } else {
            self.more_warnings += 1;
        }
    }

    /// Notes a record that could not be read.
    pub fn bad_record(&mut self, line: u64, message: impl Into<String>) {
        self.warn(WarningKind::BadRecord, Some(line), message);
    }

    /// Adds a package, as long as it has room.
    pub(crate) fn push(&mut self, package: Package) -> Result<(), DetectError> {
        self.room.take(weight(&package))?;
        self.packages.push(package);
        Ok(())
    }

    /// Adds a file of a package to those that the package is known to own, as long as it has room.
    pub(crate) fn own(
        &mut self,
        files: &mut Vec<OwnedFile>,
        file: OwnedFile,
    ) -> Result<(), DetectError> {
        self.room.take(file.weight())?;
        files.push(file);
        Ok(())
    }

    /// Bytes of memory that it takes, about.
    #[must_use]
    pub fn weight(&self) -> usize {
        let packages = self.packages.iter().map(weight);
        let owned = self.owned.iter().flat_map(|owned| &owned.files);
        let owned = owned.map(OwnedFile::weight);
        let warnings = self
            .warnings
            .iter()
            .map(|(_, _, message)| message.len() + 64);
        let repositories = self
            .repositories
            .iter()
            .map(|name| size_of::<String>() + name.len());
        let lists = packages.chain(owned).chain(warnings);
        let lists = lists.chain(repositories);
        lists.sum()
    }
}

/// Bytes of memory that a package takes, about.
fn weight(package: &Package) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let source = package.source.as_ref();
    size_of::<Package>()
        + package.name.len()
        + package.version.len()
        + source.map_or(0, |source| source.name.len() + text(&source.version))
        + text(&package.arch)
        + text(&package.module)
        + text(&package.vendor)
}

/// Files of a package, as its package manager recorded them.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct OwnedFiles {
    /// Name of the package.
    pub package: String,
    /// Its architecture, where the record names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    /// The files.
    pub files: Vec<OwnedFile>,
}

/// A file of a package.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OwnedFile {
    /// Path as the package manager writes it, relative to the root; links are not resolved.
    pub path: RawPath,
    /// Digest as recorded: `md5:…`, `sha1:…` or `sha256:…`, in lower-case hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl OwnedFile {
    /// Bytes of memory that it takes, about.
    fn weight(&self) -> usize {
        let digest = self.digest.as_ref().map_or(0, String::len);
        size_of::<Self>() + self.path.bytes().len() + digest
    }
}

/// Names the code that analyses layers: results of another analysis version are not comparable.
///
/// Begins with a number that a newer release's is higher than, so that an older one leaves alone what a
/// newer one has made: `2080-0123456789abcdef`.
#[must_use]
pub fn analysis_version() -> String {
    /// Raised when the shape or meaning of a layer inventory changes, and when a detector goes.
    const LAYER: u32 = 2;
    let mut hash = crate::dispatch::Fnv::default();
    let mut age = LAYER * 1000;
    for detector in DETECTORS {
        age += detector.version();
        hash.write(format!("{} {}\n", detector.name(), detector.version()).as_bytes());
    }
    format!("{age}-{:016x}", hash.finish())
}

/// Runs a detector; a panic of it is a failure on this file and no more. What the file says may take
/// `limit` bytes of memory, about.
pub(crate) fn run(
    detector: &dyn Detector,
    file: &DetectFile<'_>,
    limit: usize,
) -> Result<Detected, Facts> {
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut found = Detected {
            room: Room::of(limit),
            ..Detected::default()
        };
        detector.detect(file, &mut found).map(|()| found)
    }));
    match outcome {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(DetectError::Weight { limit })) => Err(Facts::TooHeavy(limit as u64)),
        Ok(Err(DetectError::Body(source))) => Err(Facts::of(&source)),
        Ok(Err(error)) => Err(Facts::Failed(error.to_string())),
        Err(_) => Err(Facts::Failed("the detector panicked".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Panics;

    impl Detector for Panics {
        fn name(&self) -> &'static str {
            "panics"
        }

        fn version(&self) -> u32 {
            1
        }

        fn class(&self) -> Class {
            Class::Database
        }

        fn triggers(&self) -> &'static [Trigger] {
            &[]
        }

        fn wants(&self, _candidate: &Candidate<'_>) -> Want {
            Want::Skip
        }

        fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
            out.bad_record(1, "dropped");
            let bytes = file.bytes()?;
            assert!(bytes.is_empty(), "as a detector with a mistake in it would");
            Ok(())
        }
    }

    #[test]
    fn what_packages_own_has_a_bound() {
        let long = format!("{}/x.jar", "d".repeat(4000));
        let (owned, wanted) = (format!("/{long}\n"), format!("obj /{long} - 1\n"));
        let files: [(&dyn Detector, &str, String); 4] = [
            (
                &package::apk::Apk,
                "lib/apk/db/installed",
                format!("P:a\nV:1\nF:{}\n", "d".repeat(4000)) + &"R:x.jar\n".repeat(100),
            ),
            (
                &package::dpkg::Dpkg,
                "var/lib/dpkg/info/a.list",
                owned.repeat(100),
            ),
            (
                &package::pacman::Pacman,
                "var/lib/pacman/local/a-1-1/files",
                format!("%FILES%\n{}", format!("{long}\n").repeat(100)),
            ),
            (
                &package::portage::Portage,
                "var/db/pkg/a/b-1/CONTENTS",
                wanted.repeat(100),
            ),
        ];
        for (detector, path, text) in files {
            let body = Body::Memory(text.into_bytes());
            let file = DetectFile {
                path: path.as_bytes(),
                body: &body,
                addition: None,
            };
            let found = run(detector, &file, 1 << 20).unwrap();
            assert!(found.weight() > 400_000, "{path}: {}", found.weight());
            let refused = run(detector, &file, 100_000).unwrap_err();
            assert_eq!(refused, Facts::TooHeavy(100_000), "{path}");
        }
        let many = (0..1000).map(|number| format!("P:{number}\nV:1\n\n"));
        let body = Body::Memory(many.collect::<String>().into_bytes());
        let file = DetectFile {
            path: b"lib/apk/db/installed",
            body: &body,
            addition: None,
        };
        assert!(run(&package::apk::Apk, &file, 100_000).is_err());
    }

    #[test]
    fn a_panic_costs_one_file_and_nothing_else() {
        let read = |body: &[u8]| {
            let body = Body::Memory(body.to_vec());
            run(
                &Panics,
                &DetectFile {
                    path: b"x",
                    body: &body,
                    addition: None,
                },
                FACTS,
            )
        };
        assert_eq!(
            read(b"x"),
            Err(Facts::Failed("the detector panicked".to_owned()))
        );
        assert_eq!(read(b"").unwrap().warnings.len(), 1);
    }
}
