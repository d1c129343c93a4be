//! Namespaces: made when first met, in that order, never removed.

use std::collections::{BTreeMap, HashMap};

use crate::engine::Tx;
use crate::feature::Namespace;
use crate::statements::{NAMESPACE_ENSURE, NAMESPACE_FIND, NAMESPACE_GET, NAMESPACE_LIST};
use crate::text::{Clean, clean};
use crate::value::{Value, list};
use crate::{Store, StoreError};

impl Store {
    /// Every namespace, in the order of creation.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn namespaces(&self) -> Result<Vec<Namespace>, StoreError> {
        let rows = self.inner.engine.query(&NAMESPACE_LIST, &[]).await?;
        rows.into_iter()
            .map(|mut row| {
                Ok(Namespace {
                    name: row.text(0)?,
                    version_format: row.text(1)?,
                })
            })
            .collect()
    }

    /// The namespace of this name, if it is known.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn namespace(&self, name: &str) -> Result<Option<Namespace>, StoreError> {
        let rows = self
            .inner
            .engine
            .query(&NAMESPACE_GET, &[Value::from(name)])
            .await?;
        rows.into_iter()
            .next()
            .map(|mut row| {
                Ok(Namespace {
                    name: name.to_owned(),
                    version_format: row.text(1)?,
                })
            })
            .transpose()
    }
}

/// Numbers of these namespaces; makes those that are missing, and fills in a format where none was
/// known.
pub(crate) async fn ensure(
    tx: &mut Tx,
    wanted: impl Iterator<Item = &Namespace>,
) -> Result<HashMap<String, i64>, StoreError> {
    // In the order of names: two writers that make the same ones do not wait for each other in turn.
    let wanted: BTreeMap<String, String> = wanted
        .map(|namespace| {
            (
                clean(&namespace.name).into_owned(),
                clean(&namespace.version_format).into_owned(),
            )
        })
        .collect();
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let names = list(wanted.keys().map(|name| (Clean(name),)));
    let mut found = find(tx, &names).await?;
    let missing: Vec<_> = wanted
        .iter()
        .filter(|(name, format)| {
            found
                .get(*name)
                .is_none_or(|(_, known)| known.is_empty() && !format.is_empty())
        })
        .map(|(name, format)| (Clean(name), Clean(format)))
        .collect();
    if !missing.is_empty() {
        tx.query(&NAMESPACE_ENSURE, &[list(missing)]).await?;
        found = find(tx, &names).await?;
    }
    Ok(found
        .into_iter()
        .map(|(name, (id, _))| (name, id))
        .collect())
}

async fn find(tx: &mut Tx, names: &Value) -> Result<HashMap<String, (i64, String)>, StoreError> {
    let rows = tx
        .query(&NAMESPACE_FIND, std::slice::from_ref(names))
        .await?;
    rows.into_iter()
        .map(|mut row| Ok((row.text(1)?, (row.int(0)?, row.text(2)?))))
        .collect()
}
