//! Mirrors that are folders, dated copies, and runs without any socket.

use std::fs;
use std::path::Path;

use pellucid_updater::{FetchError, FetchOptions, UpdateError, Updated, update};

use crate::{DEBIAN, World, published, tracker};

/// Writes a file of a mirror.
fn put(root: &Path, file: &str, body: &str) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, body).unwrap();
}

#[tokio::test]
async fn offline_opens_no_socket() {
    let mut world = World::new().await;
    world.options.offline = true;
    assert!(matches!(world.debian().await, Err(UpdateError::Offline)));
    assert!(world.server.all_hits().is_empty());
    world.options.offline = false;
    world.debian().await.unwrap();
    let hits = world.server.all_hits().len();
    world.options.offline = true;
    assert_eq!(world.debian().await.unwrap(), Updated::Kept);
    assert_eq!(world.server.all_hits().len(), hits);
}

#[tokio::test]
async fn a_folder_is_a_mirror_by_host_and_path_even_offline() {
    let mut world = World::new().await;
    let mirror = tempfile::tempdir().unwrap();
    put(mirror.path(), DEBIAN.trim_start_matches('/'), &tracker(30));
    world.options.mirror = Some(mirror.path().to_str().unwrap().to_owned());
    world.options.offline = true;
    assert_eq!(published(&world.debian().await), (30, 30));
    assert_eq!(world.debian().await.unwrap(), Updated::Unchanged);
    let missing = world.update(&["alpine/v3.20"]).await.remove(0).result;
    assert!(
        matches!(
            missing,
            Err(UpdateError::Fetch(FetchError::NotInMirror { .. }))
        ),
        "{missing:?}"
    );
    assert!(world.server.all_hits().is_empty());
}

#[tokio::test]
async fn dated_copies_are_chosen_by_date() {
    let mut world = World::new().await;
    let mirror = tempfile::tempdir().unwrap();
    put(mirror.path(), "old/json", &tracker(30));
    put(mirror.path(), "new/json", &tracker(31));
    let url = "https://security-tracker.debian.org/tracker/data/json";
    put(
        mirror.path(),
        "MANIFEST.tsv",
        &format!("url\tfile\tas_of\n{url}\told/json\t2024-10-17\n{url}\tnew/json\t2025-02-12\n"),
    );
    world.options.mirror = Some(mirror.path().to_str().unwrap().to_owned());
    assert_eq!(published(&world.debian().await), (31, 31));
    let as_of = || {
        world
            .catalog()
            .entry("debian")
            .unwrap()
            .current
            .unwrap()
            .as_of
            .unwrap()
    };
    assert_eq!(as_of(), 1_739_318_400);
    // Going back in time has to be asked for.
    world.options.as_of = Some("2024-12-31".to_owned());
    assert_eq!(published(&world.debian().await), (30, 30));
    world.options.as_of = Some("2020-01-01".to_owned());
    assert!(matches!(
        world.debian().await,
        Err(UpdateError::Fetch(FetchError::NotInMirror { .. }))
    ));
}

#[tokio::test]
async fn the_shared_mirror_serves_every_alpine_release_it_lists() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/feeds");
    if !shared.join("MANIFEST.tsv").is_file() {
        println!("skipped: no folder ../shared/feeds beside the workspace");
        return;
    }
    let world = World::new().await;
    let options = FetchOptions {
        mirror: Some(shared.to_str().unwrap().to_owned()),
        offline: true,
        ..FetchOptions::default()
    };
    let keys: Vec<_> = (2..=21)
        .map(|minor| format!("alpine/v3.{minor}"))
        .chain(["alpine/edge".to_owned()])
        .collect();
    for outcome in update(&keys, &world.catalog(), &options, &()).await {
        let (advisories, affected) = published(&outcome.result);
        assert!(
            affected >= advisories && advisories > 50,
            "{}: {advisories}",
            outcome.key
        );
        assert_eq!(outcome.bad_records.count, 0, "{:?}", outcome.bad_records);
    }
    for outcome in update(&keys, &world.catalog(), &options, &()).await {
        assert!(
            matches!(outcome.result, Ok(Updated::Unchanged)),
            "{}",
            outcome.key
        );
    }
}
