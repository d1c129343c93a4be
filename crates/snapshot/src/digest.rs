//! The digest of a file, which is its name and its proof.

use std::io::Read as _;
use std::path::Path;

use pellucid_model::Digest;
use sha2::{Digest as _, Sha256};

use crate::SnapshotError;

/// SHA-256 and length of a file.
pub(crate) fn digest_of(path: &Path) -> Result<(Digest, u64), SnapshotError> {
    let mut file = std::fs::File::open(path).map_err(SnapshotError::io("read", path))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    let mut total = 0;
    loop {
        let read = file
            .read(&mut buffer)
            .map_err(SnapshotError::io("read", path))?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
            return Ok((Digest::Sha256(hash.finalize().into()), total));
        };
        hash.update(bytes);
        total += read as u64;
    }
}
