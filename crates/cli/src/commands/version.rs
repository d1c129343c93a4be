//! `pellucid --version -v`: what this binary is, and what this machine lets it give up.
//!
//! The argument parser answers `--version` alone and looks at nothing else.

use std::ffi::OsString;
use std::io::Write as _;

use crate::args::VERSION;

/// Whether the arguments ask for the version and more than one line of it.
pub(crate) fn asked(args: &[OsString]) -> bool {
    let has = |names: &[&str]| {
        let mut words = args.iter().skip(1).filter_map(|arg| arg.to_str());
        words.any(|word| names.contains(&word))
    };
    args.len() == 3 && has(&["--version", "-V"]) && has(&["--verbose", "-v"])
}

/// Prints it.
pub(crate) fn run() -> std::io::Result<()> {
    let sandbox = pellucid_sandbox::available().words();
    let analysis = pellucid_detect::analysis_version();
    let mut out = std::io::stdout().lock();
    writeln!(out, "pellucid {VERSION}")?;
    writeln!(out, "analysis: {analysis}")?;
    writeln!(out, "sandbox: {sandbox}")
}
