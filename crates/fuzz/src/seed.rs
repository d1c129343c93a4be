//! The fixtures of the other crates, as inputs to begin with.

use std::fs;
use std::path::{Path, PathBuf};

/// Files larger than this are no use as a seed: damage hardly ever hits what matters.
const LARGEST: u64 = 256 << 10;

/// The workspace's root folder.
pub fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap_or(own).to_owned()
}

/// Every file below a folder of the workspace: its path from there, and its bytes. Recorded answers
/// are no inputs.
pub(crate) fn files(folder: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let base = root().join(folder);
    let mut found = Vec::new();
    let mut left = vec![base.clone()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(next).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_small = entry.metadata().is_ok_and(|data| data.len() <= LARGEST);
            if path.is_dir() {
                left.push(path);
            } else if is_small
                && path.extension().is_none_or(|extension| extension != "snap")
                && let (Ok(name), Ok(bytes)) = (path.strip_prefix(&base), fs::read(&path))
            {
                found.push((name.to_owned(), bytes));
            }
        }
    }
    found.sort();
    found
}
