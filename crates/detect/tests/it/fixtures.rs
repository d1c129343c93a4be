//! Every detector against its folder: `data/<detector>/<case>/root` is an image of one layer,
//! `data/<detector>/<case>/found.snap` what it contains.

use std::fs;
use std::path::{Path, PathBuf};

use pellucid_detect::{DETECTORS, DetectOptions};
use pellucid_model::{Distribution, PackageEntry, Repository, Warning};

use crate::layers::{Op, inventory_with};

#[derive(serde::Serialize)]
struct Found {
    distributions: Vec<Distribution>,
    packages: Vec<PackageEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    repositories: Vec<Repository>,
    warnings: Vec<Warning>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[test]
fn every_case_of_every_detector_is_found_as_written() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let options = DetectOptions {
        lock_files: true,
        ..DetectOptions::default()
    };
    for detector in DETECTORS {
        let folder = data.join(detector.name().replace('-', "_"));
        let cases = folders(&folder);
        assert!(
            !cases.is_empty(),
            "{} has no case in {}",
            detector.name(),
            folder.display()
        );
        for case in cases {
            let found = match inventory_with(&[entries(&case.join("root"))], &options) {
                Ok(inventory) => Found {
                    distributions: inventory.distributions,
                    packages: inventory.packages,
                    repositories: inventory.repositories.unwrap_or_default(),
                    warnings: inventory.warnings,
                    error: None,
                },
                Err(error) => Found {
                    distributions: Vec::new(),
                    packages: Vec::new(),
                    repositories: Vec::new(),
                    warnings: Vec::new(),
                    error: Some(error.to_string()),
                },
            };
            insta::with_settings!(
                { snapshot_path => &case, prepend_module_to_snapshot => false, omit_expression => true },
                { insta::assert_json_snapshot!("found", found) }
            );
        }
    }
}

fn folders(of: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(of) else {
        return Vec::new();
    };
    let mut folders: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    folders
}

/// The files and links of a folder, as a layer has them.
fn entries(root: &Path) -> Vec<Op> {
    let mut ops = Vec::new();
    let mut todo = vec![root.to_owned()];
    while let Some(folder) = todo.pop() {
        let mut children: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        children.sort();
        for path in children {
            let name: &'static str = path
                .strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
                .leak();
            let kind = fs::symlink_metadata(&path).unwrap().file_type();
            if kind.is_symlink() {
                let target = fs::read_link(&path).unwrap().to_str().unwrap().to_owned();
                ops.push(Op::Link(name, target.leak()));
            } else if kind.is_dir() {
                ops.push(Op::Folder(name));
                todo.push(path);
            } else {
                ops.push(Op::File(name, fs::read(&path).unwrap()));
            }
        }
    }
    ops
}
