//! From an image reference to layers, and from a layer's bytes to its entries.
//!
//! Place in the flow: the first room. A source finds the image's description and each
//! layer's bytes; the layer reader takes them through digest, decompression and tar in one
//! pass and shows every entry to a [`LayerVisitor`].
//!
//! What always holds:
//! - Nothing is unpacked. No name from inside an image is ever a path of the host; a file that is
//!   wanted is kept in memory or in an unnamed temporary file.
//! - A layer is read to its end and found whole, or the result is an error. What a visitor saw
//!   before an error is no answer.
//! - Every amount that an image decides is bounded by [`Limits`].
//! - Sockets are opened for names alone, never for a path, and credentials go to the host they belong
//!   to. Whoever reads a layer blocks; layers can be read from several threads at once.

mod body;
mod document;
mod entry;
mod error;
#[doc(hidden)]
pub mod hostile;
mod layer;
mod limits;
mod reference;
mod region;
mod rooted;
mod source;

pub use body::{Body, Remote};
pub use entry::{Entry, EntryKind, LayerVisitor, Progress, Want};
pub use error::{ImageError, LayerFault, LayerName, Mismatch};
pub use limits::Limits;
pub use source::registry::{
    Login, Rate, RegistryFault, RegistryOptions, Secret, is_mirror, is_registry,
};

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::time::Instant;

use pellucid_model::{Digest, DigestState, Image, Platform, Warning};

use layer::meter::{Meter, Totals};
use reference::Reference;
use rooted::Rooted;
use source::{Asked, Bytes, Found, Opened, SOURCES, Source, warning};

/// How to open an image.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// How registries are asked.
    pub registry: RegistryOptions,
    /// Where engines listen that may hold an image.
    pub daemons: Daemons,
    /// Whether no socket may be opened: neither a registry nor an engine is asked.
    pub offline: bool,
    /// Which image of a multi-platform index; the host's platform when `None`.
    pub platform: Option<Platform>,
    /// Bounds on everything.
    pub limits: Limits,
    /// How much is hashed.
    pub verify: Verify,
    /// Called first on each thread that reads what a place says of its images, with the path that it
    /// reads from where that is not open yet: the thread can give up all else. Such threads open no
    /// socket, and start none that does. [`OpenImage::read_layer`] needs no more than they do.
    pub confine: Option<fn(Option<&Path>)>,
}

impl OpenOptions {
    /// Runs work on a thread of its own that reads from `place` and nothing else.
    pub(crate) fn confined<T: Send>(
        &self,
        place: Option<&Path>,
        work: impl FnOnce() -> T + Send,
    ) -> T {
        let Some(confine) = self.confine else {
            return work();
        };
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                confine(place);
                work()
            });
            thread.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }
}

/// Where engines listen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Daemons {
    /// Sockets of Docker, the first that is there is asked.
    pub docker: Vec<PathBuf>,
    /// Sockets of podman.
    pub podman: Vec<PathBuf>,
    /// What the caller was told in place of a socket, as `DOCKER_HOST=tcp://…`, by the engine's name.
    pub elsewhere: BTreeMap<&'static str, String>,
}

/// How much of an image is hashed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// Whatever is read through. Where bodies that no one wants can be seeked over, or need not be
    /// fetched, they are not read, and the layer's digests are [declared](DigestState::Declared).
    #[default]
    Read,
    /// Every byte.
    Full,
}

/// An image that can be read layer by layer.
pub struct OpenImage {
    opened: Opened,
    place: Option<PathBuf>,
    limits: Limits,
    verify: Verify,
    totals: Totals,
}

impl fmt::Debug for OpenImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenImage")
            .field("image", self.image())
            .finish_non_exhaustive()
    }
}

/// What the reading of one layer showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerRead {
    /// Digest of the blob as stored; `None` for a directory.
    pub digest: Option<Digest>,
    /// Digest of the tar; `None` for a directory.
    pub diff_id: Option<Digest>,
    /// Whether the digests are those of the bytes.
    pub digest_state: DigestState,
    /// Bytes of the blob as stored; 0 for a directory.
    pub blob_bytes: u64,
    /// Bytes of the tar; 0 for a directory.
    pub tar_bytes: u64,
    /// Entries seen (whiteouts and the like count).
    pub entries: u64,
    /// What was odd, but harmless.
    pub warnings: Vec<Warning>,
}

/// What is known about a layer before it is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Position in the image, lowest is 0.
    pub index: Option<usize>,
    /// Digest of the blob.
    pub digest: Option<Digest>,
    /// Digest of the tar.
    pub diff_id: Option<Digest>,
    /// Bytes of the blob.
    pub size: Option<u64>,
}

/// Opens the image that `reference` names: a path, or a source's prefix, a colon and a path, and
/// where several images are in one place, a colon and the image's tag. The content decides which
/// source reads it, unless a prefix does: `docker-archive:`, `oci:`, `oci-archive:`, `dir:`. Where no
/// path is, a name: of an engine's image (`docker:`, `podman:`), else of a registry's (`registry:`).
///
/// # Errors
/// When there is no image, the description is broken, or a limit is reached.
pub fn open(reference: &str, options: &OpenOptions) -> Result<OpenImage, ImageError> {
    let start = Instant::now();
    let asked = parse(reference)?;
    let mut unasked = Vec::new();
    match find(&asked, options, start, Source::open, &mut unasked) {
        Ok(mut opened) => {
            opened.warnings.extend(unasked.into_iter().map(warning));
            Ok(OpenImage::new(opened, &asked, options, start))
        }
        Err(error) => Err(error.besides(unasked)),
    }
}

/// Opens the image for every platform it was built for, as [`open`] does for one.
///
/// # Errors
/// As [`open`], if any of them cannot be opened.
pub fn open_all(reference: &str, options: &OpenOptions) -> Result<Vec<OpenImage>, ImageError> {
    let start = Instant::now();
    let asked = parse(reference)?;
    let mut unasked = Vec::new();
    let opened = find(&asked, options, start, Source::open_all, &mut unasked);
    let mut opened = match opened {
        Ok(opened) => opened,
        Err(error) => return Err(error.besides(unasked)),
    };
    if let Some(first) = opened.first_mut() {
        first.warnings.extend(unasked.into_iter().map(warning));
    }
    Ok(opened
        .into_iter()
        .map(|one| OpenImage::new(one, &asked, options, start))
        .collect())
}

/// The registry that an image's name is asked of: `docker.io` for a short one. Nothing where the
/// reference is a path.
pub fn registry_of(reference: &str) -> Option<String> {
    let parsed = parse(reference).ok()?;
    parsed.name().map(|name| name.domain)
}

fn parse(reference: &str) -> Result<Reference, ImageError> {
    let prefixes = SOURCES
        .iter()
        .map(|source| (source.name(), source.takes_names()));
    let has_images = |path: &Path| {
        let options = OpenOptions::default();
        let found = Rooted::open(path).map(Found::Folder);
        let source = |found| SOURCES.iter().find(|one| one.recognises(&found, &options));
        found.is_ok_and(|found| source(found).is_some_and(|source| source.has_several()))
    };
    Reference::parse(reference, prefixes, has_images)
}

/// Opens what is where the reference leads, with the source that reads it. A name is asked of the next
/// source too where one has the image for other platforms alone, or cannot be asked, which is noted in
/// `unasked`.
fn find<'a, T: Send>(
    asked: &'a Reference,
    options: &'a OpenOptions,
    start: Instant,
    open: impl Fn(&'static dyn Source, Asked<'a>) -> Result<T, ImageError> + Sync,
    unasked: &mut Vec<String>,
) -> Result<T, ImageError> {
    let of = |found| Asked {
        reference: asked,
        found,
        options,
    };
    let Some(name) = asked.by_name() else {
        if let Some(error) = asked.absent() {
            return Err(error);
        }
        let is_asked = |source: &dyn Source, found: &Found| match asked.source {
            Some(name) => source.name() == name,
            None => source.recognises(found, options),
        };
        return options.confined(Some(&asked.path), || {
            let found = Found::at(&asked.path, options, start)?;
            let mut sources = SOURCES.iter();
            match sources.find(|source| is_asked(**source, &found)) {
                Some(source) => open(*source, of(found)),
                None => Err(unknown(asked, &found)),
            }
        });
    };
    let mut otherwise = None;
    for source in SOURCES {
        let found = Found::Name(name.clone());
        let is_asked = match asked.source {
            Some(name) => source.name() == name,
            None => source.has(&found, options).unwrap_or_else(|why| {
                let name = source.name();
                unasked.push(format!("{name} could not be asked for the image: {why}"));
                false
            }),
        };
        if !is_asked {
            continue;
        }
        match (open(*source, of(found)), otherwise.take()) {
            (Err(ImageError::NoSuchPlatform { wanted, available }), _) => {
                otherwise = Some((source.name(), wanted, available));
            }
            (Err(error), Some((engine, wanted, available))) => {
                return Err(ImageError::OtherPlatform {
                    engine,
                    wanted: Box::new(wanted),
                    available,
                    source: Box::new(error),
                });
            }
            (opened, _) => return opened,
        }
    }
    Err(match otherwise {
        Some((_, wanted, available)) => ImageError::NoSuchPlatform { wanted, available },
        None => unknown(asked, &Found::Name(name)),
    })
}

/// The error of what no source reads.
fn unknown(asked: &Reference, found: &Found) -> ImageError {
    ImageError::NotAnImage {
        path: asked.path.clone(),
        reason: match found {
            Found::Archive(_) => "an archive without manifest.json and index.json",
            Found::Folder(_) => "neither an OCI layout nor a root file system",
            Found::Name(_) => "no source knows that name",
        }
        .to_owned(),
    }
}

impl OpenImage {
    fn new(opened: Opened, asked: &Reference, options: &OpenOptions, start: Instant) -> Self {
        Self {
            place: asked.by_name().is_none().then(|| asked.path.clone()),
            totals: Totals::new(opened.image.layers.len(), start, &options.limits),
            verify: if opened.read_through {
                Verify::Full
            } else {
                options.verify
            },
            limits: options.limits.clone(),
            opened,
        }
    }

    /// What the image says about itself.
    pub fn image(&self) -> &Image {
        &self.opened.image
    }

    /// The file or folder that layers are read from; nothing where they are open already, or come from
    /// elsewhere.
    pub fn place(&self) -> Option<&Path> {
        self.place.as_deref()
    }

    /// What was odd about the description, but harmless.
    pub fn warnings(&self) -> &[Warning] {
        &self.opened.warnings
    }

    /// Reads one layer from its first to its last byte. Several layers can be read at once, and a
    /// layer can be read again.
    ///
    /// # Errors
    /// When the layer is not whole, not what its digests say, or over a limit; what the visitor saw
    /// is then no answer.
    pub fn read_layer(
        &self,
        index: usize,
        visitor: &mut dyn LayerVisitor,
        progress: &dyn Progress,
    ) -> Result<LayerRead, ImageError> {
        let bytes = self.opened.layers.layer(index)?;
        let expected = self.opened.expected.get(index).copied().unwrap_or_default();
        let meter = Meter::new(&self.limits, &self.totals, index);
        match bytes {
            Bytes::Region(region) => {
                layer::read_region(region, &expected, self.verify, meter, visitor, progress)
            }
            Bytes::Stream(mut stream) => {
                layer::read_stream(&mut *stream, &expected, meter, visitor, progress)
            }
            Bytes::Listed(toc, ranges) => {
                layer::toc::read(toc, &*ranges, &expected, meter, visitor, progress)
            }
            Bytes::Tree(tree) => {
                source::read_tree(std::slice::from_ref(tree), None, meter, visitor)
            }
            Bytes::Overlay { trees, by_name } => {
                let layer = source::OverlayLayer { index, by_name };
                source::read_tree(trees, Some(layer), meter, visitor)
            }
        }
        .map_err(|source| in_layer(&expected, source))
    }
}

/// Reads a layer that comes as a stream: over the network, or from a caller. Both digests are
/// computed, and compared where they are expected.
///
/// # Errors
/// As [`OpenImage::read_layer`].
pub fn read_layer_stream(
    blob: &mut (dyn Read + Send),
    expected: &Expected,
    limits: &Limits,
    visitor: &mut dyn LayerVisitor,
    progress: &dyn Progress,
) -> Result<LayerRead, ImageError> {
    let totals = Totals::new(1, Instant::now(), limits);
    let meter = Meter::new(limits, &totals, 0);
    layer::read_stream(blob, expected, meter, visitor, progress)
        .map_err(|source| in_layer(expected, source))
}

fn in_layer(expected: &Expected, source: LayerFault) -> ImageError {
    let digest = expected.digest.or(expected.diff_id);
    ImageError::Layer {
        layer: Box::new(LayerName {
            index: expected.index,
            digest,
        }),
        source,
    }
}
