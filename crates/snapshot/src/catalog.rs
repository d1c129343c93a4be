//! The folder with all snapshots in use.
//!
//! ```text
//! manifest.json              which snapshot each key uses, and how updates went
//! snapshots/<sha256>.snapshot immutable
//! snapshots/*.building       being written; leftovers of a crash are swept by `prune`
//! manifest.lock, update.lock  advisory locks, empty
//! ```
//! A change is: the snapshot file is synced and renamed into place, then the manifest is written to
//! a temporary file, synced and renamed, then the folder is synced. A crash in between leaves the old
//! manifest and perhaps a file nobody names. Every change reads the manifest again under
//! `manifest.lock`, so that several processes may publish different keys. `update.lock` is held by
//! whoever downloads, so that the same feed is not fetched twice.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pellucid_model::{Digest, SnapshotRef};

use crate::manifest::{Manifest, sync_directory};
use crate::{Built, CatalogEntry, FeedStatus, Snapshot, SnapshotError, Stored};

/// Snapshots kept per key beside the current one, to go back to.
const KEEP: usize = 1;
/// The longest key.
const MAX_KEY: usize = 128;

/// The snapshots in use. Shared between threads as it is.
pub struct Catalog {
    directory: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    manifest: Manifest,
    open: HashMap<Digest, Arc<Snapshot>>,
}

/// Held while feeds are fetched; dropping it lets the next one update.
#[derive(Debug)]
pub struct UpdateLock {
    _file: File,
}

impl Catalog {
    /// Opens the catalog in a data directory, which is made if it is not there.
    ///
    /// # Errors
    /// The directory cannot be made or read, or the manifest is damaged or of a newer format.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, SnapshotError> {
        let directory = directory.into();
        let snapshots = directory.join("snapshots");
        fs::create_dir_all(&snapshots).map_err(SnapshotError::io("create", &snapshots))?;
        Self::open_to_read(directory)
    }

    /// Opens the catalog in a data directory to read it alone: nothing is made, and a directory that is
    /// not there is an empty one.
    ///
    /// # Errors
    /// The directory cannot be read, or the manifest is damaged or of a newer format.
    pub fn open_to_read(directory: impl Into<PathBuf>) -> Result<Self, SnapshotError> {
        let directory = directory.into();
        let manifest = Manifest::read(&directory)?;
        let state = State {
            manifest,
            open: HashMap::new(),
        };
        Ok(Self {
            directory,
            state: Mutex::new(state),
        })
    }

    /// The data directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Reads the manifest again, if another process changed it. Says whether it did.
    ///
    /// # Errors
    /// The manifest is damaged.
    pub fn reload(&self) -> Result<bool, SnapshotError> {
        let manifest = Manifest::read(&self.directory)?;
        let mut state = self.state();
        let changed = manifest != state.manifest;
        if changed {
            state.take(manifest);
        }
        Ok(changed)
    }

    /// Everything in the catalog, by key.
    pub fn entries(&self) -> BTreeMap<String, CatalogEntry> {
        self.state().manifest.snapshots.clone()
    }

    /// What the catalog holds under a key.
    pub fn entry(&self, key: &str) -> Option<CatalogEntry> {
        self.state().manifest.snapshots.get(key).cloned()
    }

    /// How the updates of a key went; empty if there was none.
    pub fn status(&self, key: &str) -> FeedStatus {
        self.entry(key)
            .map(|entry| entry.status)
            .unwrap_or_default()
    }

    /// How answers name the current snapshot of a key.
    pub fn reference(&self, key: &str) -> Option<SnapshotRef> {
        let entry = self.entry(key)?;
        entry.current.map(|stored| stored.reference(key))
    }

    /// The current snapshot of a key, opened once and shared; `None` if there is none yet.
    ///
    /// # Errors
    /// The manifest names a file that is not there or is damaged.
    pub fn current(&self, key: &str) -> Result<Option<Arc<Snapshot>>, SnapshotError> {
        let open = || match self.entry(key).and_then(|entry| entry.current) {
            Some(stored) => self.snapshot(&stored).map(Some),
            None => Ok(None),
        };
        match open() {
            // Another process may have published and pruned meanwhile.
            Err(SnapshotError::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound && self.reload()? =>
            {
                open()
            }
            answer => answer,
        }
    }

    /// Opens a snapshot of the catalog, current or earlier.
    ///
    /// # Errors
    /// The file is not there or is damaged.
    pub fn snapshot(&self, stored: &Stored) -> Result<Arc<Snapshot>, SnapshotError> {
        if let Some(snapshot) = self.state().open.get(&stored.digest) {
            return Ok(Arc::clone(snapshot));
        }
        let path = self.path_of(&stored.digest);
        let snapshot = Arc::new(Snapshot::open(&path, stored.digest)?);
        if snapshot.bytes() != stored.bytes {
            let what = format!(
                "it has {} bytes instead of {}",
                snapshot.bytes(),
                stored.bytes
            );
            return Err(SnapshotError::Damaged { path, what });
        }
        let mut state = self.state();
        Ok(Arc::clone(
            state.open.entry(stored.digest).or_insert(snapshot),
        ))
    }

    /// Where to build a snapshot of this key, so that [`Self::publish`] can rename it. Another path
    /// every time.
    ///
    /// # Errors
    /// The key is empty, longer than 128 bytes, or not of letters, digits and `-._:/+ `.
    pub fn building_path(&self, key: &str) -> Result<PathBuf, SnapshotError> {
        check_key(key)?;
        let safe = |byte: char| {
            if byte.is_ascii_alphanumeric() {
                byte
            } else {
                '-'
            }
        };
        let name: String = key.chars().map(safe).collect();
        static BUILT: AtomicU64 = AtomicU64::new(0);
        let number = BUILT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{name}.{}.{number}.building", std::process::id());
        Ok(self.directory.join("snapshots").join(name))
    }

    /// Waits for nobody: the lock for fetching feeds, or [`SnapshotError::Busy`] while another
    /// process holds it.
    ///
    /// # Errors
    /// Another process is updating, or the lock file cannot be made.
    pub fn lock_updates(&self) -> Result<UpdateLock, SnapshotError> {
        let path = self.directory.join("update.lock");
        let file = lock_file(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(UpdateLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(SnapshotError::Busy {
                path: self.directory.clone(),
            }),
            Err(TryLockError::Error(source)) => Err(SnapshotError::Io {
                action: "lock",
                path,
                source,
            }),
        }
    }

    /// The lock for fetching feeds, waiting while another process holds it. Afterwards the manifest
    /// is read again.
    ///
    /// # Errors
    /// The lock file cannot be made, or the manifest is damaged.
    pub fn wait_for_updates(&self) -> Result<UpdateLock, SnapshotError> {
        let path = self.directory.join("update.lock");
        let file = lock_file(&path)?;
        file.lock().map_err(SnapshotError::io("lock", &path))?;
        self.reload()?;
        Ok(UpdateLock { _file: file })
    }

    /// Makes a built snapshot the current one of its key. All or nothing; the file is moved.
    ///
    /// If its digest is that of the current one, only status and time of fetching change.
    ///
    /// # Errors
    /// The file or the manifest cannot be written; the old snapshot then stays.
    pub fn publish(
        &self,
        key: &str,
        built: Built,
        fetched_at: i64,
        status: FeedStatus,
    ) -> Result<Arc<Snapshot>, SnapshotError> {
        check_key(key)?;
        let stored = Stored::new(&built, fetched_at);
        let target = self.path_of(&built.digest);
        let file = File::open(&built.path).map_err(SnapshotError::io("open", &built.path))?;
        file.sync_all()
            .map_err(SnapshotError::io("sync", &built.path))?;
        // Under the lock, so that a prune between the two renames cannot sweep the new file.
        self.change(|manifest| {
            fs::rename(&built.path, &target).map_err(SnapshotError::io("rename", &built.path))?;
            sync_directory(&self.directory.join("snapshots"))?;
            let entry = manifest.snapshots.entry(key.to_owned()).or_default();
            if let Some(before) = entry.current.replace(stored.clone())
                && before.digest != stored.digest
            {
                entry
                    .previous
                    .retain(|earlier| earlier.digest != stored.digest);
                entry.previous.insert(0, before);
                entry.previous.truncate(KEEP);
            }
            entry.status = status;
            Ok(())
        })?;
        self.sweep(false)?;
        self.snapshot(&stored)
    }

    /// Replaces the status of a key; the snapshot in use stays as it is.
    ///
    /// # Errors
    /// The manifest cannot be written.
    pub fn record_status(&self, key: &str, status: FeedStatus) -> Result<(), SnapshotError> {
        check_key(key)?;
        self.change(|manifest| {
            manifest.snapshots.entry(key.to_owned()).or_default().status = status;
            Ok(())
        })
    }

    /// Notes that an update failed; everything else stays as it is.
    ///
    /// # Errors
    /// The manifest cannot be written.
    pub fn record_error(&self, key: &str, now: i64, error: &str) -> Result<(), SnapshotError> {
        check_key(key)?;
        self.change(|manifest| {
            let status = &mut manifest.snapshots.entry(key.to_owned()).or_default().status;
            status.last_tried = Some(now);
            status.last_error = Some(error.chars().take(2000).collect());
            Ok(())
        })
    }

    /// Notes that upstream has nothing newer.
    ///
    /// # Errors
    /// The manifest cannot be written.
    pub fn record_checked(&self, key: &str, now: i64) -> Result<(), SnapshotError> {
        check_key(key)?;
        self.change(|manifest| {
            let status = &mut manifest.snapshots.entry(key.to_owned()).or_default().status;
            status.last_tried = Some(now);
            status.last_checked = Some(now);
            status.last_error = None;
            Ok(())
        })
    }

    /// Goes back to the snapshot in use before. What the feed remembers of its URLs is forgotten, so
    /// that the next update fetches again.
    ///
    /// # Errors
    /// There is no earlier snapshot, its file is not there, or the manifest cannot be written.
    pub fn rollback(&self, key: &str) -> Result<Arc<Snapshot>, SnapshotError> {
        let missing = || SnapshotError::Missing {
            what: "earlier snapshot",
            key: key.to_owned(),
        };
        let mut chosen = None;
        self.change(|manifest| {
            let entry = manifest.snapshots.get_mut(key).ok_or_else(missing)?;
            if entry.previous.is_empty() {
                return Err(missing());
            }
            let earlier = entry.previous.remove(0);
            Snapshot::open(self.path_of(&earlier.digest), earlier.digest)?;
            if let Some(left) = entry.current.replace(earlier.clone()) {
                // Rolling back twice returns to where one was.
                entry.previous.push(left);
            }
            entry.status.state.clear();
            entry.status.quarantined = None;
            chosen = Some(earlier);
            Ok(())
        })?;
        self.snapshot(&chosen.ok_or_else(missing)?)
    }

    /// Hashes and reads the current snapshot of a key.
    ///
    /// # Errors
    /// There is none, or it is damaged.
    pub fn verify(&self, key: &str) -> Result<(), SnapshotError> {
        let missing = SnapshotError::Missing {
            what: "snapshot",
            key: key.to_owned(),
        };
        self.current(key)?.ok_or(missing)?.verify()
    }

    /// Forgets a key and its snapshots.
    ///
    /// # Errors
    /// The manifest cannot be written.
    pub fn remove(&self, key: &str) -> Result<(), SnapshotError> {
        self.change(|manifest| {
            manifest.snapshots.remove(key);
            Ok(())
        })?;
        self.sweep(false).map(drop)
    }

    /// Removes files that the manifest does not name and what crashed updates left, and with
    /// `earlier` also the snapshots kept to go back to. Gives the names of the removed files.
    ///
    /// # Errors
    /// Another process is updating, or the manifest cannot be written.
    pub fn prune(&self, earlier: bool) -> Result<Vec<PathBuf>, SnapshotError> {
        let _lock = self.lock_updates()?;
        if earlier {
            self.change(|manifest| {
                for entry in manifest.snapshots.values_mut() {
                    entry.previous.clear();
                }
                Ok(())
            })?;
        }
        self.sweep(true)
    }

    /// Removes unnamed snapshot files; with `building` also those that were never finished.
    fn sweep(&self, building: bool) -> Result<Vec<PathBuf>, SnapshotError> {
        let folder = self.directory.join("snapshots");
        let _lock = self.lock_manifest()?;
        let manifest = Manifest::read(&self.directory)?;
        let named: BTreeSet<String> = manifest
            .snapshots
            .values()
            .flat_map(|entry| entry.current.iter().chain(&entry.previous))
            .map(|stored| file_name(&stored.digest))
            .collect();
        let mut removed = Vec::new();
        let read = || SnapshotError::io("read", &folder);
        for file in fs::read_dir(&folder).map_err(read())? {
            let file = file.map_err(read())?;
            let name = file.file_name().to_string_lossy().into_owned();
            let unnamed = name.ends_with(".snapshot") && !named.contains(&name);
            if unnamed || building && name.ends_with(".building") {
                fs::remove_file(file.path()).map_err(SnapshotError::io("remove", &file.path()))?;
                removed.push(file.path());
            }
        }
        removed.sort();
        Ok(removed)
    }

    /// Reads, changes and writes the manifest under its lock.
    fn change(
        &self,
        change: impl FnOnce(&mut Manifest) -> Result<(), SnapshotError>,
    ) -> Result<(), SnapshotError> {
        let _lock = self.lock_manifest()?;
        let before = Manifest::read(&self.directory)?;
        let mut manifest = before.clone();
        change(&mut manifest)?;
        if manifest != before {
            manifest.write(&self.directory)?;
        }
        self.state().take(manifest);
        Ok(())
    }

    fn lock_manifest(&self) -> Result<File, SnapshotError> {
        let path = self.directory.join("manifest.lock");
        let file = lock_file(&path)?;
        file.lock().map_err(SnapshotError::io("lock", &path))?;
        Ok(file)
    }

    fn path_of(&self, digest: &Digest) -> PathBuf {
        self.directory.join("snapshots").join(file_name(digest))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes over a manifest and lets go of snapshots that it no longer names.
    fn take(&mut self, manifest: Manifest) {
        let named: BTreeSet<Digest> = manifest
            .snapshots
            .values()
            .flat_map(|entry| entry.current.iter().chain(&entry.previous))
            .map(|stored| stored.digest)
            .collect();
        self.open.retain(|digest, _| named.contains(digest));
        self.manifest = manifest;
    }
}

fn file_name(digest: &Digest) -> String {
    format!("{}.snapshot", digest.hex())
}

fn lock_file(path: &Path) -> Result<File, SnapshotError> {
    let mut options = File::options();
    let file = options.create(true).truncate(false).write(true).open(path);
    file.map_err(SnapshotError::io("open", path))
}

fn check_key(key: &str) -> Result<(), SnapshotError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:/+ ".contains(&byte);
    if key.is_empty() || key.len() > MAX_KEY || !key.bytes().all(allowed) {
        return Err(SnapshotError::Key(key.chars().take(200).collect()));
    }
    Ok(())
}
