//! PostgreSQL, and what speaks its protocol: a pool of connections with prepared statements.
//!
//! No LOCK TABLE, no LISTEN/NOTIFY, no advisory locks, no planner settings: the same statements run
//! on CockroachDB and YugabyteDB, and behind a connection pooler that keeps prepared statements.
//!
//! Where Clair's tables are, ours are in a schema of their own beside them, so that Clair's configuration is enough
//! to start with. Nothing of Clair's is read or changed.
//!
//! A transaction that is dropped before its end (a caller that went away) costs its connection: it
//! is closed, and the server rolls back.

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::{
    Hook, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, Timeouts,
};
use futures_util::future::{try_join, try_join_all};
use pellucid_model::with_causes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type};

use super::{End, Tx, Work, source};
use crate::StoreError;
use crate::statement::Statement;
use crate::value::{Row, Value};

/// How long a caller waits for a connection before it is told that the database is away.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How long a statement outside a transaction may take: a server that hangs keeps its sockets open.
const ANSWER: Duration = Duration::from_secs(10);
/// How often a transaction is tried when the server asks to try again.
const TRIES: u32 = 10;

/// The schema of our tables where Clair's stand in the way.
const OWN: &str = "pellucid";
/// Whether our tables, those of our own schema, and Clair's are there, and whether the schema is.
const FOUND: &str = "SELECT to_regclass('schema_version') IS NOT NULL,
  to_regclass('pellucid.schema_version') IS NOT NULL,
  to_regclass('vulnerability_fixedin_feature') IS NOT NULL,
  to_regnamespace('pellucid') IS NOT NULL";
const MAKE: &str = "CREATE SCHEMA IF NOT EXISTS pellucid";
const CURRENT: &str = "SELECT current_schema()::TEXT IS NOT DISTINCT FROM 'pellucid'";

pub(crate) struct Postgres {
    pool: Pool,
    /// A turn for each connection. Those who wait for theirs wait here, where a thousand of them take little room.
    turns: Arc<Semaphore>,
    /// Raised for each connection that is made.
    made: Arc<AtomicU64>,
}

/// A connection of the pool, with the turn that it is held for.
struct Held {
    object: Object,
    _turn: OwnedSemaphorePermit,
}

impl Held {
    /// Closes it: what it is in the middle of is not known.
    fn close(self) {
        drop(Object::take(self.object));
    }
}

/// A transaction: a connection in it, until it has ended. It begins on the way of its first statement.
pub(crate) struct Writing {
    connection: Option<Held>,
    has_begun: bool,
}

impl Drop for Writing {
    fn drop(&mut self) {
        if let Some(held) = self.connection.take() {
            held.close();
        }
    }
}

/// What to do about an error of the server.
enum Trouble {
    Again,
    Fatal(StoreError),
}

impl Postgres {
    /// Connects once, to see where our tables are to be.
    pub(crate) async fn open(text: &str, max_connections: usize) -> Result<Self, StoreError> {
        let source = source::parse(text)?;
        let opened = Self::of(source, max_connections)?;
        let [is_ours, is_own, is_clairs, is_made] = opened.answers(FOUND).await?;
        if is_ours || !is_own && !is_clairs {
            return Ok(opened);
        }
        if !is_made && let Err(error) = opened.make_schema().await {
            // Another replica may have been first.
            let [.., is_made] = opened.answers::<4>(FOUND).await?;
            if !is_made {
                return Err(error);
            }
        }
        drop(opened);
        let mut source = source::parse(text)?;
        let options = source.config.get_options().unwrap_or_default();
        let options = format!("{options} -c search_path={OWN}");
        source.config.options(options.trim());
        let opened = Self::of(source, max_connections)?;
        let [is_current] = opened.answers(CURRENT).await?;
        if !is_current {
            return Err(StoreError::Schema {
                reason: "the setting search_path does not reach the server".to_owned(),
            });
        }
        Ok(opened)
    }

    async fn make_schema(&self) -> Result<(), StoreError> {
        let held = self.connection().await?;
        let made = tokio::time::timeout(ANSWER, held.object.batch_execute(MAKE)).await;
        match made.map_err(|_| silent("schema"))? {
            Ok(()) => Ok(()),
            Err(error) => Err(match fatal("schema", error) {
                StoreError::Postgres { source, .. } => StoreError::Schema {
                    reason: with_causes(&source),
                },
                other => other,
            }),
        }
    }

    /// Asks for a row of yes and no.
    async fn answers<const N: usize>(&self, question: &str) -> Result<[bool; N], StoreError> {
        let name = "schema";
        let held = self.connection().await?;
        let row = tokio::time::timeout(ANSWER, held.object.query_one(question, &[])).await;
        let row = row
            .map_err(|_| silent(name))?
            .map_err(|error| fatal(name, error))?;
        let mut answers = [false; N];
        for (at, answer) in answers.iter_mut().enumerate() {
            *answer = row.try_get(at).map_err(|error| fatal(name, error))?;
        }
        Ok(answers)
    }

    fn of(source: source::Source, max_connections: usize) -> Result<Self, StoreError> {
        let config = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let connector = source.connector()?;
        let manager = Manager::from_config(source.config, connector, config);
        let max_connections = max_connections.max(1);
        let made = Arc::new(AtomicU64::new(0));
        let pool = Pool::builder(manager)
            .max_size(max_connections)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(PATIENCE),
                create: Some(PATIENCE),
                recycle: Some(PATIENCE),
            })
            .post_create(Hook::sync_fn({
                let made = Arc::clone(&made);
                move |_, _| {
                    made.fetch_add(1, Ordering::AcqRel);
                    Ok(())
                }
            }))
            .build()
            .map_err(|error| StoreError::Source {
                reason: error.to_string(),
            })?;
        let turns = Arc::new(Semaphore::new(max_connections));
        Ok(Self { pool, turns, made })
    }

    /// As [`super::Engine::epoch`].
    pub(crate) fn epoch(&self) -> u64 {
        self.made.load(Ordering::Acquire)
    }

    async fn connection(&self) -> Result<Held, StoreError> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        let turn = tokio::time::timeout(PATIENCE, turn).await;
        let Ok(Ok(turn)) = turn else {
            return Err(StoreError::Unavailable {
                reason: "every connection is in use".to_owned(),
            });
        };
        // Boxed: it has room for the making of a connection, which is rare.
        let object = Box::pin(self.pool.get()).await;
        let object = object.map_err(|error| match error {
            PoolError::Backend(error) => connect_failed(error),
            error => StoreError::Unavailable {
                reason: error.to_string(),
            },
        })?;
        Ok(Held {
            object,
            _turn: turn,
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
            let held = self.connection().await?;
            // Boxed for those who wait for a connection.
            let answer = Box::pin(run(&held.object, statement, values));
            let Ok(answer) = tokio::time::timeout(ANSWER, answer).await else {
                held.close();
                return Err(silent(statement.name));
            };
            drop(held);
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
        let (mut attempt, mut closed) = (0, 0);
        while attempt < TRIES {
            if attempt > 0 {
                tokio::time::sleep(Duration::from_millis(2 << attempt.min(7))).await;
            }
            let mut tx = Tx::Postgres(Box::new(Writing {
                connection: Some(self.connection().await?),
                has_begun: false,
            }));
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
                // A pooled connection may have died with the last restart of the server: every other
                // one, too. Nothing was committed, or it is found when the work is done again.
                (Err(StoreError::Postgres { source, .. }), _)
                    if source.is_closed() && closed < self.pool.status().max_size =>
                {
                    closed += 1;
                    continue;
                }
                (Err(StoreError::Postgres { statement, source }), _) => {
                    match trouble(statement, source) {
                        Trouble::Again => {}
                        Trouble::Fatal(error) => return Err(error),
                    }
                }
                (Err(error), _) => return Err(error),
            }
            attempt += 1;
        }
        Err(exhausted("transaction"))
    }

    /// Prepares a statement without running it.
    pub(crate) async fn prepare(&self, statement: &'static Statement) -> Result<(), StoreError> {
        let held = self.connection().await?;
        held.object
            .prepare(statement.postgres())
            .await
            .map(drop)
            .map_err(|error| fatal(statement.name, error))
    }
}

impl Writing {
    fn object(&self) -> Result<&Object, StoreError> {
        let held = self.connection.as_ref().ok_or(StoreError::Cancelled)?;
        Ok(&held.object)
    }

    pub(crate) async fn query(
        &mut self,
        statement: &'static Statement,
        values: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        let failed = |source| StoreError::Postgres {
            statement: statement.name,
            source,
        };
        let connection = self.object()?;
        let prepared = prepare(connection, statement).await.map_err(failed)?;
        let begin = begin(connection, self.has_begun);
        let query = async {
            let found = query(connection, &prepared, values).await;
            found.map_err(failed)
        };
        let ((), rows) = try_join(begin, query).await?;
        self.has_begun = true;
        Ok(rows)
    }

    pub(crate) async fn pipeline(
        &mut self,
        steps: &[(&'static Statement, Vec<Value>)],
    ) -> Result<Vec<Vec<Row>>, StoreError> {
        let failed = |statement: &Statement, source| StoreError::Postgres {
            statement: statement.name,
            source,
        };
        let connection = self.object()?;
        // All before the first is sent: one that waited for its preparation would come too late.
        let mut prepared = Vec::with_capacity(steps.len());
        for (statement, _) in steps {
            let one = prepare(connection, statement).await;
            prepared.push(one.map_err(|source| failed(statement, source))?);
        }
        let begin = begin(connection, self.has_begun);
        // Futures are polled in their order, and each sends when it is polled first.
        let queries =
            steps
                .iter()
                .zip(&prepared)
                .map(|((statement, values), prepared)| async move {
                    let found = query(connection, prepared, values).await;
                    found.map_err(|source| failed(statement, source))
                });
        let ((), rows) = try_join(begin, try_join_all(queries)).await?;
        self.has_begun = true;
        Ok(rows)
    }

    /// As [`Tx::last`].
    pub(crate) async fn last(
        &mut self,
        statement: &'static Statement,
        values: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        let failed = |statement, source| StoreError::Postgres { statement, source };
        let connection = self.object()?;
        let prepared = prepare(connection, statement).await;
        let prepared = prepared.map_err(|source| failed(statement.name, source))?;
        let query = async {
            let found = query(connection, &prepared, values).await;
            found.map_err(|source| failed(statement.name, source))
        };
        if !self.has_begun {
            return match tokio::time::timeout(ANSWER, query).await {
                Ok(answer) => answer,
                Err(_) => {
                    if let Some(held) = self.connection.take() {
                        held.close();
                    }
                    Err(silent(statement.name))
                }
            };
        }
        let commit = async {
            let committed = connection.batch_execute("COMMIT").await;
            committed.map_err(|source| failed("COMMIT", source))
        };
        // The statement is sent, and answered, first; where it failed the server rolls back.
        let (rows, ()) = try_join(query, commit).await?;
        self.has_begun = false;
        Ok(rows)
    }

    pub(crate) async fn batch(&mut self, name: &'static str, sql: &str) -> Result<(), StoreError> {
        begin(self.object()?, self.has_begun).await?;
        self.has_begun = true;
        self.object()?
            .batch_execute(&crate::statement::postgres(sql))
            .await
            .map_err(|source| StoreError::Postgres {
                statement: name,
                source,
            })
    }

    /// Ends the transaction; a connection where that fails is not used again.
    async fn finish(&mut self, sql: &str) -> Result<(), tokio_postgres::Error> {
        let Some(held) = self.connection.as_ref() else {
            return Ok(());
        };
        if self.has_begun {
            held.object.batch_execute(sql).await?;
        }
        self.connection.take();
        Ok(())
    }
}

/// Begins a transaction, unless it has begun. A server that hangs keeps its sockets open: it has to
/// answer to this in time.
async fn begin(connection: &Object, has_begun: bool) -> Result<(), StoreError> {
    if has_begun {
        return Ok(());
    }
    let statement = "BEGIN";
    match tokio::time::timeout(PATIENCE, connection.batch_execute(statement)).await {
        Ok(begun) => begun.map_err(|source| StoreError::Postgres { statement, source }),
        Err(_) => Err(silent(statement)),
    }
}

async fn run(
    connection: &Object,
    statement: &'static Statement,
    values: &[Value],
) -> Result<Vec<Row>, tokio_postgres::Error> {
    let prepared = prepare(connection, statement).await?;
    query(connection, &prepared, values).await
}

/// One round trip for each connection.
async fn prepare(
    connection: &Object,
    statement: &'static Statement,
) -> Result<tokio_postgres::Statement, tokio_postgres::Error> {
    connection.prepare_cached(statement.postgres()).await
}

async fn query(
    connection: &Object,
    prepared: &tokio_postgres::Statement,
    values: &[Value],
) -> Result<Vec<Row>, tokio_postgres::Error> {
    let parameters: Vec<&(dyn ToSql + Sync)> = values
        .iter()
        .map(|value| value as &(dyn ToSql + Sync))
        .collect();
    let found = connection.query(prepared, &parameters).await?;
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
            reason: format!("{statement}: {}", with_causes(&error)),
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
            reason: with_causes(&error),
        },
    }
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
