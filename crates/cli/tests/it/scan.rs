//! `scan`: exit statuses, freshness, filters.

use pellucid_testkit::{Compression, ImageBuilder, LayerBuilder, Mirror};

use crate::bench::{Bench, OS_RELEASE, debian};

#[test]
fn findings_without_a_gate_are_no_failure() {
    Bench::new().scan(&[]).ended(0);
}

#[test]
fn the_gate_is_reached_at_its_severity() {
    let bench = Bench::new();
    bench.scan(&["--fail-on", "high"]).ended(1);
    bench.scan(&["--fail-on", "critical"]).ended(0);
    bench.scan(&["--fail-on", "low", "--only-fixed"]).ended(1);
    bench
        .scan(&["--fail-on", "low", "--severity", "medium,critical"])
        .ended(0);
    let table = bench.scan(&["--severity", "low"]).ended(0);
    assert!(table.contains("1 finding left out"), "{table}");
    assert!(!table.contains("CVE-2024-0001"), "{table}");
}

#[test]
fn an_image_that_is_not_read_to_its_end_is_a_failure() {
    let bench = Bench::new();
    let whole = debian().compression(Compression::Gzip).docker_archive();
    bench.file("cut.tar", whole.get(..whole.len() / 2).unwrap());
    let told = bench
        .run(&["scan", "cut.tar", "--mirror", "mirror"])
        .failed(3);
    assert!(
        told.starts_with("error: cannot read the image cut.tar\ncaused by: "),
        "{told}"
    );
    let told = bench.run(&["scan", "none.tar", "--offline"]).failed(3);
    assert!(told.contains("\nhint: "), "{told}");
}

#[test]
fn a_limit_ends_the_scan_and_says_how_to_raise_it() {
    let told = Bench::new().scan(&["--limit", "layer-entries=1"]).failed(3);
    assert!(told.contains("layer_entries"), "{told}");
    assert!(told.contains("--limit layer_entries="), "{told}");
}

#[test]
fn little_memory_changes_no_answer_and_too_little_is_refused() {
    let bench = Bench::new();
    let packages = ["packages", "image.tar", "--format", "json"];
    let plain = bench.run(&packages).ended(0);
    // The program itself, built without optimisation, is larger than the least of memory.
    let within = [&packages[..], &["--memory", "512M"]].concat();
    assert_eq!(bench.run(&within).ended(0), plain);
    let told = bench.scan(&["--memory", "63M"]).failed(2);
    assert!(told.contains("--memory") && told.contains("63M"), "{told}");
}

#[test]
fn without_data_nothing_is_covered_and_no_socket_is_opened() {
    let bench = Bench::new();
    let scan = ["scan", "image.tar", "--offline"];
    let table = bench.run(&scan).ended(4);
    assert!(table.contains("NOT COVERED debian:12"), "{table}");
    assert!(
        table.contains("No answer for debian:12: no advisory data"),
        "{table}"
    );
    assert!(!table.contains("No vulnerabilities"), "{table}");
    bench
        .run(&[&scan[..], &["--allow-uncovered"]].concat())
        .ended(0);
    bench
        .run(&["scan", "image.tar", "--skip-db-update"])
        .ended(4);
    // A mirror that would have to be asked over the network is not.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    bench
        .run(&[&scan[..], &["--mirror", &url]].concat())
        .ended(4);
    let called = listener.accept().unwrap_err();
    assert_eq!(called.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_reached_gate_outweighs_what_is_not_covered() {
    let bench = Bench::new();
    bench.scan(&["--fail-on", "unknown"]).ended(1);
    // The same packages under a release that the tracker does not know.
    bench.image(debian().layer(LayerBuilder::new().file(
        "etc/os-release",
        OS_RELEASE.replace("12", "5").replace("bookworm", "lenny"),
    )));
    bench.scan(&["--fail-on", "unknown"]).ended(4);
}

#[test]
fn a_gate_that_does_not_fail_hides_nothing_that_is_not_covered() {
    let bench = Bench::new();
    let quiet = ["--fail-on", "low", "--fail-on", "kev", "--exit-code", "0"];
    bench
        .scan(&["--fail-on", "low", "--exit-code", "0"])
        .ended(0);
    // A reached gate, and a rule that nothing judges.
    bench.scan(&quiet).ended(4);
    bench
        .scan(&[&quiet[..], &["--allow-uncovered"]].concat())
        .ended(0);
    // Another image's status is not taken away either, whichever comes first.
    let unknown = ImageBuilder::new().layer(LayerBuilder::new().file("hello", "world"));
    bench.file("unknown.tar", unknown.docker_archive());
    for images in [["image.tar", "unknown.tar"], ["unknown.tar", "image.tar"]] {
        let scan = ["--mirror", "mirror", "--fail-on", "low", "--exit-code", "0"];
        bench
            .run(&[&["scan"], &images[..], &scan[..]].concat())
            .ended(4);
    }
}

#[test]
fn an_image_without_a_package_database_is_not_covered() {
    let bench = Bench::new();
    let release = LayerBuilder::new().file("etc/os-release", OS_RELEASE);
    bench.image(ImageBuilder::new().layer(release));
    let table = bench.scan(&[]).ended(4);
    assert!(table.contains("NOT COVERED debian:12"), "{table}");
    let why = "No answer for debian:12: no package database in the image";
    assert!(table.contains(why), "{table}");
    assert!(!table.contains("No vulnerabilities"), "{table}");
    bench.scan(&["--allow-uncovered"]).ended(0);
    // A list in the place of the image is all there is.
    let list = bench.run(&["packages", "image.tar", "-f", "cyclonedx"]);
    assert_eq!(list.status, 0);
    bench.file("list.json", list.stdout);
    bench
        .run(&["scan", "list.json", "--mirror", "mirror"])
        .ended(0);
}

#[test]
fn an_image_in_which_nothing_is_known_is_not_covered() {
    let bench = Bench::new();
    bench.image(ImageBuilder::new().layer(LayerBuilder::new().file("hello", "world")));
    let table = bench.scan(&[]).ended(4);
    assert!(
        table.contains("NOT COVERED: nothing in this image"),
        "{table}"
    );
}

#[test]
fn data_that_is_there_answers_when_it_cannot_be_fetched_again() {
    let bench = Bench::new();
    let first = bench.scan(&[]).ended(0);
    // Fresh enough: nothing is fetched, so a mirror that is gone does no harm.
    std::fs::remove_dir_all(bench.path("mirror")).unwrap();
    assert_eq!(bench.scan(&[]).ended(0), first);
    let table = bench.scan(&["--max-data-age", "0s"]).stdout;
    assert!(table.contains("Covered debian:12"), "{table}");
    // A second may not have passed since the first scan; then the data is not old yet.
    Mirror::new(bench.path("mirror"));
    let json = bench
        .run(&["scan", "image.tar", "--offline", "-f", "json"])
        .ended(0);
    assert!(json.contains("CVE-2024-0001"), "{json}");
}

#[test]
fn two_runs_give_the_same_bytes_whatever_the_archive() {
    let bench = Bench::new();
    for format in ["table", "json"] {
        let first = bench.scan(&["-f", format, "--detail"]).ended(0);
        assert_eq!(bench.scan(&["-f", format, "--detail"]).ended(0), first);
    }
    debian().oci_layout(&bench.path("layout"));
    bench.file(
        "oci.tar",
        debian().compression(Compression::Gzip).oci_archive(),
    );
    for image in ["layout", "oci.tar", "oci:layout", "oci-archive:oci.tar"] {
        let json = bench
            .run(&["scan", image, "--mirror", "mirror", "-f", "json"])
            .ended(0);
        assert!(json.contains("CVE-2024-0001"), "{image}");
    }
}

#[test]
fn hidden_packages_are_reported_on_request() {
    let bench = Bench::new();
    bench.image(debian().layer(LayerBuilder::new().whiteout("var/lib/dpkg/status")));
    let seen = bench.scan(&["-f", "json"]).stdout;
    assert!(!seen.contains("libssl3"), "{seen}");
    let hidden = bench.scan(&["-f", "json", "--layers", "hidden"]).stdout;
    assert!(hidden.contains("\"hidden\": true"), "{hidden}");
}

#[test]
fn what_is_not_covered_names_the_way_out_wherever_the_report_goes() {
    let bench = Bench::new();
    let offline = ["scan", "image.tar", "--offline"];
    let way_out = "there is no data of debian yet; run \"pellucid db update debian\", or \"pellucid db import\"";
    let table = bench.run(&offline).ended(4);
    let flat = table.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains(way_out), "{table}");
    for format in ["spdx-json", "openvex"] {
        let run = bench.run(&[&offline[..], &["-f", format]].concat());
        assert_eq!(run.status, 4);
        let told = format!("image.tar: not covered: debian:12: {way_out}\n");
        assert!(run.stderr.contains(&told), "{}", run.stderr);
        assert!(!run.stderr.contains("see the report"), "{}", run.stderr);
        // Beside a format that tells it, it is not said twice.
        let both = ["-f", format, "-o", "json=report.json"];
        bench.run(&[&offline[..], &both].concat()).ended(4);
    }
}

#[test]
fn a_saved_report_shows_no_date_that_it_does_not_have() {
    let bench = Bench::new();
    let table = bench
        .scan(&["-o", "table", "-o", "json=report.json"])
        .ended(0);
    assert!(table.contains("by debian fetched 20"), "{table}");
    let again = bench.run(&["convert", "report.json"]).ended(0);
    assert!(again.contains("by debian (sha256:"), "{again}");
}
