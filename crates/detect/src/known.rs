//! What layers say, kept for other images with the same layers.
//!
//! Keyed by the digest of the blob as the manifest states it and that of the tar as the configuration
//! does, and only for layers all of whose bytes were read and found to have both: a digest that is
//! merely declared is never a key.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use pellucid_image::LayerRead;
use pellucid_model::{Digest, DigestState, Layer};

use crate::LayerInventory;

/// Layers that were read in this run.
#[derive(Debug)]
pub struct KnownLayers {
    /// Bytes that they may take together, about.
    most: usize,
    kept: Mutex<Kept>,
}

#[derive(Default, Debug)]
struct Kept {
    layers: HashMap<(Digest, Digest), (Arc<LayerInventory>, LayerRead)>,
    weight: usize,
}

impl Default for KnownLayers {
    fn default() -> Self {
        Self::keeping(256 << 20)
    }
}

impl KnownLayers {
    /// Keeps layers up to so many bytes of memory, about.
    #[must_use]
    pub fn keeping(most: usize) -> Self {
        Self {
            most,
            kept: Mutex::default(),
        }
    }

    pub(crate) fn get(
        &self,
        layer: &Layer,
        index: usize,
    ) -> Option<(Arc<LayerInventory>, LayerRead)> {
        let key = (layer.digest?, layer.diff_id?);
        let (inventory, mut read) = {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.layers.get(&key)?.clone()
        };
        for warning in &mut read.warnings {
            warning.layer = warning.layer.map(|_| index);
        }
        Some((inventory, read))
    }

    pub(crate) fn keep(&self, inventory: &Arc<LayerInventory>, read: &LayerRead) {
        let (Some(digest), Some(diff_id), DigestState::Verified) =
            (read.digest, read.diff_id, read.digest_state)
        else {
            return;
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let weight = inventory.weight();
        if kept.weight + weight <= self.most {
            kept.weight += weight;
            let value = (Arc::clone(inventory), read.clone());
            kept.layers.insert((digest, diff_id), value);
        }
    }
}
