//! The updates of feeds: each key by itself, one replica at a time.
//!
//! A key that is due is leased, fetched into the catalog on disk, and published: one transaction
//! points the database's row of the key at the new snapshot and makes the notifications of what it
//! changes, unless the lease was lost meanwhile. So there are two places that a crash can leave
//! apart, and one rule that brings them together: whoever finds that the catalog holds something
//! later than the row publishes it, whoever finds the row ahead (replicas on PostgreSQL) takes the
//! snapshot from the database. The row says what was told; nothing is told twice or left out.
//!
//! All times between replicas are the database's.

mod publish;
mod share;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, TryLockError};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use pellucid_model::Namespace;
use pellucid_snapshot::Stored;
use pellucid_store::{Lease, PublishedSnapshot, Store, StoreError};
use pellucid_updater::{FetchOptions, Outcome, UpdateProgress, Updated};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Feeds, GoDuration, Notifications};
use crate::metrics::Metrics;
use crate::snapshots::Snapshots;
use crate::v1::Written;
use crate::v1::changes::ChangesError;
pub(crate) use state::KeyState;

/// How long a lease holds, and how often it is renewed.
const LEASE: Duration = Duration::from_secs(30);
const RENEW: Duration = Duration::from_secs(10);
/// Time between looks at the catalog and the database.
const LOOK: Duration = Duration::from_secs(2);
/// How long what was read and what is no longer so is kept, and how often it is looked for.
const HISTORY: Duration = Duration::from_secs(90 * 24 * 3600);
const PRUNE: Duration = Duration::from_secs(3600);
/// Pause after something went wrong that is no feed's fault.
const PAUSE: Duration = Duration::from_secs(10);

/// What is followed, and everything needed for it.
pub(crate) struct Updates {
    store: Store,
    snapshots: Snapshots,
    metrics: Arc<Metrics>,
    written: Written,
    feeds: Feeds,
    notifications: Notifications,
    interval: GoDuration,
    /// Whether packages of languages are features.
    languages: bool,
    /// Whether replicas take snapshots from the database.
    shared: bool,
    /// This process, in leases.
    holder: String,
    /// Held while this process has its folder for itself.
    folder: OnceLock<File>,
}

/// An update could not be brought to an end. The next look tries again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettleError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Changes(#[from] ChangesError),
    #[error(transparent)]
    Snapshot(#[from] pellucid_snapshot::SnapshotError),
    #[error("{path}")]
    Io {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("the database does not hold the bytes of {key}")]
    NoBytes { key: String },
    #[error("the work was given up")]
    Stopped,
}

/// Leases of keys being updated; one that was lost is taken out.
type Leases = Mutex<BTreeMap<String, Lease>>;

fn locked(leases: &Leases) -> std::sync::MutexGuard<'_, BTreeMap<String, Lease>> {
    leases.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Updates {
    pub(crate) fn new(
        config: &Config,
        store: Store,
        snapshots: Snapshots,
        metrics: Arc<Metrics>,
        shared: bool,
    ) -> Self {
        let updater = config.clair.updater.as_ref();
        let mut random = [0; 8];
        // Without random numbers two replicas look alike in the leases; their tokens still differ.
        let _ = getrandom::fill(&mut random);
        Self {
            store,
            snapshots,
            metrics,
            written: Written::default(),
            feeds: config.feeds.clone(),
            notifications: config.notifications.clone(),
            interval: updater.map_or(GoDuration::default(), |updater| updater.interval),
            languages: config.features.languages,
            shared,
            folder: OnceLock::new(),
            holder: format!("{}-{}", std::process::id(), hex::encode(random)),
        }
    }

    /// Takes up what a crash left: where no other process can be at work, its leases end now, not
    /// when they run out.
    pub(crate) async fn begin(&self) -> Result<(), StoreError> {
        if self.shared {
            return Ok(());
        }
        let path = self.snapshots.catalog().directory().join("service.lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        let locked = file.map_err(TryLockError::Error).and_then(|file| {
            file.try_lock()?;
            Ok(file)
        });
        match locked {
            Ok(file) => {
                let _ = self.folder.set(file);
                self.store.end_leases().await
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "another service may be using {}",
                    path.display()
                );
                Ok(())
            }
        }
    }

    /// Whether feeds are fetched at all.
    pub(crate) fn is_on(&self) -> bool {
        !self.interval.0.is_zero()
    }

    pub(crate) fn interval(&self, key: &str) -> GoDuration {
        self.feeds.interval(key, self.interval)
    }

    /// The followed keys: those that the configuration names, and new releases of theirs that some
    /// layer is of.
    pub(crate) async fn keys(&self) -> Result<BTreeSet<String>, StoreError> {
        let mut keys = self.feeds.keys(self.languages);
        for namespace in self.store.namespaces().await? {
            let namespace = Namespace::new(namespace.name.as_str());
            let answers = pellucid_feeds::covering(&namespace).into_iter();
            keys.extend(
                answers
                    .map(|answer| answer.key)
                    .filter(|key| self.feeds.is_followed(key)),
            );
        }
        Ok(keys)
    }

    /// What the database says of every key.
    pub(crate) async fn rows(&self) -> Result<BTreeMap<String, PublishedSnapshot>, StoreError> {
        let rows = self.store.snapshots().await?.into_iter();
        Ok(rows.map(|row| (row.key.clone(), row)).collect())
    }

    /// Fetches what is due, for ever.
    pub(crate) async fn fetch(self: Arc<Self>, stop: CancellationToken) -> Result<(), String> {
        if !self.is_on() {
            tracing::info!("updater service is disabled.");
            stop.cancelled().await;
            return Ok(());
        }
        self.sweep().await;
        while !stop.is_cancelled() {
            let pause = self.round(&stop).await.unwrap_or_else(|error| {
                told(&error, "updates are put off");
                PAUSE
            });
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        Ok(())
    }

    /// Removes what a crash left half written.
    async fn sweep(&self) {
        let catalog = Arc::clone(self.snapshots.catalog());
        // Another process that is updating keeps its files; they are swept another time.
        let _ = tokio::task::spawn_blocking(move || catalog.prune(false)).await;
    }

    /// Updates some keys that are due; gives the time to wait before the next look.
    async fn round(&self, stop: &CancellationToken) -> Result<Duration, SettleError> {
        let now = self.store.now().await?;
        let (due, next) = self.due(now).await?;
        if due.is_empty() {
            self.note_last(now).await?;
            let until = Duration::from_secs(u64::try_from(next - now).unwrap_or(0));
            return Ok(until.clamp(Duration::from_secs(1), LOOK));
        }
        let leases = Leases::default();
        let count = self.feeds.parallel;
        for key in due {
            if let Some(lease) = self.claim(&key, now).await? {
                let mut leases = locked(&leases);
                leases.insert(key, lease);
                if leases.len() >= count {
                    break;
                }
            }
        }
        if locked(&leases).is_empty() {
            // Other replicas have them all.
            return Ok(LOOK);
        }
        match self.update(&leases, stop).await {
            true => Ok(Duration::ZERO),
            false => Ok(PAUSE),
        }
    }

    /// The keys that are due, longest first, and when the next one will be.
    async fn due(&self, now: i64) -> Result<(Vec<String>, i64), StoreError> {
        let rows = self.rows().await?;
        let mut due = Vec::new();
        let mut next = i64::MAX;
        for key in self.keys().await? {
            let state = rows.get(&key).map(|row| KeyState::read(&row.state));
            let at = state.map_or(0, |state| self.due_at(&key, &state, now));
            if at <= now {
                due.push((at, key));
            } else {
                next = next.min(at);
            }
        }
        due.sort();
        Ok((due.into_iter().map(|(_, key)| key).collect(), next))
    }

    fn due_at(&self, key: &str, state: &KeyState, now: i64) -> i64 {
        // What was up to date is not there any more. A failure is tried again like any other.
        if state.failures == 0 && self.snapshots.is_damaged(key) {
            return 0;
        }
        state.due_at(now, self.interval(key).0.as_secs())
    }

    /// What the catalog holds of a key and can open.
    fn local(&self, key: &str) -> Option<Stored> {
        let entry = self.snapshots.catalog().entry(key)?;
        entry.current.filter(|_| !self.snapshots.is_damaged(key))
    }

    /// Takes the lease of a key, and with it what other replicas know; `None` if another has it, or
    /// had it a moment ago.
    async fn claim(&self, key: &str, now: i64) -> Result<Option<Lease>, SettleError> {
        let Some(lease) = self.lease(key).await? else {
            return Ok(None);
        };
        let row = self.store.snapshot(key).await?;
        let state = row.as_ref().map(|row| KeyState::read(&row.state));
        let due = state.as_ref().map(|state| self.due_at(key, state, now));
        if due.is_some_and(|due| due > now) {
            self.store.release_lease(&lease).await?;
            return Ok(None);
        }
        if let (true, Some(row), Some(state)) = (self.shared, row, state)
            && let Err(error) = self.catch_up(&row, &state).await
        {
            told(&error, "the snapshot of another replica cannot be used");
        }
        Ok(Some(lease))
    }

    async fn lease(&self, key: &str) -> Result<Option<Lease>, StoreError> {
        let name = format!("feed/{key}");
        self.store.acquire_lease(&name, &self.holder, LEASE).await
    }

    /// Updates the leased keys; says whether each of them was brought to an end.
    async fn update(&self, leases: &Leases, stop: &CancellationToken) -> bool {
        let keys: Vec<String> = locked(leases).keys().cloned().collect();
        let catalog = Arc::clone(self.snapshots.catalog());
        let options = FetchOptions {
            mirror: self.feeds.mirror.clone(),
            mirrors: self.feeds.mirrors.clone(),
            proxy: self.feeds.proxy.clone(),
            parallel: self.feeds.parallel,
            ..FetchOptions::default()
        };
        let (send, mut receive) = mpsc::unbounded_channel();
        let work = async move {
            let report = Report(send);
            pellucid_updater::update(&keys, &catalog, &options, &report).await;
        };
        let mut is_settled = true;
        let settle = async {
            while let Some(ended) = receive.recv().await {
                is_settled &= self.settle(ended, leases).await;
            }
        };
        tokio::select! {
            _ = async { tokio::join!(work, settle) } => {}
            () = self.renew(leases) => {}
            // What was being fetched is dropped; the catalog stays whole.
            () = stop.cancelled() => {}
        }
        let rest = std::mem::take(&mut *locked(leases));
        for lease in rest.values() {
            // An error leaves it to run out.
            let _ = self.store.release_lease(lease).await;
        }
        is_settled
    }

    /// Keeps the leases while the work goes on.
    async fn renew(&self, leases: &Leases) {
        loop {
            tokio::time::sleep(RENEW).await;
            let held: Vec<(String, Lease)> = locked(leases).clone().into_iter().collect();
            for (key, mut lease) in held {
                match self.store.renew_lease(&mut lease, LEASE).await {
                    Ok(true) => {}
                    Ok(false) => {
                        tracing::warn!(
                            feed.key = key.as_str(),
                            "another replica has taken over the update of {key}"
                        );
                        locked(leases).remove(&key);
                    }
                    // What is written under a lease that ran out is refused.
                    Err(error) => told(&error, "a lease cannot be renewed"),
                }
            }
        }
    }

    /// Records how the update of a key ended, publishes what it brought, and gives the lease back.
    async fn settle(&self, ended: Ended, leases: &Leases) -> bool {
        let Some(lease) = locked(leases).remove(&ended.key) else {
            return false;
        };
        let settled = self.record(&ended, &lease).await;
        // An error leaves it to run out.
        let _ = self.store.release_lease(&lease).await;
        match settled {
            Ok(()) => true,
            Err(error) => {
                told(&error, "an update cannot be recorded");
                false
            }
        }
    }

    async fn record(&self, ended: &Ended, lease: &Lease) -> Result<(), SettleError> {
        let key = ended.key.as_str();
        self.metrics.updated(key, ended.failed, ended.took);
        if self.snapshots.is_damaged(key) {
            // It may be whole now.
            self.swap().await?;
        }
        let now = self.store.now().await?;
        let row = self.store.snapshot(key).await?;
        let mut state = row
            .as_ref()
            .map(|row| KeyState::read(&row.state))
            .unwrap_or_default();
        let interval = self.interval(key).0.as_secs();
        state.ended(now, ended.failed, interval, random());
        state.status = self.snapshots.catalog().status(key);
        self.publish(key, row, state, lease, ended.published).await
    }

    /// Sets `updater/last`, which Clair's clients read, once nothing is due any more: a feed that
    /// fails for ever does not keep it from moving.
    async fn note_last(&self, now: i64) -> Result<(), StoreError> {
        let rows = self.rows().await?;
        let checked = rows
            .values()
            .filter_map(|row| KeyState::read(&row.state).checked(now))
            .max();
        let Some(checked) = checked else {
            return Ok(());
        };
        let known = self.store.value("updater/last").await?;
        let known = known.and_then(|text| text.parse::<i64>().ok());
        // One that lies ahead was written while the clock was.
        if known.is_none_or(|known| known < checked || known > now) {
            let text = checked.to_string();
            self.store.set_value("updater/last", Some(&text)).await?;
        }
        Ok(())
    }

    /// Brings the catalog, the database and the answers together, for ever.
    pub(crate) async fn follow(self: Arc<Self>, stop: CancellationToken) -> Result<(), String> {
        let mut pruned: Option<Instant> = None;
        loop {
            if let Err(error) = self.look().await {
                told(&error, "the advisory data cannot be looked at");
            }
            if pruned.is_none_or(|at| at.elapsed() > PRUNE) {
                pruned = Some(Instant::now());
                self.prune_history().await;
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Removes notifications that were read, and former versions of vulnerabilities, long ago.
    async fn prune_history(&self) {
        loop {
            match self.store.prune_history(HISTORY).await {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => return told(&error, "old notifications cannot be removed"),
            }
        }
    }

    async fn look(&self) -> Result<(), SettleError> {
        self.swap().await?;
        let rows = self.rows().await?;
        let catalog = self.snapshots.catalog();
        let local = catalog.entries();
        let keys: BTreeSet<&String> = rows.keys().chain(local.keys()).collect();
        for key in keys {
            let row = rows.get(key);
            let own = self.local(key);
            let done = match self.which_is_ahead(own.as_ref(), row) {
                Ahead::Neither => Ok(()),
                Ahead::Row => match row {
                    Some(row) => self.catch_up(row, &KeyState::read(&row.state)).await,
                    None => Ok(()),
                },
                Ahead::Catalog => self.take_over(key).await,
            };
            if let Err(error) = done {
                told(&error, "a snapshot cannot be brought to all replicas");
            }
        }
        self.swap().await?;
        self.count(&rows).await?;
        self.forget(&rows).await;
        Ok(())
    }

    /// Publishes what is in the catalog by other means than this loop's: an import, the command
    /// line, or an update that a crash cut short.
    async fn take_over(&self, key: &str) -> Result<(), SettleError> {
        let Some(lease) = self.lease(key).await? else {
            // Its update is running.
            return Ok(());
        };
        let row = self.store.snapshot(key).await?;
        let mut state = row
            .as_ref()
            .map(|row| KeyState::read(&row.state))
            .unwrap_or_default();
        state.status = self.snapshots.catalog().status(key);
        let published = self.publish(key, row, state, &lease, false).await;
        let _ = self.store.release_lease(&lease).await;
        published
    }

    /// Puts into use what the catalog names.
    async fn swap(&self) -> Result<(), SettleError> {
        let snapshots = self.snapshots.clone();
        let refresh = tokio::task::spawn_blocking(move || snapshots.refresh());
        if refresh.await.map_err(|_| SettleError::Stopped)?? {
            tracing::info!("advisory data was swapped");
        }
        Ok(())
    }

    fn count_one(&self, key: &str, state: &KeyState) {
        let advisories = state.stored.as_ref().map(|stored| stored.advisories);
        self.metrics.feed(key, advisories, state.checked_at);
    }

    /// Numbers for the metrics.
    async fn count(&self, rows: &BTreeMap<String, PublishedSnapshot>) -> Result<(), StoreError> {
        for (key, row) in rows {
            self.count_one(key, &KeyState::read(&row.state));
        }
        if self.is_on() {
            let waiting = self.keys().await?;
            for key in waiting.iter().filter(|key| !rows.contains_key(*key)) {
                self.count_one(key, &KeyState::default());
            }
        }
        let held = self.store.held().await?;
        self.metrics.held(held.iter().map(|held| held.count).sum());
        Ok(())
    }
}

/// An update that ended.
struct Ended {
    key: String,
    failed: bool,
    /// Whether there is a new snapshot.
    published: bool,
    took: Duration,
}

/// Passes on which updates have ended.
struct Report(mpsc::UnboundedSender<Ended>);

impl UpdateProgress for Report {
    fn finished(&self, outcome: &Outcome) {
        // Nobody listens any more when the server stops.
        let _ = self.0.send(Ended {
            key: outcome.key.clone(),
            failed: outcome.result.is_err(),
            published: matches!(outcome.result, Ok(Updated::Published { .. })),
            took: outcome.took,
        });
    }
}

/// Where the later snapshot of a key is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ahead {
    Neither,
    Row,
    Catalog,
}

fn told(error: &(dyn std::error::Error + 'static), message: &'static str) {
    tracing::error!(error, "{message}");
}

/// A number from 0 to 1.
fn random() -> f64 {
    let mut byte = [0];
    match getrandom::fill(&mut byte) {
        Ok(()) => f64::from(byte[0]) / 255.0,
        Err(_) => 0.0,
    }
}
