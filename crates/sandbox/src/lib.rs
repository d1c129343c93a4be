//! Confines a thread that reads what strangers wrote.
//!
//! Parsers here are bounded and free of `unsafe`, and nothing in an image is ever a path on the
//! host. This is the belt to those braces: a thread that parses gives up, for good and for every
//! thread that it starts, what parsing does not need: opening other files, and the network. What was
//! open before stays usable.
//!
//! By Landlock (Linux 5.13; TCP since 6.7), as far as the kernel at hand knows it; elsewhere nothing
//! happens, and [`Confined`] says so. No privilege is needed. Not here: system calls other than
//! those on files and TCP, and UDP, which Landlock does not know.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus,
};
use rustix::fs::OFlags;
use rustix::io::Errno;

/// The rules that pellucid knows; an older kernel enforces what it knows of them.
const KNOWN: ABI = ABI::V5;

/// What a confined thread may still do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Allowed {
    /// Files, and folders with all below them, that it may read.
    pub read: Vec<PathBuf>,
    /// Folders in which it may make unnamed files, and read and write them. What is in them already it
    /// may read and write too, as far as the user may. Where their file system knows only files with
    /// names, it may make and remove those.
    pub spool: Vec<PathBuf>,
    /// Whether it may connect by TCP.
    pub connect: bool,
}

/// Whether the kernel holds a thread to what it is [`Allowed`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Confined {
    /// To all of it.
    Fully,
    /// To some of it: the kernel is older than some rules.
    Partly,
    /// To none of it: the kernel has no Landlock, it is switched off, or it refused.
    Not,
}

impl Confined {
    /// In words, for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Fully => "landlock (files and TCP)",
            Self::Partly => "landlock (what this kernel knows of it)",
            Self::Not => "none (this kernel has no landlock, or refuses it)",
        }
    }
}

/// Confines the calling thread, and every thread that it starts from now on. There is no way back.
///
/// A path that is not there gives no right and is no error.
pub fn confine(allowed: &Allowed) -> Confined {
    restrict(allowed, has_unnamed_files).unwrap_or(Confined::Not)
}

/// What [`confine`] would achieve on this machine, found out on a thread that ends at once.
pub fn available() -> Confined {
    std::thread::spawn(|| confine(&Allowed::default()))
        .join()
        .unwrap_or(Confined::Not)
}

/// Whether files without names can be made in a folder. Asked before confining, and as what makes spool
/// files (`tempfile`) asks: it makes one with a name and removes that where the answer is one of these errors.
fn has_unnamed_files(folder: &Path) -> bool {
    let made = OpenOptions::new()
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(OFlags::TMPFILE.bits().cast_signed())
        .open(folder);
    let errno = made.err().and_then(|error| Errno::from_io_error(&error));
    !matches!(errno, Some(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT))
}

/// What making spool files takes.
fn spooling(unnamed: bool) -> BitFlags<AccessFs> {
    let spool = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate;
    match unnamed {
        true => spool,
        // The right to make a name without that to remove it would leave every spool file behind.
        false => spool | AccessFs::MakeReg | AccessFs::RemoveFile,
    }
}

fn restrict(allowed: &Allowed, unnamed: fn(&Path) -> bool) -> Result<Confined, RulesetError> {
    let mut rules = Ruleset::default().handle_access(AccessFs::from_all(KNOWN))?;
    if !allowed.connect {
        rules = rules.handle_access(AccessNet::from_all(KNOWN))?;
    }
    let mut rules = rules.create()?;
    let open = |path: &Path| PathFd::new(path).ok();
    for path in &allowed.read {
        // A right that a file cannot have would count as one that the kernel does not know.
        let read = match path.is_dir() {
            true => AccessFs::ReadFile | AccessFs::ReadDir,
            false => AccessFs::ReadFile.into(),
        };
        if let Some(file) = open(path) {
            rules = rules.add_rule(PathBeneath::new(file, read))?;
        }
    }
    for path in &allowed.spool {
        let spool = spooling(unnamed(path));
        if let Some(folder) = open(path) {
            rules = rules.add_rule(PathBeneath::new(folder, spool))?;
        }
    }
    Ok(match rules.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced => Confined::Fully,
        RulesetStatus::PartiallyEnforced => Confined::Partly,
        RulesetStatus::NotEnforced => Confined::Not,
    })
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::ErrorKind;

    use super::*;

    /// What becomes of a named file in a spool, whose file system is said to have unnamed ones or not:
    /// that it was made, and that it was removed. Nothing where the kernel cannot confine.
    fn named(unnamed: fn(&Path) -> bool) -> Option<[Result<(), ErrorKind>; 2]> {
        let folder = tempfile::tempdir().unwrap();
        let allowed = Allowed {
            spool: vec![folder.path().to_owned()],
            ..Allowed::default()
        };
        if available() != Confined::Fully {
            return None;
        }
        let path = folder.path().join("named");
        let tried = || {
            assert_eq!(restrict(&allowed, unnamed).unwrap(), Confined::Fully);
            let made = File::create_new(&path).map(drop);
            [made, std::fs::remove_file(&path)].map(|tried| tried.map_err(|error| error.kind()))
        };
        std::thread::scope(|scope| scope.spawn(tried).join().ok())
    }

    #[test]
    fn a_spool_has_names_only_where_it_must_and_they_can_be_removed() {
        let both = named(|_| false);
        assert!(both.is_none_or(|both| both == [Ok(()); 2]), "{both:?}");
        let refused = Err(ErrorKind::PermissionDenied);
        let neither = named(|_| true);
        assert!(
            neither.is_none_or(|[made, removed]| made == refused && removed.is_err()),
            "{neither:?}"
        );
    }

    #[test]
    fn a_folder_that_is_not_there_has_no_unnamed_files() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!has_unnamed_files(&folder.path().join("absent")));
    }
}
