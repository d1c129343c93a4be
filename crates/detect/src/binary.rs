//! Executable files: ELF, PE and Mach-O, as far as sections are found by name and addresses in the
//! file.
//!
//! Written by hand because records inside binaries need just that, and need it by position: a
//! binary of 300 MB is never in memory. Tables are read in one piece under a limit; what points
//! outside of the file is left out. Not here: symbols, relocations, debug information.

mod elf;
mod macho;
mod pe;

use pellucid_image::Want;

use crate::DetectError;
use crate::detector::Candidate;
use crate::region::Region;

/// Largest executable that is looked into.
pub(crate) const LIMIT: u64 = 1 << 30;

/// Bytes of a file that tell whether it is an executable.
pub(crate) const HEAD: usize = 64;

/// Sections that anyone asks for.
const NAMES: &[&[u8]] = &[b".go.buildinfo", b"__go_buildinfo", b".dep-v0"];

/// Segments of one file that are looked at.
const SEGMENTS: usize = 1024;

/// An executable file.
#[derive(Debug)]
pub(crate) struct Binary<'a> {
    /// The file; for a Mach-O file of several architectures the first one's part.
    pub(crate) file: Region<'a>,
    sections: Vec<Section>,
    segments: Vec<Segment>,
    /// Whether its tables, or a section that is asked for, lie beyond the file's end.
    pub(crate) cut: bool,
}

/// A section with one of the names that anyone asks for.
#[derive(Clone, Copy, Debug)]
struct Section {
    name: &'static [u8],
    offset: u64,
    size: u64,
}

/// A part of the file that is loaded to an address.
#[derive(Clone, Copy, Debug)]
struct Segment {
    address: u64,
    offset: u64,
    size: u64,
    /// Whether a program may write there and not execute it.
    data: bool,
}

impl<'a> Binary<'a> {
    /// Reads the tables of an executable; `None` where the file is none.
    pub(crate) fn open(file: Region<'a>) -> Result<Option<Self>, DetectError> {
        let Some(magic) = file.array::<4>(0)? else {
            return Ok(None);
        };
        match magic {
            elf::MAGIC => elf::read(file),
            [b'M', b'Z', ..] => pe::read(file),
            _ => macho::read(file, magic),
        }
    }

    /// The section of this name: its place in the file and its size.
    pub(crate) fn section(&self, name: &[u8]) -> Option<(u64, u64)> {
        self.sections
            .iter()
            .find(|section| section.name == name)
            .map(|section| (section.offset, section.size))
    }

    /// The first part that the program's variables are loaded from: place and size.
    pub(crate) fn data(&self) -> Option<(u64, u64)> {
        self.segments
            .iter()
            .find(|segment| segment.data && segment.size > 0)
            .map(|segment| (segment.offset, segment.size))
    }

    /// Place in the file of what is loaded to an address.
    pub(crate) fn place(&self, address: u64) -> Option<u64> {
        self.segments.iter().find_map(|segment| {
            let into = address.checked_sub(segment.address)?;
            (into < segment.size).then(|| segment.offset.checked_add(into))?
        })
    }

    fn add_section(&mut self, name: &[u8], offset: u64, size: u64) {
        let Some(name) = NAMES.iter().find(|known| **known == name) else {
            return;
        };
        if self.file.part(offset, size).is_none() {
            self.cut = true;
        } else if self.section(name).is_none() {
            self.sections.push(Section { name, offset, size });
        }
    }

    fn add_segment(&mut self, segment: Segment) {
        if self.segments.len() < SEGMENTS {
            self.segments.push(segment);
        }
    }
}

/// How much of an entry a detector of executables wants: those that are set to be executed are
/// sniffed at.
pub(crate) fn wants(candidate: &Candidate<'_>) -> Want {
    let small = candidate.size.is_some_and(|size| size < 512);
    if small || !may_be_executable(candidate) {
        Want::Skip
    } else {
        Want::Head(HEAD)
    }
}

/// What it wants after seeing the file's beginning.
pub(crate) fn head(head: &[u8]) -> Want {
    let executable = match head {
        [0x7f, b'E', b'L', b'F', _, order, ..] => {
            // Programs and shared objects; not object files, not kernel modules.
            let kind = head.get(16..18).unwrap_or_default();
            match order {
                2 => matches!(kind, [0, 2 | 3]),
                _ => matches!(kind, [2 | 3, 0]),
            }
        }
        [b'M', b'Z', ..] => true,
        _ => macho::is_magic(head),
    };
    if executable {
        Want::Whole { limit: LIMIT }
    } else {
        Want::Skip
    }
}

/// Told by mode and name alone. Shared objects of the system's library folders are C's: reading
/// each of them would cost more than all else.
fn may_be_executable(candidate: &Candidate<'_>) -> bool {
    let name = candidate.name();
    let known_mode = candidate.size.is_some();
    if known_mode && candidate.mode & 0o111 == 0 && !has_extension(name, b"exe") {
        return false;
    }
    let library = has_extension(name, b"so") || name.windows(4).any(|part| part == b".so.");
    let place = candidate.folder();
    let system = [
        &b"lib"[..],
        b"lib64",
        b"usr/lib",
        b"usr/lib64",
        b"usr/share",
        b"etc",
        b"var/lib",
    ]
    .iter()
    .any(|folder| crate::path::below(place, folder).is_some() || place == *folder);
    if library {
        return !system && known_mode;
    }
    let text = match name.iter().rposition(|byte| *byte == b'.') {
        None | Some(0) => false,
        Some(at) => name.get(at + 1..).is_some_and(|extension| {
            TEXTS
                .iter()
                .any(|text| extension.eq_ignore_ascii_case(text))
        }),
    };
    if text {
        return false;
    }
    // Only a path is known, of a file in a package's list: few of those are programs.
    known_mode || !system || place.ends_with(b"/bin") || {
        place.starts_with(b"usr/lib/") && !name.contains(&b'.')
    }
}

/// Extensions of scripts and data that are often set to be executed.
const TEXTS: &[&[u8]] = &[
    b"sh", b"py", b"pl", b"pm", b"rb", b"js", b"ts", b"php", b"lua", b"tcl", b"awk", b"bat",
    b"cmd", b"ps1", b"json", b"yml", b"yaml", b"xml", b"html", b"css", b"txt", b"md", b"h", b"c",
    b"jar", b"class", b"conf", b"cfg", b"png", b"svg", b"gif", b"jpg", b"gz", b"ttf", b"map",
    b"ko", b"o", b"a", b"la",
];

fn has_extension(name: &[u8], extension: &[u8]) -> bool {
    name.len()
        .checked_sub(extension.len())
        .and_then(|at| name.split_at_checked(at))
        .is_some_and(|(stem, end)| {
            end.eq_ignore_ascii_case(extension) && stem.len() > 1 && stem.ends_with(b".")
        })
}

/// Numbers of a table in the file's byte order.
#[derive(Clone, Copy)]
struct Numbers<'t> {
    bytes: &'t [u8],
    big: bool,
}

impl Numbers<'_> {
    fn u16(&self, at: usize) -> Option<u16> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.big {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.big {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }

    fn u64(&self, at: usize) -> Option<u64> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.big {
            u64::from_be_bytes(bytes)
        } else {
            u64::from_le_bytes(bytes)
        })
    }

    /// A number of eight bytes at `at` in a wide file, of four bytes at `narrow` in another.
    fn word(&self, wide: bool, at: usize, narrow: usize) -> Option<u64> {
        if wide {
            self.u64(at)
        } else {
            self.u32(narrow).map(u64::from)
        }
    }
}
