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

/// Bytes that kept layers may take together, about.
const MOST: usize = 256 << 20;

/// Layers that were read in this run.
#[derive(Default, Debug)]
pub struct KnownLayers(Mutex<Kept>);

#[derive(Default, Debug)]
struct Kept {
    layers: HashMap<(Digest, Digest), (Arc<LayerInventory>, LayerRead)>,
    weight: usize,
}

impl KnownLayers {
    pub(crate) fn get(
        &self,
        layer: &Layer,
        index: usize,
    ) -> Option<(Arc<LayerInventory>, LayerRead)> {
        let key = (layer.digest?, layer.diff_id?);
        let (inventory, mut read) = {
            let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let weight = inventory.weight();
        if kept.weight + weight <= MOST {
            kept.weight += weight;
            let value = (Arc::clone(inventory), read.clone());
            kept.layers.insert((digest, diff_id), value);
        }
    }
}
