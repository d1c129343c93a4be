//! `db update` and `db status`.

use crate::bench::Bench;

#[test]
fn a_feed_is_fetched_and_shown() {
    let bench = Bench::new();
    let before = bench.run(&["db", "status"]).ended(0);
    assert!(
        before.contains("debian") && before.contains("no data"),
        "{before}"
    );
    let told = bench
        .run(&["db", "update", "debian", "--mirror", "mirror"])
        .ended(0);
    assert!(told.starts_with("debian: 2 advisories"), "{told}");
    let again = bench
        .run(&["db", "update", "debian", "--mirror", "mirror"])
        .ended(0);
    assert_eq!(again, "debian: nothing new\n");
    let table = bench.run(&["db", "status"]).ended(0);
    let line = table
        .lines()
        .find(|line| line.starts_with("debian"))
        .unwrap();
    assert!(line.contains("sha256:"), "{table}");
    let json = bench.run(&["db", "status", "--format", "json"]).ended(0);
    assert!(
        json.starts_with("{\n  \"schema\": \"pellucid-db-status/1\""),
        "{json}"
    );
    assert!(json.contains("\"debian:12\""), "{json}");
}

#[test]
fn a_feed_that_cannot_be_fetched_fails_and_is_remembered() {
    let bench = Bench::new();
    bench
        .run(&["db", "update", "debian", "--mirror", "mirror"])
        .ended(0);
    std::fs::remove_dir_all(bench.path("mirror")).unwrap();
    std::fs::create_dir(bench.path("mirror")).unwrap();
    let told = bench
        .run(&["db", "update", "debian", "--mirror", "mirror"])
        .failed(3);
    assert!(
        told.starts_with("error: debian is not updated\ncaused by: "),
        "{told}"
    );
    let table = bench.run(&["db", "status"]).ended(0);
    assert!(table.contains("  last error: "), "{table}");
    // What was there is still used.
    bench
        .run(&["scan", "image.tar", "--offline", "--fail-on", "high"])
        .ended(1);
}

#[test]
fn the_environment_names_mirror_and_data_directory() {
    let bench = Bench::new();
    let mut command = bench.command(&["db", "update", "debian"]);
    let done = command
        .env("PELLUCID_MIRROR", bench.path("mirror"))
        .env("PELLUCID_DATA_DIR", bench.path("elsewhere"))
        .status()
        .unwrap();
    assert!(done.success());
    assert!(bench.path("elsewhere/manifest.json").is_file());
    assert!(!bench.path("data").exists());
}

#[test]
fn data_lies_in_the_home_directory_unless_told_otherwise() {
    let bench = Bench::new();
    let update = ["db", "update", "debian", "--mirror", "mirror"];
    let done = bench
        .command(&update)
        .env_remove("PELLUCID_DATA_DIR")
        .status()
        .unwrap();
    assert!(done.success());
    assert!(bench.path(".local/share/pellucid/manifest.json").is_file());
    let mut homeless = bench.command(&update);
    homeless.env_remove("PELLUCID_DATA_DIR").env_remove("HOME");
    assert_eq!(homeless.output().unwrap().status.code(), Some(2));
}
