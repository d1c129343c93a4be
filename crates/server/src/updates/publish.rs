//! From the catalog into the database, with the notifications of what that changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use pellucid_model::Digest;
use pellucid_snapshot::{Snapshot, Stored};
use pellucid_store::{Lease, NewNotification, NewSnapshot, Outbox, PublishedSnapshot};

use super::{Ahead, KeyState, SettleError, Updates};
use crate::v1::changes;

impl Updates {
    /// Which of a key's snapshots is later. A folder of one process decides by itself. Of several
    /// the database does, unless the folder holds what was never published: an import, or an update
    /// that a crash cut short; then the time of fetching decides.
    pub(super) fn which_is_ahead(
        &self,
        local: Option<&Stored>,
        row: Option<&PublishedSnapshot>,
    ) -> Ahead {
        let published = row.and_then(|row| row.digest.as_deref());
        let own = local.map(|local| local.digest.to_string());
        if own.as_deref() == published {
            return Ahead::Neither;
        }
        match (local, row, published) {
            (None, _, _) if !self.shared => Ahead::Neither,
            (None, _, _) => Ahead::Row,
            (Some(local), Some(row), Some(_)) if self.shared => {
                let was_published = self.told_folder().join(file_name(&local.digest)).exists();
                let theirs = KeyState::read(&row.state).stored;
                let is_older = theirs.is_some_and(|theirs| theirs.fetched_at >= local.fetched_at);
                match was_published || is_older {
                    true => Ahead::Row,
                    false => Ahead::Catalog,
                }
            }
            _ => Ahead::Catalog,
        }
    }

    /// Puts what the catalog holds of a key into the database's row, with the notifications of the
    /// difference; or only its state, where there is none. The first snapshot of a key is no news.
    /// `is_new` says that it was fetched under this lease, whatever the clocks say.
    pub(super) async fn publish(
        &self,
        key: &str,
        row: Option<PublishedSnapshot>,
        mut state: KeyState,
        lease: &Lease,
        is_new: bool,
    ) -> Result<(), SettleError> {
        let catalog = self.snapshots.catalog();
        let local = self.local(key);
        let ahead = self.which_is_ahead(local.as_ref(), row.as_ref());
        let is_ahead = ahead == Ahead::Catalog || is_new && ahead == Ahead::Row;
        let Some(local) = local.filter(|_| is_ahead) else {
            let text = state.write();
            self.store.set_snapshot_state(key, &text, lease).await?;
            self.count_one(key, &state);
            return Ok(());
        };
        let begun = std::time::Instant::now();
        // Whoever is told must find the new answers.
        self.swap().await?;
        let new = {
            let (catalog, local) = (Arc::clone(catalog), local.clone());
            let open = tokio::task::spawn_blocking(move || catalog.snapshot(&local));
            open.await.map_err(|_| SettleError::Stopped)??
        };
        let news = self.news(key, row.as_ref(), &new).await?;
        let held = news.len() > self.notifications.most;
        let chunks = match self.shared {
            true => self.upload(&new).await?,
            false => 0,
        };
        let count = news.len();
        state.stored = Some(local.clone());
        let snapshot = NewSnapshot {
            key: key.to_owned(),
            digest: local.digest.to_string(),
            bytes: local.bytes,
            chunks,
            as_of: local.as_of.map(|as_of| as_of.to_string()),
            state: state.write(),
        };
        let outbox = Outbox {
            wait: self.notifications.wait.0,
            hold: self.notifications.hold.0,
            held,
        };
        let told = self
            .store
            .publish_snapshot(snapshot, lease, news, outbox)
            .await?;
        self.keep(&new).await;
        self.count_one(key, &state);
        tracing::info!(
            feed.key = key,
            changes = count,
            notifications = told.made,
            joined = told.merged,
            taken_back = told.taken_back,
            duration_ms = begun.elapsed().as_millis() as u64,
            "published {key}: {count} changes"
        );
        if held {
            tracing::warn!(
                feed.key = key,
                notifications = count,
                "the update of {key} changes {count} vulnerabilities of stored layers: their \
                 notifications are held until `pellucid notifications release {key}` or `discard {key}`"
            );
        }
        if self.shared {
            self.prune_chunks().await;
        }
        Ok(())
    }

    /// The notifications of what a new snapshot changes.
    async fn news(
        &self,
        key: &str,
        row: Option<&PublishedSnapshot>,
        new: &Arc<Snapshot>,
    ) -> Result<Vec<NewNotification>, SettleError> {
        let Some(row) = row.filter(|row| row.digest.is_some()) else {
            return Ok(Vec::new());
        };
        let Some(old) = self.former(row).await? else {
            tracing::error!(
                feed.key = key,
                "the snapshot of {key} that was published last is gone: what changed since cannot \
                 be told"
            );
            return Ok(Vec::new());
        };
        let view = self.snapshots.view();
        let news = changes::between(&self.store, &self.written, &view, key, old, Arc::clone(new));
        Ok(news.await?)
    }

    /// The snapshot that a row names, from wherever it still is.
    async fn former(&self, row: &PublishedSnapshot) -> Result<Option<Arc<Snapshot>>, SettleError> {
        let Some(digest) = row
            .digest
            .as_deref()
            .and_then(|it| it.parse::<Digest>().ok())
        else {
            return Ok(None);
        };
        let name = file_name(&digest);
        let kept = self.told_folder().join(&name);
        let in_catalog = self.snapshots.catalog().directory().join("snapshots");
        let paths = [in_catalog.join(&name), kept.clone()];
        let open = tokio::task::spawn_blocking(move || {
            let paths = paths.into_iter().filter(|path| path.exists());
            let mut opened = paths.map(|path| Snapshot::open(path, digest));
            // A damaged one may be whole elsewhere, and cannot be compared with.
            opened.find_map(|opened| match opened {
                Ok(snapshot) => Some(Arc::new(snapshot)),
                Err(error) => {
                    super::told(&error, "a published snapshot cannot be opened");
                    None
                }
            })
        });
        if let Some(found) = open.await.map_err(|_| SettleError::Stopped)? {
            return Ok(Some(found));
        }
        if !self.shared || row.chunks == 0 {
            return Ok(None);
        }
        fs::create_dir_all(self.told_folder()).map_err(|source| SettleError::Io {
            path: self.told_folder().display().to_string(),
            source,
        })?;
        self.download(row, digest, &kept).await.map(Some)
    }

    /// The folder of published snapshots: a link for each, so that whoever prunes the catalog does
    /// not take away what the next update is compared with.
    fn told_folder(&self) -> PathBuf {
        self.snapshots.catalog().directory().join("told")
    }

    pub(super) async fn keep(&self, snapshot: &Arc<Snapshot>) {
        let (folder, snapshot) = (self.told_folder(), Arc::clone(snapshot));
        let link = move || {
            let target = folder.join(file_name(&snapshot.digest()));
            fs::create_dir_all(&folder)?;
            if target.exists() {
                return Ok(());
            }
            fs::hard_link(snapshot.path(), &target)
                .or_else(|_| fs::copy(snapshot.path(), &target).map(drop))
        };
        if let Ok(Err(error)) = tokio::task::spawn_blocking(link).await {
            super::told(&error, "the published snapshot cannot be kept");
        }
    }

    /// Removes links that no row needs any more.
    pub(super) async fn forget(&self, rows: &BTreeMap<String, PublishedSnapshot>) {
        let local = self.snapshots.catalog().entries();
        let local = local
            .values()
            .filter_map(|entry| Some(entry.current.as_ref()?.digest));
        let named: BTreeSet<String> = rows
            .values()
            .filter_map(|row| row.digest.as_deref()?.parse().ok())
            .chain(local)
            .map(|digest| file_name(&digest))
            .collect();
        let folder = self.told_folder();
        let remove = move || {
            for file in fs::read_dir(folder).into_iter().flatten().flatten() {
                let name = file.file_name().to_string_lossy().into_owned();
                if name.ends_with(".snapshot") && !named.contains(&name) {
                    // What stays is removed another time.
                    let _ = fs::remove_file(file.path());
                }
            }
        };
        let _ = tokio::task::spawn_blocking(remove).await;
    }
}

fn file_name(digest: &Digest) -> String {
    format!("{}.snapshot", digest.hex())
}
