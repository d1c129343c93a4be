//! The inverted index: feature version to the layers that bring it in.
//!
//! Storing a layer leaves one row that lists what it brings in ([`super::storing`]). The rows go into the index
//! many at a time, which writes each page of it once for all of them: soon after in the background, and before
//! anything is read from the index, so that what is read is exact.

use crate::effective::decode_ids;
use crate::engine::{End, Tx};
use crate::statements::{INTRODUCED_INSERT, INTRODUCED_PENDING_NEXT, INTRODUCED_PENDING_TAKE};
use crate::value::{Value, list};
use crate::{Inner, Store, StoreError};

/// Layers that go into the index in one transaction, at most.
const LAYERS: i64 = 64;
/// Bytes of their lists, at most, unless one alone is longer: some milliseconds of the only writer of SQLite.
const BYTES: i64 = 16 << 10;

impl Store {
    /// Puts into the inverted index what the layers stored so far bring in. Nothing depends on when this is
    /// done; reading from the index does it too, and takes the longer the more is left to it.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn index_layers(&self) -> Result<(), StoreError> {
        self.inner.index_layers().await
    }

    /// Waits until this process has stored a layer that the inverted index lacks. It ends once for any number
    /// of layers.
    pub async fn layer_stored(&self) {
        self.inner.unindexed.notified().await;
    }
}

impl Inner {
    /// As [`Store::index_layers`].
    pub(crate) async fn index_layers(&self) -> Result<(), StoreError> {
        let mut last = i64::MAX;
        loop {
            let values = [Value::from(last), Value::from(LAYERS)];
            let rows = self.engine.query(&INTRODUCED_PENDING_NEXT, &values).await?;
            let (mut upto, mut bytes) = (None, 0_i64);
            for mut row in rows {
                let layer = row.int(0)?;
                bytes = bytes.saturating_add(row.int(1)?);
                // Those stored from now on are left to whoever comes next.
                last = last.min(row.int(2)?);
                if upto.is_none() || bytes <= BYTES {
                    upto = Some(layer);
                }
            }
            let Some(upto) = upto else { return Ok(()) };
            self.engine
                .write(move |tx| Box::pin(async move { index(tx, upto).await }))
                .await?;
        }
    }
}

async fn index(tx: &mut Tx, upto: i64) -> Result<End<()>, StoreError> {
    let mut entries = Vec::new();
    for mut row in tx
        .query(&INTRODUCED_PENDING_TAKE, &[Value::from(upto)])
        .await?
    {
        let layer = row.int(0)?;
        let ids = decode_ids(&row.blob(1)?)?;
        entries.extend(ids.into_iter().map(|id| (id, layer)));
    }
    // In the order of the index.
    entries.sort_unstable();
    tx.query(&INTRODUCED_INSERT, &[list(entries)]).await?;
    Ok(End::Commit(()))
}
