//! Real data that may lie beside the project's folder. A test that needs it says when it is not
//! there, and passes.

use std::path::{Path, PathBuf};

/// A folder of the shared data, or `None` with a line that says so.
pub(crate) fn folder(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(name);
    match folder.canonicalize() {
        Ok(folder) => Some(folder),
        Err(_) => {
            #[expect(clippy::print_stdout, reason = "a skipped test says so")]
            {
                println!("skipped: there is no ../shared/{name} beside the project");
            }
            None
        }
    }
}
