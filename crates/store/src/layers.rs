//! Layers: a name, the bytes behind it, its parent, what is visible in it.
//!
//! A layer's effective features are computed once, when it is stored, and kept as one blob, so that
//! reading a layer is one look-up however long its chain is. `AddedBy` follows Clair: the lowest
//! layer from which the same namespace, name and version has been visible without a gap.
//! Deleting a layer deletes everything built on it (Clair's rule).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::effective::{AddedBy, Effective, decode_ids, encode_ids};
use crate::engine::{End, Tx};
use crate::feature::{Feature, FeatureVersionId, Identity, Namespace};
use crate::statement::Statement;
use crate::statements::{
    ANALYSIS_DELETE_UNUSED, ANALYSIS_FIND, ANALYSIS_GET, ANALYSIS_INSERT, COUNTER_BUMP_GENERATION,
    INTRODUCED_DELETE, INTRODUCED_INSERT, LAYER_CHAIN, LAYER_DELETE, LAYER_GET, LAYER_INSERT,
    LAYER_LOCK, LAYER_PARENT, LAYER_REMOVED, LAYER_UPDATE,
};
use crate::value::{Row, Value, list};
use crate::{Inner, Store, StoreError, namespaces};

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
    /// Version of the detectors that made the analysis.
    pub analysis_version: &'a str,
    /// What the bytes alone say; opaque here, shared by layers of one digest and analysis version.
    pub analysis: &'a [u8],
    /// Everything visible in the layer with its chain below it. Order and duplicates do not matter.
    pub features: &'a [Feature],
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
    /// It was analysed by a newer engine version, or by this one with the same detectors, and is as it
    /// was.
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
        let mut links = Vec::with_capacity(rows.len());
        let mut known: HashMap<i64, Arc<[u8]>> = HashMap::new();
        for mut row in rows {
            let analysis = row.int(6)?;
            if let Some(data) = self.inner.analyses.get(analysis) {
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
                self.inner.analyses.learn(id, &data);
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
        if let Some(known) = Known::of(&self.inner, &layer) {
            let (inner, known) = (Arc::clone(&self.inner), Arc::new(known));
            let added = self
                .inner
                .engine
                .write(move |tx| {
                    let (inner, known) = (Arc::clone(&inner), Arc::clone(&known));
                    Box::pin(async move { add_known(&inner, tx, &known).await })
                })
                .await?;
            if let Some(id) = added {
                return Ok(Added::Inserted(id));
            }
        }
        let (inner, owned) = (Arc::clone(&self.inner), Arc::new(Owned::new(layer)));
        let outcome = self
            .inner
            .engine
            .write(move |tx| {
                let (inner, owned) = (Arc::clone(&inner), Arc::clone(&owned));
                Box::pin(async move { add(&inner, tx, &owned).await })
            })
            .await?;
        let Some((id, fresh)) = outcome else {
            return Ok(Added::AlreadyThere);
        };
        self.inner.learn(fresh);
        Ok(Added::Inserted(id))
    }

    /// Gives a layer that an older engine version or other detectors analysed its new analysis. Name, number
    /// and parent stay; layers above keep what they have until they are analysed again themselves.
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
                Box::pin(async move { replace(&inner, tx, &owned).await })
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

/// The part of a [`NewLayer`] that is in its own row.
struct Head {
    name: Value,
    parent: Option<LayerId>,
    engine_version: u32,
    digest: Value,
    analysis_version: Value,
}

impl Head {
    fn of(layer: &NewLayer<'_>) -> Self {
        Self {
            name: Value::from(layer.name),
            parent: layer.parent,
            engine_version: layer.engine_version,
            digest: Value::from(layer.digest),
            analysis_version: Value::from(layer.analysis_version),
        }
    }
}

/// A [`NewLayer`] that a transaction may keep while its caller is gone.
struct Owned {
    head: Head,
    namespace: Option<Namespace>,
    analysis: Value,
    features: Vec<Feature>,
}

impl Owned {
    fn new(layer: NewLayer<'_>) -> Self {
        Self {
            head: Head::of(&layer),
            namespace: layer.namespace.cloned(),
            analysis: Value::from(layer.analysis),
            features: layer.features.to_vec(),
        }
    }

    fn find_analysis(&self) -> (&'static Statement, Vec<Value>) {
        let head = &self.head;
        let key = vec![head.digest.clone(), head.analysis_version.clone()];
        (&ANALYSIS_FIND, key)
    }
}

/// A layer of which the numbers of all it refers to are in memory, but for its parent and its analysis.
struct Known {
    head: Head,
    namespace: Option<i64>,
    ids: Vec<i64>,
    /// To be compared with the parent's; empty where there is none.
    features: Vec<Feature>,
}

impl Known {
    fn of(inner: &Inner, layer: &NewLayer<'_>) -> Option<Self> {
        let namespace = match layer.namespace {
            None => None,
            Some(namespace) => Some(inner.namespaces.id(namespace)?),
        };
        let identities: Vec<Identity> = layer.features.iter().map(Feature::identity).collect();
        let ids = inner.features.ids(&identities);
        let features = match layer.parent {
            None => Vec::new(),
            Some(_) => layer.features.to_vec(),
        };
        Some(Self {
            head: Head::of(layer),
            namespace,
            ids: ids.into_iter().collect::<Option<_>>()?,
            features,
        })
    }
}

/// What the numbers of a layer's features come to beside its parent's.
struct Lists {
    features: Vec<u8>,
    removed: Vec<u8>,
    introduced: Vec<i64>,
}

/// What goes into a layer's row and its inverted index.
struct Columns {
    namespace: Option<i64>,
    analysis: i64,
    lists: Lists,
    fresh: Fresh,
}

/// What may be kept in memory once it is committed.
#[derive(Default)]
struct Fresh {
    features: Vec<(Identity, i64)>,
    namespaces: Vec<(Namespace, i64)>,
}

impl Inner {
    fn learn(&self, fresh: Fresh) {
        self.features.learn_ids(&fresh.features);
        self.namespaces.learn(fresh.namespaces);
    }
}

/// Stores a layer by one statement. `None` if it is not stored: there is one of its name, or what its
/// bytes say is not in the database.
async fn add_known(
    inner: &Inner,
    tx: &mut Tx,
    layer: &Known,
) -> Result<End<Option<LayerId>>, StoreError> {
    let below = match layer.head.parent {
        None => None,
        Some(parent) => {
            let row = tx.one(&LAYER_PARENT, &[Value::from(parent.0)]).await?;
            Some(shown_below(parent, row)?)
        }
    };
    let lists = visible(inner, tx, &layer.features, &layer.ids, below).await?;
    Ok(
        match insert(tx, &layer.head, layer.namespace, lists, true).await? {
            Some(id) => End::Commit(Some(id)),
            None => End::Discard(None),
        },
    )
}

async fn add(
    inner: &Inner,
    tx: &mut Tx,
    layer: &Owned,
) -> Result<End<Option<(LayerId, Fresh)>>, StoreError> {
    let columns = columns(inner, tx, layer, layer.head.parent).await?;
    let (namespace, fresh) = (columns.namespace, columns.fresh);
    Ok(
        match insert(tx, &layer.head, namespace, columns.lists, false).await? {
            Some(id) => End::Commit(Some((id, fresh))),
            // Another writer was first with this name.
            None => End::Discard(None),
        },
    )
}

/// Puts a layer's row into its table, and into the inverted index; no number comes back where there is one
/// of its name, or no analysis. Nothing is done then.
async fn insert(
    tx: &mut Tx,
    layer: &Head,
    namespace: Option<i64>,
    lists: Lists,
    is_all: bool,
) -> Result<Option<LayerId>, StoreError> {
    let mut values = vec![
        layer.name.clone(),
        Value::from(layer.parent.map(|parent| parent.0)),
        Value::from(namespace),
        Value::from(layer.engine_version),
        Value::from(lists.features),
        Value::from(lists.removed),
        layer.digest.clone(),
        layer.analysis_version.clone(),
    ];
    let introduced = list(lists.introduced.iter().map(|id| (*id,)));
    if tx.nests() {
        values.push(introduced);
        let rows = if is_all {
            tx.last(&LAYER_INSERT, &values).await?
        } else {
            tx.query(&LAYER_INSERT, &values).await?
        };
        return rows.into_iter().next().map(number).transpose();
    }
    let Some(row) = tx.one(&LAYER_INSERT, &values).await? else {
        return Ok(None);
    };
    let values = [introduced, layer.name.clone()];
    tx.query(&INTRODUCED_INSERT, &values).await?;
    number(row).map(Some)
}

fn number(mut row: Row) -> Result<LayerId, StoreError> {
    Ok(LayerId(row.int(0)?))
}

async fn replace(
    inner: &Inner,
    tx: &mut Tx,
    layer: &Owned,
) -> Result<End<(Replaced, Fresh)>, StoreError> {
    let Some(mut row) = tx
        .one(&LAYER_LOCK, std::slice::from_ref(&layer.head.name))
        .await?
    else {
        return Ok(End::Discard((Replaced::Missing, Fresh::default())));
    };
    let (id, parent, old) = (row.int(0)?, row.opt_int(2)?, row.int(3)?);
    let engine = engine_version(row.int(1)?)?;
    let head = &layer.head;
    let is_same =
        engine == head.engine_version && Value::from(row.text(4)?) == head.analysis_version;
    if is_same || engine > head.engine_version {
        return Ok(End::Discard((Replaced::Kept, Fresh::default())));
    }
    let columns = columns(inner, tx, layer, parent.map(LayerId)).await?;
    let values = vec![
        Value::from(id),
        Value::from(columns.namespace),
        Value::from(layer.head.engine_version),
        Value::from(columns.analysis),
        Value::from(columns.lists.features),
        Value::from(columns.lists.removed),
    ];
    let introduced = list(columns.lists.introduced.iter().map(|id| (*id,)));
    let mut steps = vec![
        (&LAYER_UPDATE, values),
        (&INTRODUCED_DELETE, vec![Value::from(id)]),
        (
            &INTRODUCED_INSERT,
            vec![introduced, layer.head.name.clone()],
        ),
    ];
    steps.push((&ANALYSIS_DELETE_UNUSED, vec![list([(old,)])]));
    steps.push((&COUNTER_BUMP_GENERATION, Vec::new()));
    tx.pipeline(&steps).await?;
    Ok(End::Commit((
        Replaced::Replaced(LayerId(id)),
        columns.fresh,
    )))
}

async fn columns(
    inner: &Inner,
    tx: &mut Tx,
    layer: &Owned,
    parent: Option<LayerId>,
) -> Result<Columns, StoreError> {
    // Neighbours mostly share theirs.
    let mut wanted: Vec<&Namespace> = layer.namespace.iter().collect();
    for feature in &layer.features {
        if wanted
            .last()
            .is_none_or(|last| **last != *feature.namespace)
        {
            wanted.push(&feature.namespace);
        }
    }
    let wanted = namespaces::Wanted::of(wanted.into_iter());
    let mut steps = vec![wanted.find(), layer.find_analysis()];
    steps.extend(parent.map(|parent| (&LAYER_PARENT, vec![Value::from(parent.0)])));
    let mut found = tx.pipeline(&steps).await?.into_iter();
    let mut next = || found.next().unwrap_or_default();
    let (namespaces, analysis, below) = (next(), next(), next());
    let below = match parent {
        None => None,
        Some(parent) => Some(shown_below(parent, below.into_iter().next())?),
    };
    let analysis = match analysis.into_iter().next() {
        Some(mut row) => row.int(0)?,
        None => make_analysis(tx, layer).await?,
    };
    let namespaces = wanted.ensure(tx, namespaces).await?;
    let number = |namespace: &Namespace| {
        namespaces
            .get(crate::text::clean(&namespace.name).as_ref())
            .copied()
    };
    let namespace = layer.namespace.as_ref().and_then(number);
    let (ids, features) = inner.intern(tx, &layer.features, &namespaces).await?;
    let own = layer.namespace.clone().zip(namespace);
    let fresh = Fresh {
        features,
        namespaces: own.into_iter().collect(),
    };
    Ok(Columns {
        namespace,
        analysis,
        lists: visible(inner, tx, &layer.features, &ids, below).await?,
        fresh,
    })
}

/// What a parent shows, from the row of it.
fn shown_below(parent: LayerId, row: Option<Row>) -> Result<(AddedBy, Effective), StoreError> {
    let mut row = row.ok_or(StoreError::ParentUnknown)?;
    let added_by = AddedBy {
        id: parent,
        name: row.text(1)?,
    };
    Ok((added_by, Effective::decode(&row.blob(2)?)?))
}

/// Joins what is visible with what the parent shows: who added each, what is gone, what is new.
async fn visible(
    inner: &Inner,
    tx: &mut Tx,
    features: &[Feature],
    ids: &[i64],
    below: Option<(AddedBy, Effective)>,
) -> Result<Lists, StoreError> {
    let Some((parent, below)) = below else {
        let mut introduced = ids.to_vec();
        introduced.sort_unstable();
        introduced.dedup();
        let effective = Effective {
            layers: Vec::new(),
            features: introduced.iter().map(|id| (*id, 0)).collect(),
        };
        return Ok(Lists {
            features: effective.encode(),
            removed: encode_ids(&[]),
            introduced,
        });
    };
    let visible: BTreeMap<i64, &Feature> = ids.iter().copied().zip(features).collect();
    let inherited: BTreeMap<i64, usize> = below.features.iter().copied().collect();
    let removed: Vec<i64> = inherited
        .keys()
        .filter(|id| !visible.contains_key(id))
        .copied()
        .collect();
    let introduced: Vec<i64> = visible
        .keys()
        .filter(|id| !inherited.contains_key(id))
        .copied()
        .collect();
    // The same as shown, if not as matched: Clair would not see a difference.
    let mut alike: HashMap<(String, String, String), usize> = HashMap::new();
    if !introduced.is_empty() && !inherited.is_empty() {
        let known: Vec<i64> = inherited.keys().copied().collect();
        for (feature, by) in inner
            .features_in(tx, &known)
            .await?
            .iter()
            .zip(inherited.values())
        {
            alike.entry(shown(feature)).or_insert(*by);
        }
    }
    let mut effective = Effective::default();
    // Position in the parent's list (0: the parent itself) to position in ours.
    let mut positions: HashMap<usize, usize> = HashMap::new();
    for (id, feature) in visible {
        let by = inherited
            .get(&id)
            .or_else(|| alike.get(&shown(feature)))
            .copied();
        let position = match by {
            None => 0,
            Some(by) => match positions.get(&by) {
                Some(position) => *position,
                None => {
                    let added_by = match by.checked_sub(1) {
                        None => Some(&parent),
                        Some(index) => below.layers.get(index),
                    };
                    let added_by = added_by.ok_or(StoreError::Damaged {
                        what: "list of features",
                    })?;
                    effective.layers.push(added_by.clone());
                    positions.insert(by, effective.layers.len());
                    effective.layers.len()
                }
            },
        };
        effective.features.push((id, position));
    }
    Ok(Lists {
        features: effective.encode(),
        removed: encode_ids(&removed),
        introduced,
    })
}

fn shown(feature: &Feature) -> (String, String, String) {
    let clean = |text: &str| crate::text::clean(text).into_owned();
    (
        clean(&feature.namespace.name),
        clean(&feature.name),
        clean(&feature.version),
    )
}

async fn make_analysis(tx: &mut Tx, layer: &Owned) -> Result<i64, StoreError> {
    let values = [
        layer.head.digest.clone(),
        layer.head.analysis_version.clone(),
        layer.analysis.clone(),
    ];
    let made = match tx.one(&ANALYSIS_INSERT, &values).await? {
        Some(row) => Some(row),
        // Another writer's, committed since the look-up.
        None => {
            let (statement, values) = layer.find_analysis();
            tx.one(statement, &values).await?
        }
    };
    made.ok_or(StoreError::Damaged { what: "analysis" })?.int(0)
}

fn engine_version(value: i64) -> Result<u32, StoreError> {
    u32::try_from(value).map_err(|_| StoreError::Damaged {
        what: "engine version",
    })
}
