//! Entry points for `crates/fuzz`: what comes from a feed's server or a mirror before a feed sees it.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::PathBuf;

use crate::archive::{ArchiveLimits, MemberSink, members};
use crate::mirror::{Mirror, Place, Root};
use crate::unpack::unpack;

/// Most bytes of a member.
const MEMBER: u64 = 64 << 10;
/// Most bytes unpacked.
const WHOLE: u64 = 1 << 20;

/// A downloaded file, as an archive and as a compressed document.
///
/// # Panics
/// When more is unpacked than is allowed.
pub fn download(data: &[u8]) {
    let file = || -> Option<File> {
        let mut file = tempfile::tempfile().ok()?;
        file.write_all(data).ok()?;
        file.rewind().ok()?;
        Some(file)
    };
    if let Some(file) = file() {
        let limits = ArchiveLimits {
            whole: WHOLE,
            member: MEMBER,
        };
        let mut counted = Counted(0);
        // Damaged or not: what was handed on before counts.
        drop(members(file, limits, &mut counted));
        assert!(counted.0 <= WHOLE, "{} bytes of members", counted.0);
    }
    if let Some(file) = file()
        && let Ok(body) = unpack(file, data.len() as u64, WHOLE)
    {
        assert!(body.len() as u64 <= WHOLE, "{} bytes", body.len());
    }
}

/// Bytes of members.
struct Counted(u64);

impl MemberSink for Counted {
    type Error = ();

    fn wants(&mut self, _: &str) -> bool {
        true
    }

    fn member(&mut self, _: &str, body: &[u8]) -> Result<(), ()> {
        assert!(body.len() as u64 <= MEMBER, "a member is larger");
        self.0 += body.len() as u64;
        Ok(())
    }

    fn too_large(&mut self, _: &str) {}
}

/// A mirror's list, and where it says that a file is whose URL is the first line.
///
/// # Panics
/// When a copy lies outside of the mirror.
pub fn mirror(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (url, list) = text.split_once('\n').unwrap_or((text, ""));
    let folder = PathBuf::from("/mirror");
    let Ok(mirror) = Mirror::new(Root::Folder(folder.clone()), Some(list), None) else {
        return;
    };
    if let Ok(located) = mirror.locate(url)
        && let Place::File(path) = &located.place
    {
        let inside = path.strip_prefix(&folder).ok();
        let is_inside = inside.is_some_and(|inside| {
            inside
                .components()
                .all(|part| matches!(part, std::path::Component::Normal(_)))
        });
        assert!(is_inside, "{} is outside", path.display());
    }
}
