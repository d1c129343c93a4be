//! The hostile images of `../shared/images/tools/hostile.py`, each made anew and read by the binary.
//!
//! Our own small versions of these shapes stand in the tests of `image` and `detect` and in
//! `hostile.rs`; this test needs the tool, Python, and a minute to make what takes long to make.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::bench::{Bench, Run};
use crate::shared;

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

const CASES: &[(&str, End)] = &[
    ("good", OPENSSL),
    ("gzip-truncated", Fails("layer 0")),
    ("gzip-bad-crc", Fails("layer 0")),
    ("gzip-trailing-garbage", Ends),
    ("gzip-multistream", OPENSSL),
    ("tar-truncated", Fails("layer 0")),
    ("tar-bad-checksum", Ends),
    ("tar-size-overflow", Fails("layer 0")),
    ("tar-negative-size", Fails("layer 0")),
    ("empty-layer-blob", Ends),
    ("path-dotdot", OPENSSL),
    ("path-absolute", OPENSSL),
    ("path-empty-and-dots", OPENSSL),
    ("link-outside", Ends),
    ("link-loop", Ends),
    ("hardlink-loop", OPENSSL),
    ("symlink-parent-swap", OPENSSL),
    ("whiteout-odd", OPENSSL),
    ("whiteout-same-layer", OPENSSL),
    ("entries-million", OPENSSL),
    ("gzip-bomb-status", Ends),
    ("pax-huge", Ends),
    ("pax-malformed", Ends),
    ("names-long", OPENSSL),
    ("names-not-utf8", OPENSSL),
    ("sparse", OPENSSL),
    ("duplicates", Finds("openssl", "3.0.15-1~deb12u1")),
    ("type-change", OPENSSL),
    ("devices", OPENSSL),
    ("digest-mismatch", Fails("layer 0")),
    ("diffid-mismatch", Fails("layer 0")),
    ("diffid-count", Fails("diff ids")),
    ("layer-missing", Fails("not there")),
    ("size-mismatch", Fails("layer 0")),
    ("digest-odd", Fails("digest")),
    ("media-type-unknown", Fails("media type")),
    ("index-loop", Fails("index_depth")),
    ("json-deep", Fails("not readable")),
    ("json-deep-config", Fails("configuration")),
    ("json-not-utf8", Fails("index.json")),
    ("layers-10000", Ends),
    ("docker-path-outside", Fails("not there")),
    ("docker-layer-symlink-outside", Fails("not there")),
    ("docker-no-manifest", Fails("not an image")),
    ("oci-dir-link-outside", Fails("cannot read")),
    ("status-single-line", OPENSSL),
    ("status-malformed", OPENSSL),
    ("versions-odd", OPENSSL),
    ("os-release-odd", OPENSSL),
    ("jar-bomb", OPENSSL),
    ("jar-nested-20", OPENSSL),
    ("jar-broken", OPENSSL),
    ("rpmdb-corrupt", Ends),
    ("rpm-header-odd", Finds("pkg-good", "1.0-1")),
    ("rpmdb-bdb-loop", Ends),
    ("apk-odd", Finds("musl", "1.2.2-r3")),
    ("lang-odd", OPENSSL),
    ("elf-odd", OPENSSL),
    // Ten gigabytes of zeros take a minute to compress; a smaller bomb stands in `hostile.rs`.
    // ("gzip-bomb", Ends),
];

/// No case may need more than this, in KiB of resident memory.
const MEMORY: u64 = 512 << 10;

#[test]
fn every_hostile_image_ends_as_it_should() {
    let Some(tools) = shared::folder("images/tools") else {
        return;
    };
    let bench = Bench::new();
    let images = bench.path("hostile");
    let mut make = Command::new("python3");
    make.arg(tools.join("hostile.py"))
        .arg(&images)
        .args(CASES.iter().map(|(name, _)| name));
    match make.output() {
        Ok(made) if made.status.success() => {}
        Ok(made) => panic!("hostile.py: {}", String::from_utf8_lossy(&made.stderr)),
        Err(error) => {
            println!("skipped: python3 cannot be run: {error}");
            return;
        }
    }
    let temporary = bench.path("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let mut wrong = Vec::new();
    for (name, end) in CASES {
        for image in images_of(&images, name) {
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
}

/// The image of a case, or the images of a case that is a folder of them.
fn images_of(images: &Path, name: &str) -> Vec<std::path::PathBuf> {
    let archive = images.join(format!("{name}.tar"));
    let folder = images.join(name);
    if archive.exists() {
        vec![archive]
    } else if folder.join("oci-layout").exists() {
        vec![folder]
    } else {
        let mut found: Vec<_> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        found.sort();
        found
    }
}

/// Runs a command and says last on standard error how much memory it had at most, in KiB.
const MEASURE: &str = "import resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(status if status >= 0 else 128 - status)";

/// Reads an image; the limit on time is the scan's own.
fn read(bench: &Bench, image: &Path, temporary: &Path) -> Run {
    let image = image.to_str().unwrap();
    let mut command = Command::new("python3");
    command
        .args([
            "-c",
            MEASURE,
            env!("CARGO_BIN_EXE_pellucid"),
            "packages",
            image,
        ])
        .args(["--format", "json", "--limit", "wall=120s"])
        .env("PELLUCID_DATA_DIR", bench.path("data"))
        .env("TMPDIR", temporary);
    let mut run = Run::of(command.output().unwrap());
    let (told, peak) = run
        .stderr
        .trim_end()
        .rsplit_once('\n')
        .unwrap_or(("", run.stderr.trim()));
    let peak: u64 = peak.parse().unwrap();
    assert!(peak <= MEMORY, "{image}: {peak} KiB");
    run.stderr = told.to_owned();
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
