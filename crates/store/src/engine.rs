//! The two engines behind one small surface: one statement outside a transaction, or a piece of
//! work inside one.
//!
//! A piece of work is an async function of a [`Tx`] that may be run again from the start: on
//! PostgreSQL when the server asks for it (serialisation failure, deadlock, a row that a concurrent
//! delete took away), so it must keep its effects inside the transaction. On SQLite none of its
//! steps ever waits, so it runs to its end on a blocking thread that holds the only writer.

mod postgres;
pub(crate) mod source;
mod sqlite;
mod tls;

use std::sync::Arc;

use futures_util::future::BoxFuture;

use postgres::Postgres;
use sqlite::Sqlite;

use crate::statement::Statement;
use crate::value::{Row, Value};
use crate::{Database, StoreError};

pub(crate) enum Engine {
    Sqlite(Arc<Sqlite>),
    Postgres(Postgres),
}

/// How a piece of work wants its transaction to end.
pub(crate) enum End<T> {
    Commit(T),
    Discard(T),
}

/// An open transaction.
pub(crate) enum Tx {
    Sqlite(sqlite::Writing),
    Postgres(Box<postgres::Writing>),
}

pub(crate) type Work<'t, T> = BoxFuture<'t, Result<End<T>, StoreError>>;

impl Engine {
    /// Connects, and leaves the schema as it is.
    pub(crate) async fn open(database: &Database) -> Result<Self, StoreError> {
        match database {
            Database::Sqlite { path } => {
                let path = path.clone();
                let opened = tokio::task::spawn_blocking(move || Sqlite::open(&path)).await;
                let opened = opened.map_err(|_| StoreError::Cancelled)??;
                Ok(Self::Sqlite(Arc::new(opened)))
            }
            Database::Postgres {
                source,
                max_connections,
            } => Ok(Self::Postgres(
                Postgres::open(source, *max_connections).await?,
            )),
        }
    }

    /// Another number after each connection that was made: behind a new one may be another server, which took over
    /// without the last commits. What was learned before is not known to be there.
    pub(crate) fn epoch(&self) -> u64 {
        match self {
            Self::Sqlite(_) => 0,
            Self::Postgres(postgres) => postgres.epoch(),
        }
    }

    /// Runs one statement outside any transaction.
    pub(crate) async fn query(
        &self,
        statement: &'static Statement,
        values: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        tracing::trace!(name = statement.name, "statement");
        match self {
            Self::Sqlite(sqlite) => sqlite.read(statement, values),
            Self::Postgres(postgres) => postgres.read(statement, values).await,
        }
    }

    /// As [`Self::query`], for answers that may be long: SQLite then works on a blocking thread.
    pub(crate) async fn query_long(
        &self,
        statement: &'static Statement,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        tracing::trace!(name = statement.name, "statement");
        match self {
            Self::Sqlite(sqlite) => {
                let sqlite = Arc::clone(sqlite);
                tokio::task::spawn_blocking(move || sqlite.read(statement, &values))
                    .await
                    .map_err(|_| StoreError::Cancelled)?
            }
            Self::Postgres(postgres) => postgres.read(statement, &values).await,
        }
    }

    /// Runs a piece of work in one transaction. It is durable when this returns `Ok`.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> Fn(&'t mut Tx) -> Work<'t, T> + Send + Sync + 'static,
    {
        tracing::trace!("transaction");
        match self {
            Self::Sqlite(sqlite) => sqlite.write(work).await,
            Self::Postgres(postgres) => postgres.write(work).await,
        }
    }

    /// Runs one changing statement in a transaction of its own.
    pub(crate) async fn write_one(
        &self,
        statement: &'static Statement,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        self.write(move |tx| {
            let values = values.clone();
            Box::pin(async move { Ok(End::Commit(tx.query(statement, &values).await?)) })
        })
        .await
    }
}

impl Tx {
    pub(crate) async fn query(
        &mut self,
        statement: &'static Statement,
        values: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(writing) => writing.query(statement, values),
            Self::Postgres(writing) => writing.query(statement, values).await,
        }
    }

    /// Runs statements in order, none of which needs what another one gives: on PostgreSQL they go
    /// out together and cost one round trip.
    pub(crate) async fn pipeline(
        &mut self,
        steps: &[(&'static Statement, Vec<Value>)],
    ) -> Result<Vec<Vec<Row>>, StoreError> {
        match self {
            Self::Sqlite(writing) => steps
                .iter()
                .map(|(statement, values)| writing.query(statement, values))
                .collect(),
            Self::Postgres(writing) => writing.pipeline(steps).await,
        }
    }

    /// The first row, where the statement gives at most one.
    pub(crate) async fn one(
        &mut self,
        statement: &'static Statement,
        values: &[Value],
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.query(statement, values).await?.into_iter().next())
    }

    /// The last statement of a transaction, which commits it: on PostgreSQL both go out together, and a
    /// transaction of one statement is that alone. Only for what does no harm when it gives no row: it is
    /// committed then all the same.
    pub(crate) async fn last(
        &mut self,
        statement: &'static Statement,
        values: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(writing) => writing.query(statement, values),
            Self::Postgres(writing) => writing.last(statement, values).await,
        }
    }

    /// Whether one statement may insert into several tables.
    pub(crate) fn nests(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Runs a text of several statements that the table of statements does not hold: a migration.
    pub(crate) async fn batch(&mut self, name: &'static str, sql: &str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(writing) => writing.batch(name, sql),
            Self::Postgres(writing) => writing.batch(name, sql).await,
        }
    }
}
