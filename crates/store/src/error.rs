//! What can go wrong in the store.

/// Why the store could not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database cannot be reached, is starting, or has no connection to spare. Trying again
    /// later may help; nothing was acknowledged.
    #[error("the database is unavailable: {reason}")]
    Unavailable {
        /// What failed, for the log.
        reason: String,
    },
    /// The database was migrated by a release that is newer by more than one.
    #[error(
        "the database has schema {found}, this release knows up to {known} and runs on the next"
    )]
    NewerSchema {
        /// Version of the schema in the database.
        found: i64,
        /// Newest version this release has a migration for.
        known: i64,
    },
    /// Clair's tables are where ours would be, and no schema of our own can be had beside them.
    #[error(
        "the database holds Clair's tables, and the schema \"pellucid\" for ours cannot be used: {reason}; make \
         it (CREATE SCHEMA pellucid AUTHORIZATION user) and let the user have it as search_path (ALTER ROLE user \
         SET search_path = pellucid), or name another database"
    )]
    Schema {
        /// What is in the way.
        reason: String,
    },
    /// The connection string cannot be understood.
    #[error("the database source is not understood: {reason}")]
    Source {
        /// What is wrong with it; never holds the password.
        reason: String,
    },
    /// A layer names a parent that is not stored (any more).
    #[error("the parent layer is unknown")]
    ParentUnknown,
    /// A lease was lost to another holder: nothing of the transaction was written.
    #[error("the lease {name:?} is no longer held")]
    LeaseLost {
        /// Name of the lease.
        name: String,
    },
    /// A snapshot was published before all its chunks were stored.
    #[error("snapshot {digest} has {found} of {expected} chunks")]
    Incomplete {
        /// Digest of the snapshot.
        digest: String,
        /// Chunks that are stored.
        found: i64,
        /// Chunks that were announced.
        expected: i64,
    },
    /// A value in the database cannot be read back.
    #[error("the database holds a damaged {what}")]
    Damaged {
        /// What it should have been.
        what: &'static str,
    },
    /// SQLite refused a statement.
    #[error("SQLite failed at {statement}")]
    Sqlite {
        /// Name of the statement.
        statement: &'static str,
        /// SQLite's own words.
        #[source]
        source: rusqlite::Error,
    },
    /// PostgreSQL refused a statement.
    #[error("PostgreSQL failed at {statement}")]
    Postgres {
        /// Name of the statement.
        statement: &'static str,
        /// The server's own words.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The runtime stopped before the transaction ended.
    #[error("the database work was cancelled")]
    Cancelled,
    /// The system has no random numbers to give.
    #[error("no random numbers from the system")]
    Random,
}

impl StoreError {
    /// Whether the same call may succeed later without anyone changing anything.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Cancelled)
    }
}
