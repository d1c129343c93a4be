//! apk: `lib/apk/db/installed`, which newer releases keep in `usr/lib/apk/db`.
//!
//! Source: apk-tools' `apk-v2`(5) index fields. Records end with an empty line; a line is one
//! letter, a colon and a value, and letters differ by case. `o:` is the origin, the name that
//! Alpine's advisories use; it has the package's version. Files follow their folder: `F:` folder,
//! `R:` file, `Z:` its checksum (`Q1` and SHA-1, or `Q2` and SHA-256, in base64).

use pellucid_image::Want;
use pellucid_model::{Package, PackageKind, SourcePackage};

use super::{NAME, TEXT, VERSION, push, value};
use crate::detector::{
    Candidate, Class, DetectFile, Detected, Detector, OwnedFile, OwnedFiles, Trigger,
};
use crate::path::LONGEST;
use crate::{DetectError, RawPath};

/// The detector.
pub(crate) struct Apk;

impl Detector for Apk {
    fn name(&self) -> &'static str {
        "apk"
    }

    fn version(&self) -> u32 {
        2
    }

    fn class(&self) -> Class {
        Class::Database
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[
            Trigger::Path("lib/apk/db/installed"),
            Trigger::Path("usr/lib/apk/db/installed"),
        ]
    }

    fn wants(&self, _candidate: &Candidate<'_>) -> Want {
        Want::Whole { limit: TEXT }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let mut record = Record::default();
        let mut lines = file.lines();
        let (mut any, mut text) = (false, false);
        while let Some(line) = lines.next_line()? {
            if line.bytes.is_empty() {
                any |= std::mem::take(&mut record).finish(out)?;
                continue;
            }
            // A missing empty line joins two records; no record has two names.
            if record.name.is_some() && line.bytes.starts_with(b"P:") {
                any |= std::mem::take(&mut record).finish(out)?;
            }
            text = true;
            if record.start == 0 {
                record.start = line.number;
            }
            let (Some(letter), Some(b':')) = (line.bytes.first(), line.bytes.get(1)) else {
                record
                    .fault
                    .get_or_insert((line.number, "a line without letter and colon"));
                continue;
            };
            let rest = line.bytes.get(2..).unwrap_or_default();
            record.field(*letter, rest, (line.number, line.cut), file, out)?;
        }
        any |= record.finish(out)?;
        if text && !any {
            return Err(DetectError::Malformed("no record of it names a package"));
        }
        Ok(())
    }
}

/// One record, as far as it is of use.
struct Record {
    /// Line where it begins; 0 for none.
    start: u64,
    name: Option<String>,
    version: Option<String>,
    arch: Option<String>,
    origin: Option<String>,
    /// The folder of the files that follow; `None` where no program could open it.
    folder: Option<Vec<u8>>,
    /// The file before a checksum, if that file was kept.
    kept: bool,
    files: Vec<OwnedFile>,
    fault: Option<(u64, &'static str)>,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            start: 0,
            name: None,
            version: None,
            arch: None,
            origin: None,
            folder: Some(Vec::new()),
            kept: false,
            files: Vec::new(),
            fault: None,
        }
    }
}

impl Record {
    fn field(
        &mut self,
        letter: u8,
        rest: &[u8],
        (line, cut): (u64, bool),
        file: &DetectFile<'_>,
        out: &mut Detected,
    ) -> Result<(), DetectError> {
        let (slot, most) = match letter {
            b'P' => (&mut self.name, NAME),
            b'V' => (&mut self.version, VERSION),
            b'A' => (&mut self.arch, NAME),
            b'o' => (&mut self.origin, NAME),
            b'F' => {
                self.kept = false;
                self.folder = (rest.len() <= LONGEST && !cut).then(|| rest.to_vec());
                if self.folder.is_none() {
                    self.fault
                        .get_or_insert((line, "a folder whose path is too long"));
                }
                return Ok(());
            }
            b'R' => {
                self.kept = false;
                let Some(folder) = &self.folder else {
                    return Ok(());
                };
                if cut || folder.len() + rest.len() >= LONGEST {
                    return Ok(());
                }
                let path = match folder.as_slice() {
                    [] => rest.to_vec(),
                    folder => [folder, b"/", rest].concat(),
                };
                if file.owns(&path) {
                    let path = RawPath::new(&path);
                    out.own(&mut self.files, OwnedFile { path, digest: None })?;
                    self.kept = true;
                }
                return Ok(());
            }
            b'Z' => {
                if let Some(last) = self.files.last_mut().filter(|_| self.kept) {
                    last.digest = checksum(rest);
                }
                return Ok(());
            }
            _ => return Ok(()),
        };
        match value(rest, most).filter(|_| !cut) {
            Some("") => {}
            Some(value) => *slot = Some(value.to_owned()),
            None => {
                self.fault
                    .get_or_insert((line, "a value that is too long or no UTF-8"));
            }
        }
        Ok(())
    }

    /// Ends the record; whether it was a package's.
    fn finish(self, out: &mut Detected) -> Result<bool, DetectError> {
        if self.start == 0 {
            return Ok(false);
        }
        let (Some(name), Some(version)) = (self.name, self.version) else {
            let (line, what) = self.fault.unwrap_or((self.start, "no name or no version"));
            out.bad_record(line, format!("record passed over: {what}"));
            return Ok(false);
        };
        if let Some((line, what)) = self.fault {
            out.bad_record(line, what);
        }
        if !self.files.is_empty() {
            out.owned.push(OwnedFiles {
                package: name.clone(),
                arch: self.arch.clone(),
                files: self.files,
            });
        }
        let mut package = Package::new(PackageKind::Apk, name, version);
        package.arch = self.arch;
        package.source = self
            .origin
            .filter(|origin| *origin != package.name)
            .map(|name| SourcePackage {
                name,
                version: None,
            });
        push(out, package)?;
        Ok(true)
    }
}

/// A checksum in hex.
fn checksum(text: &[u8]) -> Option<String> {
    let (algorithm, length, base64) = match text.split_at_checked(2)? {
        (b"Q1", rest) => ("sha1", 20, rest),
        (b"Q2", rest) => ("sha256", 32, rest),
        _ => return None,
    };
    if base64.len() > 64 {
        return None;
    }
    let mut digest = format!("{algorithm}:");
    let (mut bits, mut count, mut bytes) = (0_u32, 0, 0);
    for byte in base64.iter().take_while(|byte| **byte != b'=') {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(digit)) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes += 1;
            digest.push_str(&format!("{:02x}", bits >> count & 0xff));
        }
    }
    (bytes == length).then_some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_written_in_hex() {
        assert_eq!(
            checksum(b"Q1Kcy+C2n9LXoHMLGlWnHmLUSZfx8=").as_deref(),
            Some("sha1:29ccbe0b69fd2d7a0730b1a55a71e62d44997f1f")
        );
        assert_eq!(checksum(b"Q1AAAA"), None);
        assert_eq!(checksum(b"Q9"), None);
    }
}
