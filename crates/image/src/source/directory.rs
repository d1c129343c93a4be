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
//! lies below, and what was only [moved](below) is shown where it is now.
//!
//! Not here: mount points (whatever is mounted in the tree belongs to it), hard links (each name is
//! a file of its own), in a root file system whiteouts (a file's name means nothing there).

mod below;

use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::fd::OwnedFd;
use std::rc::Rc;

use pellucid_model::{DigestState, Image, Layer, Platform};
use rustix::fs::{AtFlags, Dir, FileType, readlinkat, statat};

use crate::layer::meter::Meter;
use crate::layer::path::{Mark, unmark};
use crate::layer::walk::Notes;
use crate::rooted::Rooted;
use crate::source::{self, Asked, Bytes, Found, Layers, Opened};
use crate::{
    Body, Entry, EntryKind, Expected, ImageError, LayerFault, LayerRead, LayerVisitor, OpenOptions,
    Want,
};
use below::{Below, OPAQUE, Redirect, Spot, is_attributes, is_opaque, joined, redirect};

/// The `dir:` source.
pub(crate) struct Directory;

impl source::Source for Directory {
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

/// Shows every entry of a tree to `visitor`: the last of `trees`. Where it is a layer, the others are those
/// below it, and character devices 0:0, files and directories with certain attributes and perhaps some
/// names are what an overlay file system takes them for.
pub(crate) fn read_tree(
    trees: &[Rooted],
    overlay: Option<OverlayLayer>,
    meter: Meter<'_>,
    visitor: &mut dyn LayerVisitor,
) -> Result<LayerRead, LayerFault> {
    let by_name = overlay.is_some_and(|layer| layer.by_name);
    let Some(tree) = trees.last() else {
        return Err(LayerFault::Read(io::ErrorKind::NotFound.into()));
    };
    let mut walk = Walk {
        tree,
        layer: trees.len() - 1,
        below: Below::new(trees, by_name, meter),
        is_overlay: overlay.is_some(),
        by_name,
        meter,
        visitor,
        entries: 0,
        notes: Notes::new(
            overlay.map(|layer| layer.index).or(Some(0)),
            meter.limits.layer_warnings,
        ),
        pending: vec![Pending {
            path: Vec::new(),
            place: Place::Own(None),
        }],
    };
    while let Some(pending) = walk.pending.pop() {
        walk.directory(&pending)?;
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
    layer: usize,
    below: Below<'a>,
    is_overlay: bool,
    by_name: bool,
    meter: Meter<'a>,
    visitor: &'a mut dyn LayerVisitor,
    entries: u64,
    notes: Notes,
    /// Directories still to be listed, the next one last.
    pending: Vec<Pending>,
}

/// What a directory is in the layers below, where that is not at its own path.
type Moved = Option<Rc<Vec<Spot>>>;

/// What a directory is in the layers below, and the names that are something else in its own.
type Rest = (Rc<Vec<Spot>>, BTreeSet<Vec<u8>>);

/// A directory that is to be listed.
struct Pending {
    path: Vec<u8>,
    place: Place,
}

enum Place {
    /// It is in the tree, below a directory that was moved or not.
    Own(Moved),
    /// It came along with a directory that was moved.
    Below(Rc<Vec<Spot>>),
}

/// Where a file is.
enum Source<'s> {
    Own(&'s Moved),
    Below(&'s Spot),
}

impl Walk<'_> {
    fn directory(&mut self, pending: &Pending) -> Result<(), LayerFault> {
        let (limits, path) = (self.meter.limits, pending.path.as_slice());
        let depth = path.iter().filter(|byte| **byte == b'/').count();
        if path.len() > limits.path_bytes || depth >= limits.path_depth {
            let allowed = limits.path_depth as u64;
            return Err(LayerFault::Limit {
                limit: "path_depth",
                allowed,
            });
        }
        let mut next = Vec::new();
        match &pending.place {
            Place::Own(parent) => {
                if let Some((spots, shadowed)) = self.own(path, parent, &mut next)? {
                    self.moved(path, &spots, &shadowed, &mut next)?;
                }
            }
            Place::Below(spots) => self.moved(path, spots, &BTreeSet::new(), &mut next)?,
        }
        self.pending.extend(next.into_iter().rev());
        Ok(())
    }

    /// The names in a directory; nothing where it cannot be listed, which is said.
    fn listed(
        &mut self,
        tree: &Rooted,
        place: &[u8],
        path: &[u8],
    ) -> Result<Option<(OwnedFd, Vec<CString>)>, LayerFault> {
        let allowed = self.meter.limits.layer_entries;
        let listed = tree.directory(place).and_then(|opened| {
            let names = names(&opened, allowed)?;
            Ok((opened, names))
        });
        match listed {
            Ok((opened, Some(names))) => Ok(Some((opened, names))),
            Ok((_, None)) => Err(LayerFault::Limit {
                limit: "layer_entries",
                allowed,
            }),
            Err(error) if path.is_empty() => Err(LayerFault::Read(error)),
            Err(error) => {
                self.notes
                    .add(path, &format!("the directory cannot be read: {error}"));
                Ok(None)
            }
        }
    }

    /// Shows what is in a directory of the tree. Where it was moved, what is left to show.
    fn own(
        &mut self,
        path: &[u8],
        parent: &Moved,
        next: &mut Vec<Pending>,
    ) -> Result<Option<Rest>, LayerFault> {
        let Some((opened, names)) = self.listed(self.tree, path, path)? else {
            return Ok(None);
        };
        let is_marked = self.by_name && names.iter().any(|name| name.as_bytes() == OPAQUE);
        let is_opaque = is_marked || self.is_overlay && is_opaque(&opened);
        let moved_from = match self.is_overlay && !path.is_empty() {
            true => redirect(&opened).map_err(|error| unreadable(path, &error))?,
            false => None,
        };
        // What was at this path before is another directory.
        if is_opaque || moved_from.is_some() {
            let kind = EntryKind::Opaque;
            self.show(
                &Entry {
                    path,
                    kind,
                    mode: 0,
                },
                &Source::Own(parent),
            )?;
        }
        let (_, own_name) = split(path);
        let moved = match (is_opaque, moved_from, parent) {
            (true, _, _) => parent.as_ref().map(|_| Vec::new()),
            (false, Some(Redirect::Path(from)), _) => Some(self.below.find(self.layer, &from)?),
            (false, Some(Redirect::Sibling(name)), parent) => {
                let folders = self.below_parent(path, parent)?;
                Some(self.below.step(&folders, &name)?)
            }
            (false, None, Some(parent)) => Some(self.below.step(parent, own_name)?),
            (false, None, None) => None,
        };
        let moved = moved.map(|mut spots| {
            spots.retain(|spot| spot.is_folder);
            Rc::new(spots)
        });
        let mut shadowed = BTreeSet::new();
        for name in names {
            self.entries += 1;
            self.meter.entries(self.entries)?;
            let mut entry_path = joined(path, name.as_bytes());
            let mark = match self.by_name {
                true => unmark(&mut entry_path),
                false => Mark::None,
            };
            if moved.is_some() {
                shadowed.insert(split(&entry_path).1.to_vec());
            }
            match mark {
                Mark::None => {}
                Mark::Whiteout => {
                    let entry = Entry {
                        path: &entry_path,
                        kind: EntryKind::Whiteout,
                        mode: 0,
                    };
                    self.show(&entry, &Source::Own(&moved))?;
                    continue;
                }
                Mark::Opaque | Mark::Metadata => continue,
                Mark::Meaningless => {
                    let message = "a whiteout that names nothing is left out";
                    self.notes.add(&entry_path, message);
                    continue;
                }
            }
            if self.entry(&opened, &name, &entry_path, &Source::Own(&moved))? {
                next.push(Pending {
                    path: entry_path,
                    place: Place::Own(moved.clone()),
                });
            }
        }
        Ok(moved.map(|spots| (spots, shadowed)))
    }

    /// Shows what came along with a directory that was moved.
    fn moved(
        &mut self,
        path: &[u8],
        spots: &[Spot],
        shadowed: &BTreeSet<Vec<u8>>,
        next: &mut Vec<Pending>,
    ) -> Result<(), LayerFault> {
        let mut all = BTreeSet::new();
        for spot in spots {
            let tree = self.below.tree(spot.layer).map_err(LayerFault::Read)?;
            let listed = self.listed(tree, &spot.path, path)?;
            let names = listed.into_iter().flat_map(|(_, names)| names);
            let is_mark = |name: &CString| self.by_name && name.as_bytes().starts_with(b".wh.");
            all.extend(names.filter(|name| !is_mark(name) && !shadowed.contains(name.as_bytes())));
        }
        for name in all {
            self.entries += 1;
            self.meter.entries(self.entries)?;
            let found = self.below.step(spots, name.as_bytes())?;
            let Some(first) = found.first() else { continue };
            let entry_path = joined(path, name.as_bytes());
            let tree = self.below.tree(first.layer).map_err(LayerFault::Read)?;
            let (folder, own_name) = split(&first.path);
            let opened = tree
                .directory(folder)
                .map_err(|e| unreadable(&entry_path, &e))?;
            let Ok(own_name) = CString::new(own_name) else {
                continue;
            };
            if self.entry(&opened, &own_name, &entry_path, &Source::Below(first))? {
                next.push(Pending {
                    path: entry_path,
                    place: Place::Below(Rc::new(found)),
                });
            }
        }
        Ok(())
    }

    /// Shows one entry; whether it is a directory.
    fn entry(
        &mut self,
        folder: &OwnedFd,
        name: &CStr,
        path: &[u8],
        source: &Source<'_>,
    ) -> Result<bool, LayerFault> {
        // Gone since it was listed: as if it had never been there.
        let Ok(stat) = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) else {
            return Ok(false);
        };
        let target;
        let mut is_folder = false;
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => EntryKind::File {
                size: u64::try_from(stat.st_size).unwrap_or_default(),
            },
            FileType::Directory => {
                is_folder = true;
                EntryKind::Directory
            }
            FileType::Symlink => {
                let Ok(link) = readlinkat(folder, name, Vec::new()) else {
                    return Ok(false);
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
        self.show(&Entry { path, kind, mode }, source)?;
        Ok(is_folder)
    }

    /// What lies below the directory of a path.
    fn below_parent(&mut self, path: &[u8], parent: &Moved) -> Result<Vec<Spot>, LayerFault> {
        match parent {
            Some(spots) => Ok(spots.to_vec()),
            None => self.below.find(self.layer, split(path).0),
        }
    }

    /// Opens the content of a file.
    fn open(&mut self, path: &[u8], source: &Source<'_>) -> Result<File, LayerFault> {
        let parent = match source {
            Source::Below(spot) => {
                let tree = self.below.tree(spot.layer);
                let file = tree.and_then(|tree| tree.file(&spot.path));
                return file.map_err(|error| unreadable(path, &error));
            }
            Source::Own(parent) => parent,
        };
        let file = self.tree.file(path).map_err(|e| unreadable(path, &e))?;
        if !self.is_overlay || !is_attributes(&file) {
            return Ok(file);
        }
        let folders = self.below_parent(path, parent)?;
        let content = self
            .below
            .content(self.layer, &folders, split(path).1, &file);
        content.map_err(|fault| match fault {
            LayerFault::Read(error) => unreadable(path, &error),
            other => other,
        })
    }

    fn show(&mut self, entry: &Entry<'_>, source: &Source<'_>) -> Result<(), LayerFault> {
        let mut want = self.visitor.entry(entry);
        let EntryKind::File { size } = entry.kind else {
            return Ok(());
        };
        let mut file = None;
        if let Want::Head(count) = want {
            let count = count.min(self.meter.limits.head_bytes) as u64;
            let opened = self.open(entry.path, source)?;
            let head = read(&opened, count.min(size)).map_err(|e| unreadable(entry.path, &e))?;
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
            None => self.open(entry.path, source)?,
        };
        let body = match size > self.meter.limits.spool_after {
            true => Body::Spool(spool(&file, size)?),
            false => Body::Memory(read(&file, size).map_err(|e| unreadable(entry.path, &e))?),
        };
        self.visitor.file(entry, &body);
        Ok(())
    }
}

fn unreadable(path: &[u8], error: &io::Error) -> LayerFault {
    let path = path.escape_ascii();
    LayerFault::Read(io::Error::new(error.kind(), format!("{path}: {error}")))
}

/// The directory of a path, and its last part.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let slash = path.iter().rposition(|byte| *byte == b'/');
    match slash.and_then(|slash| path.split_at_checked(slash)) {
        Some((folder, name)) => (folder, name.strip_prefix(b"/").unwrap_or(name)),
        None => (b"", path),
    }
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
