//! The package managers' own record of which repositories packages were installed from.
//!
//! DNF 4 keeps it in `var/lib/dnf/history.sqlite`: the table `repo (id INTEGER PRIMARY KEY, repoid TEXT)` has each
//! repository that an item of a transaction came from. yum 3 has a file a package,
//! `var/lib/yum/yumdb/<letter>/<package>/from_repo`, with the repository's id and nothing else. To such a record Red
//! Hat's manifests of images built without fetching packages beforehand refer (`from_dnf_hint`).
//!
//! A repository stands in the list as `history:<id>`, because less follows from it than from a manifest: an
//! id is what a configuration file calls a repository, it may be anybody's, and a base that was made otherwise
//! is not in the record.
//!
//! Not here: which package came from which repository, packages that were removed again (their repositories
//! stay), and DNF 5 (`usr/lib/sysimage/libdnf5/`), with which Red Hat has released nothing.

use pellucid_image::Want;

use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};
use crate::rpmdb;
use crate::{DetectError, RawPath};

/// What stands before a repository's id.
const PREFIX: &str = "history:";
/// Real histories have some hundred kilobytes, those of a machine of many years some ten megabytes.
const DATABASE: u64 = 64 << 20;
/// Most repositories of one history.
const REPOSITORIES: usize = 1000;
/// Longest id of a repository in bytes; Red Hat's have up to 74.
const ID: usize = 200;
/// The end of a write-ahead log's name.
const WAL: &[u8] = b"-wal";
/// The name of yum's files.
const FROM: &[u8] = b"from_repo";

/// The detector.
pub(crate) struct History;

impl Detector for History {
    fn name(&self) -> &'static str {
        "history"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Repository
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[
            Trigger::Path("var/lib/dnf/history.sqlite"),
            Trigger::Path("var/lib/dnf/history.sqlite-wal"),
            Trigger::Folder("var/lib/yum/yumdb"),
        ]
    }

    fn wants(&self, candidate: &Candidate<'_>) -> Want {
        if candidate.name().starts_with(b"history.sqlite") {
            Want::Whole { limit: DATABASE }
        } else if candidate.name() == FROM {
            Want::Whole { limit: ID as u64 }
        } else {
            Want::Skip
        }
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
        let body = file.bytes()?;
        if crate::path::split(file.path).1 == FROM {
            out.repositories.extend(named(body.trim_ascii()));
            return Ok(());
        }
        let wal = match file.addition {
            Some(wal) => Some(wal.bytes().map_err(DetectError::Body)?),
            None => None,
        };
        if body.is_empty() && wal.is_none() {
            return Ok(());
        }
        let mut found = 0;
        let read = rpmdb::texts(&body, wal.as_deref(), "repo", 4 * ID, &mut |id| {
            found += 1;
            if found <= REPOSITORIES {
                out.repositories.extend(named(id));
            }
        });
        if read.is_err() {
            return Err(DetectError::Malformed(
                "its table of repositories cannot be read",
            ));
        }
        if found > REPOSITORIES {
            return Err(DetectError::Malformed(
                "it lists more than 1000 repositories",
            ));
        }
        Ok(())
    }
}

/// A repository by its id. What was installed from a file has none (`@commandline`), and what was
/// there before the record began neither (`@System`).
fn named(id: &[u8]) -> Option<String> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:+".contains(byte);
    let is_id = (1..=ID).contains(&id.len()) && id.iter().all(plain);
    let id = std::str::from_utf8(id).ok().filter(|_| is_id)?;
    Some(format!("{PREFIX}{id}"))
}
