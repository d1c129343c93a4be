//! dpkg: `var/lib/dpkg/status`, and the one-package files that distroless images have instead.
//!
//! Source: dpkg's `deb822(7)`, `deb-src-control(5)`, and distroless' `PACKAGE_METADATA.md`. Stanzas
//! end with an empty line; field names match in any letter case; a line that begins with a blank
//! continues the field before. `Source: name (version)` is there only where it differs. Files in
//! `status.d` have no `Status`, as nothing was ever removed, and beside each may lie a list of
//! checksums named like a package.
//!
//! Installed is whatever may have files on the disk: `installed`, `unpacked`, `half-configured`,
//! `half-installed` and the two trigger states; not `config-files` and `not-installed`. A word that
//! dpkg does not have counts as installed and is said.
//!
//! Which files a package owns is read from `info/*.list`, `info/*.md5sums` and the checksums of
//! `status.d`, and only files that other detectors look at are kept.

use pellucid_image::Want;
use pellucid_model::{Package, PackageKind, SourcePackage};

use super::{NAME, TEXT, VERSION, push, value};
use crate::DetectError;
use crate::detector::{
    Candidate, Class, DetectFile, Detected, Detector, OwnedFile, OwnedFiles, Trigger,
};
use crate::lines::Line;
use crate::path::{below, split};

/// The detector.
pub(crate) struct Dpkg;

const STATUS: &str = "var/lib/dpkg/status";
const STATUS_D: &str = "var/lib/dpkg/status.d";
const INFO: &str = "var/lib/dpkg/info";

impl Detector for Dpkg {
    fn name(&self) -> &'static str {
        "dpkg"
    }

    fn version(&self) -> u32 {
        3
    }

    fn class(&self) -> Class {
        Class::Database
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[
            Trigger::Path(STATUS),
            Trigger::Folder(STATUS_D),
            Trigger::Folder(INFO),
        ]
    }

    fn wants(&self, candidate: &Candidate<'_>) -> Want {
        let whole = Want::Whole { limit: TEXT };
        match Part::of(candidate.path) {
            Some(Part::Stanzas) => whole,
            Some(Part::List | Part::Sums) if crate::dispatch::dispatch().has_languages() => whole,
            _ => Want::Skip,
        }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        match Part::of(file.path) {
            Some(Part::Stanzas) => stanzas(file, out),
            Some(Part::List) => owned(file, out, |line| Some((line, None))),
            Some(Part::Sums) => owned(file, out, |line| {
                let (digest, path) = line.split_at_checked(32)?;
                let digest = std::str::from_utf8(digest).ok()?;
                let path = path.strip_prefix(b"  ")?;
                Some((path, Some(format!("md5:{}", digest.to_ascii_lowercase()))))
            }),
            None => Ok(()),
        }
    }
}

/// What a file of the database is.
enum Part {
    Stanzas,
    List,
    Sums,
}

impl Part {
    fn of(path: &[u8]) -> Option<Self> {
        if path == STATUS.as_bytes() {
            return Some(Self::Stanzas);
        }
        if let Some(name) = below(path, STATUS_D.as_bytes()) {
            return match name {
                _ if name.contains(&b'/') => None,
                _ if name.ends_with(b".md5sums") => Some(Self::Sums),
                _ => Some(Self::Stanzas),
            };
        }
        let name = below(path, INFO.as_bytes()).filter(|name| !name.contains(&b'/'))?;
        match name {
            _ if name.ends_with(b".list") => Some(Self::List),
            _ if name.ends_with(b".md5sums") => Some(Self::Sums),
            _ => None,
        }
    }
}

fn stanzas(file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
    let mut stanza = Stanza::default();
    let mut lines = file.lines();
    let mut any = false;
    let mut text = false;
    while let Some(line) = lines.next_line()? {
        if line.bytes.iter().all(u8::is_ascii_whitespace) {
            any |= std::mem::take(&mut stanza).finish(out)?;
        } else {
            // A missing empty line joins two stanzas; no stanza has two packages.
            if stanza.package.is_some() && field(line.bytes, "Package") {
                any |= std::mem::take(&mut stanza).finish(out)?;
            }
            text = true;
            stanza.line(&line);
        }
    }
    any |= stanza.finish(out)?;
    // Bytes, but nothing that is a stanza: not a database that lists too little, but none at all.
    if text && !any {
        return Err(DetectError::Malformed("no stanza of it names a package"));
    }
    Ok(())
}

/// Whether a line is a field of this name.
fn field(line: &[u8], name: &str) -> bool {
    line.split_at_checked(name.len())
        .is_some_and(|(own, rest)| {
            own.eq_ignore_ascii_case(name.as_bytes()) && rest.starts_with(b":")
        })
}

/// One stanza, as far as it is of use.
#[derive(Default)]
struct Stanza {
    /// Line where it begins; 0 for none.
    start: u64,
    package: Option<String>,
    version: Option<String>,
    arch: Option<String>,
    source: Option<String>,
    status: Option<String>,
    /// What is wrong with it, and where.
    fault: Option<(u64, &'static str)>,
    /// Whether it has any field at all.
    fields: bool,
    /// Whether one of its fields is of use, so that this is no file of another kind.
    known: bool,
}

impl Stanza {
    fn line(&mut self, line: &Line<'_>) {
        if self.start == 0 {
            self.start = line.number;
        }
        if line.bytes.starts_with(b" ") || line.bytes.starts_with(b"\t") {
            if !self.fields {
                self.fault
                    .get_or_insert((line.number, "a continuation with nothing before it"));
            }
            return;
        }
        let Some(colon) = line.bytes.iter().position(|byte| *byte == b':') else {
            self.fault
                .get_or_insert((line.number, "a line without a colon"));
            return;
        };
        let (name, rest) = line.bytes.split_at(colon);
        self.fields = true;
        let is = |field: &str| name.eq_ignore_ascii_case(field.as_bytes());
        let (slot, most) = if is("Package") {
            (&mut self.package, NAME)
        } else if is("Version") {
            (&mut self.version, VERSION)
        } else if is("Architecture") {
            (&mut self.arch, NAME)
        } else if is("Source") {
            (&mut self.source, NAME + VERSION)
        } else if is("Status") {
            (&mut self.status, NAME)
        } else {
            return;
        };
        self.known = true;
        match value(rest.get(1..).unwrap_or_default(), most).filter(|_| !line.cut) {
            Some("") => {}
            Some(value) => *slot = Some(value.to_owned()),
            None => {
                self.fault
                    .get_or_insert((line.number, "a value that is too long or no UTF-8"));
            }
        }
    }

    /// Ends the stanza; whether it was one that dpkg would know.
    fn finish(self, out: &mut Detected) -> Result<bool, DetectError> {
        if self.start == 0 {
            return Ok(false);
        }
        let removed = match self.status.as_deref().map(state) {
            Some(Some("config-files" | "not-installed")) => true,
            Some(Some(
                "installed" | "unpacked" | "half-configured" | "half-installed"
                | "triggers-awaited" | "triggers-pending",
            ))
            | None => false,
            Some(_) => {
                out.bad_record(
                    self.start,
                    "unknown status; the package is taken as installed",
                );
                false
            }
        };
        let complete = self.package.is_some() && (self.version.is_some() || removed);
        if let (Some(name), Some(version), false) = (self.package, self.version, removed) {
            let mut package = Package::new(PackageKind::Deb, name, version);
            package.arch = self.arch;
            package.source = self.source.as_deref().and_then(source);
            if let Some(source) = &mut package.source
                && let Some(kernel) = signed_kernel(&source.name)
            {
                // The binary packages keep the version of the kernel that was signed.
                *source = SourcePackage {
                    name: kernel,
                    version: None,
                };
            }
            if package
                .source
                .as_ref()
                .is_some_and(|source| source.version.is_none() && source.name == package.name)
            {
                package.source = None;
            }
            push(out, package)?;
            if let Some((line, what)) = self.fault {
                out.bad_record(line, what);
            }
            return Ok(true);
        }
        if !complete {
            let (line, what) = self
                .fault
                .unwrap_or((self.start, "no package or no version"));
            out.bad_record(line, format!("stanza passed over: {what}"));
        }
        Ok(complete || self.known)
    }
}

/// The state, the third word of `Status`.
fn state(status: &str) -> Option<&str> {
    status.split_ascii_whitespace().nth(2)
}

/// The source package of `name (version)`.
fn source(text: &str) -> Option<SourcePackage> {
    let (name, version) = match text.split_once('(') {
        Some((name, rest)) => (
            name.trim(),
            Some(rest.trim_end().trim_end_matches(')').trim()),
        ),
        None => (text.trim(), None),
    };
    let version = version
        .filter(|version| !version.is_empty())
        .map(str::to_owned);
    (!name.is_empty()).then(|| SourcePackage {
        name: name.to_owned(),
        version,
    })
}

/// The source package of the kernel that another one only signs: `linux` of Debian's
/// `linux-signed-amd64` and Ubuntu's `linux-signed`, `linux-aws` of `linux-signed-aws`. Advisories speak of
/// that alone.
fn signed_kernel(source: &str) -> Option<String> {
    const ARCHITECTURES: [&str; 5] = ["-amd64", "-arm64", "-armhf", "-i386", "-loong64"];
    let flavour = source.strip_prefix("linux-signed")?;
    match flavour {
        architecture if ARCHITECTURES.contains(&architecture) => Some("linux".to_owned()),
        "" => Some("linux".to_owned()),
        flavour if flavour.starts_with('-') => Some(format!("linux{flavour}")),
        _ => None,
    }
}

/// Keeps the files of a package that other detectors look at.
fn owned(
    file: &DetectFile<'_>,
    out: &mut Detected,
    parse: impl Fn(&[u8]) -> Option<(&[u8], Option<String>)>,
) -> Result<(), DetectError> {
    let name = String::from_utf8_lossy(split(file.path).1);
    let name = name.rsplit_once('.').map_or(&*name, |(name, _)| name);
    let (package, arch) = match name.split_once(':') {
        Some((package, arch)) => (package, Some(arch.to_owned())),
        None => (name, None),
    };
    let mut files = Vec::new();
    let mut lines = file.lines();
    while let Some(line) = lines.next_line()? {
        let Some((path, digest)) = parse(line.bytes) else {
            continue;
        };
        let path = path.strip_prefix(b"/").unwrap_or(path);
        if file.owns(path) {
            let path = crate::RawPath::new(path);
            out.own(&mut files, OwnedFile { path, digest })?;
        }
    }
    if !files.is_empty() {
        out.owned.push(OwnedFiles {
            package: package.to_owned(),
            arch,
            files,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_of_the_source_that_advisories_name() {
        for (source, kernel) in [
            ("linux-signed-amd64", Some("linux")),
            ("linux-signed", Some("linux")),
            ("linux-signed-aws", Some("linux-aws")),
            ("linux-signed-hwe-5.15", Some("linux-hwe-5.15")),
            ("linux", None),
            ("linux-signedness", None),
        ] {
            assert_eq!(signed_kernel(source).as_deref(), kernel, "{source}");
        }
    }
}
