//! Snapshots of advisories that replicas share through the database, and what was published.
//!
//! The bytes go in beforehand, chunk by chunk, named by the digest of the whole; publishing is one
//! small transaction that points a key at them, makes the notifications of what changed, and holds
//! only while the lease of the update does. Where snapshots live in a folder (SQLite), the row still
//! says which one the notifications were made for; it has no chunks then.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::{End, Tx};
use crate::leases::{self, Lease, seconds};
use crate::notifications::NewNotification;
use crate::outbox::{self, Outbox, Told};
use crate::statements::{
    COUNTER_BUMP_GENERATION, SNAPSHOT_CHUNK_COUNT, SNAPSHOT_CHUNK_GET, SNAPSHOT_CHUNK_PRUNE,
    SNAPSHOT_CHUNK_PUT, SNAPSHOT_GET, SNAPSHOT_LIST, SNAPSHOT_PUBLISH, SNAPSHOT_SET_STATE,
};
use crate::value::{Row, Value};
use crate::{Store, StoreError};

/// A snapshot to be put into use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewSnapshot {
    /// What it is of: `debian`, `alpine/v3.20`.
    pub key: String,
    /// Digest of its bytes.
    pub digest: String,
    /// How many bytes.
    pub bytes: u64,
    /// Chunks stored for it, numbered from 0; none where it is in a folder.
    pub chunks: u32,
    /// How new its data are, as the feed says it.
    pub as_of: Option<String>,
    /// State of the feed for the next update, JSON; opaque here.
    pub state: String,
}

/// What a key uses. Times are seconds since 1970.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublishedSnapshot {
    /// What it is of.
    pub key: String,
    /// Digest of the snapshot in use; `None` while there has been none.
    pub digest: Option<String>,
    /// Digest of the one before, whose chunks are kept.
    pub previous: Option<String>,
    /// How many bytes.
    pub bytes: u64,
    /// How many chunks.
    pub chunks: u32,
    /// How new its data are.
    pub as_of: Option<String>,
    /// When it was fetched.
    pub fetched_at: Option<i64>,
    /// When it was put into use.
    pub published_at: Option<i64>,
    /// State of the feed.
    pub state: String,
}

impl Store {
    /// Stores a part of a snapshot's bytes. Storing it again changes nothing.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn put_snapshot_chunk(
        &self,
        digest: &str,
        number: u32,
        data: &[u8],
    ) -> Result<(), StoreError> {
        let values = vec![Value::from(digest), Value::from(number), Value::from(data)];
        self.inner
            .engine
            .write_one(&SNAPSHOT_CHUNK_PUT, values)
            .await
            .map(drop)
    }

    /// A part of a snapshot's bytes.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn snapshot_chunk(
        &self,
        digest: &str,
        number: u32,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let values = vec![Value::from(digest), Value::from(number)];
        let rows = self
            .inner
            .engine
            .query_long(&SNAPSHOT_CHUNK_GET, values)
            .await?;
        rows.into_iter()
            .next()
            .map(|mut row| row.blob(0))
            .transpose()
    }

    /// Puts a snapshot into use and makes the notifications of what it changes: all or nothing.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when another replica has taken over, [`StoreError::Incomplete`]
    /// when chunks are missing; the database is away or damaged.
    pub async fn publish_snapshot(
        &self,
        snapshot: NewSnapshot,
        lease: &Lease,
        notifications: Vec<NewNotification>,
        outbox: Outbox,
    ) -> Result<Told, StoreError> {
        let work = Arc::new((snapshot, lease.clone(), notifications, outbox));
        self.inner
            .engine
            .write(move |tx| {
                let work = Arc::clone(&work);
                Box::pin(async move {
                    let (snapshot, lease, notifications, outbox) = &*work;
                    publish(tx, snapshot, lease, notifications, outbox).await
                })
            })
            .await
    }

    /// Records the state of a feed whose update brought nothing to publish, or failed.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when another replica has taken over; the database is away.
    pub async fn set_snapshot_state(
        &self,
        key: &str,
        state: &str,
        lease: &Lease,
    ) -> Result<(), StoreError> {
        let work = Arc::new((lease.clone(), [Value::from(key), Value::from(state)]));
        self.inner
            .engine
            .write(move |tx| {
                let work = Arc::clone(&work);
                Box::pin(async move {
                    leases::fence(tx, &work.0).await?;
                    tx.query(&SNAPSHOT_SET_STATE, &work.1).await?;
                    Ok(End::Commit(()))
                })
            })
            .await
    }

    /// What every key uses, by key.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn snapshots(&self) -> Result<Vec<PublishedSnapshot>, StoreError> {
        let rows = self.inner.engine.query(&SNAPSHOT_LIST, &[]).await?;
        rows.into_iter().map(read).collect()
    }

    /// What a key uses.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn snapshot(&self, key: &str) -> Result<Option<PublishedSnapshot>, StoreError> {
        let rows = self
            .inner
            .engine
            .query(&SNAPSHOT_GET, &[Value::from(key)])
            .await?;
        rows.into_iter().next().map(read).transpose()
    }

    /// Removes chunks that no key uses or may go back to, and that were stored longer ago than `age`.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn prune_snapshot_chunks(&self, age: Duration) -> Result<(), StoreError> {
        let values = vec![Value::from(seconds(age))];
        self.inner
            .engine
            .write_one(&SNAPSHOT_CHUNK_PRUNE, values)
            .await
            .map(drop)
    }
}

async fn publish(
    tx: &mut Tx,
    snapshot: &NewSnapshot,
    lease: &Lease,
    new: &[NewNotification],
    outbox: &Outbox,
) -> Result<End<Told>, StoreError> {
    leases::fence(tx, lease).await?;
    tx.query(&COUNTER_BUMP_GENERATION, &[]).await?;
    let digest = Value::from(snapshot.digest.as_str());
    if snapshot.chunks > 0 {
        let counted = tx
            .one(&SNAPSHOT_CHUNK_COUNT, std::slice::from_ref(&digest))
            .await?;
        let mut counted = counted.ok_or(StoreError::Damaged { what: "snapshot" })?;
        let (found, next) = (counted.int(0)?, counted.int(1)?);
        let expected = i64::from(snapshot.chunks);
        if found != expected || next != expected {
            let digest = snapshot.digest.clone();
            return Err(StoreError::Incomplete {
                digest,
                found,
                expected,
            });
        }
    }
    let values = [
        Value::from(snapshot.key.as_str()),
        digest,
        Value::from(i64::try_from(snapshot.bytes).unwrap_or(i64::MAX)),
        Value::from(snapshot.chunks),
        Value::from(snapshot.as_of.as_deref()),
        Value::from(snapshot.state.as_str()),
    ];
    tx.query(&SNAPSHOT_PUBLISH, &values).await?;
    let told = outbox::post(tx, &snapshot.key, new, outbox).await?;
    Ok(End::Commit(told))
}

fn read(mut row: Row) -> Result<PublishedSnapshot, StoreError> {
    Ok(PublishedSnapshot {
        key: row.text(0)?,
        digest: row.opt_text(1)?,
        previous: row.opt_text(2)?,
        bytes: row.int(3)?.unsigned_abs(),
        chunks: u32::try_from(row.int(4)?).map_err(|_| StoreError::Damaged { what: "snapshot" })?,
        as_of: row.opt_text(5)?,
        fetched_at: row.opt_int(6)?,
        published_at: row.opt_int(7)?,
        state: row.text(8)?,
    })
}
