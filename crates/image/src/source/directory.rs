//! A root file system in a directory, as one layer without digests.
//!
//! The tree is walked by descending from directory to directory without following any symbolic
//! link; only regular files that a visitor wants are opened, devices and pipes never. Names are
//! sorted, so that the same tree gives the same answer.
//!
//! A directory that we may not list is a warning, because whoever scans a root file system without
//! being root meets some. A wanted file that cannot be read is an error. Files that change while
//! they are read are read up to the size they had.
//!
//! A layer as an overlay file system has it is walked in the same way; there, some entries remove what
//! lies below.
//!
//! Not here: mount points (whatever is mounted in the tree belongs to it), hard links (each name is
//! a file of its own), in a root file system whiteouts (a file's name means nothing there).

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::fd::OwnedFd;

use pellucid_model::{DigestState, Image, Layer, Platform};
use rustix::fs::{AtFlags, Dir, FileType, readlinkat, statat};

use crate::layer::meter::Meter;
use crate::layer::path::{Mark, unmark};
use crate::layer::walk::Notes;
use crate::rooted::Rooted;
use crate::source::{Asked, Bytes, Found, Layers, Opened, Source};
use crate::{
    Body, Entry, EntryKind, Expected, ImageError, LayerFault, LayerRead, LayerVisitor, OpenOptions,
    Want,
};

/// The `dir:` source.
pub(crate) struct Directory;

impl Source for Directory {
    fn name(&self) -> &'static str {
        "dir"
    }

    fn has_several(&self) -> bool {
        false
    }

    fn recognises(&self, found: &Found, _: &OpenOptions) -> bool {
        let Found::Folder(folder) = found else {
            return false;
        };
        ["etc", "usr", "bin", "lib", "var"]
            .iter()
            .any(|name| folder.directory(name.as_bytes()).is_ok())
    }

    fn open(&self, asked: Asked<'_>) -> Result<Opened, ImageError> {
        let path = &asked.reference.path;
        if let Some(image) = &asked.reference.image {
            return Err(ImageError::Reference {
                reference: format!("{}:{image}", path.display()),
                reason: "a root file system is one image, and none is chosen from it; an image that \
                         is called like a folder is written with its host",
            });
        }
        let Found::Folder(folder) = asked.found else {
            return Err(ImageError::NotAnImage {
                path: path.clone(),
                reason: "not a directory".to_owned(),
            });
        };
        let image = Image {
            reference: format!("{}:{}", self.name(), path.display()),
            id: None,
            digest: None,
            tags: Vec::new(),
            platform: Some(
                asked
                    .options
                    .platform
                    .clone()
                    .unwrap_or_else(Platform::host),
            ),
            created: None,
            cpe: None,
            layers: vec![Layer {
                digest: None,
                diff_id: None,
                digest_state: DigestState::Declared,
                size: 0,
                created_by: None,
            }],
        };
        Ok(Opened {
            image,
            warnings: Vec::new(),
            expected: vec![Expected {
                index: Some(0),
                ..Expected::default()
            }],
            layers: Box::new(Tree(folder)),
            read_through: false,
        })
    }
}

struct Tree(Rooted);

impl Layers for Tree {
    fn layer(&self, _: usize) -> Result<Bytes<'_>, ImageError> {
        Ok(Bytes::Tree(&self.0))
    }
}

/// What a tree is that is one of an image's layers.
#[derive(Clone, Copy)]
pub(crate) struct OverlayLayer {
    /// Its place, lowest is 0.
    pub(crate) index: usize,
    /// Whether names mark what is removed, as in a tar.
    pub(crate) by_name: bool,
}

/// Shows every entry of a tree to `visitor`. Where it is a layer, character devices 0:0, directories
/// with a certain attribute and perhaps some names are what an overlay file system takes them for.
pub(crate) fn read_tree(
    tree: &Rooted,
    overlay: Option<OverlayLayer>,
    meter: Meter<'_>,
    visitor: &mut dyn LayerVisitor,
) -> Result<LayerRead, LayerFault> {
    let mut walk = Walk {
        tree,
        is_overlay: overlay.is_some(),
        by_name: overlay.is_some_and(|layer| layer.by_name),
        meter,
        visitor,
        entries: 0,
        notes: Notes::new(
            overlay.map(|layer| layer.index).or(Some(0)),
            meter.limits.layer_warnings,
        ),
        pending: vec![Vec::new()],
    };
    while let Some(path) = walk.pending.pop() {
        walk.directory(&path)?;
    }
    Ok(LayerRead {
        digest: None,
        diff_id: None,
        digest_state: DigestState::Declared,
        blob_bytes: 0,
        tar_bytes: 0,
        entries: walk.entries,
        warnings: walk.notes.finish(),
    })
}

struct Walk<'a> {
    tree: &'a Rooted,
    is_overlay: bool,
    by_name: bool,
    meter: Meter<'a>,
    visitor: &'a mut dyn LayerVisitor,
    entries: u64,
    notes: Notes,
    /// Directories still to be listed, the next one last.
    pending: Vec<Vec<u8>>,
}

impl Walk<'_> {
    fn directory(&mut self, path: &[u8]) -> Result<(), LayerFault> {
        let limits = self.meter.limits;
        let depth = path.iter().filter(|byte| **byte == b'/').count();
        if path.len() > limits.path_bytes || depth >= limits.path_depth {
            let allowed = limits.path_depth as u64;
            return Err(LayerFault::Limit {
                limit: "path_depth",
                allowed,
            });
        }
        let listed = self.tree.directory(path).and_then(|opened| {
            let names = names(&opened, limits.layer_entries)?;
            Ok((opened, names))
        });
        let (opened, names) = match listed {
            Ok((opened, Some(names))) => (opened, names),
            Ok((_, None)) => {
                let allowed = limits.layer_entries;
                return Err(LayerFault::Limit {
                    limit: "layer_entries",
                    allowed,
                });
            }
            Err(error) if path.is_empty() => return Err(LayerFault::Read(error)),
            Err(error) => {
                self.notes
                    .add(path, &format!("the directory cannot be read: {error}"));
                return Ok(());
            }
        };
        let is_marked = self.by_name && names.iter().any(|name| name.as_bytes() == OPAQUE);
        if is_marked || self.is_overlay && is_opaque(&opened) {
            self.show(&Entry {
                path,
                kind: EntryKind::Opaque,
                mode: 0,
            })?;
        }
        let mut below = Vec::new();
        for name in names {
            self.entries += 1;
            self.meter.entries(self.entries)?;
            let mut entry_path = path.to_vec();
            if !entry_path.is_empty() {
                entry_path.push(b'/');
            }
            entry_path.extend_from_slice(name.as_bytes());
            let mark = match self.by_name {
                true => unmark(&mut entry_path),
                false => Mark::None,
            };
            match mark {
                Mark::None => {}
                Mark::Whiteout => {
                    self.show(&Entry {
                        path: &entry_path,
                        kind: EntryKind::Whiteout,
                        mode: 0,
                    })?;
                    continue;
                }
                Mark::Opaque | Mark::Metadata => continue,
                Mark::Meaningless => {
                    let message = "a whiteout that names nothing is left out";
                    self.notes.add(&entry_path, message);
                    continue;
                }
            }
            // Gone since it was listed: as if it had never been there.
            let Ok(stat) = statat(&opened, name.as_c_str(), AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            let target;
            let kind = match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => EntryKind::File {
                    size: u64::try_from(stat.st_size).unwrap_or_default(),
                },
                FileType::Directory => {
                    below.push(entry_path.clone());
                    EntryKind::Directory
                }
                FileType::Symlink => {
                    let Ok(link) = readlinkat(&opened, name.as_c_str(), Vec::new()) else {
                        continue;
                    };
                    target = link;
                    EntryKind::Symlink {
                        target: target.as_bytes(),
                    }
                }
                FileType::CharacterDevice if self.is_overlay && stat.st_rdev == 0 => {
                    EntryKind::Whiteout
                }
                _ => EntryKind::Other,
            };
            let mode = stat.st_mode & 0o7777;
            self.show(&Entry {
                path: &entry_path,
                kind,
                mode,
            })?;
        }
        self.pending.extend(below.into_iter().rev());
        Ok(())
    }

    fn show(&mut self, entry: &Entry<'_>) -> Result<(), LayerFault> {
        let mut want = self.visitor.entry(entry);
        let EntryKind::File { size } = entry.kind else {
            return Ok(());
        };
        let unreadable = |error: io::Error| {
            let path = entry.path.escape_ascii();
            LayerFault::Read(io::Error::new(error.kind(), format!("{path}: {error}")))
        };
        let mut file = None;
        if let Want::Head(count) = want {
            let count = count.min(self.meter.limits.head_bytes) as u64;
            let opened = self.tree.file(entry.path).map_err(unreadable)?;
            let head = read(&opened, count.min(size)).map_err(unreadable)?;
            want = self.visitor.head(entry, &head);
            file = Some(opened);
        }
        let Want::Whole { limit } = want else {
            return Ok(());
        };
        let limit = limit.min(self.meter.limits.file_bytes);
        if size > limit {
            self.visitor.too_large(entry, limit);
            return Ok(());
        }
        let file = match file {
            Some(file) => file,
            None => self.tree.file(entry.path).map_err(unreadable)?,
        };
        let body = match size > self.meter.limits.spool_after {
            true => Body::Spool(spool(&file, size)?),
            false => Body::Memory(read(&file, size).map_err(unreadable)?),
        };
        self.visitor.file(entry, &body);
        Ok(())
    }
}

/// The name that says of its directory that it hides everything below it.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// Whether a directory of an overlay hides everything below it.
fn is_opaque(directory: &OwnedFd) -> bool {
    [
        "trusted.overlay.opaque",
        "user.overlay.opaque",
        "user.fuseoverlayfs.opaque",
    ]
    .iter()
    .any(|name| {
        let mut value = [0; 1];
        let length = rustix::fs::fgetxattr(directory, *name, &mut value);
        length.is_ok_and(|length| length == 1) && value == *b"y"
    })
}

/// The first bytes of a file.
fn read(file: &File, count: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from_start(file)?.take(count).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A copy that no one else can change while it is looked at.
fn spool(file: &File, size: u64) -> Result<File, LayerFault> {
    let mut spool = tempfile::tempfile().map_err(LayerFault::Spool)?;
    let mut bytes = from_start(file).map_err(LayerFault::Read)?.take(size);
    io::copy(&mut bytes, &mut spool).map_err(LayerFault::Spool)?;
    Ok(spool)
}

fn from_start(file: &File) -> io::Result<File> {
    let mut file = file.try_clone()?;
    file.rewind()?;
    Ok(file)
}

/// The sorted names of a directory; `None` when there are more than allowed.
fn names(directory: &OwnedFd, allowed: u64) -> io::Result<Option<Vec<CString>>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        if matches!(entry.file_name().to_bytes(), b"." | b"..") {
            continue;
        }
        names.push(entry.file_name().to_owned());
        if names.len() as u64 > allowed {
            return Ok(None);
        }
    }
    names.sort();
    Ok(Some(names))
}
