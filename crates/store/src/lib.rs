//! What the service remembers: layers with what they bring in and take away, interned feature
//! versions, vulnerabilities written by hand, notifications and their deliveries, leases, settings,
//! and in PostgreSQL mode the bytes of snapshots.
//!
//! Place in the flow: model <- **store** <- notify, server. Feeds' advisories are not here: they are
//! snapshots, joined by the server. One database is the truth for every replica: nothing is cached
//! here but rows that never change once they are committed.
//!
//! Two engines, one set of statements (`src/sql`): embedded SQLite and PostgreSQL. Whatever returned
//! `Ok` survives kill -9 and loss of power. Every clock is the database's.

mod cache;
mod deliveries;
mod effective;
mod engine;
mod error;
mod feature;
mod feature_versions;
#[doc(hidden)]
pub mod hostile;
mod keyvalue;
mod layers;
mod leases;
mod migrate;
mod namespaces;
mod notifications;
mod outbox;
mod repositories;
mod snapshots;
mod statement;
mod statements;
mod text;
mod value;
mod vulnerabilities;
mod vulnerability;

use std::path::PathBuf;
use std::sync::Arc;

pub use deliveries::{Backlog, Delivery, DeliveryState, Posting};
pub use error::StoreError;
pub use feature::{Feature, FeatureVersionId, Namespace};
pub use feature_versions::{FeatureVersion, IntroducingLayer};
pub use layers::{
    Added, ChainLink, EffectiveFeature, LayerId, LayerView, NewLayer, Replaced, below,
    is_newer_analysis,
};
pub use leases::{Lease, LeaseHolder};
pub use notifications::{NewNotification, Notification, NotificationId};
pub use outbox::{Held, Outbox, Told};
pub use repositories::Repositories;
pub use snapshots::{NewSnapshot, PublishedSnapshot};
pub use vulnerabilities::{
    Edited, FeedRecord, Hidden, Overlay, StoredVulnerability, VulnerabilityId,
};
pub use vulnerability::{Edit, Fix, FixEdit, Vulnerability};

use engine::Engine;

/// Where the database is.
#[derive(Clone, Debug)]
pub enum Database {
    /// A file of our own, made if it is not there. Its folder must exist.
    Sqlite {
        /// The file; SQLite puts two more beside it.
        path: PathBuf,
    },
    /// A PostgreSQL server, or one that speaks its protocol.
    Postgres {
        /// A URL, or key=value as libpq reads them.
        source: String,
        /// Connections held at most by this process.
        max_connections: usize,
    },
}

impl Database {
    /// Whether it can be opened, as far as can be said without: SQLite's folder is there, or the connection
    /// string is one, and so are the files of certificates that it names.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] without the folder, [`StoreError::Source`].
    pub fn check(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite { path } => match path.parent() {
                // A name alone lies where the process runs.
                Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
                    Err(StoreError::Unavailable {
                        reason: format!("there is no folder {}", folder.display()),
                    })
                }
                _ => Ok(()),
            },
            Self::Postgres { source, .. } => engine::source::parse(source)?.connector().map(drop),
        }
    }
}

/// The database, open. Cheap to clone; shared by every task.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    features: cache::Features,
    namespaces: cache::Namespaces,
    analyses: cache::Analyses,
    /// Told of when this process stores a layer.
    unindexed: tokio::sync::Notify,
}

impl Store {
    /// Connects, and brings the schema up to date. Any number of replicas may do so at once.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when trying again later may help, [`StoreError::NewerSchema`] when
    /// a newer release has migrated the database, [`StoreError::Source`] for a bad connection string.
    pub async fn open(database: &Database) -> Result<Self, StoreError> {
        let engine = Engine::open(database).await?;
        migrate::run(&engine).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                engine,
                features: cache::Features::default(),
                namespaces: cache::Namespaces::default(),
                analyses: cache::Analyses::default(),
                unindexed: tokio::sync::Notify::new(),
            }),
        })
    }

    /// Asks the database for a row: it is there, and answers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] while it is away.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.generation().await.map(drop)
    }

    /// The counter that every transaction raises which changes an answer already given: deleted and
    /// re-analysed layers, vulnerabilities written by hand, snapshots published. A new layer does
    /// not raise it: all it changes is a 404.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn generation(&self) -> Result<u64, StoreError> {
        let rows = self
            .inner
            .engine
            .query(&statements::COUNTER_GENERATION, &[])
            .await?;
        let mut row = rows
            .into_iter()
            .next()
            .ok_or(StoreError::Damaged { what: "counter" })?;
        Ok(row.int(0)?.unsigned_abs())
    }

    /// Another number where another server may have taken over, without the last commits: numbers of rows, and
    /// [`Self::generation`], may mean other things then.
    pub fn epoch(&self) -> u64 {
        self.inner.engine.epoch()
    }

    /// What time the database has, in seconds since 1970: the one clock of all replicas.
    ///
    /// # Errors
    /// The database is away.
    pub async fn now(&self) -> Result<i64, StoreError> {
        let rows = self.inner.engine.query(&statements::CLOCK_NOW, &[]).await?;
        let mut row = rows
            .into_iter()
            .next()
            .ok_or(StoreError::Damaged { what: "clock" })?;
        row.int(0)
    }

    /// Prepares every statement of this crate: the schema has all that this release asks of it.
    ///
    /// # Errors
    /// The first statement that the database does not accept.
    pub async fn check(&self) -> Result<(), StoreError> {
        for statement in statements::ALL {
            match &self.inner.engine {
                Engine::Sqlite(sqlite) => sqlite.prepare(statement)?,
                Engine::Postgres(postgres) => postgres.prepare(statement).await?,
            }
        }
        Ok(())
    }
}
