//! SQLite: one writer, a few readers, WAL.
//!
//! The writer syncs at every commit (`synchronous=FULL`): what is acknowledged survives kill -9 and
//! loss of power. Reads run where they are asked for, without a hop to another thread: they are
//! index look-ups in the page cache, a few microseconds each, and WAL readers never wait for the
//! writer. Writes go to a blocking thread, because a commit waits for the disk.
//!
//! Several processes may share the file; they queue for the write lock for up to [`PATIENCE`].

use std::num::NonZero;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql};
use tokio::sync::OwnedMutexGuard;

use super::{End, Tx, Work};
use crate::StoreError;
use crate::statement::Statement;
use crate::value::{Row, Value};

/// How long a process waits for another one's transaction.
const PATIENCE: Duration = Duration::from_secs(10);
/// Prepared statements kept per connection: more than there are.
const STATEMENTS: usize = 128;

pub(crate) struct Sqlite {
    writer: Arc<tokio::sync::Mutex<Connection>>,
    readers: Vec<Mutex<Connection>>,
    next: AtomicUsize,
}

/// A write transaction: the writer's connection, held.
pub(crate) struct Writing(OwnedMutexGuard<Connection>);

impl Sqlite {
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        // Ours alone: there are secrets in it. SQLite gives its other files the same mode.
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| StoreError::Unavailable {
                reason: format!("{}: {error}", path.display()),
            })?;
        let writer = connect(path, OpenFlags::default())?;
        // Of the log 8 MB may lie before it is copied into the database, for the sake of the slowest commits.
        writer
            .execute_batch(
                "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA wal_autocheckpoint=8000;",
            )
            .map_err(|source| refused("open", source))?;
        let count = std::thread::available_parallelism()
            .map_or(4, NonZero::get)
            .clamp(2, 16);
        let mut readers = Vec::with_capacity(count);
        for _ in 0..count {
            let reader = connect(path, OpenFlags::default())?;
            reader
                .execute_batch("PRAGMA query_only=ON;")
                .map_err(|source| refused("open", source))?;
            readers.push(Mutex::new(reader));
        }
        Ok(Self {
            writer: Arc::new(tokio::sync::Mutex::new(writer)),
            readers,
            next: AtomicUsize::new(0),
        })
    }

    pub(crate) fn read(
        &self,
        statement: &'static Statement,
        values: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        let Some(connection) = self.reader() else {
            return Err(StoreError::Cancelled);
        };
        run(&connection, statement, values)
    }

    /// A reader that is free, else the next in turn when it becomes free.
    fn reader(&self) -> Option<MutexGuard<'_, Connection>> {
        for reader in &self.readers {
            match reader.try_lock() {
                Ok(guard) => return Some(guard),
                Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.readers.len().max(1);
        let reader = self.readers.get(turn)?;
        Some(reader.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> Fn(&'t mut Tx) -> Work<'t, T> + Send + Sync + 'static,
    {
        let writer = Arc::clone(&self.writer).lock_owned().await;
        tokio::task::spawn_blocking(move || transaction(writer, &work))
            .await
            .map_err(|_| StoreError::Cancelled)?
    }

    /// Prepares a statement without running it.
    pub(crate) fn prepare(&self, statement: &'static Statement) -> Result<(), StoreError> {
        let Some(connection) = self.reader() else {
            return Err(StoreError::Cancelled);
        };
        connection
            .prepare(statement.sqlite)
            .map(drop)
            .map_err(|source| refused(statement.name, source))
    }
}

fn transaction<T, F>(writer: OwnedMutexGuard<Connection>, work: &F) -> Result<T, StoreError>
where
    F: for<'t> Fn(&'t mut Tx) -> Work<'t, T>,
{
    // Left open by work that panicked.
    if !writer.is_autocommit() {
        execute(&writer, "ROLLBACK")?;
    }
    execute(&writer, "BEGIN IMMEDIATE")?;
    let mut tx = Tx::Sqlite(Writing(writer));
    let ended = work(&mut tx)
        .now_or_never()
        .unwrap_or(Err(StoreError::Cancelled));
    let Tx::Sqlite(Writing(writer)) = tx else {
        return Err(StoreError::Cancelled);
    };
    match ended {
        Ok(End::Commit(value)) => match execute(&writer, "COMMIT") {
            Ok(()) => Ok(value),
            Err(error) => {
                drop(execute(&writer, "ROLLBACK"));
                Err(error)
            }
        },
        Ok(End::Discard(value)) => execute(&writer, "ROLLBACK").map(|()| value),
        Err(error) => {
            // SQLite has rolled back by itself after some errors; a second time is refused.
            drop(execute(&writer, "ROLLBACK"));
            Err(error)
        }
    }
}

impl Writing {
    pub(crate) fn query(
        &self,
        statement: &'static Statement,
        values: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        run(&self.0, statement, values)
    }

    pub(crate) fn batch(&self, name: &'static str, sql: &str) -> Result<(), StoreError> {
        self.0
            .execute_batch(sql)
            .map_err(|source| refused(name, source))
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection =
        Connection::open_with_flags(path, flags).map_err(|source| refused("open", source))?;
    connection
        .busy_timeout(PATIENCE)
        .map_err(|source| refused("open", source))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Without it SQLite compiles some statements again for each new value of a parameter, in the
    // hope of a better plan: 15 of the 25 microseconds that reading a layer took.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map_err(|source| refused("open", source))?;
    let started = Instant::now();
    loop {
        // Processes that make the file together are told that it is busy, whatever the patience
        // above: the change to WAL does not wait. A layer's rows of `introduced` lie as many pages
        // apart as it has packages, and each page is logged as a whole: small ones make storing it
        // a third faster. A file that is there keeps the size it was made with.
        let settings = "PRAGMA page_size=1024; PRAGMA journal_mode=WAL; PRAGMA temp_store=MEMORY;";
        match connection.execute_batch(settings) {
            Ok(()) => return Ok(connection),
            Err(source) => match refused("open", source) {
                StoreError::Unavailable { .. } if started.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                error => return Err(error),
            },
        }
    }
}

fn run(
    connection: &Connection,
    statement: &'static Statement,
    values: &[Value],
) -> Result<Vec<Row>, StoreError> {
    let fail = |source| refused(statement.name, source);
    let mut prepared = connection.prepare_cached(statement.sqlite).map_err(fail)?;
    let columns = prepared.column_count();
    let mut found = prepared
        .query(rusqlite::params_from_iter(values.iter()))
        .map_err(fail)?;
    let mut rows = Vec::new();
    while let Some(row) = found.next().map_err(fail)? {
        let mut values = Vec::with_capacity(columns);
        for column in 0..columns {
            values.push(value(row.get_ref(column).map_err(fail)?)?);
        }
        rows.push(Row(values));
    }
    Ok(rows)
}

fn value(value: ValueRef<'_>) -> Result<Value, StoreError> {
    let text = |bytes: &[u8]| {
        std::str::from_utf8(bytes)
            .map(Value::from)
            .map_err(|_| StoreError::Damaged { what: "text" })
    };
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Int(value),
        ValueRef::Text(bytes) => text(bytes)?,
        ValueRef::Blob(bytes) => Value::from(bytes),
        ValueRef::Real(_) => return Err(StoreError::Damaged { what: "number" }),
    })
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn execute(connection: &Connection, sql: &'static str) -> Result<(), StoreError> {
    let run = |connection: &Connection| connection.prepare_cached(sql)?.execute([]);
    run(connection)
        .map(drop)
        .map_err(|source| refused(sql, source))
}

/// A busy, full or missing file may be better later; everything else is a fault.
fn refused(statement: &'static str, source: rusqlite::Error) -> StoreError {
    match source.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::CannotOpen
            | ErrorCode::SystemIoFailure,
        ) => StoreError::Unavailable {
            reason: format!("{statement}: {source}"),
        },
        _ => StoreError::Sqlite { statement, source },
    }
}
