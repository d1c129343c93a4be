//! What the container engine saves: layers in a folder, and their order.
//!
//! Three layouts occur: `<id>/layer.tar` (docker before 25, whose ids name a layer with all below
//! it), `blobs/sha256/<digest>` (docker from 25 on) and `<diff id>.tar` (podman). The last two name
//! layers by their content alone, which is no name for a layer on top of others; there the name is
//! a digest of the parent's name and the content. Links in the archive, by which equal layers are
//! saved once, become hard links inside the folder, and nothing is written or read outside it. How much
//! is written there, under how many names of which length and depth, has bounds.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// What an archive may put on the disk.
struct Bounds {
    /// Its entries.
    files: usize,
    /// Bytes of its files together.
    bytes: u64,
}

/// As much as a scan unpacks of an image.
const BOUNDS: Bounds = Bounds {
    files: 100_000,
    bytes: 128 << 30,
};
/// Bytes of a file's name.
const NAME: usize = 1024;
/// Parts of a file's name. Layouts have three; folders a thousand deep are hard to remove again.
const DEPTH: usize = 16;
/// Bytes that tell of an entry: its header, and records of a long name.
const HEADER: u64 = 1 << 20;
/// Layers in an image.
const LAYERS: usize = 4096;
/// Bytes of `manifest.json`.
const MANIFEST: u64 = 16 << 20;
/// Bytes of an engine's errors that are kept.
const ERRORS: u64 = 64 << 10;
/// What the real client prints where there is no error to print.
const NO_ERROR: &str = "%!s(<nil>)";

/// A saved image.
pub(super) struct Saved<'a> {
    folder: &'a Path,
}

/// One layer of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SavedLayer {
    /// Its name on the server.
    pub(super) name: String,
    /// Its file in the folder.
    pub(super) path: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ManifestImage {
    layers: Option<Vec<String>>,
}

/// Saves an image of the local engine into a folder.
pub(super) fn save<'a>(image: &str, folder: &'a Path) -> Result<Saved<'a>, String> {
    let could_not = |cause: String| format!("Could not save image: {cause}");
    let mut engine = start(&["save", image]).map_err(could_not)?;
    let errors = engine.stderr.take();
    let errors = std::thread::spawn(move || read_errors(errors));
    let unpacked = match engine.stdout.take() {
        Some(archive) => unpack(archive, folder, &BOUNDS),
        None => Ok(()),
    };
    if unpacked.is_err() {
        // What it still writes is not read.
        let _ = engine.kill();
    }
    let status = engine
        .wait()
        .map_err(|error| could_not(error.to_string()))?;
    let errors = errors.join().unwrap_or_default();
    match unpacked {
        // What the engine said is the cause, if it said anything.
        Err(error) if errors.trim().is_empty() => Err(could_not(error.to_string())),
        Ok(()) if status.success() => Ok(Saved { folder }),
        _ => Err(could_not(errors)),
    }
}

impl Saved<'_> {
    /// The layers, lowest first.
    pub(super) fn layers(&self, image: &str) -> Result<Vec<SavedLayer>, String> {
        let layers = match self.manifest() {
            Some(images) => only(images),
            None => history(image)?,
        };
        if layers.is_empty() || layers.len() > LAYERS {
            return Err(format!("Could not get image's history: {NO_ERROR}"));
        }
        self.name(layers)
            .map_err(|error| format!("Could not get image's history: {error}"))
    }

    fn manifest(&self) -> Option<Vec<ManifestImage>> {
        let mut text = Vec::new();
        let file = File::open(self.folder.join("manifest.json")).ok()?;
        file.take(MANIFEST).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }

    fn name(&self, paths: Vec<String>) -> io::Result<Vec<SavedLayer>> {
        let mut layers: Vec<SavedLayer> = Vec::with_capacity(paths.len());
        // A file that is named for many layers is read once.
        let mut contents: HashMap<String, String> = HashMap::new();
        for path in paths {
            if inside(Path::new(&path)).is_none() {
                return Err(io::Error::other(format!(
                    "layer {path:?} is outside the image"
                )));
            }
            let name = match path.strip_suffix("/layer.tar") {
                Some(id) => id.to_owned(),
                None => {
                    let parent = layers.last().map_or("", |layer| layer.name.as_str());
                    // The content is hashed, since the name of a file is only what the image says.
                    let content = match contents.get(&path) {
                        Some(content) => content,
                        None => {
                            let content = hash(&self.folder.join(&path))?;
                            contents.entry(path.clone()).or_insert(content)
                        }
                    };
                    hex::encode(Sha256::digest(format!("{parent} {content}")))
                }
            };
            layers.push(SavedLayer { name, path });
        }
        Ok(layers)
    }
}

/// The layers of the only image; none where there are several.
fn only(images: Vec<ManifestImage>) -> Vec<String> {
    let mut images = images.into_iter();
    match (images.next(), images.next()) {
        (Some(image), None) => image.layers.unwrap_or_default(),
        _ => Vec::new(),
    }
}

fn hash(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = file.read(&mut buffer)?;
        match buffer.get(..read) {
            Some([]) | None => return Ok(hex::encode(hash.finalize())),
            Some(bytes) => hash.update(bytes),
        }
    }
}

/// Ids of the layers as the engine's history has them, lowest first.
fn history(image: &str) -> Result<Vec<String>, String> {
    let could_not = |cause: String| format!("Could not get image's history: {cause}");
    let engine = start(&["history", "-q", "--no-trunc", image]).map_err(could_not)?;
    let output = engine
        .wait_with_output()
        .map_err(|error| could_not(error.to_string()))?;
    if !output.status.success() {
        return Err(could_not(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ));
    }
    let ids = String::from_utf8_lossy(&output.stdout);
    let ids = ids.lines().rev().filter(|id| !id.is_empty());
    Ok(ids.map(|id| format!("{id}/layer.tar")).collect())
}

/// Starts docker, or podman where there is none.
fn start(args: &[&str]) -> Result<Child, String> {
    for engine in ["docker", "podman"] {
        let started = Command::new(engine)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        match started {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            started => return started.map_err(|error| format!("{engine}: {error}")),
        }
    }
    Err("exec: \"docker\": executable file not found in $PATH".to_owned())
}

fn read_errors(errors: Option<impl Read>) -> String {
    let mut text = Vec::new();
    if let Some(mut errors) = errors {
        // The rest is read too: an engine that cannot write would not end.
        let _ = errors.by_ref().take(ERRORS).read_to_end(&mut text);
        let _ = io::copy(&mut errors, &mut io::sink());
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn unpack(archive: impl Read, folder: &Path, bounds: &Bounds) -> io::Result<()> {
    let left = Cell::new(HEADER);
    let mut archive = tar::Archive::new(Metered {
        archive,
        left: &left,
    });
    let mut entries = archive.entries()?;
    let mut links = Vec::new();
    let (mut files, mut bytes) = (bounds.files, bounds.bytes);
    loop {
        left.set(HEADER);
        let Some(entry) = entries.next() else { break };
        let mut entry = entry?;
        left.set(u64::MAX);
        files = files
            .checked_sub(1)
            .ok_or_else(|| io::Error::other("the archive has too many files"))?;
        if let Some(path) = inside(&entry.path()?) {
            let place = folder.join(&path);
            let kind = entry.header().entry_type();
            if kind.is_file() {
                bytes = bytes
                    .checked_sub(entry.size())
                    .ok_or_else(|| io::Error::other("the archive is too large"))?;
                if let Some(parent) = place.parent() {
                    fs::create_dir_all(parent)?;
                }
                io::copy(&mut entry, &mut File::create(place)?)?;
            } else if let Some(target) = entry.link_name()? {
                let target = match kind {
                    tar::EntryType::Symlink => path.parent().unwrap_or(Path::new("")).join(&target),
                    _ => target.into_owned(),
                };
                links.extend(inside(&target).map(|target| (path, target)));
            }
        }
        // Passed over here, it is no part of what tells of the next.
        io::copy(&mut entry, &mut io::sink())?;
    }
    // A link may lead to one that comes later: as many rounds as there are links suffice, but an
    // honest engine needs one.
    for _ in 0..4 {
        links.retain(|(path, target)| {
            let place = folder.join(path);
            let made = place
                .parent()
                .map_or(Ok(()), fs::create_dir_all)
                .and_then(|()| fs::hard_link(folder.join(target), place));
            made.is_err()
        });
    }
    Ok(())
}

/// An archive of which so much may be read until somebody allows more.
struct Metered<'a, R> {
    archive: R,
    left: &'a Cell<u64>,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 && !buffer.is_empty() {
            return Err(io::Error::other("the archive has a name that is too long"));
        }
        let most = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let read = self
            .archive
            .read(buffer.get_mut(..most).unwrap_or_default())?;
        self.left.set(left - read as u64);
        Ok(read)
    }
}

/// Unpacks an archive and names its layers, for `crate::hostile`.
///
/// # Panics
/// When something lies outside the folder, or more in it than may.
pub(super) fn hostile(archive: &[u8]) {
    let bounds = Bounds {
        files: 200,
        bytes: 1 << 20,
    };
    let Ok(outer) = tempfile::tempdir() else {
        return;
    };
    let folder = outer.path().join("in");
    if fs::create_dir(&folder).is_err() {
        return;
    }
    let unpacked = unpack(archive, &folder, &bounds);
    let outside = fs::read_dir(outer.path()).map_or(0, Iterator::count);
    assert_eq!(outside, 1, "something lies outside the folder");
    let written = written(&folder, DEPTH);
    assert!(written <= bounds.bytes, "{written} bytes");
    let saved = Saved { folder: &folder };
    if let (Ok(()), Some(images)) = (unpacked, saved.manifest()) {
        let mut paths = only(images);
        paths.truncate(LAYERS);
        for layer in saved.name(paths).unwrap_or_default() {
            assert!(inside(Path::new(&layer.path)).is_some(), "{layer:?}");
        }
    }
}

/// Bytes of the files below a folder that have one name.
fn written(folder: &Path, depth: usize) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let entries = entries.flatten().filter_map(|entry| {
        let metadata = fs::symlink_metadata(entry.path()).ok()?;
        assert!(!metadata.is_symlink(), "a link was made");
        if metadata.is_dir() {
            assert!(depth > 1, "folders are too deep");
            return Some(written(&entry.path(), depth - 1));
        }
        (metadata.nlink() == 1).then_some(metadata.len())
    });
    entries.sum()
}

/// The path within a folder, if it does not lead out of it, is not too long and not too deep.
fn inside(path: &Path) -> Option<PathBuf> {
    if path.as_os_str().len() > NAME || path.components().count() > DEPTH {
        return None;
    }
    let mut inside = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => inside.push(part),
            Component::CurDir => {}
            Component::ParentDir if inside.pop() => {}
            _ => return None,
        }
    }
    (!inside.as_os_str().is_empty()).then_some(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(entries: &[(&str, tar::EntryType, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, kind, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(0o644);
            // Past the builder's own checks.
            header
                .as_gnu_mut()
                .unwrap()
                .name
                .get_mut(..path.len())
                .unwrap()
                .copy_from_slice(path.as_bytes());
            if kind.is_file() {
                header.set_size(content.len() as u64);
                header.set_cksum();
                builder.append(&header, content.as_bytes()).unwrap();
            } else {
                header.set_size(0);
                header.set_link_name_literal(content).unwrap();
                header.set_cksum();
                builder.append(&header, io::empty()).unwrap();
            }
        }
        builder.into_inner().unwrap()
    }

    fn saved(entries: &[(&str, tar::EntryType, &str)]) -> (tempfile::TempDir, PathBuf) {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("in");
        fs::create_dir(&folder).unwrap();
        unpack(&*archive(entries), &folder, &BOUNDS).unwrap();
        (outer, folder)
    }

    #[test]
    fn nothing_leads_out_of_the_folder() {
        use tar::EntryType::{Link, Regular, Symlink};
        let (outer, folder) = saved(&[
            ("../evil", Regular, "x"),
            ("a/layer.tar", Symlink, "/etc/passwd"),
            ("b/layer.tar", Symlink, "../../outside"),
            ("c/layer.tar", Link, "../outside"),
            ("d", Symlink, ".."),
            ("d/evil", Regular, "x"),
            ("e/layer.tar", Symlink, "../f/layer.tar"),
            ("f/layer.tar", Regular, "layer"),
        ]);
        let names = |folder: &Path| {
            let mut names: Vec<String> = fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        assert_eq!(names(outer.path()), ["in"]);
        for layer in ["a", "b", "c"] {
            assert!(!folder.join(layer).join("layer.tar").exists(), "{layer}");
        }
        assert_eq!(fs::read(folder.join("e/layer.tar")).unwrap(), b"layer");
        assert!(inside(Path::new("/etc/passwd")).is_none());
    }

    #[test]
    fn what_is_written_is_bounded() {
        use tar::EntryType::{GNULongName, Regular, XHeader};
        let outer = tempfile::tempdir().unwrap();
        let refused = |archive: &[u8]| {
            let bounds = Bounds {
                files: 3,
                bytes: 10,
            };
            unpack(archive, outer.path(), &bounds).map_err(|error| error.to_string())
        };
        let three = [
            ("a", Regular, "12345"),
            ("a", Regular, ""),
            ("b", Regular, "12345"),
        ];
        assert_eq!(refused(&archive(&three)), Ok(()));
        let many = [("a", Regular, ""); 4];
        let told = refused(&archive(&many)).unwrap_err();
        assert_eq!(told, "the archive has too many files");
        let large = [("a", Regular, "123456"), ("c", Regular, "12345")];
        let told = refused(&archive(&large)).unwrap_err();
        assert_eq!(told, "the archive is too large");
        assert!(!outer.path().join("c").exists());
        let deep = "d/".repeat(DEPTH) + "e";
        assert_eq!(refused(&archive(&[(&deep, Regular, "1")])), Ok(()));
        assert!(!outer.path().join("d").exists());
        // What is told of a file is read into memory.
        for kind in [GNULongName, XHeader] {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(1 << 40);
            header.set_cksum();
            let endless = header.as_bytes().chain(io::repeat(b'1'));
            let told = unpack(endless, outer.path(), &BOUNDS)
                .unwrap_err()
                .to_string();
            assert!(told.contains("too long"), "{kind:?}: {told}");
        }
    }

    #[test]
    fn layers_named_by_content_get_the_name_of_a_chain() {
        use tar::EntryType::Regular;
        let layers = |manifest: &str| {
            let (_outer, folder) = saved(&[
                ("blobs/sha256/aa", Regular, "one"),
                ("bb.tar", Regular, "two"),
                ("cc/layer.tar", Regular, "three"),
                ("manifest.json", Regular, manifest),
            ]);
            Saved { folder: &folder }.layers("x")
        };
        let twice =
            layers(r#"[{"Layers":["blobs/sha256/aa","blobs/sha256/aa","bb.tar"]}]"#).unwrap();
        let names: Vec<&str> = twice.iter().map(|layer| layer.name.as_str()).collect();
        assert!(names.iter().all(|name| name.len() == 64), "{names:?}");
        assert!(
            names.windows(2).all(|pair| pair.first() != pair.last()),
            "{names:?}"
        );
        let legacy = layers(r#"[{"Layers":["cc/layer.tar"]}]"#).unwrap();
        assert_eq!(
            legacy,
            [SavedLayer {
                name: "cc".to_owned(),
                path: "cc/layer.tar".to_owned()
            }]
        );
        for wrong in [
            r#"[{},{}]"#,
            r#"[{"Layers":null}]"#,
            r#"[{"Layers":["../x"]}]"#,
            "[]",
        ] {
            assert!(layers(wrong).is_err(), "{wrong}");
        }
    }
}
