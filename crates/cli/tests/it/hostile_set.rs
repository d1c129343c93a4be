//! Images that are broken or mean harm, each made anew and read by the binary: it ends in order, in
//! bounded memory, and leaves nothing behind.
//!
//! Smaller versions of some of these shapes stand in the tests of `image` and `detect`, where what is
//! made of them is looked at more closely.

mod images;

use std::path::Path;

use serde_json::Value;

use self::images::{APPLICATIONS, Case, LAYERS, LAYOUTS, PACKAGES};
use crate::bench::{Bench, Run};

/// How reading a case must end.
#[derive(Clone, Copy)]
enum End {
    /// With this package in the list.
    Finds(&'static str, &'static str),
    /// With an error that contains this.
    Fails(&'static str),
    /// With an error or a list, but orderly.
    Ends,
}

use End::{Ends, Fails, Finds};

const OPENSSL: End = Finds("openssl", "3.0.11-1~deb12u1");

/// No case may need more than this, which it is told.
const MEMORY: u64 = 256 << 20;

#[test]
fn every_hostile_layer_ends_as_it_should() {
    all(LAYERS);
}

#[test]
fn every_hostile_layout_ends_as_it_should() {
    all(LAYOUTS);
}

#[test]
fn every_hostile_list_of_packages_ends_as_it_should() {
    all(PACKAGES);
}

#[test]
fn every_hostile_application_ends_as_it_should() {
    all(APPLICATIONS);
}

fn all(cases: &[Case]) {
    let bench = Bench::new();
    let (images, temporary) = (bench.path("hostile"), bench.path("tmp"));
    std::fs::create_dir(&images).unwrap();
    std::fs::create_dir(&temporary).unwrap();
    let mut wrong = Vec::new();
    for (name, make, end) in cases {
        for image in make().write(&images, name) {
            let run = read(&bench, &image, &temporary);
            if let Err(told) = judge(&run, *end) {
                wrong.push(format!(
                    "{name}: {told}\nstatus {}\n{}",
                    run.status, run.stderr
                ));
            }
            let left = std::fs::read_dir(&temporary).unwrap().count();
            assert_eq!(left, 0, "{name} left files behind");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    // What their names and code would make outside.
    assert!(!Path::new("/tmp/pellucid-hostile").exists());
}

/// Reads an image; the limit on time is the scan's own.
fn read(bench: &Bench, image: &Path, temporary: &Path) -> Run {
    let image = image.to_str().unwrap();
    let arguments = [
        "packages",
        image,
        "--format",
        "json",
        "--limit",
        "wall=120s",
        "--memory",
        "256M",
    ];
    let temporary = temporary.to_str().unwrap();
    let (run, peak) = bench.measured(&arguments, &[("TMPDIR", temporary)]);
    assert!(peak <= MEMORY, "{image}: {peak} bytes");
    run
}

fn judge(run: &Run, end: End) -> Result<(), String> {
    if run.stderr.contains("panicked") {
        return Err("a panic".to_owned());
    }
    match (end, run.status) {
        (Ends, 0 | 3) => Ok(()),
        (Fails(word), 3) if run.stdout.is_empty() && run.stderr.contains(word) => Ok(()),
        (Fails(word), _) => Err(format!("no error that says {word:?}")),
        (Finds(name, version), 0) => {
            let report: Value = serde_json::from_str(&run.stdout).unwrap();
            let found = report["packages"]
                .as_array()
                .unwrap()
                .iter()
                .any(|package| package["name"] == name && package["version"] == version);
            if found {
                Ok(())
            } else {
                Err(format!("{name} {version} is not found"))
            }
        }
        (Finds(..) | Ends, status) => Err(format!("ended with {status}")),
    }
}
