//! What the bytes of a layer say, decoded and as it is stored, kept by their digest.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use pellucid_detect::LayerInventory;
use pellucid_model::Digest;

use super::{ProcessError, Shown};
use crate::halves::Halves;

/// Bytes of JSON in each half.
const HALF: usize = 4 << 20;

/// What the bytes of a layer say.
pub(super) struct Analysis {
    pub(super) inventory: Arc<LayerInventory>,
    /// The same as it is stored: JSON, compressed.
    pub(super) encoded: Arc<[u8]>,
    /// What is visible in a layer of these bytes with none below it, once there was one.
    pub(super) alone: OnceLock<Arc<Shown>>,
    json_bytes: usize,
}

impl Analysis {
    pub(super) fn of(inventory: LayerInventory) -> Result<Self, ProcessError> {
        let json = serde_json::to_vec(&inventory).map_err(|_| ProcessError::Stopped)?;
        let encoded = zstd::bulk::compress(&json, 1).map_err(|_| ProcessError::Stopped)?;
        Ok(Self {
            inventory: Arc::new(inventory),
            encoded: encoded.into(),
            alone: OnceLock::new(),
            json_bytes: json.len(),
        })
    }

    /// `None` if it is damaged.
    pub(super) fn decode(encoded: Arc<[u8]>) -> Option<Self> {
        let json = zstd::stream::decode_all(&*encoded).ok()?;
        Some(Self {
            inventory: Arc::new(serde_json::from_slice(&json).ok()?),
            encoded,
            alone: OnceLock::new(),
            json_bytes: json.len(),
        })
    }
}

/// The analyses by this process's detectors that were needed last.
pub(super) struct Analyses(Mutex<Halves<Digest, Arc<Analysis>>>);

impl Default for Analyses {
    fn default() -> Self {
        Self(Mutex::new(Halves::new(HALF)))
    }
}

impl Analyses {
    pub(super) fn get(&self, digest: &Digest) -> Option<Arc<Analysis>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(digest)
    }

    pub(super) fn put(&self, digest: Digest, analysis: &Arc<Analysis>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.put(digest, Arc::clone(analysis), analysis.json_bytes);
    }
}
