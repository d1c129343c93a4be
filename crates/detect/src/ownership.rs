//! Which package of a distribution a file belongs to, and whether it still is that package's file.
//!
//! Package managers record what they installed: dpkg by lists and MD5, apk by SHA-1, RPM by the
//! digest its header names, pacman by lists alone. A recorded path leads through links of folders
//! (`/lib` on a merged system) to its real place; a recorded link owns nothing but itself. A file
//! whose bytes are not those recorded was replaced since, by `pip` or by a `COPY`, and belongs to
//! no package any more; where no digest is recorded (dpkg's configuration files) or the file was
//! too large to be worth hashing, the list alone decides.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;

use md5::Md5;
use pellucid_image::Body;
use pellucid_model::{Owner, Package, PackageKind};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::Sha256;
use sha2::digest::Digest as _;

use crate::RawPath;
use crate::detector::OwnedFiles;
use crate::path::below;
use crate::region::Region;

/// Largest file that is hashed.
const LIMIT: u64 = 64 << 20;

/// Folders where no package manager of a distribution puts files.
const ELSEWHERE: &[&[u8]] = &[
    b"usr/local",
    b"srv",
    b"home",
    b"root",
    b"tmp",
    b"app",
    b"code",
    b"work",
    b"workspace",
];

/// Where packages of somebody else than the distribution put files: Debian's own put none there
/// (Debian Policy, 9.1.1), those of other distributions may.
const ADD_ONS: &[u8] = b"opt";

/// Bytes given to each hash in turn: one block of all three. Each waits for its own last block and
/// leaves the processor half idle; so near to each other, the three fill each other's gaps (15 % less
/// time than one after the other).
const BLOCK: usize = 64;

/// Digests of a file, in lower-case hex, as package managers record them; empty where no package
/// manager that records it would own the file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Digests {
    md5: String,
    sha1: String,
    sha256: String,
}

impl Digests {
    /// Bytes of memory that they take, about.
    pub(crate) const BYTES: usize = 240;

    /// The digests of a file that proves a package; `None` where no package manager would own it.
    pub(crate) fn of(path: &[u8], body: &Body) -> Option<Self> {
        let elsewhere = ELSEWHERE.iter().any(|folder| below(path, folder).is_some());
        let region = Region::of(body).ok()?;
        if elsewhere || !path.contains(&b'/') || region.len() > LIMIT {
            return None;
        }
        // MD5 takes more time than the other two together, and is what dpkg records.
        let is_add_on = below(path, ADD_ONS).is_some();
        let (mut md5, mut sha1, mut sha256) = (Md5::new(), Sha1::new(), Sha256::new());
        region
            .each(|bytes| {
                for block in bytes.chunks(BLOCK) {
                    if !is_add_on {
                        md5.update(block);
                    }
                    sha1.update(block);
                    sha256.update(block);
                }
            })
            .ok()?;
        Some(Self {
            md5: match is_add_on {
                true => String::new(),
                false => hex(&md5.finalize()),
            },
            sha1: hex(&sha1.finalize()),
            sha256: hex(&sha256.finalize()),
        })
    }

    /// Whether a recorded digest (`md5:…`) is this file's; `None` where that cannot be told.
    fn agree(&self, recorded: &str) -> Option<bool> {
        let (algorithm, digest) = recorded.split_once(':')?;
        let own = match algorithm {
            "md5" => &self.md5,
            "sha1" => &self.sha1,
            "sha256" => &self.sha256,
            _ => return None,
        };
        (!digest.is_empty() && !own.is_empty()).then(|| own == digest)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What records say about one file.
#[derive(Default)]
struct Record {
    /// The first package that names it.
    named: Option<Owner>,
    /// The first package whose digest is the file's.
    agreed: Option<Owner>,
    /// Whether a digest is another's.
    differs: bool,
}

/// The owners of those `proofs` that are a package's files, by real path.
///
/// `packages` are the distribution's installed packages, `place` finds where a recorded path lies
/// and what its file's digests are.
pub(crate) fn owners<'d>(
    proofs: &HashSet<&RawPath>,
    packages: &[&Package],
    owned: &[&OwnedFiles],
    mut place: impl FnMut(&[u8]) -> Option<(RawPath, Option<&'d Digests>)>,
) -> HashMap<RawPath, Owner> {
    let mut by_name: HashMap<&str, &Package> = HashMap::new();
    let mut by_arch: HashMap<(&str, &str), &Package> = HashMap::new();
    for package in packages {
        by_name.entry(&package.name).or_insert(package);
        if let Some(arch) = &package.arch {
            by_arch.entry((&package.name, arch)).or_insert(package);
        }
    }
    let mut records: BTreeMap<RawPath, Record> = BTreeMap::new();
    for files in owned {
        // A list may outlive its package: dpkg keeps those of packages whose settings remain.
        let name = files.package.as_str();
        let arch = files.arch.as_deref();
        let of_arch = arch.and_then(|arch| by_arch.get(&(name, arch)));
        let Some(package) = of_arch.or_else(|| by_name.get(name)) else {
            continue;
        };
        let owner = Owner {
            name: package.name.clone(),
            version: package.version.clone(),
        };
        for file in &files.files {
            let Some((path, digests)) = place(file.path.bytes()) else {
                continue;
            };
            let is_of_others =
                package.kind == PackageKind::Deb && below(path.bytes(), ADD_ONS).is_some();
            if !proofs.contains(&path) || is_of_others {
                continue;
            }
            let record = records.entry(path).or_default();
            record.named.get_or_insert_with(|| owner.clone());
            let recorded = file.digest.as_deref();
            match digests
                .zip(recorded)
                .and_then(|(own, recorded)| own.agree(recorded))
            {
                Some(true) => {
                    record.agreed.get_or_insert_with(|| owner.clone());
                }
                Some(false) => record.differs = true,
                None => {}
            }
        }
    }
    records
        .into_iter()
        .filter_map(|(path, record)| {
            let named = record.named.filter(|_| !record.differs);
            Some((path, record.agreed.or(named)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_tools() {
        let digests = Digests::of(b"usr/x", &Body::Memory(b"abc".to_vec())).unwrap();
        assert_eq!(
            digests.agree("md5:900150983cd24fb0d6963f7d28e17f72"),
            Some(true)
        );
        assert_eq!(
            digests.agree("sha1:a9993e364706816aba3e25717850c26c9cd0d89d"),
            Some(true)
        );
        assert_eq!(digests.agree("sha1:00"), Some(false));
        assert_eq!(digests.agree("sha256:"), None);
        assert_eq!(digests.agree("sha512:00"), None);
        assert_eq!(Digests::of(b"usr/local/x", &Body::Memory(Vec::new())), None);
        let add_on = Digests::of(b"opt/x", &Body::Memory(b"abc".to_vec())).unwrap();
        assert_eq!(add_on.agree("md5:900150983cd24fb0d6963f7d28e17f72"), None);
        assert_eq!(
            add_on.agree("sha1:a9993e364706816aba3e25717850c26c9cd0d89d"),
            Some(true)
        );
    }
}
