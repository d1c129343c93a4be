//! Go modules of a binary, and the Go release that built it.
//!
//! Source: Go's `debug/buildinfo` and `runtime/debug.BuildInfo`. The record stands in a section of
//! its own or at the start of the program's variables, at a multiple of 16. Since Go 1.18 its two
//! texts follow it; before, it holds the addresses of two strings. The second text lists the main
//! module, its dependencies and how it was built, each line's fields parted by tabs, in a frame of
//! 16 bytes on either side. Binaries built without modules have none, and only tell the release.
//!
//! The standard library is the package `stdlib` with the release's version, and the command `go` is
//! `toolchain` as well: Go's own advisories call them so. Other commands of the release have no
//! module. A replaced module is what replaced it; one replaced by a folder keeps its name, and its
//! version unless that is the `v0.0.0` of a module that was never published. The main module is
//! `(devel)` until Go 1.24 wrote its version: the one version that the linker was told to set
//! (`-X main.version=`) is taken instead, as it is for a pseudo-version, which says of which commit a
//! program is, not of which release. One of a checkout without tags (`v0.0.0-…`) is older than every release
//! and would be affected by everything: without the linker's word it is `(devel)` too. Not here: symbols, so that a module counts whether or not
//! its functions are linked.

use std::collections::BTreeSet;

use pellucid_image::Want;
use pellucid_model::{Package, PackageKind, WarningKind};
use pellucid_version::Scheme;

use super::{NAME, VERSION, value};
use crate::DetectError;
use crate::binary::{self, Binary};
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};
use crate::region::Region;

/// The detector.
pub(crate) struct GoBinary;

const MAGIC: &[u8; 14] = b"\xff Go buildinf:";
const ALIGNMENT: usize = 16;

/// Bytes of the program's variables that are searched for the record.
const SEARCHED: usize = 1 << 20;

/// Longest list of modules.
const MODULES: u64 = 16 << 20;

/// Version of a main module that does not know its own.
const DEVEL: &str = "(devel)";

impl Detector for GoBinary {
    fn name(&self) -> &'static str {
        "go-binary"
    }

    fn version(&self) -> u32 {
        3
    }

    fn class(&self) -> Class {
        Class::Language
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[Trigger::Any]
    }

    fn wants(&self, candidate: &Candidate<'_>) -> Want {
        binary::wants(candidate)
    }

    fn head(&self, _candidate: &Candidate<'_>, head: &[u8]) -> Want {
        binary::head(head)
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let Some(binary) = Binary::open(Region::of(file.body)?)? else {
            return Ok(());
        };
        let Some(at) = find(&binary)? else {
            if binary.cut {
                let message = "a program that ends before its own tables say: what Go or Rust wrote \
                               into it cannot be read";
                out.warn(WarningKind::BadRecord, None, message);
            } else if is_packed(&binary)? {
                let message =
                    "a program packed by UPX: what Go or Rust wrote into it cannot be read";
                out.warn(WarningKind::BadRecord, None, message);
            }
            return Ok(());
        };
        let record = read(&binary, at)?;
        let release = record
            .as_ref()
            .and_then(|record| version_of(&record.release));
        if let Some(version) = release {
            package("stdlib", version, out);
        }
        match record.as_ref().and_then(|record| record.modules.as_deref()) {
            Some(text) => {
                if let Some(version) = release.filter(|_| text.starts_with("path\tcmd/go\n")) {
                    package("toolchain", version, out);
                }
                modules(text, out);
            }
            None => {
                let message = "a record of how Go built this that cannot be read";
                out.warn(WarningKind::BadRecord, None, message);
            }
        }
        Ok(())
    }
}

/// Whether UPX left its mark, which stands behind the headers.
fn is_packed(binary: &Binary<'_>) -> Result<bool, DetectError> {
    const MARK: &[u8] = b"UPX!";
    let start = binary.file.bytes(0, 1024)?;
    Ok(start.windows(MARK.len()).any(|bytes| bytes == MARK))
}

/// Where the record begins.
fn find(binary: &Binary<'_>) -> Result<Option<u64>, DetectError> {
    let places = [
        binary.section(b".go.buildinfo"),
        binary.section(b"__go_buildinfo"),
        binary.data(),
    ];
    for (start, size) in places.into_iter().flatten() {
        let most = usize::try_from(size).map_or(SEARCHED, |size| size.min(SEARCHED));
        let bytes = binary.file.bytes(start, most)?;
        let found = (0..)
            .step_by(ALIGNMENT)
            .zip(bytes.chunks(ALIGNMENT))
            .find(|(_, chunk)| chunk.starts_with(MAGIC));
        if let Some((at, _)) = found {
            return Ok(Some(start + at));
        }
    }
    Ok(None)
}

/// The record's two texts.
struct Record {
    release: String,
    /// Empty for a binary built without modules; `None` where it cannot be read.
    modules: Option<String>,
}

fn read(binary: &Binary<'_>, at: u64) -> Result<Option<Record>, DetectError> {
    const INLINE: u8 = 2;
    let Some(header) = binary.file.array::<32>(at)? else {
        return Ok(None);
    };
    let [.., pointer_bytes, flags] = header.first_chunk::<16>().copied().unwrap_or_default();
    let (release, modules) = if flags & INLINE != 0 {
        let Some((release, end)) = inline(binary.file, at + 32)? else {
            return Ok(None);
        };
        (release, inline(binary.file, end)?.map(|(text, _)| text))
    } else {
        let pointer = Pointer {
            bytes: pointer_bytes,
            big: flags & 1 != 0,
        };
        let string = |index: u64| {
            let address = pointer.read(binary.file, at + 16 + index * u64::from(pointer_bytes))?;
            address.map_or(Ok(None), |address| pointer.string(binary, address))
        };
        let Some(release) = string(0)? else {
            return Ok(None);
        };
        (release, string(1)?)
    };
    let Some(release) = value(&release, VERSION).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    // The frame: 16 bytes of a mark, the text with its last line's end, 16 bytes of another.
    let modules = match modules.as_deref() {
        Some([]) => Some(String::new()),
        Some(framed) => framed
            .get(16..framed.len().saturating_sub(16))
            .filter(|text| text.ends_with(b"\n"))
            .map(|text| String::from_utf8_lossy(text).into_owned()),
        None => None,
    };
    Ok(Some(Record {
        release: release.to_owned(),
        modules,
    }))
}

/// The text behind its length at `at`, and where it ends.
fn inline(file: Region<'_>, at: u64) -> Result<Option<(Vec<u8>, u64)>, DetectError> {
    let (mut length, mut shift, mut at) = (0_u64, 0, at);
    loop {
        let Some([byte]) = file.array::<1>(at)? else {
            return Ok(None);
        };
        at += 1;
        length |= u64::from(byte & 127) << shift;
        shift += 7;
        if byte & 128 == 0 {
            break;
        }
        if shift > 28 {
            return Ok(None);
        }
    }
    Ok(text(file, at, length)?.map(|text| (text, at + length)))
}

/// Exactly `length` bytes.
fn text(file: Region<'_>, at: u64, length: u64) -> Result<Option<Vec<u8>>, DetectError> {
    match usize::try_from(length) {
        Ok(length) if length as u64 <= MODULES => {
            Ok(Some(file.bytes(at, length)?).filter(|bytes| bytes.len() == length))
        }
        _ => Ok(None),
    }
}

/// How the record's addresses are written.
struct Pointer {
    bytes: u8,
    big: bool,
}

impl Pointer {
    fn read(&self, file: Region<'_>, at: u64) -> Result<Option<u64>, DetectError> {
        Ok(match (self.bytes, self.big) {
            (4, false) => file
                .array(at)?
                .map(|bytes| u64::from(u32::from_le_bytes(bytes))),
            (4, true) => file
                .array(at)?
                .map(|bytes| u64::from(u32::from_be_bytes(bytes))),
            (8, false) => file.array(at)?.map(u64::from_le_bytes),
            (8, true) => file.array(at)?.map(u64::from_be_bytes),
            _ => None,
        })
    }

    /// The Go string whose header, an address and a length, is at an address.
    fn string(&self, binary: &Binary<'_>, address: u64) -> Result<Option<Vec<u8>>, DetectError> {
        let Some(at) = binary.place(address) else {
            return Ok(None);
        };
        let start = self.read(binary.file, at)?;
        let length = self.read(binary.file, at.saturating_add(u64::from(self.bytes)))?;
        match (start.and_then(|start| binary.place(start)), length) {
            (Some(start), Some(length)) => text(binary.file, start, length),
            _ => Ok(None),
        }
    }
}

/// The version of a release of Go; one made from a commit has none.
fn version_of(release: &str) -> Option<&str> {
    let version = release.strip_prefix("go")?.split(' ').next()?;
    Scheme::Go.is_valid(version).then_some(version)
}

fn modules(text: &str, out: &mut Detected) {
    let mut main = None;
    let mut flags = "";
    // The dependency before a line that may replace it.
    let mut last: Option<(&str, &str)> = None;
    let mut found: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut replaced = false;
    for (number, line) in (1..).zip(text.lines()) {
        let mut fields = line.split('\t');
        let (kind, path, version) = (
            fields.next().unwrap_or_default(),
            fields.next().unwrap_or_default(),
            fields.next().unwrap_or_default(),
        );
        match kind {
            "mod" => main = Some((path, version)),
            "dep" => {
                found.extend(last.replace((path, version)));
                replaced = false;
                if path.is_empty() {
                    out.bad_record(number, "a module without a name");
                    last = None;
                }
            }
            "=>" if path.is_empty() => out.bad_record(number, "a replacement without a name"),
            "=>" if !replaced => {
                replaced = true;
                match last.as_mut() {
                    Some(dep) => *dep = replacement(*dep, path, version),
                    None => main = main.map(|main| replacement(main, path, version)),
                }
            }
            "build" => {
                if let Some(value) = path.strip_prefix("-ldflags=") {
                    flags = value;
                }
            }
            _ => {}
        }
    }
    found.extend(last);
    for (path, version) in found {
        package(path, version, out);
    }
    if let Some((path, version)) = main.filter(|(path, _)| !path.is_empty()) {
        let of_a_commit = is_pseudo(version);
        let unknown = version == DEVEL || version.is_empty() || of_a_commit;
        match linked_version(flags, path).filter(|_| unknown) {
            Some(linked) => package(path, &linked, out),
            None if of_a_commit && version.starts_with("v0.0.0-") => package(path, DEVEL, out),
            None => package(path, version, out),
        }
    }
}

/// Whether a version names a commit: it ends with a time of 14 digits and 12 digits of the commit.
/// Source: Go's reference of modules, "Pseudo-versions".
fn is_pseudo(version: &str) -> bool {
    let bare = version.split('+').next().unwrap_or_default();
    let Some((rest, commit)) = bare.rsplit_once('-') else {
        return false;
    };
    let time = rest.rsplit(['-', '.']).next().unwrap_or_default();
    let is_time = time.len() == 14 && time.bytes().all(|byte| byte.is_ascii_digit());
    is_time && commit.len() == 12 && commit.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn replacement<'t>(old: (&'t str, &'t str), path: &'t str, version: &'t str) -> (&'t str, &'t str) {
    // Only a folder has no version.
    if version.is_empty() || version == DEVEL {
        let unpublished =
            old.1.is_empty() || old.1.starts_with("v0.0.0-00010101") || old.1 == "v0.0.0";
        (old.0, if unpublished { DEVEL } else { old.1 })
    } else {
        (path, version)
    }
}

fn package(path: &str, version: &str, out: &mut Detected) {
    let version = if version.is_empty() { DEVEL } else { version };
    if path.len() <= NAME && version.len() <= VERSION {
        out.packages
            .push(Package::new(PackageKind::Golang, path, version));
    } else {
        out.warn(
            WarningKind::BadRecord,
            None,
            "a module whose name or version is too long",
        );
    }
}

/// The one version that the linker was told to set, as a version of Go.
fn linked_version(flags: &str, module: &str) -> Option<String> {
    const SAYS: [&str; 9] = [
        "appversion",
        "buildversion",
        "fullversion",
        "gitversion",
        "release",
        "serverversion",
        "tag",
        "ver",
        "version",
    ];
    let mut versions = BTreeSet::new();
    let mut words = words(flags).into_iter();
    while let Some(word) = words.next() {
        // Flags may be for some packages alone: `all=-X …`.
        let flag = match word.split_once('=') {
            Some((pattern, flag)) if flag.starts_with('-') && !pattern.starts_with('-') => flag,
            _ => &word,
        };
        let setting = match flag {
            "-X" | "--X" => words.next()?,
            other => match other.strip_prefix("-X=") {
                Some(setting) => setting.to_owned(),
                None => continue,
            },
        };
        let Some((variable, value)) = setting.split_once('=') else {
            continue;
        };
        let Some((package, name)) = variable.rsplit_once('.') else {
            continue;
        };
        let number = value.strip_prefix('v').unwrap_or(value);
        if speaks_of(package, module)
            && SAYS.contains(&name.to_ascii_lowercase().as_str())
            && number.starts_with(|first: char| first.is_ascii_digit())
            && number.contains('.')
            && Scheme::Go.is_valid(number)
        {
            versions.insert(format!("v{number}"));
        }
    }
    versions.pop_first().filter(|_| versions.is_empty())
}

/// Whether a package's variables say the version of a main module: its own do, and those of two libraries
/// that are there to be told it.
fn speaks_of(package: &str, module: &str) -> bool {
    let below = package.strip_prefix(module);
    let is_own =
        package == "main" || below.is_some_and(|rest| matches!(rest.get(..1), None | Some("/")));
    is_own
        || match package {
            // Prometheus' own releases have other versions as modules (2.45.0 is v0.45.0).
            "github.com/prometheus/common/version" => module != "github.com/prometheus/prometheus",
            "k8s.io/component-base/version" | "k8s.io/client-go/pkg/version" => {
                module == "k8s.io/kubernetes"
            }
            _ => false,
        }
}

/// Splits as a shell does, as far as quotes go. The flags may themselves stand in quotes.
fn words(flags: &str) -> Vec<String> {
    let flags = flags.trim();
    let unquoted = serde_json::from_str::<String>(flags).ok();
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    for letter in unquoted.as_deref().unwrap_or(flags).chars() {
        match (quote, letter) {
            (Some(open), letter) if open == letter => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            (None, letter) if letter.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            (_, letter) => word.push(letter),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut out = Detected::default();
        modules(text, &mut out);
        out.packages
            .iter()
            .map(|package| format!("{} {}", package.name, package.version))
            .collect()
    }

    #[test]
    fn a_replaced_module_is_what_replaced_it() {
        let text = "path\tx\nmod\texample.com/app\t(devel)\t\n\
            dep\ta.example/a\tv1.0.0\th1:x=\n=>\tb.example/b\tv1.2.0\th1:y=\n\
            dep\tc.example/c\tv1.5.0\n=>\t./c\t(devel)\n\
            dep\tk8s.io/api\tv0.0.0\n=>\t./staging/api\t\n\
            dep\td.example/d\tv3.0.0+incompatible\th1:z=\n";
        assert_eq!(
            found(text),
            [
                "b.example/b v1.2.0",
                "c.example/c v1.5.0",
                "d.example/d v3.0.0+incompatible",
                "k8s.io/api (devel)",
                "example.com/app (devel)",
            ]
        );
    }

    #[test]
    fn a_main_module_of_a_commit_is_the_release_that_the_linker_was_told() {
        let main = |version: &str, flags: &str| {
            found(&format!(
                "path\tx\nmod\texample.com/app\t{version}\t\nbuild\t-ldflags={flags}\n"
            ))
        };
        let told = "-X main.version=2.14.3";
        let commit = "v0.0.0-20250301120000-abcdef123456+dirty";
        assert_eq!(main(commit, told), ["example.com/app v2.14.3"]);
        assert_eq!(main(commit, "-s"), ["example.com/app (devel)"]);
        let later = "v2.14.3-0.20250301120000-abcdef123456";
        assert_eq!(main(later, told), ["example.com/app v2.14.3"]);
        assert_eq!(main(later, "-s"), [format!("example.com/app {later}")]);
        assert_eq!(main("v2.15.0", told), ["example.com/app v2.15.0"]);
        assert_eq!(main("v2.15.0-rc.1", told), ["example.com/app v2.15.0-rc.1"]);
        // A dependency is what it says.
        assert_eq!(
            found("dep\ta.example/a\tv0.0.0-20250301120000-abcdef123456\th1:x=\n"),
            ["a.example/a v0.0.0-20250301120000-abcdef123456"]
        );
    }

    #[test]
    fn the_linker_tells_the_version_of_a_main_module_without_one() {
        let check = |flags: &str, expected: Option<&str>| {
            assert_eq!(
                linked_version(flags, "example.com/app").as_deref(),
                expected,
                "{flags}"
            );
        };
        check("-s -w -X main.version=1.2.3", Some("v1.2.3"));
        check(
            r#""-X 'main.Version=v1.2.3-rc.1' -X main.commit=12ab""#,
            Some("v1.2.3-rc.1"),
        );
        check(
            "-X=example.com/app/internal.version=2.0.0 -X main.version=2.0.0",
            Some("v2.0.0"),
        );
        check(
            "-X main.version=1.0.0 -X example.com/app.version=2.0.0",
            None,
        );
        check("-X main.version=unknown -X main.version=7", None);
        check("-X other.example/lib.version=1.0.0", None);
        check("-X example.com/apple.version=1.0.0", None);
        check(
            "-X example.com/app/server.serverVersion=2.9.1",
            Some("v2.9.1"),
        );
        check(
            "-X github.com/prometheus/common/version.Version=0.25.0",
            Some("v0.25.0"),
        );
        check("-X k8s.io/component-base/version.gitVersion=v1.25.0", None);
        assert_eq!(
            linked_version(
                "\"all=-X 'k8s.io/client-go/pkg/version.gitVersion=v1.25.0' \
                 -X 'k8s.io/component-base/version.gitVersion=v1.25.0'\"",
                "k8s.io/kubernetes"
            )
            .as_deref(),
            Some("v1.25.0")
        );
        check("-X", None);
    }

    #[test]
    fn a_release_built_from_a_commit_has_no_version() {
        assert_eq!(version_of("go1.19"), Some("1.19"));
        assert_eq!(version_of("go1.22.1 X:boringcrypto"), Some("1.22.1"));
        assert_eq!(version_of("go1.21rc2"), Some("1.21rc2"));
        assert_eq!(version_of("devel go1.23-0a1b2c"), None);
    }
}
