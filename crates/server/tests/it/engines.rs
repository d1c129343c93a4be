//! The databases that a scenario is run on.

use std::path::Path;
use std::time::Duration;

use pellucid_server::Config;
use pellucid_store::{Database, Store};
use pellucid_testkit::postgres::PostgresServer;

use crate::service::{config, on_postgres};

/// A kind of database.
pub(crate) enum Engine {
    /// Embedded, in the service's folder.
    Sqlite,
    /// A server of its own.
    Postgres(PostgresServer),
}

impl Engine {
    /// PostgreSQL; `None`, with a line that says so, where it cannot be started.
    pub(crate) fn postgres(scenario: &str) -> Option<Self> {
        match PostgresServer::start() {
            Ok(postgres) => Some(Self::Postgres(postgres)),
            Err(reason) => {
                println!("skipped: {scenario}: {reason}");
                None
            }
        }
    }

    /// A service's configuration on free ports.
    pub(crate) fn config(&self) -> Config {
        match self {
            Self::Sqlite => config(),
            Self::Postgres(postgres) => on_postgres(&postgres.source()),
        }
    }

    /// The database of a service whose data is in this folder.
    pub(crate) async fn store(&self, folder: &Path) -> Store {
        let database = match self {
            Self::Sqlite => Database::Sqlite {
                path: folder.join("pellucid.sqlite"),
            },
            Self::Postgres(postgres) => Database::Postgres {
                source: postgres.source(),
                max_connections: 2,
            },
        };
        Store::open(&database).await.unwrap()
    }
}

/// Waits until a snapshot that was there first is known to be, and so is no news.
pub(crate) async fn first_known(store: &Store, key: &str) {
    while store
        .snapshot(key)
        .await
        .unwrap()
        .is_none_or(|it| it.digest.is_none())
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
