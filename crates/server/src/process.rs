//! From a posted layer to a stored one.
//!
//! A layer is read once, alone; what is visible in it follows from its own inventory laid over those
//! of its ancestors, which are stored. So whiteouts count, a database that an upper layer rewrote is
//! read as a whole, and nothing below is fetched again.
//!
//! Clair's one rule about names is kept: a package that the parent has in the same version keeps the
//! parent's namespace, so that an upgrade of the distribution by an upper layer makes new only what
//! it changed.
//!
//! The repositories that a layer's RPMs came from are stored with each of them, as they are seen from this layer:
//! a content manifest that an upper layer adds makes the packages below it other features to match.
//!
//! A small layer whose digest is known is not read a second time: what its bytes say is remembered, and so
//! is what is visible in it where nothing is below.

mod analyses;
mod error;
mod owned;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pellucid_detect::{DetectOptions, LayerInventory, LayerReader, NeedFacts, Overlaid, overlay};
use pellucid_image::{
    Body, Entry, EntryKind, Expected, LayerVisitor, Limits, Want, read_layer_stream,
};
use pellucid_model::{
    Digest, DigestState, Image, Inventory, Layer, Package, PackageEntry, PackageKind,
    SourcePackage, Warning,
};
use pellucid_store::{
    Added, ChainLink, EffectiveFeature, Feature, LayerId, Namespace, NewLayer, Replaced,
    Repositories, StoreError,
};
use tokio::sync::Semaphore;

use crate::app::App;
use crate::fetch::{Blob, FetchError, Rest};
use crate::metrics::add_one;
use crate::parsers::Parsers;
use crate::v1::format;
use analyses::{Analyses, Analysis};

pub(crate) use error::ProcessError;

/// Clair's engine version, which its clients compare.
pub(crate) const ENGINE_VERSION: u32 = 3;
/// The longest chain of layers.
const DEPTH: usize = 512;
/// The longest name of a layer, in characters, as in Clair.
const NAME: usize = 128;
/// The largest file that Clair looks into; a larger package database is refused as a whole.
const LARGEST_FILE: u64 = 200 << 20;

/// A layer as it is handed in.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    /// Empty where there is none.
    pub(crate) parent: String,
    pub(crate) format: String,
}

/// Bounds on the work that is done at once.
pub(crate) struct Scanner {
    running: Arc<Semaphore>,
    waiting: AtomicUsize,
    queue: usize,
    analysis_version: String,
    languages: bool,
    limits: Limits,
    analyses: Arc<Analyses>,
    parsers: Parsers,
}

impl Scanner {
    pub(crate) fn new(config: &crate::Config) -> Self {
        /// Raised when what is stored for the same analysis changes.
        const SHOWN: u32 = 3;
        let (scans, sources) = (&config.scans, &config.layer_sources);
        let languages = config.features.languages;
        // What a layer shows is stored with it: one that was stored under the other setting is old.
        let shown = if languages { "" } else { "-os" };
        Self {
            running: Arc::new(Semaphore::new(scans.concurrency())),
            waiting: AtomicUsize::new(0),
            queue: scans.queue(),
            // Both numbers stand before the rest: see `pellucid_store::is_newer_analysis`.
            analysis_version: pellucid_detect::analysis_version().replacen(
                '-',
                &format!(".{SHOWN}-"),
                1,
            ) + shown,
            languages,
            limits: Limits {
                blob_bytes: sources.max_bytes,
                wall: sources.timeout.0,
                ..Limits::default()
            },
            analyses: Arc::default(),
            parsers: Parsers::new(scans.concurrency()),
        }
    }

    async fn turn(&self) -> Result<tokio::sync::OwnedSemaphorePermit, ProcessError> {
        struct Waiting<'a>(&'a AtomicUsize);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        if let Ok(permit) = Arc::clone(&self.running).try_acquire_owned() {
            return Ok(permit);
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if before >= self.queue {
            return Err(ProcessError::Busy);
        }
        let permit = Arc::clone(&self.running).acquire_owned().await;
        permit.map_err(|_| ProcessError::Stopped)
    }
}

/// Stores a layer, unless it is there as this engine would store it.
pub(crate) async fn process(app: &App, layer: &Incoming) -> Result<(), ProcessError> {
    let has_place = layer.name.chars().nth(NAME).is_none() && !layer.name.contains('\0');
    if !has_place {
        return Err(ProcessError::Name);
    }
    let known = app.store.layer(&layer.name).await?;
    let parent_name = match &known {
        Some(known) => {
            let chain = app.store.chain(&layer.name).await?;
            let is_current = chain.split_last().is_some_and(|(own, below)| {
                let (stored, ours) = (&own.analysis_version, &app.scanner.analysis_version);
                let is_same = || stored == ours && own.below == pellucid_store::below(below, ours);
                own.engine_version >= ENGINE_VERSION
                    && (pellucid_store::is_newer_analysis(stored, ours) || is_same())
            });
            if is_current {
                tracing::debug!("layer content has already been processed in the past");
                return Ok(());
            }
            // Whatever the caller says now: a stored layer's parent does not change.
            known.parent.clone().unwrap_or_default()
        }
        None => layer.parent.clone(),
    };
    let chain = chain(app, &parent_name).await?;
    let _turn = app
        .scanner
        .turn()
        .await
        .inspect_err(|_| add_one(&app.metrics.layers_shed))?;
    let outcome = analyse(app, layer, &chain).await;
    let counter = match &outcome {
        Ok(()) => &app.metrics.layers_read,
        Err(_) => &app.metrics.layers_failed,
    };
    add_one(counter);
    outcome
}

async fn chain(app: &App, parent: &str) -> Result<Vec<ChainLink>, ProcessError> {
    if parent.is_empty() {
        return Ok(Vec::new());
    }
    let chain = app.store.chain(parent).await?;
    if chain.is_empty() {
        tracing::warn!("the parent layer is unknown. it must be processed first");
        return Err(ProcessError::ParentUnknown);
    }
    if chain.len() >= DEPTH {
        return Err(ProcessError::TooDeep);
    }
    Ok(chain)
}

async fn analyse(app: &App, layer: &Incoming, chain: &[ChainLink]) -> Result<(), ProcessError> {
    let blob = app
        .fetcher
        .open(&layer.path, &layer.headers)
        .await
        .map_err(|error| fetch_failed(app, error))?;
    let format = match layer.format.to_ascii_lowercase().as_str() {
        "docker" => Format::Docker,
        "aci" => Format::Aci,
        _ => return Err(ProcessError::Format(layer.format.clone())),
    };
    let known = remembered(&blob, format, &app.scanner.analyses);
    let alone = known
        .as_ref()
        .and_then(|read| read.analysis.alone.get())
        .filter(|_| chain.is_empty());
    let (read, shown) = match (&known, alone) {
        (Some(read), Some(shown)) => (read.clone(), Arc::clone(shown)),
        _ => visible(app, blob, format, known, chain).await?,
    };
    app.metrics
        .layer_bytes
        .fetch_add(read.bytes, Ordering::Relaxed);
    tracing::debug!(feature_count = shown.features.len(), "detected features");
    let digest = read.digest.to_string();
    let below = pellucid_store::below(chain, &app.scanner.analysis_version);
    let stored = NewLayer {
        name: &layer.name,
        parent: chain.last().map(|parent| parent.id),
        namespace: shown.namespace.as_ref(),
        engine_version: ENGINE_VERSION,
        digest: &digest,
        analysis_version: &app.scanner.analysis_version,
        below: below.as_deref(),
        analysis: &read.analysis.encoded,
        features: &shown.features,
    };
    store(app, stored).await
}

/// Reads a blob unless that was done, and lays it over the chain.
async fn visible(
    app: &App,
    blob: Blob,
    format: Format,
    known: Option<ReadBlob>,
    chain: &[ChainLink],
) -> Result<(ReadBlob, Arc<Shown>), ProcessError> {
    let below = below(app, chain)?;
    let parent_features = parent_features(app, chain).await?;
    let parent_namespace = chain.last().and_then(|parent| parent.namespace.clone());
    let (limits, languages) = (app.scanner.limits.clone(), app.scanner.languages);
    let analyses = Arc::clone(&app.scanner.analyses);
    // Other detectors may have passed over what tells the repositories: then nobody has looked.
    let is_current = |link: &ChainLink| link.analysis_version == app.scanner.analysis_version;
    let is_all_current = chain.iter().all(is_current);
    let work = move || {
        let read = match known {
            Some(read) => read,
            None => read(blob, format, &limits, &analyses)?,
        };
        let inventory = Arc::clone(&read.analysis.inventory);
        let mut visible = lay(below, inventory, read.digest, languages)?;
        visible.repositories = visible.repositories.filter(|_| is_all_current);
        for warning in &visible.warnings {
            say(warning);
        }
        Ok::<_, ProcessError>((read, visible))
    };
    let done = app.scanner.parsers.run(work).await;
    let (read, visible) = done.ok_or(ProcessError::Stopped)??;
    let is_owning = visible.packages.iter().any(|entry| entry.owner.is_some());
    let view = app.snapshots.view();
    let work = move || {
        let left = owned::left_to_owners(&visible, &view);
        Shown::of(&visible, &left, &parent_features, parent_namespace)
    };
    // Snapshots are files, which the parsers have given up.
    let shown = tokio::task::spawn_blocking(work).await;
    let shown = Arc::new(shown.map_err(|_| ProcessError::Stopped)??);
    if chain.is_empty() && !is_owning {
        // Set already by another one of the same bytes: it is the same.
        let _ = read.analysis.alone.set(Arc::clone(&shown));
    }
    Ok((read, shown))
}

async fn store(app: &App, layer: NewLayer<'_>) -> Result<(), ProcessError> {
    let added = app
        .store
        .add_layer(layer)
        .await
        .map_err(|error| match error {
            StoreError::ParentUnknown => ProcessError::ParentUnknown,
            other => ProcessError::Store(other),
        })?;
    if added == Added::AlreadyThere {
        // Stored by another request a moment ago, or by an older engine.
        let _: Replaced = app.store.replace_layer(layer).await?;
    }
    Ok(())
}

fn fetch_failed(app: &App, error: FetchError) -> ProcessError {
    if matches!(error, FetchError::Denied(_)) {
        add_one(&app.metrics.fetches_denied);
    }
    ProcessError::Fetch(error)
}

fn say(warning: &Warning) {
    let path = warning.path.as_deref().unwrap_or_default();
    tracing::debug!(
        path,
        reason = warning.message.as_str(),
        "doubt about a layer"
    );
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Docker,
    Aci,
}

/// What reading a blob gave.
#[derive(Clone)]
struct ReadBlob {
    analysis: Arc<Analysis>,
    digest: Digest,
    bytes: u64,
}

/// What reading the same bytes gave the last time.
fn remembered(blob: &Blob, format: Format, analyses: &Analyses) -> Option<ReadBlob> {
    let Rest::Nothing(digest) = blob.rest else {
        return None;
    };
    // The same bytes say other things as another format.
    if format != Format::Docker && !blob.first.is_empty() {
        return None;
    }
    Some(ReadBlob {
        analysis: analyses.get(&digest)?,
        digest,
        bytes: blob.first.len() as u64,
    })
}

/// Reads a blob to its end. Blocks.
fn read(
    blob: Blob,
    format: Format,
    limits: &Limits,
    analyses: &Analyses,
) -> Result<ReadBlob, ProcessError> {
    let (inventory, digest, bytes) = match blob.rest {
        // No bytes at all are an empty layer, as in Clair: `/dev/null`, a 204.
        Rest::Nothing(digest) if blob.first.is_empty() => (LayerInventory::default(), digest, 0),
        Rest::Nothing(_) => inventory(&mut Cursor::new(blob.first), format, limits)?,
        Rest::Bytes(rest) => inventory(&mut Cursor::new(blob.first).chain(rest), format, limits)?,
    };
    let analysis = Arc::new(Analysis::of(inventory)?);
    if format == Format::Docker {
        analyses.put(digest, &analysis);
    }
    Ok(ReadBlob {
        analysis,
        digest,
        bytes,
    })
}

/// What is in a blob, with its digest and its length.
fn inventory(
    blob: &mut (dyn Read + Send),
    format: Format,
    limits: &Limits,
) -> Result<(LayerInventory, Digest, u64), ProcessError> {
    let mut visitor = Visitor {
        inner: pellucid_detect::layer(),
        format,
        too_big: false,
    };
    let read = read_layer_stream(blob, &Expected::default(), limits, &mut visitor, &());
    if visitor.too_big {
        return Err(ProcessError::FileTooBig);
    }
    let read = read.map_err(|error| ProcessError::Archive(Box::new(error)))?;
    let inventory = visitor
        .inner
        .finish(0)
        .map_err(|error| ProcessError::Detect(Box::new(error)))?;
    let digest = read.digest.or(read.diff_id).ok_or(ProcessError::Stopped)?;
    Ok((inventory, digest, read.blob_bytes))
}

/// Shows detectors what they know: an ACI has its files below `rootfs/`.
struct Visitor {
    inner: LayerReader,
    format: Format,
    too_big: bool,
}

impl Visitor {
    /// The entry as detectors should see it; `None` if they should not.
    fn seen<'a>(&self, entry: &Entry<'a>) -> Option<Entry<'a>> {
        if self.format == Format::Docker {
            return Some(*entry);
        }
        let kind = match entry.kind {
            EntryKind::Hardlink { target } => EntryKind::Hardlink {
                target: target.strip_prefix(b"rootfs/")?,
            },
            other => other,
        };
        Some(Entry {
            path: entry.path.strip_prefix(b"rootfs/")?,
            kind,
            mode: entry.mode,
        })
    }
}

impl LayerVisitor for Visitor {
    fn entry(&mut self, entry: &Entry<'_>) -> Want {
        let Some(seen) = self.seen(entry) else {
            return Want::Skip;
        };
        let want = self.inner.entry(&seen);
        if let (Want::Whole { .. }, EntryKind::File { size }) = (want, seen.kind)
            && size > LARGEST_FILE
            && format::is_package_database(seen.path)
        {
            self.too_big = true;
        }
        want
    }

    fn head(&mut self, entry: &Entry<'_>, head: &[u8]) -> Want {
        self.seen(entry)
            .map_or(Want::Skip, |seen| self.inner.head(&seen, head))
    }

    fn file(&mut self, entry: &Entry<'_>, body: &Body) {
        if let Some(seen) = self.seen(entry) {
            self.inner.file(&seen, body);
        }
    }

    fn too_large(&mut self, entry: &Entry<'_>, limit: u64) {
        if let Some(seen) = self.seen(entry) {
            self.inner.too_large(&seen, limit);
        }
    }
}

/// The inventories of a chain, lowest first.
fn below(
    app: &App,
    chain: &[ChainLink],
) -> Result<Vec<(Digest, Arc<LayerInventory>)>, ProcessError> {
    let damaged = || StoreError::Damaged { what: "analysis" };
    chain
        .iter()
        .map(|link| {
            let digest: Digest = link.digest.parse().map_err(|_| damaged())?;
            // A chain may hold analyses of other versions; only the present one's are kept decoded.
            let is_current = link.analysis_version == app.scanner.analysis_version;
            let known = app.scanner.analyses.get(&digest).filter(|_| is_current);
            if let Some(analysis) = known {
                return Ok((digest, Arc::clone(&analysis.inventory)));
            }
            let analysis = Analysis::decode(Arc::clone(&link.analysis)).ok_or_else(damaged)?;
            let analysis = Arc::new(analysis);
            if is_current {
                app.scanner.analyses.put(digest, &analysis);
            }
            Ok((digest, Arc::clone(&analysis.inventory)))
        })
        .collect()
}

/// Lays a layer over those below it.
fn lay(
    below: Vec<(Digest, Arc<LayerInventory>)>,
    own: Arc<LayerInventory>,
    digest: Digest,
    languages: bool,
) -> Result<Inventory, ProcessError> {
    let mut digests: Vec<Digest> = below.iter().map(|(digest, _)| *digest).collect();
    digests.push(digest);
    let mut inventories: Vec<Arc<LayerInventory>> =
        below.into_iter().map(|(_, inventory)| inventory).collect();
    inventories.push(own);
    let layer = |digest| Layer {
        digest: Some(digest),
        diff_id: None,
        digest_state: DigestState::Verified,
        size: 0,
        created_by: None,
    };
    let image = image(digests.into_iter().map(layer).collect());
    let options = DetectOptions {
        hidden: false,
        threads: 1,
        languages,
        ..DetectOptions::default()
    };
    // Files that links lead to and that no detector asked for cannot be read now: their layers are
    // gone. Where a package database is meant, that is an error.
    match overlay(&image, &inventories, &NeedFacts::new(), true, &options) {
        Ok(Overlaid::Done(inventory)) => Ok(*inventory),
        Ok(Overlaid::Needs(_)) => Err(ProcessError::Stopped),
        Err(error) => Err(ProcessError::Detect(Box::new(error))),
    }
}

/// An image of which only the layers are known.
pub(crate) fn image(layers: Vec<Layer>) -> Image {
    Image {
        reference: String::new(),
        id: None,
        digest: None,
        tags: Vec::new(),
        platform: None,
        created: None,
        cpe: None,
        layers,
    }
}

/// The parent's features by name and version.
type ParentFeatures = HashMap<(String, String), Arc<Namespace>>;

async fn parent_features(app: &App, chain: &[ChainLink]) -> Result<ParentFeatures, ProcessError> {
    let Some(parent) = chain.last() else {
        return Ok(ParentFeatures::new());
    };
    let Some(view) = app.store.layer(&parent.name).await? else {
        return Err(ProcessError::ParentUnknown);
    };
    debug_assert_eq!(view.id, parent.id as LayerId);
    let features = app.store.features_of(&view).await?;
    let key = |feature: &Feature| (feature.name.clone(), feature.version.clone());
    // A language's package lives in its ecosystem, whatever the parent has under its name.
    let of_distribution = |one: &&EffectiveFeature| one.feature.package.kind.is_os();
    Ok(features
        .iter()
        .filter(of_distribution)
        .map(|one| (key(&one.feature), Arc::clone(&one.feature.namespace)))
        .collect())
}

/// A layer as Clair's API shows it.
struct Shown {
    namespace: Option<Namespace>,
    features: Vec<Feature>,
}

impl Shown {
    fn of(
        visible: &Inventory,
        left_to_owners: &BTreeSet<usize>,
        parent: &ParentFeatures,
        parent_namespace: Option<String>,
    ) -> Result<Self, ProcessError> {
        let own = visible.distributions.first().map(|first| {
            let name = format::shown_namespace(first.namespace.as_str());
            Namespace {
                version_format: format::of_distribution(&first.id, &first.id_like).to_owned(),
                name,
            }
        });
        let inherited = || {
            let name = parent_namespace?;
            let version_format = format::of_namespace(&name).unwrap_or_default().to_owned();
            Some(Namespace {
                name,
                version_format,
            })
        };
        let namespace = own.or_else(inherited);
        let shared = namespace.clone().map(Arc::new);
        let repositories = visible.repositories.as_ref().map(|repositories| {
            let names = repositories.iter().map(|one| one.name.clone());
            Arc::new(Repositories::new(names))
        });
        let mut features = BTreeMap::new();
        for (place, entry) in visible.packages.iter().enumerate() {
            if !format::is_shown(&entry.package) || left_to_owners.contains(&place) {
                continue;
            }
            let package = matched(entry);
            if !format::admits(format::of_kind(package.kind), &package.version) {
                tracing::warn!(
                    package = package.name.as_str(),
                    version = package.version.as_str(),
                    "could not parse package version. skipping"
                );
                continue;
            }
            let key = (package.name.clone(), package.version.clone());
            let ecosystem = (!package.kind.is_os()).then(|| {
                Arc::new(Namespace {
                    name: package.ecosystem().to_owned(),
                    version_format: format::of_kind(package.kind).to_owned(),
                })
            });
            let namespace = ecosystem
                .as_ref()
                .or_else(|| parent.get(&key))
                .or(shared.as_ref())
                .ok_or(ProcessError::Unsupported)?;
            let is_rpm = package.kind == PackageKind::Rpm;
            features
                .entry((package.kind, key, package.arch.clone()))
                .or_insert_with(|| Feature {
                    namespace: Arc::clone(namespace),
                    name: package.name.clone(),
                    version: package.version.clone(),
                    repositories: repositories.clone().filter(|_| is_rpm),
                    package,
                });
        }
        Ok(Self {
            namespace,
            features: features.into_values().collect(),
        })
    }
}

/// The package that stands for a feature: Debian's features are source packages, so many binary
/// packages are one. Those that chisel cut are not known to be of any source, and stored with the very same name and
/// version as their source, as no list has them.
fn matched(entry: &PackageEntry) -> Package {
    let package = &entry.package;
    match package.kind {
        PackageKind::Deb => {
            let (name, version) = (package.source_name(), package.source_version());
            let mut feature = Package::new(PackageKind::Deb, name, version);
            feature.source = (entry.detector == CHISEL).then(|| SourcePackage {
                name: name.to_owned(),
                version: Some(version.to_owned()),
            });
            feature
        }
        _ => package.clone(),
    }
}

/// The detector whose list says no sources.
const CHISEL: &str = "chisel";

/// A feature's package as a list has it, and the detector of the list, as far as it matters: what [`matched`] made.
pub(crate) fn listed(feature: &Package) -> (Package, &'static str) {
    let is_own = |source: &SourcePackage| {
        source.name == feature.name && source.version.as_ref() == Some(&feature.version)
    };
    match &feature.source {
        Some(source) if feature.kind == PackageKind::Deb && is_own(source) => {
            let source = None;
            let package = Package {
                source,
                ..feature.clone()
            };
            (package, CHISEL)
        }
        _ => (feature.clone(), ""),
    }
}
