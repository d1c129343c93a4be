//! Rust crates of a binary built with `cargo auditable`.
//!
//! Source: cargo-auditable's `PARSING.md`. The section `.dep-v0` holds a list of crates in JSON,
//! packed by zlib. Crates that only built others (`"kind": "build"`) are not in the program and are
//! left out. A crate from elsewhere than crates.io keeps its name: its source may be a mirror.
//! Binaries of a plain `cargo build` say nothing.

use std::collections::BTreeSet;
use std::io::Read as _;

use flate2::read::ZlibDecoder;
use pellucid_image::Want;
use pellucid_model::{Package, PackageKind};
use serde::Deserialize;

use super::{NAME, VERSION};
use crate::DetectError;
use crate::binary::{self, Binary};
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};
use crate::region::Region;

/// The detector.
pub(crate) struct RustBinary;

/// Longest list, packed or not.
const LIST: u64 = 8 << 20;

impl Detector for RustBinary {
    fn name(&self) -> &'static str {
        "rust-binary"
    }

    fn version(&self) -> u32 {
        1
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
        let section = binary
            .section(b".dep-v0")
            .and_then(|(offset, size)| binary.file.part(offset, size));
        let Some(section) = section else {
            return Ok(());
        };
        let mut list = Vec::new();
        ZlibDecoder::new(section.reader().take(LIST))
            .take(LIST + 1)
            .read_to_end(&mut list)
            .map_err(|_| DetectError::Malformed("a list of crates that does not inflate"))?;
        if list.len() as u64 > LIST {
            return Err(DetectError::Malformed(
                "a list of crates of more than 8 MiB",
            ));
        }
        let list: List = serde_json::from_slice(&list)
            .map_err(|_| DetectError::Malformed("a list of crates that is not as it should be"))?;
        let crates: BTreeSet<_> = list
            .packages
            .into_iter()
            .filter(|one| one.kind.as_deref() != Some("build"))
            .map(|one| (one.name, one.version))
            .collect();
        for (name, version) in crates {
            if (1..=NAME).contains(&name.len()) && (1..=VERSION).contains(&version.len()) {
                out.packages
                    .push(Package::new(PackageKind::Cargo, name, version));
            } else {
                out.bad_record(1, "a crate whose name or version is empty or too long");
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct List {
    packages: Vec<Crate>,
}

#[derive(Deserialize)]
struct Crate {
    name: String,
    version: String,
    kind: Option<String>,
}
