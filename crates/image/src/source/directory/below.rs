//! Where an overlay file system finds what a layer says was only moved.
//!
//! A directory that was renamed is an empty one with an attribute (`redirect`) that tells its former name,
//! and a file whose mode or owner was changed is one of zeros with another (`metacopy`): what is in
//! them lies in the layers below. Podman mounts its layers so as root. Source: the kernel's
//! `Documentation/filesystems/overlayfs.rst`, sections "redirect_dir" and "metadata only copy up".

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;

use rustix::fs::{AtFlags, FileType, statat};

use crate::LayerFault;
use crate::layer::meter::Meter;
use crate::rooted::Rooted;

/// The name that says of its directory that it hides everything below it.
pub(super) const OPAQUE: &[u8] = b".wh..wh..opq";

/// The longest that the kernel writes is 256.
const REDIRECT: usize = 4096;

/// A file or directory of a layer.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    pub(super) layer: usize,
    pub(super) path: Vec<u8>,
    pub(super) is_folder: bool,
}

/// A layer's trees with all those below, lowest first.
pub(super) struct Below<'a> {
    trees: &'a [Rooted],
    by_name: bool,
    meter: Meter<'a>,
    looks: u64,
    depth: usize,
}

/// Where the content of a directory or file is, if not where it stands itself.
pub(super) enum Redirect {
    /// Under another name in the same directory.
    Sibling(Vec<u8>),
    /// From the root.
    Path(Vec<u8>),
}

enum Seen {
    Nothing,
    Removed,
    Folder(bool, Option<Redirect>),
    /// A file of attributes alone.
    Attributes(Option<Redirect>),
    File,
}

impl<'a> Below<'a> {
    pub(super) fn new(trees: &'a [Rooted], by_name: bool, meter: Meter<'a>) -> Self {
        Self {
            trees,
            by_name,
            meter,
            looks: 0,
            depth: 0,
        }
    }

    pub(super) fn tree(&self, layer: usize) -> io::Result<&'a Rooted> {
        let tree = self.trees.get(layer);
        tree.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// What is at a path in the layers before `top`: directories, the highest first, that are one
    /// where they are mounted; or the file that has the content.
    pub(super) fn find(&mut self, top: usize, path: &[u8]) -> Result<Vec<Spot>, LayerFault> {
        if self.depth > self.meter.limits.link_depth {
            let allowed = self.meter.limits.link_depth as u64;
            return Err(LayerFault::Limit {
                limit: "link_depth",
                allowed,
            });
        }
        self.depth += 1;
        let mut found: Vec<Spot> = (0..top)
            .rev()
            .map(|layer| Spot {
                layer,
                path: Vec::new(),
                is_folder: true,
            })
            .collect();
        for part in path.split(|byte| *byte == b'/') {
            if !part.is_empty() {
                found = self.step(&found, part)?;
            }
        }
        self.depth -= 1;
        Ok(found)
    }

    /// What a name is in a directory of several layers.
    pub(super) fn step(&mut self, folders: &[Spot], name: &[u8]) -> Result<Vec<Spot>, LayerFault> {
        let mut found: Vec<Spot> = Vec::new();
        let mut wants_content = false;
        let mut name = name.to_vec();
        for folder in folders.iter().filter(|folder| folder.is_folder) {
            let path = joined(&folder.path, &name);
            let spot = |is_folder| Spot {
                layer: folder.layer,
                path: path.clone(),
                is_folder,
            };
            let redirect = match self.look(folder, &name)? {
                Seen::Nothing => continue,
                Seen::Removed => break,
                Seen::Folder(..) if wants_content => break,
                Seen::File | Seen::Attributes(_) if !found.is_empty() => break,
                Seen::File => {
                    found.push(spot(false));
                    break;
                }
                Seen::Attributes(redirect) => {
                    wants_content = true;
                    redirect
                }
                Seen::Folder(is_opaque, redirect) => {
                    found.push(spot(true));
                    if is_opaque {
                        break;
                    }
                    redirect
                }
            };
            match redirect {
                None => {}
                Some(Redirect::Sibling(other)) => name = other,
                Some(Redirect::Path(path)) => {
                    let others = self.find(folder.layer, &path)?;
                    found.extend(
                        others
                            .into_iter()
                            .filter(|one| one.is_folder != wants_content),
                    );
                    break;
                }
            }
        }
        Ok(found)
    }

    fn look(&mut self, folder: &Spot, name: &[u8]) -> Result<Seen, LayerFault> {
        self.looks += 1;
        if self.looks > self.meter.limits.layer_entries {
            let allowed = self.meter.limits.layer_entries;
            return Err(LayerFault::Limit {
                limit: "layer_entries",
                allowed,
            });
        }
        self.meter.time()?;
        self.seen(folder, name).map_err(LayerFault::Read)
    }

    fn seen(&self, folder: &Spot, name: &[u8]) -> io::Result<Seen> {
        let tree = self.tree(folder.layer)?;
        let parent = tree.directory(&folder.path)?;
        let stat = |name: &[u8]| {
            let stat = statat(&parent, OsStr::from_bytes(name), AtFlags::SYMLINK_NOFOLLOW);
            match stat {
                Ok(stat) => Ok(Some(stat)),
                Err(rustix::io::Errno::NOENT) => Ok(None),
                Err(error) => Err(io::Error::from(error)),
            }
        };
        if self.by_name && stat(&[b".wh.", name].concat())?.is_some() {
            return Ok(Seen::Removed);
        }
        let Some(stat) = stat(name)? else {
            return Ok(Seen::Nothing);
        };
        let path = joined(&folder.path, name);
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                let opened = tree.directory(&path)?;
                let marked = statat(
                    &opened,
                    OsStr::from_bytes(OPAQUE),
                    AtFlags::SYMLINK_NOFOLLOW,
                );
                let is_opaque = is_opaque(&opened) || self.by_name && marked.is_ok();
                Seen::Folder(is_opaque, redirect(&opened)?)
            }
            FileType::RegularFile => {
                let file = tree.file(&path)?;
                match is_attributes(&file) {
                    true => Seen::Attributes(redirect(&file)?),
                    false => Seen::File,
                }
            }
            FileType::CharacterDevice if stat.st_rdev == 0 => Seen::Removed,
            _ => Seen::File,
        })
    }

    /// The file with the content of one that has attributes alone, if there is one; `parent` is what lies
    /// below its directory.
    pub(super) fn content(
        &mut self,
        layer: usize,
        parent: &[Spot],
        name: &[u8],
        file: &File,
    ) -> Result<File, LayerFault> {
        let found = match redirect(file).map_err(LayerFault::Read)? {
            Some(Redirect::Path(path)) => self.find(layer, &path)?,
            Some(Redirect::Sibling(other)) => self.step(parent, &other)?,
            None => self.step(parent, name)?,
        };
        let missing = || {
            let text = "what is in it lies in no layer below";
            LayerFault::Read(io::Error::new(io::ErrorKind::NotFound, text))
        };
        let spot = found.first().filter(|spot| !spot.is_folder);
        let spot = spot.ok_or_else(missing)?;
        let tree = self.tree(spot.layer).map_err(LayerFault::Read)?;
        tree.file(&spot.path).map_err(LayerFault::Read)
    }
}

pub(super) fn joined(folder: &[u8], name: &[u8]) -> Vec<u8> {
    match folder.is_empty() {
        true => name.to_vec(),
        false => [folder, b"/", name].concat(),
    }
}

/// Whether a directory of an overlay hides everything below it.
pub(super) fn is_opaque(directory: impl AsFd) -> bool {
    [
        "trusted.overlay.opaque",
        "user.overlay.opaque",
        "user.fuseoverlayfs.opaque",
    ]
    .iter()
    .any(|name| {
        let mut value = [0; 1];
        let length = rustix::fs::fgetxattr(&directory, *name, &mut value);
        length.is_ok_and(|length| length == 1) && value == *b"y"
    })
}

/// Whether a file has attributes alone, and its content lies below.
pub(super) fn is_attributes(file: impl AsFd) -> bool {
    ["trusted.overlay.metacopy", "user.overlay.metacopy"]
        .iter()
        .any(|name| {
            let mut value = [0; 256];
            rustix::fs::fgetxattr(&file, *name, &mut value).is_ok()
        })
}

/// Where the content is, if it is elsewhere.
pub(super) fn redirect(file: impl AsFd) -> io::Result<Option<Redirect>> {
    for name in ["trusted.overlay.redirect", "user.overlay.redirect"] {
        let mut value = [0; REDIRECT];
        let length = match rustix::fs::fgetxattr(&file, name, &mut value) {
            Ok(length) => length,
            Err(rustix::io::Errno::RANGE) => return Err(io::ErrorKind::InvalidData.into()),
            Err(_) => continue,
        };
        let value = value.get(..length).unwrap_or_default();
        let is_odd = |part: &[u8]| matches!(part, b"." | b"..");
        if value.is_empty() || value.split(|byte| *byte == b'/').any(is_odd) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        return match value.strip_prefix(b"/") {
            Some(path) => Ok(Some(Redirect::Path(path.to_vec()))),
            None if value.contains(&b'/') => Err(io::ErrorKind::InvalidData.into()),
            None => Ok(Some(Redirect::Sibling(value.to_vec()))),
        };
    }
    Ok(None)
}
