//! A mirror of feeds in a folder: each file at `<host>/<path>` of its URL.

use std::fs;
use std::path::{Path, PathBuf};

/// Where Debian's security tracker serves its data.
const DEBIAN: &str = "security-tracker.debian.org/tracker/data/json";

/// A folder that `--mirror` takes.
pub struct Mirror {
    folder: PathBuf,
}

impl Mirror {
    /// A mirror with nothing in it.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        fs::create_dir_all(&folder).expect("the folder can be made");
        Self { folder }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Puts a file where a URL without its `https://` says.
    pub fn file(&self, url: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.folder.join(url);
        let folder = path.parent().expect("a file lies in a folder");
        fs::create_dir_all(folder).expect("the folder can be made");
        fs::write(path, content).expect("the file can be written");
        self
    }

    /// Puts Debian's tracker data there.
    pub fn debian(&self, json: impl AsRef<[u8]>) -> &Self {
        self.file(DEBIAN, json)
    }
}
