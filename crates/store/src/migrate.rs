//! Forward-only migrations, safe when several replicas open the database at once.
//!
//! Each migration is one transaction that begins by inserting its number: the unique key lets one
//! replica through, the others wait on it and then find the work done. The schema itself never goes
//! back. A release has one step at most, and a step only adds (what it makes needless goes a release
//! later): so the release before runs on its schema, and replicas are replaced one after the other, and
//! back.

use crate::StoreError;
use crate::engine::{End, Engine};
use crate::statements::{SCHEMA_VERSION_INSERT, SCHEMA_VERSION_LATEST};
use crate::value::Value;

#[cfg(test)]
mod before;

/// A step of the schema: number, name, text.
type Migration = (i64, &'static str, &'static str);

/// Every migration in order.
const MIGRATIONS: &[Migration] = &[
    (1, "init", include_str!("../migrations/0001_init.sql")),
    (
        2,
        "feed_notifications",
        include_str!("../migrations/0002_feed_notifications.sql"),
    ),
    (
        3,
        "introduced",
        include_str!("../migrations/0003_introduced.sql"),
    ),
    (
        4,
        "introduced_by",
        include_str!("../migrations/0004_introduced_by.sql"),
    ),
    (
        5,
        "repositories",
        include_str!("../migrations/0005_repositories.sql"),
    ),
    (
        6,
        "introduced_pending",
        include_str!("../migrations/0006_introduced_pending.sql"),
    ),
    (
        7,
        "made_over",
        include_str!("../migrations/0007_made_over.sql"),
    ),
];

/// Made by whoever comes first; the loser of a race is told that it exists.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_version (
  version BIGINT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  applied_at BIGINT NOT NULL
)";

pub(crate) async fn run(engine: &Engine) -> Result<(), StoreError> {
    run_all(engine, MIGRATIONS).await
}

async fn run_all(engine: &Engine, migrations: &'static [Migration]) -> Result<(), StoreError> {
    let found = match version(engine).await {
        Ok(found) => found,
        // No table yet. Replicas that make it together collide in PostgreSQL's own catalog, in
        // spite of IF NOT EXISTS: what counts is that it is there afterwards.
        Err(StoreError::Sqlite { .. } | StoreError::Postgres { .. }) => {
            let made = engine
                .write(|tx| {
                    Box::pin(async move {
                        tx.batch("schema_version", TABLE).await?;
                        Ok(End::Commit(()))
                    })
                })
                .await;
            match (version(engine).await, made) {
                (Ok(found), _) => found,
                (Err(_), Err(error)) | (Err(error), Ok(())) => return Err(error),
            }
        }
        Err(error) => return Err(error),
    };
    let known = migrations
        .iter()
        .map(|(number, ..)| *number)
        .max()
        .unwrap_or(0);
    if found > known + 1 {
        return Err(StoreError::NewerSchema { found, known });
    }
    for &(number, name, sql) in migrations.iter().filter(|(number, ..)| *number > found) {
        engine
            .write(move |tx| {
                Box::pin(async move {
                    let values = [Value::from(number), Value::from(name)];
                    if tx.one(&SCHEMA_VERSION_INSERT, &values).await?.is_some() {
                        tx.batch(name, sql).await?;
                    }
                    Ok(End::Commit(()))
                })
            })
            .await?;
    }
    Ok(())
}

/// The newest migration in the database.
async fn version(engine: &Engine) -> Result<i64, StoreError> {
    let rows = engine.query(&SCHEMA_VERSION_LATEST, &[]).await?;
    rows.into_iter().next().map_or(Ok(0), |mut row| row.int(0))
}
