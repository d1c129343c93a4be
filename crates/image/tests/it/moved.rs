//! Layers of podman's storage as the kernel's overlay leaves them with `redirect_dir` and `metacopy`:
//! directories that were renamed and files of which only the attributes were changed.

use std::fs;
use std::path::{Path, PathBuf};

use pellucid_image::OpenOptions;
use pellucid_testkit::{ImageBuilder, LayerBuilder};
use rustix::fs::{CWD, FileType, Mode, XattrFlags, makedev, mknodat, setxattr};

use crate::seen;

/// Says why a test says nothing, where the system does not let us write what it needs.
fn or_skipped<T, E: std::fmt::Display>(written: Result<T, E>) -> Option<T> {
    if let Err(error) = &written {
        println!("skipped: no overlay can be written here: {error}");
    }
    written.ok()
}

/// The store of an image of these layers.
fn store(folder: &Path, layers: Vec<LayerBuilder>) -> Option<()> {
    let image = layers
        .into_iter()
        .fold(ImageBuilder::new(), ImageBuilder::layer);
    or_skipped(image.containers_storage(folder, None))
}

fn diff(folder: &Path, layer: usize) -> PathBuf {
    folder.join(format!("overlay/{layer:064x}/diff"))
}

fn attribute(path: &Path, name: &str, value: &str) -> Option<()> {
    let space = match rustix::process::geteuid().is_root() {
        true => "trusted",
        false => "user",
    };
    let name = format!("{space}.overlay.{name}");
    or_skipped(setxattr(path, name, value.as_bytes(), XattrFlags::empty()))
}

fn folder(path: &Path, redirect: &str) -> Option<()> {
    fs::create_dir_all(path).unwrap();
    attribute(path, "redirect", redirect)
}

fn removed(path: &Path) -> Option<()> {
    let device = FileType::CharacterDevice;
    or_skipped(mknodat(CWD, path, device, Mode::empty(), makedev(0, 0)))
}

/// A file of so many zeros, whose content is elsewhere.
fn attributes(path: &Path, size: u64, redirect: Option<&str>) -> Option<()> {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::File::create(path).unwrap().set_len(size).unwrap();
    attribute(path, "metacopy", "")?;
    redirect.map_or(Some(()), |redirect| attribute(path, "redirect", redirect))
}

/// What is seen of a layer: each line with the file's text.
fn seen(folder: &Path, layer: usize) -> Result<Vec<String>, String> {
    let reference = format!("containers-storage:{}", folder.display());
    let layers = seen::image(&reference, &OpenOptions::default());
    let layers = layers.map_err(|error| seen::chain(&error))?;
    let line = |(line, body): &seen::Line| format!("{line} {}", String::from_utf8_lossy(body));
    Ok(layers[layer]
        .0
        .iter()
        .map(|one| line(one).trim_end().to_owned())
        .collect())
}

#[test]
fn what_was_moved_is_found_in_the_layers_below() {
    let folder_of = tempfile::tempdir().unwrap();
    let at = folder_of.path();
    let lowest = LayerBuilder::new()
        .file("opt/venv/lib/a", "lib a")
        .file("opt/venv/lib/b", "lib b")
        .file("opt/venv/gone", "x")
        .file("opt/deep/in/c", "deep c")
        .file("var/status", "status");
    let second = LayerBuilder::new()
        .whiteout("opt/venv/gone")
        .file("opt/venv/lib/b", "lib b of two")
        .file("opt/venv/two", "two");
    let done = store(at, vec![lowest, second, LayerBuilder::new()]).and_then(|()| {
        let top = diff(at, 2);
        // mv opt/venv opt/env, where a file was added and one removed; mv opt/deep/in var/out; and a
        // file that was moved, and one that was given to somebody.
        folder(&top.join("opt/env"), "venv")?;
        removed(&top.join("opt/venv"))?;
        fs::create_dir(top.join("opt/env/lib")).unwrap();
        fs::write(top.join("opt/env/lib/new"), "new").unwrap();
        removed(&top.join("opt/env/two"))?;
        attributes(&top.join("opt/env/lib/b"), 12, None)?;
        folder(&top.join("var/out"), "/opt/deep/in")?;
        attributes(&top.join("var/status-old"), 6, Some("status"))?;
        attributes(&top.join("opt/deep/status"), 6, Some("/var/status"))
    });
    if done.is_none() {
        return;
    }
    let mut lines = seen(at, 2).unwrap();
    lines.sort();
    assert_eq!(
        lines,
        [
            "directory opt",
            "directory opt/deep",
            "directory opt/env",
            "directory opt/env/lib",
            "directory var",
            "directory var/out",
            "file opt/deep/status 6 status",
            "file opt/env/lib/a 5 lib a",
            "file opt/env/lib/b 12 lib b of two",
            "file opt/env/lib/new 3 new",
            "file var/out/c 6 deep c",
            "file var/status-old 6 status",
            "opaque opt/env",
            "opaque var/out",
            "whiteout opt/env/two",
            "whiteout opt/venv",
        ]
    );
}

#[test]
fn what_was_moved_twice_is_found_twice_removed() {
    let folder_of = tempfile::tempdir().unwrap();
    let at = folder_of.path();
    let lowest = LayerBuilder::new().file("a/x/f", "f").file("a/x/g", "g");
    let layers = vec![
        lowest,
        LayerBuilder::new(),
        LayerBuilder::new(),
        LayerBuilder::new(),
    ];
    let done = store(at, layers).and_then(|()| {
        // mv a b; then chmod b/x/f; then mv b/x c.
        folder(&diff(at, 1).join("b"), "a")?;
        removed(&diff(at, 1).join("a"))?;
        attributes(&diff(at, 2).join("b/x/f"), 1, None)?;
        folder(&diff(at, 3).join("c"), "/b/x")?;
        fs::create_dir(diff(at, 3).join("b")).unwrap();
        removed(&diff(at, 3).join("b/x"))
    });
    if done.is_none() {
        return;
    }
    let found = |layer| seen(at, layer).unwrap();
    assert_eq!(
        found(1),
        [
            "whiteout a",
            "directory b",
            "opaque b",
            "directory b/x",
            "file b/x/f 1 f",
            "file b/x/g 1 g"
        ]
    );
    assert_eq!(found(2), ["directory b", "directory b/x", "file b/x/f 1 f"]);
    assert_eq!(
        found(3),
        [
            "directory b",
            "directory c",
            "whiteout b/x",
            "opaque c",
            "file c/f 1 f",
            "file c/g 1 g"
        ]
    );
}

#[test]
fn what_leads_nowhere_or_round_and_round_ends_with_an_error() {
    let broken = |write: &dyn Fn(&Path) -> Option<()>| {
        let folder_of = tempfile::tempdir().unwrap();
        let at = folder_of.path();
        let lowest = LayerBuilder::new().file("etc/f", "f");
        store(at, vec![lowest, LayerBuilder::new()])?;
        write(&diff(at, 1))?;
        Some(seen(at, 1))
    };
    // A content that is nowhere, a name that leads out.
    let written = broken(&|top| attributes(&top.join("etc/g"), 1, None));
    if let Some(said) = written {
        let said = said.unwrap_err();
        assert!(
            said.contains("etc/g: what is in it lies in no layer below"),
            "{said}"
        );
    }
    for redirect in ["..", "../../etc", "/../etc", "a/b", "/etc/.."] {
        let written = broken(&|top| folder(&top.join("x"), redirect));
        assert!(written.is_none_or(|said| said.is_err()), "{redirect}");
    }
    // Where there is nothing, there is nothing; a directory may lie in itself.
    let written = broken(&|top| folder(&top.join("x"), "/no/such"));
    if let Some(said) = written {
        assert_eq!(said.unwrap(), ["directory x", "opaque x"]);
    }
    let written = broken(&|top| folder(&top.join("etc/in"), "/etc"));
    if let Some(said) = written {
        let wanted = [
            "directory etc",
            "directory etc/in",
            "opaque etc/in",
            "file etc/in/f 1 f",
        ];
        assert_eq!(said.unwrap(), wanted);
    }
}

#[test]
fn redirects_that_multiply_end_at_a_limit() {
    let folder_of = tempfile::tempdir().unwrap();
    let at = folder_of.path();
    let lowest = LayerBuilder::new().file("a/a/a/a/a/a/f", "f");
    let layers = (0..30).map(|_| LayerBuilder::new());
    let done = store(at, std::iter::once(lowest).chain(layers).collect()).and_then(|()| {
        for layer in 1..=30 {
            let mut path = diff(at, layer);
            for _ in 0..6 {
                path.push("a");
                folder(&path, "/a/a/a/a/a/a")?;
            }
        }
        Some(())
    });
    if done.is_none() {
        return;
    }
    let options = OpenOptions {
        limits: pellucid_image::Limits {
            layer_entries: 10_000,
            ..pellucid_image::Limits::default()
        },
        ..OpenOptions::default()
    };
    let reference = format!("containers-storage:{}", at.display());
    let image = pellucid_image::open(&reference, &options).unwrap();
    let read = image.read_layer(30, &mut seen::Seen::default(), &());
    let said = seen::chain(&read.unwrap_err());
    assert!(said.contains("over the limit"), "{said}");
}
