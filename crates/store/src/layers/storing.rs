//! Storing a layer: its row, the rows it refers to, and what it brings in, for the inverted index ([`super::indexing`]).
//!
//! Where all it refers to is known to be there it is one statement ([`add_known`]); otherwise what is missing
//! is made in the same transaction ([`add`]).

use std::collections::{BTreeMap, HashMap};

use super::{LayerId, NewLayer, Replaced, engine_version, is_newer_analysis};
use crate::effective::{AddedBy, Effective, encode_ids};
use crate::engine::{End, Tx};
use crate::feature::{Feature, Identity, Namespace};
use crate::statement::Statement;
use crate::statements::{
    ANALYSIS_DELETE_UNUSED, ANALYSIS_FIND, ANALYSIS_INSERT, COUNTER_BUMP_GENERATION,
    INTRODUCED_DELETE, INTRODUCED_INSERT, INTRODUCED_PENDING_DELETE, INTRODUCED_PENDING_INSERT,
    LAYER_INSERT, LAYER_LOCK, LAYER_PARENT, LAYER_UPDATE,
};
use crate::value::{Row, Value, list};
use crate::{Inner, StoreError, namespaces};

/// The part of a [`NewLayer`] that is in its own row.
struct Head {
    name: Value,
    parent: Option<LayerId>,
    engine_version: u32,
    digest: Value,
    analysis_version: String,
    below: Option<String>,
}

impl Head {
    fn of(layer: &NewLayer<'_>) -> Self {
        Self {
            name: Value::from(layer.name),
            parent: layer.parent,
            engine_version: layer.engine_version,
            digest: Value::from(layer.digest),
            analysis_version: layer.analysis_version.to_owned(),
            below: layer.below.map(str::to_owned),
        }
    }
}

/// A [`NewLayer`] that a transaction may keep while its caller is gone.
pub(super) struct Owned {
    head: Head,
    namespace: Option<Namespace>,
    analysis: Value,
    features: Vec<Feature>,
    identities: Vec<Identity>,
}

impl Owned {
    pub(super) fn new(layer: NewLayer<'_>) -> Self {
        Self {
            head: Head::of(&layer),
            namespace: layer.namespace.cloned(),
            analysis: Value::from(layer.analysis),
            features: layer.features.to_vec(),
            identities: layer.features.iter().map(Feature::identity).collect(),
        }
    }

    fn find_analysis(&self) -> (&'static Statement, Vec<Value>) {
        let head = &self.head;
        let key = vec![
            head.digest.clone(),
            Value::from(head.analysis_version.as_str()),
        ];
        (&ANALYSIS_FIND, key)
    }
}

/// A layer of which the numbers of all it refers to are in memory, but for its parent and its analysis.
pub(super) struct Known<'a> {
    layer: &'a Owned,
    namespace: Option<i64>,
    ids: Vec<i64>,
}

impl<'a> Known<'a> {
    pub(super) fn of(inner: &Inner, layer: &'a Owned) -> Option<Self> {
        let epoch = inner.engine.epoch();
        let namespace = match &layer.namespace {
            None => None,
            Some(namespace) => Some(inner.namespaces.id(namespace, epoch)?),
        };
        let ids = inner.features.ids(&layer.identities, epoch);
        Some(Self {
            layer,
            namespace,
            ids: ids.into_iter().collect::<Option<_>>()?,
        })
    }
}

/// What the numbers of a layer's features come to beside its parent's.
struct Lists {
    features: Vec<u8>,
    removed: Vec<u8>,
    introduced: Vec<i64>,
}

/// What goes into a layer's row and the inverted index.
struct Columns {
    namespace: Option<i64>,
    analysis: i64,
    lists: Lists,
    fresh: Fresh,
}

/// What may be kept in memory once it is committed.
#[derive(Default)]
pub(super) struct Fresh {
    features: Vec<(Identity, i64)>,
    namespaces: Vec<(Namespace, i64)>,
    epoch: u64,
}

impl Inner {
    pub(super) fn learn(&self, fresh: Fresh) {
        self.features.learn_ids(&fresh.features, fresh.epoch);
        self.namespaces.learn(fresh.namespaces, fresh.epoch);
    }
}

/// Stores a layer by one statement, which is committed. `None` if it is not stored: there is one of its name, or
/// what its bytes say is not in the database.
async fn add_known(
    inner: &Inner,
    tx: &mut Tx,
    known: &Known<'_>,
) -> Result<Option<LayerId>, StoreError> {
    let layer = known.layer;
    let below = match layer.head.parent {
        None => None,
        Some(parent) => {
            let row = tx.one(&LAYER_PARENT, &[Value::from(parent.0)]).await?;
            Some(shown_below(parent, row)?)
        }
    };
    let lists = visible(inner, tx, &layer.features, &known.ids, below).await?;
    insert(tx, &layer.head, known.namespace, lists, true).await
}

pub(super) async fn add(
    inner: &Inner,
    tx: &mut Tx,
    layer: &Owned,
) -> Result<End<Option<(LayerId, Fresh)>>, StoreError> {
    // Here, where there is a connection: behind another one nothing may be known.
    if let Some(known) = Known::of(inner, layer)
        && let Some(id) = add_known(inner, tx, &known).await?
    {
        return Ok(End::Commit(Some((id, Fresh::default()))));
    }
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

/// Puts a layer's row into its table, and leaves word of what it brings in; no number comes back where there is
/// one of its name, or no analysis. Nothing is done then.
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
        Value::from(layer.analysis_version.as_str()),
        Value::from(layer.below.as_deref()),
    ];
    let introduced =
        (!lists.introduced.is_empty()).then(|| Value::from(encode_ids(&lists.introduced)));
    if tx.nests() {
        values.push(introduced.unwrap_or(Value::Null));
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
    let id = number(row)?;
    if let Some(introduced) = introduced {
        let values = [Value::from(id.0), introduced];
        tx.query(&INTRODUCED_PENDING_INSERT, &values).await?;
    }
    Ok(Some(id))
}

fn number(mut row: Row) -> Result<LayerId, StoreError> {
    Ok(LayerId(row.int(0)?))
}

pub(super) async fn replace(
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
    let stored = row.text(4)?;
    let below = row.opt_text(5)?;
    let is_kept =
        |ours: &str| is_newer_analysis(&stored, ours) || stored == ours && below == head.below;
    let is_as_good = engine == head.engine_version && is_kept(&head.analysis_version);
    if is_as_good || engine > head.engine_version {
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
        Value::from(head.below.as_deref()),
    ];
    let introduced = list(columns.lists.introduced.iter().map(|one| (*one, id)));
    let steps = [
        (&LAYER_UPDATE, values),
        // First: what another one moves at this moment is in the index afterwards.
        (&INTRODUCED_PENDING_DELETE, vec![Value::from(id)]),
        (&INTRODUCED_DELETE, vec![Value::from(id)]),
        (&INTRODUCED_INSERT, vec![introduced]),
        (&ANALYSIS_DELETE_UNUSED, vec![list([(old,)])]),
        (&COUNTER_BUMP_GENERATION, Vec::new()),
    ];
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
    let epoch = inner.engine.epoch();
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
    let (ids, features) = inner
        .intern(tx, &layer.features, &layer.identities, &namespaces)
        .await?;
    let own = layer.namespace.clone().zip(namespace);
    let fresh = Fresh {
        features,
        namespaces: own.into_iter().collect(),
        epoch,
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
        Value::from(layer.head.analysis_version.as_str()),
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
