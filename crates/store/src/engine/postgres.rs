//! PostgreSQL, and what speaks its protocol: a pool of connections with prepared statements.
//!
//! No LOCK TABLE, no LISTEN/NOTIFY, no advisory locks, no planner settings: the same statements run
//! on CockroachDB and YugabyteDB, and behind a connection pooler that keeps prepared statements.
//!
//! A transaction that is dropped before its end (a caller that went away) costs its connection: it
//! is closed, and the server rolls back.

use std::error::Error as _;
use std::time::Duration;

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, Timeouts,
};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type};

use super::{End, Tx, Work, source, tls};
use crate::StoreError;
use crate::statement::Statement;
use crate::value::{Row, Value};

/// How long a caller waits for a connection before it is told that the database is away.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How long a statement outside a transaction may take: a server that hangs keeps its sockets open.
const ANSWER: Duration = Duration::from_secs(10);
/// How often a transaction is tried when the server asks to try again.
const TRIES: u32 = 10;

pub(crate) struct Postgres {
    pool: Pool,
}

/// A transaction: a connection in it, until it has ended.
pub(crate) struct Writing(Option<Object>);

impl Drop for Writing {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection));
        }
    }
}

/// What to do about an error of the server.
enum Trouble {
    Again,
    Fatal(StoreError),
}

impl Postgres {
    pub(crate) fn open(text: &str, max_connections: usize) -> Result<Self, StoreError> {
        let source = source::parse(text)?;
        let config = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_config(source.config, tls::connector(&source.tls)?, config);
        let pool = Pool::builder(manager)
            .max_size(max_connections.max(1))
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(PATIENCE),
                create: Some(PATIENCE),
                recycle: Some(PATIENCE),
            })
            .build()
            .map_err(|error| StoreError::Source {
                reason: error.to_string(),
            })?;
        Ok(Self { pool })
    }

    async fn connection(&self) -> Result<Object, StoreError> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => connect_failed(error),
            error => StoreError::Unavailable {
                reason: error.to_string(),
            },
        })
    }

    pub(crate) async fn read(
        &self,
        statement: &'static Statement,
        values: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let connection = self.connection().await?;
            let answer = tokio::time::timeout(ANSWER, run(&connection, statement, values)).await;
            let Ok(answer) = answer else {
                drop(Object::take(connection));
                return Err(silent(statement.name));
            };
            match answer {
                Ok(rows) => return Ok(rows),
                // A pooled connection may have died with the last restart of the server: every
                // other one, too.
                Err(error) if error.is_closed() && tries <= self.pool.status().max_size => {}
                Err(error) => match trouble(statement.name, error) {
                    Trouble::Again if tries < TRIES as usize => {}
                    Trouble::Again => return Err(exhausted(statement.name)),
                    Trouble::Fatal(error) => return Err(error),
                },
            }
        }
    }

    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: for<'t> Fn(&'t mut Tx) -> Work<'t, T> + Send + Sync,
        T: Send,
    {
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(Duration::from_millis(2 << attempt.min(7))).await;
            }
            let connection = self.begin().await?;
            let mut tx = Tx::Postgres(Box::new(Writing(Some(connection))));
            let ended = work(&mut tx).await;
            let Tx::Postgres(mut writing) = tx else {
                return Err(StoreError::Cancelled);
            };
            let (sql, ended) = match ended {
                Ok(End::Commit(value)) => ("COMMIT", Ok(value)),
                Ok(End::Discard(value)) => ("ROLLBACK", Ok(value)),
                Err(error) => ("ROLLBACK", Err(error)),
            };
            let finished = writing.finish(sql).await;
            match (ended, finished) {
                (Ok(value), Ok(())) => return Ok(value),
                (Ok(_), Err(error)) => match trouble(sql, error) {
                    Trouble::Again => {}
                    Trouble::Fatal(error) => return Err(error),
                },
                (Err(StoreError::Postgres { statement, source }), _) => {
                    match trouble(statement, source) {
                        Trouble::Again => {}
                        Trouble::Fatal(error) => return Err(error),
                    }
                }
                (Err(error), _) => return Err(error),
            }
        }
        Err(exhausted("transaction"))
    }

    async fn begin(&self) -> Result<Object, StoreError> {
        for _ in 0..=self.pool.status().max_size {
            let connection = self.connection().await?;
            match tokio::time::timeout(PATIENCE, connection.batch_execute("BEGIN")).await {
                Ok(Ok(())) => return Ok(connection),
                Ok(Err(error)) if error.is_closed() => {}
                Err(_) => {
                    drop(Object::take(connection));
                    return Err(silent("BEGIN"));
                }
                Ok(Err(error)) => {
                    drop(Object::take(connection));
                    return Err(fatal("BEGIN", error));
                }
            }
        }
        Err(StoreError::Unavailable {
            reason: "every pooled connection was closed".to_owned(),
        })
    }

    /// Prepares a statement without running it.
    pub(crate) async fn prepare(&self, statement: &'static Statement) -> Result<(), StoreError> {
        let connection = self.connection().await?;
        connection
            .prepare(statement.postgres())
            .await
            .map(drop)
            .map_err(|error| fatal(statement.name, error))
    }
}

impl Writing {
    fn connection(&self) -> Result<&Object, StoreError> {
        self.0.as_ref().ok_or(StoreError::Cancelled)
    }

    pub(crate) async fn query(
        &self,
        statement: &'static Statement,
        values: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        run(self.connection()?, statement, values)
            .await
            .map_err(|source| StoreError::Postgres {
                statement: statement.name,
                source,
            })
    }

    pub(crate) async fn batch(&self, name: &'static str, sql: &str) -> Result<(), StoreError> {
        self.connection()?
            .batch_execute(&crate::statement::postgres(sql))
            .await
            .map_err(|source| StoreError::Postgres {
                statement: name,
                source,
            })
    }

    /// Ends the transaction; a connection where that fails is not used again.
    async fn finish(&mut self, sql: &str) -> Result<(), tokio_postgres::Error> {
        let Some(connection) = self.0.as_ref() else {
            return Ok(());
        };
        connection.batch_execute(sql).await?;
        self.0.take();
        Ok(())
    }
}

async fn run(
    connection: &Object,
    statement: &'static Statement,
    values: &[Value],
) -> Result<Vec<Row>, tokio_postgres::Error> {
    let prepared = connection.prepare_cached(statement.postgres()).await?;
    let parameters: Vec<&(dyn ToSql + Sync)> = values
        .iter()
        .map(|value| value as &(dyn ToSql + Sync))
        .collect();
    let found = connection.query(&prepared, &parameters).await?;
    let mut rows = Vec::with_capacity(found.len());
    for row in found {
        let mut values = Vec::with_capacity(row.len());
        for column in 0..row.len() {
            values.push(row.try_get(column)?);
        }
        rows.push(Row(values));
    }
    Ok(rows)
}

/// Sorts an error: to be tried again, the server away, or a fault.
fn trouble(statement: &'static str, error: tokio_postgres::Error) -> Trouble {
    match error.code() {
        // The last one: a row that this transaction read was deleted before it was referred to.
        Some(
            &SqlState::T_R_SERIALIZATION_FAILURE
            | &SqlState::T_R_DEADLOCK_DETECTED
            | &SqlState::FOREIGN_KEY_VIOLATION,
        ) => Trouble::Again,
        _ => Trouble::Fatal(fatal(statement, error)),
    }
}

fn fatal(statement: &'static str, error: tokio_postgres::Error) -> StoreError {
    let away = error.is_closed()
        || error
            .source()
            .is_some_and(|cause| cause.is::<std::io::Error>())
        || error.code().is_some_and(|state| {
            // Connection trouble, no resources, operator intervention, system error.
            ["08", "53", "57", "58"]
                .iter()
                .any(|class| state.code().starts_with(class))
                || *state == SqlState::READ_ONLY_SQL_TRANSACTION
        });
    if away {
        StoreError::Unavailable {
            reason: format!("{statement}: {}", words(&error)),
        }
    } else {
        StoreError::Postgres {
            statement,
            source: error,
        }
    }
}

/// A connection that could not be made: only what the operator must correct is a fault.
fn connect_failed(error: tokio_postgres::Error) -> StoreError {
    match error.code().map(SqlState::code) {
        Some("28P01" | "28000" | "3D000") => StoreError::Postgres {
            statement: "connect",
            source: error,
        },
        _ => StoreError::Unavailable {
            reason: words(&error),
        },
    }
}

/// An error with its causes in one line.
fn words(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn silent(statement: &'static str) -> StoreError {
    StoreError::Unavailable {
        reason: format!("{statement}: no answer"),
    }
}

fn exhausted(statement: &'static str) -> StoreError {
    StoreError::Unavailable {
        reason: format!("{statement}: too many conflicts with other writers"),
    }
}

impl ToSql for Value {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) if *kind == Type::INT4 => i32::try_from(*value)?.to_sql(kind, out),
            Self::Int(value) => value.to_sql(kind, out),
            Self::Text(text) => text.to_sql(kind, out),
            Self::Blob(bytes) => bytes.to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::INT8 | Type::INT4 | Type::TEXT | Type::BYTEA)
    }

    fn to_sql_checked(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let fits = match self {
            Self::Null => true,
            Self::Int(_) => matches!(*kind, Type::INT8 | Type::INT4),
            Self::Text(_) => *kind == Type::TEXT,
            Self::Blob(_) => *kind == Type::BYTEA,
        };
        if fits {
            self.to_sql(kind, out)
        } else {
            Err(format!("{kind} is not the type of this parameter").into())
        }
    }
}

impl<'r> FromSql<'r> for Value {
    fn from_sql(
        kind: &Type,
        raw: &'r [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(match *kind {
            Type::INT8 => Self::Int(i64::from_sql(kind, raw)?),
            Type::INT4 => Self::Int(i32::from_sql(kind, raw)?.into()),
            Type::BYTEA => Self::from(<&[u8]>::from_sql(kind, raw)?),
            _ => Self::from(<&str>::from_sql(kind, raw)?),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::INT8 | Type::INT4 | Type::TEXT | Type::BYTEA)
    }
}
