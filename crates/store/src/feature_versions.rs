//! Interned feature versions, and the layers that bring them in.

use std::collections::HashMap;
use std::sync::Arc;

use crate::engine::Tx;
use crate::feature::{Feature, FeatureVersionId, Identity};
use crate::layers::LayerId;
use crate::repositories::{self, Sets};
use crate::statements::{
    FEATURE_VERSION_ABOUT, FEATURE_VERSION_FIND, FEATURE_VERSION_GET, FEATURE_VERSION_INSERT,
    FEATURE_VERSION_NAMED, FEATURE_VERSION_NAMES, INTRODUCED_LAYERS, INTRODUCED_LAYERS_OF_ONE,
    REPOSITORY_SET_INSERT,
};
use crate::value::{Row, Value, list};
use crate::{Inner, Store, StoreError};

/// A feature version with its number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FeatureVersion {
    /// Its number.
    pub id: FeatureVersionId,
    /// What it is.
    pub feature: Arc<Feature>,
}

/// A layer that brings in a feature version, not one that inherits it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IntroducingLayer {
    /// Its number: Clair's `Index`.
    pub id: LayerId,
    /// Its name.
    pub name: String,
}

impl Store {
    /// Every feature version that any layer ever had under this name, by ascending number.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn feature_versions_named(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Vec<FeatureVersion>, StoreError> {
        let values = vec![Value::from(namespace), Value::from(name)];
        let rows = self
            .inner
            .engine
            .query_long(&FEATURE_VERSION_NAMED, values)
            .await?;
        self.inner.found(rows)
    }

    /// Every feature version of a namespace that some layer brings in and that has one of these
    /// names, or was built from a source of that name, by ascending number.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn feature_versions_about(
        &self,
        namespace: &str,
        names: &[&str],
    ) -> Result<Vec<FeatureVersion>, StoreError> {
        self.inner.index_layers().await?;
        let names = list(names.iter().map(|name| (crate::text::Clean(name),)));
        let values = vec![Value::from(namespace), names];
        let rows = self
            .inner
            .engine
            .query_long(&FEATURE_VERSION_ABOUT, values)
            .await?;
        self.inner.found(rows)
    }

    /// Every name that a feature of a namespace ever had.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn feature_names(&self, namespace: &str) -> Result<Vec<String>, StoreError> {
        let values = vec![Value::from(namespace)];
        let engine = &self.inner.engine;
        let rows = engine.query_long(&FEATURE_VERSION_NAMES, values).await?;
        rows.into_iter().map(|mut row| row.text(0)).collect()
    }

    /// One page of the layers that themselves bring in any of these, by ascending number, from the
    /// one after `after` (0 for the first page).
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn layers_introducing(
        &self,
        feature_versions: &[FeatureVersionId],
        after: LayerId,
        limit: u32,
    ) -> Result<Vec<IntroducingLayer>, StoreError> {
        if feature_versions.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        self.inner.index_layers().await?;
        let (after, count) = (Value::from(after.0), Value::from(limit));
        let rows = match feature_versions {
            [one] => {
                let values = [Value::from(one.0), after, count];
                self.inner
                    .engine
                    .query(&INTRODUCED_LAYERS_OF_ONE, &values)
                    .await?
            }
            several => {
                let values = vec![list(several.iter().map(|id| (id.0,))), after, count];
                self.inner
                    .engine
                    .query_long(&INTRODUCED_LAYERS, values)
                    .await?
            }
        };
        rows.into_iter()
            .map(|mut row| {
                Ok(IntroducingLayer {
                    id: LayerId(row.int(0)?),
                    name: row.text(1)?,
                })
            })
            .collect()
    }
}

impl Inner {
    /// The feature versions of these numbers, in their order; those not in memory by one query.
    pub(crate) async fn features(&self, ids: &[i64]) -> Result<Vec<Arc<Feature>>, StoreError> {
        let epoch = self.engine.epoch();
        let known = self.features.features(ids, epoch);
        if known.iter().all(Option::is_some) {
            return Ok(known.into_iter().flatten().collect());
        }
        let rows = self
            .engine
            .query_long(&FEATURE_VERSION_GET, vec![missing(ids, &known)])
            .await?;
        self.complete(ids, known, rows, epoch)
    }

    /// As [`Self::features`], inside a transaction; only for numbers that a committed row refers to.
    pub(crate) async fn features_in(
        &self,
        tx: &mut Tx,
        ids: &[i64],
    ) -> Result<Vec<Arc<Feature>>, StoreError> {
        let epoch = self.engine.epoch();
        let known = self.features.features(ids, epoch);
        if known.iter().all(Option::is_some) {
            return Ok(known.into_iter().flatten().collect());
        }
        let rows = tx
            .query(&FEATURE_VERSION_GET, &[missing(ids, &known)])
            .await?;
        self.complete(ids, known, rows, epoch)
    }

    fn complete(
        &self,
        ids: &[i64],
        known: Vec<Option<Arc<Feature>>>,
        rows: Vec<Row>,
        epoch: u64,
    ) -> Result<Vec<Arc<Feature>>, StoreError> {
        let fresh = self.read(rows)?;
        self.features.learn_features(&fresh, epoch);
        let fresh: HashMap<i64, Arc<Feature>> = fresh.into_iter().collect();
        ids.iter()
            .zip(known)
            .map(|(id, known)| {
                known
                    .or_else(|| fresh.get(id).cloned())
                    .ok_or(StoreError::Damaged {
                        what: "feature version",
                    })
            })
            .collect()
    }

    fn found(&self, rows: Vec<Row>) -> Result<Vec<FeatureVersion>, StoreError> {
        let found = self.read(rows)?.into_iter();
        let found = found.map(|(id, feature)| FeatureVersion {
            id: FeatureVersionId(id),
            feature,
        });
        Ok(found.collect())
    }

    fn read(&self, mut rows: Vec<Row>) -> Result<Vec<(i64, Arc<Feature>)>, StoreError> {
        let sets = Sets::of(&mut rows, &self.features)?;
        rows.iter_mut()
            .map(|row| {
                let (id, feature) = Feature::from_row(row, &sets)?;
                Ok((id, Arc::new(feature)))
            })
            .collect()
    }

    /// Numbers of these features, made where they are new. The second list is what may be kept in
    /// memory once the transaction is committed.
    pub(crate) async fn intern(
        &self,
        tx: &mut Tx,
        features: &[Feature],
        identities: &[Identity],
        namespaces: &HashMap<String, i64>,
    ) -> Result<(Vec<i64>, Vec<(Identity, i64)>), StoreError> {
        let known = self.features.ids(identities, self.engine.epoch());
        let mut wanted: HashMap<Identity, &Feature> = HashMap::new();
        for ((identity, feature), known) in identities.iter().zip(features).zip(&known) {
            if known.is_none() {
                wanted.insert(*identity, feature);
            }
        }
        let mut found: HashMap<Identity, i64> = HashMap::with_capacity(wanted.len());
        if !wanted.is_empty() {
            lookup(tx, &wanted, &mut found).await?;
            let mut rows = Vec::new();
            for (identity, feature) in &wanted {
                if !found.contains_key(identity) {
                    let name = crate::text::clean(&feature.namespace.name);
                    let namespace = namespaces
                        .get(name.as_ref())
                        .ok_or(StoreError::Damaged { what: "namespace" })?;
                    rows.push(feature.intern_row(identity, *namespace));
                }
            }
            // By key: two writers of the same ones do not wait for each other in turn.
            rows.sort_unstable_by(|left, right| left.0.cmp(&right.0));
            if !rows.is_empty() {
                let new = wanted
                    .iter()
                    .filter(|(identity, _)| !found.contains_key(*identity));
                let sets = new.filter_map(|(_, feature)| feature.repositories.as_deref());
                let sets = repositories::rows(sets);
                let mut steps = vec![(&FEATURE_VERSION_INSERT, vec![list(rows)])];
                if !sets.is_empty() {
                    steps.push((&REPOSITORY_SET_INSERT, vec![list(sets)]));
                }
                let made = tx.pipeline(&steps).await?;
                collect(made.into_iter().next().unwrap_or_default(), &mut found)?;
            }
            // Another writer's, committed since the look-up.
            if wanted.keys().any(|identity| !found.contains_key(identity)) {
                lookup(tx, &wanted, &mut found).await?;
            }
        }
        let ids = identities
            .iter()
            .zip(known)
            .map(|(identity, known)| {
                known
                    .or_else(|| found.get(identity).copied())
                    .ok_or(StoreError::Damaged {
                        what: "feature version",
                    })
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok((ids, found.into_iter().collect()))
    }
}

async fn lookup(
    tx: &mut Tx,
    wanted: &HashMap<Identity, &Feature>,
    found: &mut HashMap<Identity, i64>,
) -> Result<(), StoreError> {
    let unknown = wanted
        .keys()
        .filter(|identity| !found.contains_key(*identity));
    let identities = list(unknown.map(|identity| (hex::encode(identity),)));
    collect(tx.query(&FEATURE_VERSION_FIND, &[identities]).await?, found)
}

fn collect(rows: Vec<Row>, found: &mut HashMap<Identity, i64>) -> Result<(), StoreError> {
    for mut row in rows {
        let mut identity = Identity::default();
        hex::decode_to_slice(row.text(1)?, &mut identity)
            .map_err(|_| StoreError::Damaged { what: "identity" })?;
        found.insert(identity, row.int(0)?);
    }
    Ok(())
}

fn missing(ids: &[i64], known: &[Option<Arc<Feature>>]) -> Value {
    list(
        ids.iter()
            .zip(known)
            .filter(|(_, known)| known.is_none())
            .map(|(id, _)| (*id,)),
    )
}
