//! The tar format, as container engines read it.
//!
//! Engines use Go's `archive/tar`, so where readers differ this one does as Go does; what Go
//! refuses is an error here, because no engine would unpack it. Facts that surprise:
//! - A member is preceded by any number of members that only describe it: `L` and `K` (GNU long
//!   name and link), `x` (PAX). A PAX `size` replaces the header's, whatever that says; the
//!   opposite reading hides files from one of two readers (RUSTSEC-2026-0067, -0068).
//! - Types that carry no data (links, directories, devices) have none even if their header gives a
//!   size.
//! - The end is two blocks of zeros. Go also takes a clean end of the file after a member; so does
//!   this reader, but it tells ([`End::Unmarked`]), for a tar cut between two members looks the same.
//! - Sparse files come in four forms, see [`sparse`].
//! - `g` (PAX global) is read for its form and not applied: engines ignore it.
//!
//! Not here: what names mean ([`path`](super::path)), owners, times, extended attributes.

mod header;
mod pax;
mod sparse;

use crate::layer::input::Input;
use crate::{LayerFault, Limits};
use header::{Header, is_zero};
use pax::Pax;
use sparse::Segment;

pub(crate) const BLOCK: usize = 512;

/// One member of a tar: its header with all that was said before it.
#[derive(Debug, Default)]
pub(crate) struct Member {
    /// As written.
    pub(crate) name: Vec<u8>,
    /// As written.
    pub(crate) link: Vec<u8>,
    pub(crate) kind: Kind,
    /// Bytes when expanded.
    pub(crate) size: u64,
    pub(crate) mode: u32,
    /// Where the header is.
    pub(crate) offset: u64,
    /// Where the data is.
    pub(crate) data: u64,
    /// The parts that are there, of a sparse file.
    pub(crate) sparse: Option<Vec<Segment>>,
}

/// What a member is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    File,
    Directory,
    Symlink,
    Hardlink,
    Other,
}

/// How a tar ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With blocks of zeros.
    Marked,
    /// With its last member.
    Unmarked,
}

/// Some bytes of a member.
pub(crate) enum Piece<'a> {
    Data(&'a [u8]),
    /// So many zeros.
    Hole(u64),
}

/// Reads a tar.
pub(crate) struct Tar<'a, I> {
    input: I,
    limits: &'a Limits,
    /// Bytes of the current member's data still to come.
    data: u64,
    /// Bytes after the data, up to the next block.
    padding: u64,
    /// Place in the expanded member.
    place: u64,
    segment: usize,
    block: [u8; BLOCK],
    extension: Vec<u8>,
    pax: Pax,
}

impl<'a, I: Input> Tar<'a, I> {
    pub(crate) fn new(input: I, limits: &'a Limits) -> Self {
        Self {
            input,
            limits,
            data: 0,
            padding: 0,
            place: 0,
            segment: 0,
            block: [0; BLOCK],
            extension: Vec::new(),
            pax: Pax::default(),
        }
    }

    /// Goes to the next member, past what was not read of the current one.
    pub(crate) fn next(&mut self, member: &mut Member) -> Result<Option<End>, LayerFault> {
        let mut described = Described::default();
        self.pax.clear();
        loop {
            if !self.leave()? || !self.block()? {
                return match described.any {
                    false => Ok(Some(End::Unmarked)),
                    true => Err(self.truncated()),
                };
            }
            let offset = self.input.offset() - BLOCK as u64;
            let fault = |reason| LayerFault::Tar { offset, reason };
            if is_zero(&self.block) {
                if self.block()? && !is_zero(&self.block) {
                    return Err(fault("a block of zeros is followed by data"));
                }
                return match described.any {
                    false => Ok(Some(End::Marked)),
                    true => Err(fault("an extended header describes no member")),
                };
            }
            let block = self.block;
            let header = Header::parse(&block).map_err(fault)?;
            match header.kind {
                kind @ (b'L' | b'K' | b'x' | b'g') => {
                    self.extension(header.size, &mut described.bytes)?;
                    described.any = true;
                    match kind {
                        b'L' => described.long_name = Some(until_nul(&self.extension).to_vec()),
                        b'K' => described.long_link = Some(until_nul(&self.extension).to_vec()),
                        b'x' => self.pax.parse(&self.extension).map_err(fault)?,
                        _ => {
                            Pax::default().parse(&self.extension).map_err(fault)?;
                            described.any = described.long_name.is_some()
                                || described.long_link.is_some()
                                || !self.pax.is_empty();
                        }
                    }
                }
                _ => {
                    member.offset = offset;
                    self.describe(&header, described, member)?;
                    return Ok(None);
                }
            }
        }
    }

    /// Shows up to `max` more bytes of the member to `sink`; returns how many, fewer only at the
    /// member's end.
    pub(crate) fn read(
        &mut self,
        member: &Member,
        max: u64,
        mut sink: impl FnMut(Piece<'_>) -> Result<(), LayerFault>,
    ) -> Result<u64, LayerFault> {
        let mut left = max.min(member.size.saturating_sub(self.place));
        let wanted = left;
        while left > 0 {
            let (hole, run) = match &member.sparse {
                None => (false, left),
                Some(segments) => sparse::run(segments, &mut self.segment, self.place),
            };
            let run = run.min(left);
            let count = if hole {
                sink(Piece::Hole(run))?;
                run
            } else {
                let there = self.input.fill()?;
                let run = usize::try_from(run).unwrap_or(usize::MAX);
                let piece = there.get(..run).unwrap_or(there);
                if piece.is_empty() {
                    return Err(self.truncated());
                }
                sink(Piece::Data(piece))?;
                let count = piece.len();
                self.input.consume(count);
                self.data -= count as u64;
                count as u64
            };
            self.place += count;
            left -= count;
        }
        Ok(wanted)
    }

    fn describe(
        &mut self,
        header: &Header<'_>,
        described: Described,
        member: &mut Member,
    ) -> Result<(), LayerFault> {
        let Described {
            long_name,
            long_link,
            mut bytes,
            ..
        } = described;
        let offset = member.offset;
        let fault = |reason| LayerFault::Tar { offset, reason };
        let size = self.pax.size.unwrap_or(header.size);
        member.mode = header.mode;
        member.sparse = None;
        member.name.clear();
        header.name(&mut member.name);
        member.link.clear();
        member.link.extend_from_slice(header.link);
        let kind = header.kind;
        for (said, to) in [
            (&self.pax.path, &mut member.name),
            (&self.pax.link, &mut member.link),
        ] {
            if let Some(said) = said {
                to.clone_from(said);
            }
        }
        for (said, to) in [(long_name, &mut member.name), (long_link, &mut member.link)] {
            if let Some(said) = said.filter(|said| !said.is_empty()) {
                *to = said;
            }
        }
        member.kind = match kind {
            0 if member.name.last() == Some(&b'/') => Kind::Directory,
            0 | b'0' | b'7' | b'S' => Kind::File,
            b'1' => Kind::Hardlink,
            b'2' => Kind::Symlink,
            b'5' => Kind::Directory,
            _ => Kind::Other,
        };
        // Types that the standard defines without data have none; unknown ones may.
        let bodiless = matches!(kind, b'1'..=b'6') || member.kind == Kind::Directory;
        self.data = if bodiless { 0 } else { size };
        self.padding = self.data.wrapping_neg() % BLOCK as u64;
        self.place = 0;
        self.segment = 0;
        member.size = self.data;

        if kind == b'S' {
            let (mut map, mut more) = header.sparse().map_err(fault)?;
            while more {
                self.charge(BLOCK as u64, &mut bytes)?;
                if !self.block()? {
                    return Err(self.truncated());
                }
                more = map.extend(&self.block).map_err(fault)?;
            }
            member.size = map.size;
            member.sparse = Some(map.segments);
        } else if let Some(form) = self.pax.sparse_form() {
            if bodiless {
                return Err(fault("a sparse map on a member without data"));
            }
            if let Some(name) = self
                .pax
                .sparse_name
                .as_ref()
                .filter(|name| !name.is_empty())
            {
                member.name.clone_from(name);
            }
            member.size = self.pax.sparse_size().unwrap_or(member.size);
            member.sparse = Some(match form {
                pax::SparseForm::Records => self.pax.sparse_map().map_err(fault)?,
                pax::SparseForm::Data => self.sparse_map_in_data(offset, &mut bytes)?,
            });
        }
        if let Some(segments) = &member.sparse {
            sparse::check(segments, member.size, self.data).map_err(fault)?;
        }
        member.data = self.input.offset();
        Ok(())
    }

    /// The map of PAX sparse 1.0: decimal lines in the first blocks of the data.
    fn sparse_map_in_data(
        &mut self,
        offset: u64,
        bytes: &mut u64,
    ) -> Result<Vec<Segment>, LayerFault> {
        let fault = |reason| LayerFault::Tar { offset, reason };
        let mut map = sparse::Lines::default();
        while !map.done() {
            self.charge(BLOCK as u64, bytes)?;
            self.data = self
                .data
                .checked_sub(BLOCK as u64)
                .ok_or_else(|| fault("a sparse map is larger than its member"))?;
            if !self.block()? {
                return Err(self.truncated());
            }
            map.block(&self.block).map_err(fault)?;
        }
        Ok(map.segments)
    }

    /// Reads the data of a member that describes another one.
    fn extension(&mut self, size: u64, bytes: &mut u64) -> Result<(), LayerFault> {
        self.charge(size.saturating_add(BLOCK as u64), bytes)?;
        self.extension.clear();
        let mut left = usize::try_from(size).unwrap_or(usize::MAX);
        while left > 0 {
            let there = self.input.fill()?;
            let piece = there.get(..left).unwrap_or(there);
            if piece.is_empty() {
                return Err(self.truncated());
            }
            self.extension.extend_from_slice(piece);
            let count = piece.len();
            self.input.consume(count);
            left -= count;
        }
        self.data = 0;
        self.padding = size.wrapping_neg() % BLOCK as u64;
        Ok(())
    }

    /// Counts bytes of extended headers against their limit.
    fn charge(&self, more: u64, bytes: &mut u64) -> Result<(), LayerFault> {
        *bytes = bytes.saturating_add(more);
        let allowed = self.limits.header_bytes;
        match *bytes > allowed {
            true => Err(LayerFault::Limit {
                limit: "header_bytes",
                allowed,
            }),
            false => Ok(()),
        }
    }

    /// Leaves the current member; `false` where the tar ends in the padding after its data.
    fn leave(&mut self) -> Result<bool, LayerFault> {
        let data = std::mem::take(&mut self.data);
        if self.input.skip(data)? < data {
            return Err(self.truncated());
        }
        let padding = std::mem::take(&mut self.padding);
        Ok(self.input.skip(padding)? == padding)
    }

    /// Reads a block; `false` at the end.
    fn block(&mut self) -> Result<bool, LayerFault> {
        let mut filled = 0;
        while let Some(rest) = self.block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let there = self.input.fill()?;
            let count = there.len().min(rest.len());
            if count == 0 {
                return match filled {
                    0 => Ok(false),
                    _ => Err(self.truncated()),
                };
            }
            if let (Some(to), Some(from)) = (rest.get_mut(..count), there.get(..count)) {
                to.copy_from_slice(from);
            }
            self.input.consume(count);
            filled += count;
        }
        Ok(true)
    }

    fn truncated(&self) -> LayerFault {
        LayerFault::Truncated {
            offset: self.input.offset(),
        }
    }
}

/// What came before a member.
#[derive(Default)]
struct Described {
    any: bool,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
    bytes: u64,
}

/// The bytes before the first NUL.
pub(crate) fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}
