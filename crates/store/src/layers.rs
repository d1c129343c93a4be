//! Layers: a name, the bytes behind it, its parent, what is visible in it.
//!
//! A layer's effective features are computed once, when it is stored, and kept as one blob, so that
//! reading a layer is one look-up however long its chain is. `AddedBy` follows Clair: the lowest
//! layer from which the same namespace, name and version has been visible without a gap.
//! Deleting a layer deletes everything built on it (Clair's rule). How one is stored: [`storing`];
//! how it is found by what it brings in: [`indexing`].

mod indexing;
mod storing;

use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::effective::{Effective, decode_ids};
use crate::engine::End;
use crate::feature::{Feature, FeatureVersionId, Namespace};
use crate::statements::{
    ANALYSIS_DELETE_UNUSED, ANALYSIS_GET, COUNTER_BUMP_GENERATION, LAYER_CHAIN, LAYER_DELETE,
    LAYER_GET, LAYER_REMOVED,
};
use crate::value::{Value, list};
use crate::{Store, StoreError};
use storing::Owned;

/// Number of a layer. Later layers have higher ones; a deleted layer's is not used again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct LayerId(pub i64);

/// A layer to be stored.
#[derive(Clone, Copy, Debug)]
pub struct NewLayer<'a> {
    /// Name that the caller gave it.
    pub name: &'a str,
    /// The layer below, from [`Store::chain`] or [`Store::layer`].
    pub parent: Option<LayerId>,
    /// Namespace that the layer shows, its own or inherited.
    pub namespace: Option<&'a Namespace>,
    /// Version of the engine that analysed it, as the API shows it.
    pub engine_version: u32,
    /// Digest of the layer's bytes.
    pub digest: &'a str,
    /// Version of the detectors that made the analysis, see [`is_newer_analysis`].
    pub analysis_version: &'a str,
    /// What the layers below are, as [`below`] tells it of the chain that this one was laid over.
    pub below: Option<&'a str>,
    /// What the bytes alone say; opaque here, shared by layers of one digest and analysis version.
    pub analysis: &'a [u8],
    /// Everything visible in the layer with its chain below it. Order and duplicates do not matter.
    pub features: &'a [Feature],
}

/// Whether one analysis version is of newer detectors than another. Versions begin with numbers that
/// grow from release to release (`2080.2-…`); one that does not is older than all that do.
///
/// While replicas are upgraded one after another, an older one leaves alone what a newer one stored.
pub fn is_newer_analysis(version: &str, than: &str) -> bool {
    let numbers = |version: &str| -> Vec<u64> {
        let age = version.split('-').next().unwrap_or_default();
        age.split('.').map_while(|part| part.parse().ok()).collect()
    };
    numbers(version) > numbers(than)
}

/// What the layers below a layer of this analysis version are: `None` where they are all of the same version and
/// were laid over such ones, else a hash over what they are. Where it is another one now than when the layer was
/// stored, what the layer shows is out of date, though its own bytes were read by the present detectors.
#[must_use]
pub fn below(chain: &[ChainLink], analysis_version: &str) -> Option<String> {
    let is_alike =
        |link: &ChainLink| link.analysis_version == analysis_version && link.below.is_none();
    if chain.iter().all(is_alike) {
        return None;
    }
    let mut hash = Sha256::new();
    for link in chain {
        let below = link.below.as_deref().unwrap_or_default();
        hash.update(format!("{} {below}\n", link.analysis_version));
    }
    Some(hex::encode(hash.finalize()))
}

/// What became of [`Store::add_layer`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Added {
    /// Stored, under this number.
    Inserted(LayerId),
    /// A layer of this name was there already, and is as it was.
    AlreadyThere,
}

/// What became of [`Store::replace_layer`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Replaced {
    /// It has the new analysis, under the number that it had.
    Replaced(LayerId),
    /// It was analysed by a newer engine version, or by this one with newer detectors, or the same over the
    /// same layers, and is as it was.
    Kept,
    /// There is no layer of this name.
    Missing,
}

/// A stored layer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LayerView {
    /// Its number.
    pub id: LayerId,
    /// Its name.
    pub name: String,
    /// Name of its parent.
    pub parent: Option<String>,
    /// Its namespace.
    pub namespace: Option<String>,
    /// Version of the engine that analysed it.
    pub engine_version: u32,
    /// The generation of the database in which all this was read ([`Store::generation`]).
    pub generation: u64,
    /// Likewise the number of changes to vulnerabilities written by hand ([`Store::overlay`]).
    pub overlay: u64,
    /// Likewise which server may have answered ([`Store::epoch`]).
    pub epoch: u64,
    features: Arc<[u8]>,
}

/// A feature that is visible in a layer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EffectiveFeature {
    /// Number of the feature version.
    pub id: FeatureVersionId,
    /// What it is.
    pub feature: Arc<Feature>,
    /// Name of the layer that added it.
    pub added_by: Arc<str>,
}

/// A layer of a chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChainLink {
    /// Its number.
    pub id: LayerId,
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: Option<String>,
    /// Version of the engine that analysed it.
    pub engine_version: u32,
    /// Digest of its bytes.
    pub digest: String,
    /// Version of the detectors that made the analysis.
    pub analysis_version: String,
    /// What was below it when it was stored: see [`below`].
    pub below: Option<String>,
    /// What its bytes alone say.
    pub analysis: Arc<[u8]>,
}

impl Store {
    /// A layer by its name: one query.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn layer(&self, name: &str) -> Result<Option<LayerView>, StoreError> {
        let rows = self
            .inner
            .engine
            .query(&LAYER_GET, &[Value::from(name)])
            .await?;
        let Some(mut row) = rows.into_iter().next() else {
            return Ok(None);
        };
        Ok(Some(LayerView {
            id: LayerId(row.int(0)?),
            name: crate::text::clean(name).into_owned(),
            parent: row.opt_text(1)?,
            namespace: row.opt_text(2)?,
            engine_version: engine_version(row.int(3)?)?,
            features: row.blob(4)?.into(),
            generation: row.int(5)?.unsigned_abs(),
            overlay: row.int(6)?.unsigned_abs(),
            epoch: self.inner.engine.epoch(),
        }))
    }

    /// Everything visible in a layer, by ascending number. No query when all of it is in memory,
    /// else one.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn features_of(
        &self,
        layer: &LayerView,
    ) -> Result<Vec<EffectiveFeature>, StoreError> {
        let effective = Effective::decode(&layer.features)?;
        let ids: Vec<i64> = effective.features.iter().map(|(id, _)| *id).collect();
        let features = self.inner.features(&ids).await?;
        let names: Vec<Arc<str>> = std::iter::once(layer.name.as_str())
            .chain(effective.layers.iter().map(|layer| layer.name.as_str()))
            .map(Arc::from)
            .collect();
        effective
            .features
            .into_iter()
            .zip(features)
            .map(|((id, by), feature)| {
                let added_by = names.get(by).cloned().ok_or(StoreError::Damaged {
                    what: "list of features",
                })?;
                Ok(EffectiveFeature {
                    id: FeatureVersionId(id),
                    feature,
                    added_by,
                })
            })
            .collect()
    }

    /// A layer and all below it with their analyses, lowest first; empty when it is unknown.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn chain(&self, name: &str) -> Result<Vec<ChainLink>, StoreError> {
        let rows = self
            .inner
            .engine
            .query(&LAYER_CHAIN, &[Value::from(name)])
            .await?;
        let epoch = self.inner.engine.epoch();
        let mut links = Vec::with_capacity(rows.len());
        let mut known: HashMap<i64, Arc<[u8]>> = HashMap::new();
        for mut row in rows {
            let analysis = row.int(6)?;
            if let Some(data) = self.inner.analyses.get(analysis, epoch) {
                known.insert(analysis, data);
            }
            links.push((row, analysis));
        }
        let missing: Vec<_> = links
            .iter()
            .map(|(_, id)| (*id,))
            .filter(|(id,)| !known.contains_key(id))
            .collect();
        if !missing.is_empty() {
            for mut row in self
                .inner
                .engine
                .query_long(&ANALYSIS_GET, vec![list(missing)])
                .await?
            {
                let (id, data) = (row.int(0)?, Arc::from(row.blob(1)?));
                self.inner.analyses.learn(id, &data, epoch);
                known.insert(id, data);
            }
        }
        // Deleted between the two queries, with the whole chain above it: it is unknown now.
        if links.iter().any(|(_, id)| !known.contains_key(id)) {
            return Ok(Vec::new());
        }
        links
            .into_iter()
            .map(|(mut row, analysis)| {
                Ok(ChainLink {
                    id: LayerId(row.int(0)?),
                    name: row.text(1)?,
                    namespace: row.opt_text(2)?,
                    engine_version: engine_version(row.int(3)?)?,
                    digest: row.text(4)?,
                    analysis_version: row.text(5)?,
                    below: row.opt_text(7)?,
                    analysis: known
                        .get(&analysis)
                        .cloned()
                        .ok_or(StoreError::Damaged { what: "analysis" })?,
                })
            })
            .collect()
    }

    /// Stores a layer, unless one of its name is there.
    ///
    /// # Errors
    /// [`StoreError::ParentUnknown`] when the parent is not there (any more); the database is away.
    pub async fn add_layer(&self, layer: NewLayer<'_>) -> Result<Added, StoreError> {
        let (inner, owned) = (Arc::clone(&self.inner), Arc::new(Owned::new(layer)));
        let outcome = self
            .inner
            .engine
            .write(move |tx| {
                let (inner, owned) = (Arc::clone(&inner), Arc::clone(&owned));
                Box::pin(async move { storing::add(&inner, tx, &owned).await })
            })
            .await?;
        let Some((id, fresh)) = outcome else {
            return Ok(Added::AlreadyThere);
        };
        self.inner.learn(fresh);
        self.inner.unindexed.notify_one();
        Ok(Added::Inserted(id))
    }

    /// Gives a layer its new analysis, where an older engine version or other detectors, no newer ones,
    /// analysed it, or where it was laid over other analyses of the layers below. Name, number and parent stay; layers above keep what they have until they are
    /// analysed again themselves.
    /// `layer.parent` is not read.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn replace_layer(&self, layer: NewLayer<'_>) -> Result<Replaced, StoreError> {
        let (inner, owned) = (Arc::clone(&self.inner), Arc::new(Owned::new(layer)));
        let (outcome, fresh) = self
            .inner
            .engine
            .write(move |tx| {
                let (inner, owned) = (Arc::clone(&inner), Arc::clone(&owned));
                Box::pin(async move { storing::replace(&inner, tx, &owned).await })
            })
            .await?;
        self.inner.learn(fresh);
        Ok(outcome)
    }

    /// Deletes a layer with all its descendants, and the analyses that no layer uses any more.
    /// `false` when there is none of this name.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn delete_layer(&self, name: &str) -> Result<bool, StoreError> {
        let name = Value::from(name);
        self.inner
            .engine
            .write(move |tx| {
                let name = name.clone();
                Box::pin(async move {
                    let rows = tx.query(&LAYER_DELETE, &[name]).await?;
                    if rows.is_empty() {
                        return Ok(End::Discard(false));
                    }
                    let mut analyses = Vec::with_capacity(rows.len());
                    for mut row in rows {
                        analyses.push((row.int(0)?,));
                    }
                    analyses.sort_unstable();
                    analyses.dedup();
                    tx.query(&ANALYSIS_DELETE_UNUSED, &[list(analyses)]).await?;
                    tx.query(&COUNTER_BUMP_GENERATION, &[]).await?;
                    Ok(End::Commit(true))
                })
            })
            .await
    }

    /// The feature versions that a layer took away from its parent, by ascending number.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn removed_by(&self, name: &str) -> Result<Vec<FeatureVersionId>, StoreError> {
        let rows = self
            .inner
            .engine
            .query(&LAYER_REMOVED, &[Value::from(name)])
            .await?;
        let Some(mut row) = rows.into_iter().next() else {
            return Ok(Vec::new());
        };
        Ok(decode_ids(&row.blob(0)?)?
            .into_iter()
            .map(FeatureVersionId)
            .collect())
    }
}

fn engine_version(value: i64) -> Result<u32, StoreError> {
    u32::try_from(value).map_err(|_| StoreError::Damaged {
        what: "engine version",
    })
}
