//! Random access into an image's own tar.
//!
//! The members are listed once, by seeking from header to header. A compressed archive is first
//! decompressed into an unnamed temporary file. As when an engine unpacks it, a later member of the
//! same name counts; links from member to member are followed inside the archive only (`docker
//! save` writes them for layers that occur twice).

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use crate::layer::compression::Compression;
use crate::layer::meter::{Meter, Totals};
use crate::layer::path::{Place, normalise};
use crate::layer::tar::{Kind, Member, Tar};
use crate::layer::window::Window;
use crate::layer::{Blob, fault};
use crate::region::Region;
use crate::{ImageError, LayerFault, Limits};

/// Names longer than this are no part of any image's layout and are not remembered.
const LONGEST_NAME: usize = 512;

/// An image's tar and where its members are.
pub(crate) struct Archive {
    path: PathBuf,
    region: Region,
    files: HashMap<Vec<u8>, Stored>,
    link_depth: usize,
    /// Whether the archive was compressed.
    pub(crate) spooled: bool,
}

enum Stored {
    Data {
        offset: u64,
        len: u64,
    },
    /// Normalised.
    Link(Vec<u8>),
    Other,
}

impl Archive {
    /// Lists the members of a tar, which may be compressed.
    pub(crate) fn open(
        path: &Path,
        file: Region,
        limits: &Limits,
        start: Instant,
    ) -> Result<Self, ImageError> {
        let broken = |source| ImageError::Archive {
            path: path.to_owned(),
            source,
        };
        let totals = Totals::new(1, start, limits);
        // The archive is no layer: what bounds it is the image's limit.
        let limits = Limits {
            blob_bytes: u64::MAX,
            layer_bytes: u64::MAX,
            ..limits.clone()
        };
        let meter = Meter::new(&limits, &totals, 0);
        let mut first = [0; Compression::SNIFF];
        let filled = file
            .read_at(0, &mut first)
            .map_err(|e| broken(LayerFault::Read(e)))?;
        let compression = Compression::of(first.get(..filled).unwrap_or_default());
        let spooled = compression != Compression::None;
        let region = match spooled {
            true => decompress(&file, compression, meter).map_err(broken)?,
            false => file,
        };
        let files = list(&region, meter).map_err(|source| match source {
            LayerFault::Tar { offset: 0, .. } | LayerFault::Truncated { offset: 0..512 } => {
                ImageError::NotAnImage {
                    path: path.to_owned(),
                    reason: "not a tar, compressed or not".to_owned(),
                }
            }
            other => broken(other),
        })?;
        Ok(Self {
            path: path.to_owned(),
            region,
            files,
            link_depth: limits.link_depth,
            spooled,
        })
    }

    /// The data of a member, by its path in the archive. `None` when it is not there.
    pub(crate) fn file(&self, name: &[u8]) -> Result<Option<Region>, ImageError> {
        let mut name = name;
        for _ in 0..=self.link_depth {
            match self.files.get(name) {
                Some(Stored::Link(target)) => name = target,
                Some(Stored::Data { offset, len }) => {
                    return match self.region.part(*offset, *len) {
                        Some(region) => Ok(Some(region)),
                        None => Err(ImageError::Archive {
                            path: self.path.clone(),
                            source: LayerFault::Truncated {
                                offset: self.region.len(),
                            },
                        }),
                    };
                }
                Some(Stored::Other) | None => return Ok(None),
            }
        }
        Err(ImageError::Limit {
            what: format!("the chain of links at {:?}", String::from_utf8_lossy(name)),
            limit: "link_depth",
            allowed: self.link_depth as u64,
        })
    }
}

fn list(region: &Region, meter: Meter<'_>) -> Result<HashMap<Vec<u8>, Stored>, LayerFault> {
    let limits = meter.limits;
    let mut tar = Tar::new(Window::new(region), limits);
    let mut files = HashMap::new();
    let mut member = Member::default();
    let mut path = Vec::new();
    let mut members = 0;
    while tar.next(&mut member)?.is_none() {
        members += 1;
        if members > limits.archive_members {
            let allowed = limits.archive_members;
            return Err(LayerFault::Limit {
                limit: "archive_members",
                allowed,
            });
        }
        meter.entries(members)?;
        let inside = normalise(&member.name, &mut path, limits)? == Place::Inside;
        if !inside || path.len() > LONGEST_NAME || member.link.len() > LONGEST_NAME {
            continue;
        }
        let target = match member.kind {
            Kind::Hardlink => Some(member.link.clone()),
            Kind::Symlink if member.link.first() == Some(&b'/') => Some(member.link.clone()),
            Kind::Symlink => {
                let mut target = path.clone();
                target.truncate(
                    path.iter()
                        .rposition(|byte| *byte == b'/')
                        .map_or(0, |at| at + 1),
                );
                target.extend_from_slice(&member.link);
                Some(target)
            }
            _ => None,
        };
        let place = match (member.kind, target) {
            (Kind::File, _) if member.sparse.is_none() => Stored::Data {
                offset: member.data,
                len: member.size,
            },
            (_, Some(target)) => {
                let mut normal = Vec::new();
                match normalise(&target, &mut normal, limits)? {
                    Place::Inside => Stored::Link(normal),
                    Place::Outside => Stored::Other,
                }
            }
            _ => Stored::Other,
        };
        files.insert(path.clone(), place);
    }
    Ok(files)
}

/// Decompresses into an unnamed temporary file.
fn decompress(
    file: &Region,
    compression: Compression,
    meter: Meter<'_>,
) -> Result<Region, LayerFault> {
    let read = AtomicU64::new(0);
    let mut reader = file.reader();
    let blob = Blob::new(&mut reader, None, &read, meter, None);
    let unread = |error: io::Error| fault(error, compression, meter.limits);
    let mut decoder = compression.decoder(blob, meter.limits).map_err(unread)?;
    let mut spool = tempfile::tempfile().map_err(LayerFault::Spool)?;
    let mut buffer = vec![0; 256 << 10];
    let mut total = 0;
    loop {
        let count = match decoder.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other.map_err(unread)?,
        };
        if count == 0 {
            break;
        }
        total += count as u64;
        meter.tar(read.load(std::sync::atomic::Ordering::Relaxed), total)?;
        let bytes = buffer.get(..count).unwrap_or_default();
        spool.write_all(bytes).map_err(LayerFault::Spool)?;
    }
    Region::whole(spool).map_err(LayerFault::Spool)
}
