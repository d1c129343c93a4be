//! Namespaces: made when first met, in that order, never removed.

use std::collections::{BTreeMap, HashMap};

use crate::engine::Tx;
use crate::feature::Namespace;
use crate::statement::Statement;
use crate::statements::{NAMESPACE_ENSURE, NAMESPACE_FIND, NAMESPACE_GET, NAMESPACE_LIST};
use crate::text::{Clean, clean};
use crate::value::{Row, Value, list};
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

/// Namespaces that a transaction needs the numbers of, by name.
pub(crate) struct Wanted(BTreeMap<String, String>);

impl Wanted {
    pub(crate) fn of<'a>(namespaces: impl Iterator<Item = &'a Namespace>) -> Self {
        // In the order of names: two writers that make the same ones do not wait for each other in turn.
        Self(
            namespaces
                .map(|namespace| {
                    (
                        clean(&namespace.name).into_owned(),
                        clean(&namespace.version_format).into_owned(),
                    )
                })
                .collect(),
        )
    }

    /// The query for [`Self::ensure`].
    pub(crate) fn find(&self) -> (&'static Statement, Vec<Value>) {
        (&NAMESPACE_FIND, vec![self.names()])
    }

    fn names(&self) -> Value {
        list(self.0.keys().map(|name| (Clean(name),)))
    }

    /// Numbers of them all, of which these rows were [found](Self::find); makes those that are missing,
    /// and fills in a format where none was known.
    pub(crate) async fn ensure(
        &self,
        tx: &mut Tx,
        rows: Vec<Row>,
    ) -> Result<HashMap<String, i64>, StoreError> {
        let mut found = by_name(rows)?;
        let missing: Vec<_> = self
            .0
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
            found = by_name(tx.query(&NAMESPACE_FIND, &[self.names()]).await?)?;
        }
        Ok(found
            .into_iter()
            .map(|(name, (id, _))| (name, id))
            .collect())
    }
}

/// Numbers of these namespaces; makes those that are missing.
pub(crate) async fn ensure(
    tx: &mut Tx,
    wanted: impl Iterator<Item = &Namespace>,
) -> Result<HashMap<String, i64>, StoreError> {
    let wanted = Wanted::of(wanted);
    let (statement, values) = wanted.find();
    let rows = tx.query(statement, &values).await?;
    wanted.ensure(tx, rows).await
}

fn by_name(rows: Vec<Row>) -> Result<HashMap<String, (i64, String)>, StoreError> {
    rows.into_iter()
        .map(|mut row| Ok((row.text(1)?, (row.int(0)?, row.text(2)?))))
        .collect()
}
