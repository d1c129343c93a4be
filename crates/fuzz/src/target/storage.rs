//! The folders in which container engines keep images: their lists, configurations and links.

use std::path::{Component, Path};

use pellucid_detect::DetectOptions;
use pellucid_image::OpenOptions;
use pellucid_testkit::{ImageBuilder, LayerBuilder};

/// What begins a file: a sign and its path stand on a line before what is in it.
const FILE: &str = "\n@";
const MOST_FILES: usize = 64;

/// Writes the files and opens the folder as either engine's.
pub(crate) fn run(data: &[u8]) {
    let Ok(folder) = tempfile::tempdir() else {
        return;
    };
    let text = String::from_utf8_lossy(data);
    for file in text.split(FILE).take(MOST_FILES) {
        let (path, body) = file.split_once('\n').unwrap_or((file, ""));
        let path = Path::new(path.trim_start_matches('@'));
        let is_inside = path
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if !is_inside || path.components().count() > 12 {
            continue;
        }
        let path = folder.path().join(path);
        // A name that no system takes is no input of ours.
        let _ = path
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(&path, body));
    }
    let detect = DetectOptions {
        threads: 1,
        ..DetectOptions::default()
    };
    for engine in ["docker-root", "containers-storage"] {
        for image in ["", "#example:1", "#web"] {
            let reference = format!("{engine}:{}{image}", folder.path().display());
            if let Ok(image) = pellucid_image::open(&reference, &OpenOptions::default()) {
                let _ = pellucid_detect::image(&image, &detect, &());
            }
        }
    }
}

/// Docker's and podman's folder of one image.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    type Write =
        fn(ImageBuilder, &Path, Option<pellucid_testkit::ContainerOf>) -> std::io::Result<()>;
    let engines: [Write; 2] = [ImageBuilder::docker_root, ImageBuilder::containers_storage];
    let image = || {
        ImageBuilder::new()
            .tag("example:1")
            .layer(LayerBuilder::new().file("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n"))
            .layer(LayerBuilder::new().file("etc/motd", "welcome\n"))
    };
    let seed = |write: Write| {
        let folder = tempfile::tempdir().ok()?;
        let container = pellucid_testkit::ContainerOf {
            name: "web".to_owned(),
            upper: LayerBuilder::new().file("etc/motd", "changed\n"),
        };
        write(image(), folder.path(), Some(container)).ok()?;
        let mut files = Vec::new();
        collect(folder.path(), folder.path(), &mut files);
        files.sort();
        Some(files.join(FILE).into_bytes())
    };
    engines.into_iter().filter_map(seed).collect()
}

/// The files below a folder, each with its path before it.
fn collect(root: &Path, folder: &Path, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() {
            collect(root, &path, files);
        } else if kind.is_file()
            && let Ok(name) = path.strip_prefix(root)
            && let Ok(body) = std::fs::read_to_string(&path)
        {
            files.push(format!("{}\n{body}", name.display()));
        }
    }
}
