//! Snapshots on their way between replicas, in pieces through the database.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pellucid_model::Digest;
use pellucid_snapshot::{Built, Meta, Snapshot};
use pellucid_store::PublishedSnapshot;

use super::{Ahead, KeyState, SettleError, Updates};

/// Bytes of a piece. Each connection to the database keeps room for the largest that it has carried, in both
/// directions and more than once: pieces of 4 MiB made a server of 24 MiB one of 51.
const PIECE: usize = 128 << 10;
/// How long pieces stay that no row names: whoever uploads them publishes them sooner.
const UNNAMED: Duration = Duration::from_secs(24 * 3600);

impl Updates {
    /// Stores a snapshot's bytes; gives the number of pieces.
    pub(super) async fn upload(&self, snapshot: &Arc<Snapshot>) -> Result<u32, SettleError> {
        let digest = snapshot.digest().to_string();
        let path = snapshot.path().to_owned();
        let failed = io_error(&path);
        let mut file = File::open(&path).map_err(&failed)?;
        let mut number = 0;
        loop {
            let read = tokio::task::spawn_blocking(move || {
                let mut piece = Vec::with_capacity(PIECE);
                (&mut file).take(PIECE as u64).read_to_end(&mut piece)?;
                Ok::<_, io::Error>((file, piece))
            });
            let read = read.await.map_err(|_| SettleError::Stopped)?;
            let (again, piece) = read.map_err(&failed)?;
            file = again;
            if piece.is_empty() {
                return Ok(number);
            }
            self.store
                .put_snapshot_chunk(&digest, number, &piece)
                .await?;
            number += 1;
        }
    }

    /// Fetches the bytes that a row names to a path, and opens them once they are whole.
    pub(super) async fn download(
        &self,
        row: &PublishedSnapshot,
        digest: Digest,
        target: &Path,
    ) -> Result<Arc<Snapshot>, SettleError> {
        let failed = io_error(target);
        let part = target.with_extension("part");
        let mut file = File::create(&part).map_err(&failed)?;
        let name = digest.to_string();
        for number in 0..row.chunks {
            let piece = self.store.snapshot_chunk(&name, number).await?;
            let piece = piece.ok_or_else(|| SettleError::NoBytes {
                key: row.key.clone(),
            })?;
            let write = tokio::task::spawn_blocking(move || file.write_all(&piece).map(|()| file));
            let written = write.await.map_err(|_| SettleError::Stopped)?;
            file = written.map_err(&failed)?;
        }
        let target = target.to_owned();
        let open = tokio::task::spawn_blocking(move || {
            let failed = io_error(&target);
            file.sync_all().map_err(&failed)?;
            Snapshot::open(&part, digest)?.verify()?;
            std::fs::rename(&part, &target).map_err(&failed)?;
            Ok(Arc::new(Snapshot::open(&target, digest)?))
        });
        open.await.map_err(|_| SettleError::Stopped)?
    }

    /// Takes over what another replica published: its snapshot, and what it remembers of upstream.
    pub(super) async fn catch_up(
        &self,
        row: &PublishedSnapshot,
        state: &KeyState,
    ) -> Result<(), SettleError> {
        let catalog = self.snapshots.catalog();
        let key = row.key.as_str();
        let local = self.local(key);
        let status = state.status.clone();
        match self.which_is_ahead(local.as_ref(), Some(row)) {
            Ahead::Catalog => return Ok(()),
            Ahead::Neither => {
                // Writes nothing where nothing differs.
                let (catalog, key) = (Arc::clone(catalog), key.to_owned());
                let record =
                    tokio::task::spawn_blocking(move || catalog.record_status(&key, status));
                return Ok(record.await.map_err(|_| SettleError::Stopped)??);
            }
            Ahead::Row => {}
        }
        let missing = || SettleError::NoBytes {
            key: key.to_owned(),
        };
        let (Some(stored), Some(digest)) = (state.stored.clone(), row.digest.as_deref()) else {
            // There has been no snapshot yet.
            return Ok(());
        };
        let digest: Digest = digest.parse().map_err(|_| missing())?;
        if stored.digest != digest || row.chunks == 0 {
            return Err(missing());
        }
        let path: PathBuf = catalog.building_path(key)?;
        drop(self.download(row, digest, &path).await?);
        let built = Built {
            path,
            meta: Meta {
                key: key.to_owned(),
                feed: stored.feed.clone(),
                as_of: stored.as_of,
            },
            digest,
            bytes: stored.bytes,
            advisories: stored.advisories,
            affected: stored.affected,
            namespaces: stored.namespaces.clone(),
        };
        let (catalog, key) = (Arc::clone(catalog), key.to_owned());
        let publish = tokio::task::spawn_blocking(move || {
            catalog.publish(&key, built, stored.fetched_at, status)
        });
        let snapshot = publish.await.map_err(|_| SettleError::Stopped)??;
        self.keep(&snapshot).await;
        tracing::info!(
            feed.key = row.key.as_str(),
            "took {} over from another replica",
            row.key
        );
        Ok(())
    }

    /// Removes pieces that nobody needs any more.
    pub(super) async fn prune_chunks(&self) {
        if let Err(error) = self.store.prune_snapshot_chunks(UNNAMED).await {
            super::told(&error, "old pieces of snapshots cannot be removed");
        }
    }
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> SettleError + use<> {
    let path = path.display().to_string();
    move |source| SettleError::Io {
        path: path.clone(),
        source,
    }
}
