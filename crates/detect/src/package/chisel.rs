//! The manifest of images that chisel cut from Ubuntu's packages: `var/lib/chisel/manifest.wall`.
//!
//! Source: chisel's reference of its manifest and of "jsonwall"
//! (`https://documentation.ubuntu.com/chisel/en/latest/reference/manifest`). Inside zstd, a line is an
//! object: first `jsonwall`, `schema` and how many lines there are, then packages, slices (`PACKAGE_SLICE`),
//! the paths that each slice put there, and the paths with their digests. A path that several slices share
//! is taken for the first one's. `final_sha256` is that of a file that a slice changed.
//!
//! It does not say which sources the packages were built from; the advisories' data does
//! (`Snapshot::built_from`).
//!
//! Not here: manifests in other folders, which a release of slices may order beside this one.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{BufRead, Read as _};

use pellucid_image::Want;
use pellucid_model::PackageKind;
use serde::Deserialize;

use super::{NAME, TEXT, named};
use crate::detector::{
    Candidate, Class, DetectFile, Detected, Detector, OwnedFile, OwnedFiles, Trigger,
};
use crate::lines::{LINE, Line};
use crate::region::Region;
use crate::{DetectError, RawPath};

/// The detector.
pub(crate) struct Chisel;

/// Bytes of the largest manifest that is read, as it lies in the image.
const PACKED: u64 = 64 << 20;
/// Logarithm of the largest window that zstd is given memory for; chisel's own is 8 MiB.
const WINDOW: u32 = 25;

impl Detector for Chisel {
    fn name(&self) -> &'static str {
        "chisel"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Database
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[Trigger::Path("var/lib/chisel/manifest.wall")]
    }

    fn wants(&self, _candidate: &Candidate<'_>) -> Want {
        Want::Whole { limit: PACKED }
    }

    /// dpkg's list, which some builders write beside the manifest, says what packages were built from.
    fn yields_to(&self) -> Option<&'static str> {
        Some("dpkg")
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let packed = Region::of(file.body)?.buffered(64 << 10);
        let unpacked = zstd::Decoder::with_buffer(packed).and_then(|mut decoder| {
            decoder.window_log_max(WINDOW)?;
            Ok(decoder)
        });
        let unpacked = unpacked.map_err(|_| UNREADABLE)?;
        let mut lines = Wall {
            unpacked: std::io::BufReader::with_capacity(64 << 10, unpacked.take(TEXT + 1)),
            line: Vec::new(),
            read: 0,
            number: 0,
        };
        let header = lines.next_line()?.and_then(|line| {
            let header: Header = serde_json::from_slice(line.bytes).ok()?;
            header.jsonwall.starts_with("1.").then_some(header)
        });
        let Some(header) = header else {
            return Err(DetectError::Malformed("it does not begin as a manifest"));
        };
        let mut owned: BTreeMap<String, Vec<OwnedFile>> = BTreeMap::new();
        while let Some(line) = lines.next_line()? {
            match serde_json::from_slice::<Entry<'_>>(line.bytes) {
                Ok(entry) => entry.tell(file, line.number, &mut owned, out)?,
                Err(_) => out.bad_record(line.number, "no object of a manifest"),
            }
        }
        if lines.number < header.count {
            return Err(DetectError::Malformed("it has fewer lines than it says"));
        }
        if out.packages.is_empty() {
            return Err(DetectError::Malformed("no line of it names a package"));
        }
        out.owned = owned
            .into_iter()
            .map(|(package, files)| OwnedFiles {
                package,
                arch: None,
                files,
            })
            .collect();
        Ok(())
    }
}

const UNREADABLE: DetectError = DetectError::Malformed("its zstd cannot be read");

/// The unpacked manifest, line by line.
struct Wall<R> {
    unpacked: R,
    line: Vec<u8>,
    /// Bytes read so far.
    read: u64,
    /// Number of the line, first is 1.
    number: u64,
}

impl<R: BufRead> Wall<R> {
    fn next_line(&mut self) -> Result<Option<Line<'_>>, DetectError> {
        self.line.clear();
        let mut limited = (&mut self.unpacked).take(LINE as u64 + 1);
        let read = limited.read_until(b'\n', &mut self.line);
        let read = read.map_err(|_| UNREADABLE)?;
        self.read += read as u64;
        if self.read > TEXT {
            return Err(DetectError::Malformed("it is larger than 256 MiB unpacked"));
        }
        if read > LINE {
            return Err(DetectError::Malformed("it has a line of more than 1 MiB"));
        }
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        Ok(Some(Line {
            bytes: &self.line,
            number: self.number,
            cut: false,
        }))
    }
}

/// The first line.
#[derive(Deserialize)]
struct Header {
    jsonwall: String,
    /// Lines, this one among them.
    count: u64,
}

/// One of the others, as far as it is of use.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Entry<'a> {
    Package {
        #[serde(borrow)]
        name: Cow<'a, str>,
        #[serde(borrow)]
        version: Cow<'a, str>,
        #[serde(borrow)]
        arch: Option<Cow<'a, str>>,
    },
    Path {
        #[serde(borrow)]
        path: Cow<'a, str>,
        #[serde(borrow, default)]
        slices: Vec<Cow<'a, str>>,
        sha256: Option<String>,
        final_sha256: Option<String>,
    },
    #[serde(other)]
    Other,
}

impl Entry<'_> {
    fn tell(
        self,
        file: &DetectFile<'_>,
        line: u64,
        owned: &mut BTreeMap<String, Vec<OwnedFile>>,
        out: &mut Detected,
    ) -> Result<(), DetectError> {
        match self {
            Self::Package {
                name,
                version,
                arch,
            } => {
                let before = out.packages.len();
                named(out, PackageKind::Deb, &name, &version, Some(line))?;
                if let Some(package) = out.packages.get_mut(before) {
                    package.arch = arch
                        .map(Cow::into_owned)
                        .filter(|arch| (1..=NAME).contains(&arch.len()));
                }
            }
            Self::Path {
                path,
                slices,
                sha256,
                final_sha256,
            } => {
                let path = path.strip_prefix('/').unwrap_or(&path).as_bytes();
                let digest = final_sha256.or(sha256);
                // Folders and links have none.
                let package = slices.first().and_then(|slice| slice.split_once('_'));
                if let (Some(digest), Some((package, _)), true) = (digest, package, file.owns(path))
                {
                    let file = OwnedFile {
                        path: RawPath::new(path),
                        digest: Some(format!("sha256:{}", digest.to_ascii_lowercase())),
                    };
                    out.own(owned.entry(package.to_owned()).or_default(), file)?;
                }
            }
            Self::Other => {}
        }
        Ok(())
    }
}
