//! From the members of a tar to the entries a visitor sees.
//!
//! Here names become paths, marks become whiteouts, and what a visitor wants of a file is read into
//! memory or into a spool file; everything else is skipped. Buffers are used again from file to
//! file.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;

use pellucid_model::{Warning, WarningKind};

use crate::layer::input::Input;
use crate::layer::meter::Meter;
use crate::layer::path::{Mark, Place, normalise, unmark};
use crate::layer::tar::{End, Kind, Member, Piece, Tar};
use crate::{Body, Entry, EntryKind, LayerFault, LayerVisitor, Limits, Want};

/// What a walk through a tar showed.
pub(crate) struct Walked {
    pub(crate) entries: u64,
    pub(crate) end: End,
    pub(crate) warnings: Vec<Warning>,
}

/// Shows every entry of a tar to `visitor`.
pub(crate) fn walk(
    input: impl Input,
    meter: Meter<'_>,
    index: Option<usize>,
    visitor: &mut dyn LayerVisitor,
) -> Result<Walked, LayerFault> {
    let mut walk = Walk {
        tar: Tar::new(input, meter.limits),
        meter,
        visitor,
        buffer: Vec::new(),
        notes: Notes::new(index, meter.limits.layer_warnings),
    };
    let mut member = Member::default();
    let (mut path, mut target) = (Vec::new(), Vec::new());
    let mut entries = 0;
    let end = loop {
        if let Some(end) = walk.tar.next(&mut member)? {
            break end;
        }
        entries += 1;
        meter.entries(entries)?;
        walk.member(&member, &mut path, &mut target)?;
    };
    Ok(Walked {
        entries,
        end,
        warnings: walk.notes.finish(),
    })
}

struct Walk<'a, I> {
    tar: Tar<'a, I>,
    meter: Meter<'a>,
    visitor: &'a mut dyn LayerVisitor,
    buffer: Vec<u8>,
    notes: Notes,
}

impl<I: Input> Walk<'_, I> {
    fn member(
        &mut self,
        member: &Member,
        path: &mut Vec<u8>,
        target: &mut Vec<u8>,
    ) -> Result<(), LayerFault> {
        let limits = self.meter.limits;
        let Some(kind) = kind_of(member, path, target, limits, &mut self.notes)? else {
            return Ok(());
        };
        let entry = Entry {
            path,
            kind,
            mode: member.mode,
        };
        let want = self.visitor.entry(&entry);
        match kind {
            EntryKind::File { size } => self.file(member, &entry, size, want),
            _ => Ok(()),
        }
    }

    fn file(
        &mut self,
        member: &Member,
        entry: &Entry<'_>,
        size: u64,
        mut want: Want,
    ) -> Result<(), LayerFault> {
        self.buffer.clear();
        if let Want::Head(count) = want {
            let count = count.min(self.meter.limits.head_bytes) as u64;
            append(&mut self.tar, member, &mut self.buffer, count)?;
            want = self.visitor.head(entry, &self.buffer);
        }
        let Want::Whole { limit } = want else {
            return Ok(());
        };
        let limit = limit.min(self.meter.limits.file_bytes);
        if size > limit {
            self.visitor.too_large(entry, limit);
            return Ok(());
        }
        if size > self.meter.limits.spool_after {
            let body = Body::Spool(self.spool(member, size)?);
            self.visitor.file(entry, &body);
            return Ok(());
        }
        let rest = size - self.buffer.len() as u64;
        self.buffer
            .reserve_exact(usize::try_from(rest).unwrap_or_default());
        append(&mut self.tar, member, &mut self.buffer, rest)?;
        let body = Body::Memory(std::mem::take(&mut self.buffer));
        self.visitor.file(entry, &body);
        if let Body::Memory(buffer) = body {
            self.buffer = buffer;
        }
        Ok(())
    }

    /// Writes a file to disk, beginning with what is in the buffer.
    fn spool(&mut self, member: &Member, size: u64) -> Result<File, LayerFault> {
        let mut file = tempfile::tempfile().map_err(LayerFault::Spool)?;
        file.write_all(&self.buffer).map_err(LayerFault::Spool)?;
        let mut place = self.buffer.len() as u64;
        let meter = self.meter;
        self.tar.read(member, size, |piece| {
            place += match piece {
                Piece::Data(bytes) => {
                    file.write_all_at(bytes, place).map_err(LayerFault::Spool)?;
                    bytes.len() as u64
                }
                Piece::Hole(count) => count,
            };
            meter.time()
        })?;
        file.set_len(size).map_err(LayerFault::Spool)?;
        Ok(file)
    }
}

/// What an entry is to a visitor, and by which path; nothing where it is to be left out.
pub(crate) fn kind_of<'a>(
    member: &'a Member,
    path: &mut Vec<u8>,
    target: &'a mut Vec<u8>,
    limits: &Limits,
    notes: &mut Notes,
) -> Result<Option<EntryKind<'a>>, LayerFault> {
    if normalise(&member.name, path, limits)? == Place::Outside {
        notes.add(
            &member.name,
            "an entry whose name leads out of the image is left out",
        );
        return Ok(None);
    }
    let kind = match unmark(path) {
        Mark::Whiteout => EntryKind::Whiteout,
        Mark::Opaque => EntryKind::Opaque,
        Mark::Metadata => return Ok(None),
        Mark::Meaningless => {
            notes.add(path, "a whiteout that names nothing is left out");
            return Ok(None);
        }
        Mark::None => match member.kind {
            Kind::File => EntryKind::File { size: member.size },
            Kind::Directory => EntryKind::Directory,
            Kind::Symlink => {
                if member.link.len() > limits.path_bytes {
                    let allowed = limits.path_bytes as u64;
                    return Err(LayerFault::Limit {
                        limit: "path_bytes",
                        allowed,
                    });
                }
                EntryKind::Symlink {
                    target: &member.link,
                }
            }
            Kind::Hardlink => match normalise(&member.link, target, limits)? {
                Place::Inside => EntryKind::Hardlink { target },
                Place::Outside => {
                    notes.add(path, "a hard link leads out of the image");
                    EntryKind::Other
                }
            },
            Kind::Other => EntryKind::Other,
        },
    };
    if path.is_empty() && !matches!(kind, EntryKind::Directory | EntryKind::Opaque) {
        notes.add(
            &member.name,
            "an entry in place of the root directory is left out",
        );
        return Ok(None);
    }
    Ok(Some(kind))
}

fn append<I: Input>(
    tar: &mut Tar<'_, I>,
    member: &Member,
    buffer: &mut Vec<u8>,
    count: u64,
) -> Result<(), LayerFault> {
    tar.read(member, count, |piece| {
        match piece {
            Piece::Data(bytes) => buffer.extend_from_slice(bytes),
            Piece::Hole(count) => {
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                buffer.resize(buffer.len().saturating_add(count), 0);
            }
        }
        Ok(())
    })?;
    Ok(())
}

/// Warnings about one layer, up to a limit; then they are only counted.
pub(crate) struct Notes {
    layer: Option<usize>,
    allowed: usize,
    kept: Vec<Warning>,
    more: u64,
}

impl Notes {
    pub(crate) fn new(layer: Option<usize>, allowed: usize) -> Self {
        Self {
            layer,
            allowed,
            kept: Vec::new(),
            more: 0,
        }
    }

    pub(crate) fn add(&mut self, path: &[u8], message: &str) {
        if self.kept.len() >= self.allowed {
            self.more += 1;
            return;
        }
        let path = path.get(..1024).unwrap_or(path);
        self.kept.push(Warning {
            kind: WarningKind::Image,
            layer: self.layer,
            path: Some(String::from_utf8_lossy(path).into_owned()),
            line: None,
            message: message.to_owned(),
        });
    }

    pub(crate) fn finish(mut self) -> Vec<Warning> {
        if self.more > 0 {
            self.kept.push(Warning {
                kind: WarningKind::Image,
                layer: self.layer,
                path: None,
                line: None,
                message: format!("{} more warnings about this layer", self.more),
            });
        }
        self.kept
    }
}
