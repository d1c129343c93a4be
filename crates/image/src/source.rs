//! Where images come from.
//!
//! A source gives an image's description and, layer by layer, the bytes: a part of a file, a
//! stream, or a directory tree. One file a source, one line in [`SOURCES`]; the order matters where
//! several recognise the same place (`docker save` writes archives that are OCI layouts as well), and
//! where several may know a name: daemons come before the registry.

pub(crate) mod archive;
mod containerd;
mod containers_storage;
mod daemon;
mod directory;
mod docker;
mod docker_archive;
mod docker_root;
mod oci_archive;
mod oci_layout;
mod podman;
pub(crate) mod registry;
mod storage;

use std::io::Read;
use std::path::Path;
use std::time::Instant;

use pellucid_model::{Image, Warning, WarningKind};

use crate::layer::toc::{Ranges, Toc};
use crate::reference::Reference;
use crate::region::Region;
use crate::rooted::Rooted;
use crate::{Expected, ImageError, OpenOptions};
use archive::Archive;
pub(crate) use directory::{OverlayLayer, read_tree};

/// All sources.
pub(crate) const SOURCES: &[&dyn Source] = &[
    &docker_archive::DockerArchive,
    &oci_archive::OciArchive,
    &oci_layout::OciLayout,
    &docker_root::DockerRoot,
    &containerd::Containerd,
    &containers_storage::ContainersStorage,
    &directory::Directory,
    &docker::Docker,
    &podman::Podman,
    &registry::Registry,
];

/// One kind of place that images come from.
pub(crate) trait Source: Sync {
    /// The prefix that chooses this source.
    fn name(&self) -> &'static str;

    /// Whether its images have names, and lie at no path.
    fn takes_names(&self) -> bool {
        false
    }

    /// Whether one place may hold several images, of which a name chooses one.
    fn has_several(&self) -> bool {
        true
    }

    /// Whether what was found looks like one of its images.
    fn recognises(&self, found: &Found, options: &OpenOptions) -> bool;

    /// Whether it is to be asked for what was found.
    ///
    /// # Errors
    /// It may have the image and cannot tell: why.
    fn has(&self, found: &Found, options: &OpenOptions) -> Result<bool, String> {
        Ok(self.recognises(found, options))
    }

    /// Opens the image.
    fn open(&self, asked: Asked<'_>) -> Result<Opened, ImageError>;

    /// Opens the image for every platform it was built for, or says that it has one alone.
    fn open_all(&self, asked: Asked<'_>) -> Result<Vec<Opened>, ImageError> {
        let opened = self.open(asked)?;
        Ok(vec![only_one_platform(opened)])
    }
}

/// What a source is asked for.
pub(crate) struct Asked<'a> {
    pub(crate) reference: &'a Reference,
    pub(crate) found: Found,
    pub(crate) options: &'a OpenOptions,
}

/// What is at the reference's path.
pub(crate) enum Found {
    /// A directory.
    Folder(Rooted),
    /// A tar, by now seekable.
    Archive(Archive),
    /// Nothing of the host: a name.
    Name(String),
}

/// An image that a source opened.
pub(crate) struct Opened {
    pub(crate) image: Image,
    pub(crate) warnings: Vec<Warning>,
    /// Per layer, what is declared about its bytes.
    pub(crate) expected: Vec<Expected>,
    pub(crate) layers: Box<dyn Layers>,
    /// Whether every byte went by already, so that hashing costs little more.
    pub(crate) read_through: bool,
}

/// The bytes of an image's layers.
pub(crate) trait Layers: Send + Sync {
    /// The bytes of one layer.
    fn layer(&self, index: usize) -> Result<Bytes<'_>, ImageError>;
}

/// The bytes of one layer.
pub(crate) enum Bytes<'a> {
    /// A part of a file.
    Region(&'a Region),
    /// Bytes that can be read once, from the first to the last.
    Stream(Box<dyn Read + Send + 'a>),
    /// Files by a table of contents, each fetched when it is wanted.
    Listed(&'a Toc, Box<dyn Ranges + 'a>),
    /// A root file system.
    Tree(&'a Rooted),
    /// An overlay directory, the last of `trees`, with those below it: what it removes from them stands
    /// in it too, also by names that begin with `.wh.` if `by_name` is set.
    Overlay { trees: &'a [Rooted], by_name: bool },
}

/// Layers that are parts of files.
pub(crate) struct Regions(pub(crate) Vec<Region>);

impl Layers for Regions {
    fn layer(&self, index: usize) -> Result<Bytes<'_>, ImageError> {
        match self.0.get(index) {
            Some(region) => Ok(Bytes::Region(region)),
            None => Err(ImageError::Missing {
                document: "the image".to_owned(),
                name: format!("layer {index}"),
            }),
        }
    }
}

impl Found {
    /// Looks at a path of the host.
    pub(crate) fn at(
        path: &Path,
        options: &OpenOptions,
        start: Instant,
    ) -> Result<Self, ImageError> {
        let read = |source| ImageError::Read {
            path: path.to_owned(),
            source,
        };
        let metadata = std::fs::metadata(path).map_err(read)?;
        if metadata.is_dir() {
            return Rooted::open(path).map(Self::Folder).map_err(read);
        }
        if !metadata.is_file() {
            return Err(ImageError::NotAnImage {
                path: path.to_owned(),
                reason: "neither a regular file nor a directory".to_owned(),
            });
        }
        let file = std::fs::File::open(path).map_err(read)?;
        Archive::open(
            path,
            Region::whole(file).map_err(read)?,
            &options.limits,
            start,
        )
        .map(Self::Archive)
    }

    /// A file of an image's layout, by its path there. `None` when it is not there.
    pub(crate) fn file(&self, name: &str) -> Result<Option<Region>, ImageError> {
        match self {
            Self::Name(_) => Ok(None),
            Self::Archive(archive) => archive.file(name.as_bytes()),
            Self::Folder(folder) => {
                let opened = folder.file(name.as_bytes()).and_then(Region::whole);
                match opened {
                    Ok(region) => Ok(Some(region)),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                    Err(error) if error.raw_os_error() == Some(LINK) => {
                        Err(ImageError::Linked { path: name.into() })
                    }
                    Err(source) => Err(ImageError::Read {
                        path: name.into(),
                        source,
                    }),
                }
            }
        }
    }

    /// Whether a file is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        matches!(self.file(name), Ok(Some(_)))
    }
}

/// What the system says of a link where none is followed.
const LINK: i32 = rustix::io::Errno::LOOP.raw_os_error();

/// The only image of a place that never holds more, where all platforms were asked for.
fn only_one_platform(mut opened: Opened) -> Opened {
    let platform = opened.image.platform.as_ref();
    let platform = platform.map_or_else(|| "one platform".to_owned(), ToString::to_string);
    opened.warnings.push(warning(format!(
        "the image is here for {platform} alone; what it was built for beside that is not looked at"
    )));
    opened
}

/// A warning about an image's description.
pub(crate) fn warning(message: String) -> Warning {
    Warning {
        kind: WarningKind::Image,
        layer: None,
        path: None,
        line: None,
        message,
    }
}
