//! Where reports go, and how they look there.

use std::fs;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use pellucid_report::Style;

/// The file that is being written and has not its name yet.
static UNFINISHED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// How output should look: colours, letters beyond ASCII and wrapping are for terminals.
pub(crate) fn style(file: Option<&Path>, detail: bool) -> Style {
    let stdout = io::stdout();
    if file.is_some() || !stdout.is_terminal() {
        return Style {
            detail,
            time: Some(time()),
            ..Style::default()
        };
    }
    Style {
        width: terminal_size::terminal_size_of(&stdout).map(|(width, _)| usize::from(width.0)),
        color: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
        unicode: is_utf8(),
        detail,
        suppressed: false,
        time: Some(time()),
    }
}

/// The time to write where a format demands one: `SOURCE_DATE_EPOCH`, so that builds can be
/// repeated byte for byte, else now.
fn time() -> i64 {
    std::env::var("SOURCE_DATE_EPOCH")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or_else(crate::advice::now)
}

/// Whether the locale's letters are UTF-8.
pub(crate) fn is_utf8() -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .filter_map(std::env::var_os)
        .find(|value| !value.is_empty())
        .and_then(|value| value.into_string().ok())
        .is_some_and(|value| {
            let value = value.to_ascii_lowercase();
            value.ends_with("utf-8") || value.ends_with("utf8")
        })
}

/// Writes to standard output, or to a file that appears whole or not at all.
///
/// A reader of standard output that closed it early (`| head`) has what it wanted: that is no error.
pub(crate) fn write(
    file: Option<&Path>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> anyhow::Result<()> {
    match file {
        Some(path) => {
            to_file(path, write).with_context(|| format!("cannot write {}", path.display()))
        }
        None => {
            let mut out = BufWriter::new(io::stdout().lock());
            match write(&mut out).and_then(|()| out.flush()) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    // Dropping the writer must not try again.
                    drop(out.into_parts());
                    Ok(())
                }
                done => done.context("cannot write to standard output"),
            }
        }
    }
}

fn to_file(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    // A link stays a link: what it leads to is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
        // A device or pipe is written to; renaming a file over it would take it away.
        let mut out = BufWriter::new(fs::OpenOptions::new().write(true).open(&path)?);
        write(&mut out)?;
        return out.flush();
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".pellucid-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As any program makes a file: the user's mask decides who reads it.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let temporary = builder.tempfile_in(folder.unwrap_or(Path::new(".")))?;
    *unfinished() = Some(temporary.path().to_owned());
    let mut out = BufWriter::new(temporary);
    write(&mut out)?;
    let temporary = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    temporary.as_file().sync_all()?;
    let mut unfinished = unfinished();
    temporary.persist(&path)?;
    *unfinished = None;
    Ok(())
}

/// Takes the file away that is being written, where the process ends before it is finished.
pub(crate) fn abandon() {
    if let Some(file) = unfinished().take() {
        // There is nothing to be done about one that stays.
        let _ = fs::remove_file(file);
    }
}

fn unfinished() -> MutexGuard<'static, Option<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}
