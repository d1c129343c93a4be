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

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, PathBeneath, PathFd, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetError, RulesetStatus,
};

/// The rules that pellucid knows; an older kernel enforces what it knows of them.
const KNOWN: ABI = ABI::V5;

/// What a confined thread may still do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Allowed {
    /// Files, and folders with all below them, that it may read.
    pub read: Vec<PathBuf>,
    /// Folders in which it may make unnamed files, and read and write them.
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
    restrict(allowed).unwrap_or(Confined::Not)
}

/// What [`confine`] would achieve on this machine, found out on a thread that ends at once.
pub fn available() -> Confined {
    std::thread::spawn(|| confine(&Allowed::default()))
        .join()
        .unwrap_or(Confined::Not)
}

fn restrict(allowed: &Allowed) -> Result<Confined, RulesetError> {
    let spool = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::MakeReg | AccessFs::Truncate;
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
    for folder in allowed.spool.iter().filter_map(|path| open(path)) {
        rules = rules.add_rule(PathBeneath::new(folder, spool))?;
    }
    Ok(match rules.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced => Confined::Fully,
        RulesetStatus::PartiallyEnforced => Confined::Partly,
        RulesetStatus::NotEnforced => Confined::Not,
    })
}
