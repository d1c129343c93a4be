//! What is in the snapshots is what an independent count finds in the raw files.
//!
//! The count is a script that shares nothing with the parsers. Here it is made of the feeds that an
//! unoptimised build reads in seconds, one of each shape; `benches/feeds.sh` makes it of all.

use std::path::Path;
use std::process::Command;

use pellucid_snapshot::Catalog;
use pellucid_updater::{FetchOptions, Updated, update};

const KEYS: &[&str] = &[
    "alpine/v3.18",
    "amazon/2023",
    "arch",
    "azurelinux/3.0",
    "oracle",
    "osv/Hackage",
    "photon/3",
    "redhat-oval/9",
    "redhat-repositories",
    "rocky",
    "suse/leap.micro.5.3",
];

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_hold_as_many_advisories_and_packages_as_the_raw_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mirror = root.join("../shared/feeds");
    if !mirror.join("MANIFEST.tsv").is_file() {
        println!("skipped: no folder ../shared/feeds beside the workspace");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(directory.path()).unwrap();
    let options = FetchOptions {
        mirror: Some(mirror.to_str().unwrap().to_owned()),
        offline: true,
        parsers: 2,
        ..FetchOptions::default()
    };
    let keys: Vec<String> = KEYS.iter().map(|key| (*key).to_owned()).collect();
    for outcome in update(&keys, &catalog, &options, &()).await {
        let result = outcome.result;
        assert!(
            matches!(result, Ok(Updated::Published { .. })),
            "{}: {result:?}",
            outcome.key
        );
    }
    let counted = Command::new("python3")
        .arg(root.join("crates/feeds/tests/count.py"))
        .args([&mirror, directory.path()])
        .arg("--only")
        .args(KEYS)
        .output();
    let counted = match counted {
        Ok(counted) => counted,
        Err(error) => {
            println!("skipped: python3 cannot be run: {error}");
            return;
        }
    };
    let said = String::from_utf8_lossy(&counted.stdout);
    assert!(
        counted.status.success() && said.lines().count() >= KEYS.len(),
        "{said}{}",
        String::from_utf8_lossy(&counted.stderr)
    );
}
