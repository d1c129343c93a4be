//! An image that says which repositories its packages came from: the statements about those count.

use pellucid_testkit::postgres::PostgresServer;
use pellucid_testkit::{ImageBuilder, LayerBuilder, Mirror};
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::serving::{SERVE, Serving};

/// A database with bash 5.1.8-6.el9.
const DATABASE: &[u8] =
    include_bytes!("../../../detect/tests/data/rpm/sqlite/root/var/lib/rpm/rpmdb.sqlite");
const VEX: &str = "security.access.redhat.com/data/csaf/v2/vex";
const REPOSITORIES: &str = "security.access.redhat.com/data/metrics/repository-to-cpe.json";

/// What Red Hat's build system writes into an image of a product.
const LABELS: &str =
    r#"{"name": "made/made", "cpe": "cpe:/a:redhat:made:1::el9", "architecture": "x86_64"}"#;

/// A document that says of one product that bash is fixed in 9.
fn vex(cve: &str, cpe: &str) -> String {
    format!(
        r#"{{
  "document": {{"tracking": {{"current_release_date": "2025-01-01T00:00:00+00:00"}}}},
  "product_tree": {{
    "branches": [
      {{"product": {{"product_id": "P", "product_identification_helper": {{"cpe": "{cpe}"}}}}}},
      {{"product": {{"product_id": "C", "product_identification_helper":
        {{"purl": "pkg:rpm/redhat/bash@5.1.8-9.el9?arch=x86_64"}}}}}}],
    "relationships": [{{"full_product_name": {{"product_id": "P:C"}},
      "product_reference": "C", "relates_to_product_reference": "P"}}]}},
  "vulnerabilities": [{{"cve": "{cve}", "product_status": {{"fixed": ["P:C"]}}}}]
}}"#
    )
}

/// A place with a CVE of the release, one of its extended update stream, one of a layered product.
fn bench() -> Bench {
    let bench = Bench::new();
    let archive = LayerBuilder::new()
        .file(
            "2024/cve-2024-0001.json",
            vex("CVE-2024-0001", "cpe:/o:redhat:enterprise_linux:9::baseos"),
        )
        .file(
            "2024/cve-2024-0002.json",
            vex("CVE-2024-0002", "cpe:/o:redhat:rhel_eus:9.0::baseos"),
        )
        .file(
            "2024/cve-2024-0003.json",
            vex("CVE-2024-0003", "cpe:/a:redhat:made:1::el9"),
        );
    Mirror::new(bench.path("mirror"))
        .file(
            &format!("{VEX}/archive_latest.txt"),
            "csaf_vex_2025-01-02.tar.zst\n",
        )
        .file(&format!("{VEX}/changes.csv"), "")
        .file(&format!("{VEX}/deletions.csv"), "")
        .file(&format!("{VEX}/csaf_vex_2025-01-02.tar.zst"), archive.tar())
        .file(
            REPOSITORIES,
            r#"{"data": {
              "main-rpms": {"cpes": ["cpe:/o:redhat:enterprise_linux:9::baseos"]},
              "eus-rpms": {"cpes": ["cpe:/o:redhat:rhel_eus:9.0::baseos"]}}}"#,
        );
    bench
}

/// An image with this content manifest, if any.
fn image(manifest: Option<&str>) -> ImageBuilder {
    let mut layer = LayerBuilder::new()
        .file("etc/os-release", "ID=rhel\nVERSION_ID=\"9.0\"\n")
        .file("var/lib/rpm/rpmdb.sqlite", DATABASE);
    if let Some(manifest) = manifest {
        layer = layer.file("root/buildinfo/content_manifests/made-1-1.json", manifest);
    }
    ImageBuilder::new().layer(layer)
}

/// The CVEs that a scan of it finds, and the whole report.
fn found(bench: &Bench, manifest: Option<&str>) -> (String, Value) {
    bench.image(image(manifest));
    scanned(bench)
}

fn scanned(bench: &Bench) -> (String, Value) {
    let report = bench.scan(&["-f", "json", "--allow-uncovered"]).stdout;
    let report: Value = serde_json::from_str(&report).unwrap();
    let findings = report["findings"].as_array().unwrap().iter();
    let mut ids: Vec<&str> = findings
        .map(|finding| finding["id"].as_str().unwrap())
        .collect();
    ids.dedup();
    (ids.join(" "), report)
}

#[test]
fn statements_count_for_the_repositories_of_the_image() {
    let bench = bench();
    let (ids, report) = found(&bench, None);
    assert_eq!(ids, "CVE-2024-0001", "{}", report["warnings"]);
    let note = report["coverage"][0]["note"].as_str().unwrap();
    assert!(
        note.contains("no manifest of the image tells the repositories"),
        "{note}"
    );

    let (ids, _) = found(&bench, Some(r#"{"content_sets": ["main-rpms"]}"#));
    assert_eq!(ids, "CVE-2024-0001");

    let (ids, report) = found(&bench, Some(r#"{"content_sets": ["eus-rpms"]}"#));
    assert_eq!(ids, "CVE-2024-0002");
    assert_eq!(report["repositories"][0]["name"], "eus-rpms");
    let reason = &report["findings"][0]["reasons"][0];
    assert_eq!(reason["products"][0], "cpe:/o:redhat:rhel_eus:9.0::baseos");
    bench.file("report.json", report.to_string());
    for source in ["image.tar", "report.json"] {
        let explain = |cve| {
            let arguments = ["explain", cve, "bash", source, "--mirror", "mirror"];
            bench.run(&arguments).stdout
        };
        let told = explain("CVE-2024-0002");
        assert!(
            told.contains("said for cpe:/o:redhat:rhel_eus:9.0::baseos"),
            "{told}"
        );
        let told = explain("CVE-2024-0001");
        assert!(told.contains("CVE-2024-0001 is not reported"), "{told}");
        assert!(told.contains("does not count"), "{told}");
    }
}

#[test]
fn a_repository_that_nobody_knows_leaves_nothing_out() {
    let bench = bench();
    let all = "CVE-2024-0001 CVE-2024-0002 CVE-2024-0003";
    let (ids, report) = found(
        &bench,
        Some(r#"{"content_sets": ["main-rpms", "made-rpms"]}"#),
    );
    assert_eq!(ids, all);
    let note = report["coverage"][0]["note"].as_str().unwrap();
    assert!(
        note.contains("does not know the repositories made-rpms"),
        "{note}"
    );

    let bench = self::bench();
    std::fs::remove_file(bench.path("mirror").join(REPOSITORIES)).unwrap();
    let (ids, report) = found(&bench, Some(r#"{"content_sets": ["main-rpms"]}"#));
    assert_eq!(ids, all);
    let note = report["coverage"][0]["note"].as_str().unwrap();
    assert!(note.contains("nothing tells which products"), "{note}");
}

#[test]
fn a_bill_of_materials_keeps_the_repositories() {
    let bench = bench();
    bench.image(image(Some(r#"{"content_sets": ["eus-rpms"]}"#)));
    for format in ["cyclonedx", "spdx-json"] {
        let bill = bench.run(&["packages", "-f", format, "image.tar"]).stdout;
        bench.file("bill.json", bill);
        let scan = [
            "scan",
            "sbom:bill.json",
            "--mirror",
            "mirror",
            "-f",
            "json",
            "--allow-uncovered",
        ];
        let report: Value = serde_json::from_str(&bench.run(&scan).stdout).unwrap();
        assert_eq!(report["findings"][0]["id"], "CVE-2024-0002", "{format}");
        assert_eq!(report["findings"].as_array().unwrap().len(), 1, "{format}");
    }
}

#[test]
fn a_label_tells_the_product_of_an_image() {
    let bench = bench();
    let own = "cpe:/a:redhat:made:1::el9";
    let both = "CVE-2024-0001 CVE-2024-0003";
    let labelled = |manifest| image(manifest).labels(json!({"cpe": own, "name": "made/made"}));
    for archive in [
        labelled(None).docker_archive(),
        labelled(None).oci_archive(),
    ] {
        bench.file("image.tar", archive);
        let (ids, report) = scanned(&bench);
        assert_eq!(ids, both);
        let expected = json!([{"name": own, "path": "label cpe", "layer": 0}]);
        assert_eq!(report["repositories"], expected);
        let note = report["coverage"][0]["note"].as_str().unwrap();
        assert!(note.contains(own), "{note}");
    }
    // Its repositories tell more.
    bench.image(labelled(Some(r#"{"content_sets": ["eus-rpms"]}"#)));
    assert_eq!(scanned(&bench).0, "CVE-2024-0002");
    // A label of another shape is none, and so is one that is no CPE.
    for labels in [
        json!(["cpe"]),
        json!({"cpe": 1}),
        json!({"cpe": "made"}),
        json!(7),
    ] {
        bench.image(image(None).labels(labels.clone()));
        let (ids, report) = scanned(&bench);
        assert_eq!(ids, "CVE-2024-0001", "{labels}");
        assert_eq!(report["repositories"], json!([]), "{labels}");
    }
}

/// Layers of images, lowest first: manifests in one layer, in several, put in place of another, removed.
fn images() -> Vec<Vec<LayerBuilder>> {
    let base = || {
        LayerBuilder::new()
            .file("etc/os-release", "ID=rhel\nVERSION_ID=\"9.0\"\n")
            .file("var/lib/rpm/rpmdb.sqlite", DATABASE)
    };
    let path = |name| format!("root/buildinfo/content_manifests/{name}.json");
    let with = |layer: LayerBuilder, name, repository| {
        layer.file(
            &path(name),
            match repository {
                "" => r#"{"from_dnf_hint": true, "content_sets": []}"#.to_owned(),
                _ => format!(r#"{{"content_sets": ["{repository}"]}}"#),
            },
        )
    };
    let empty = LayerBuilder::new;
    vec![
        vec![base()],
        vec![base(), empty()],
        vec![with(base(), "a", "main-rpms"), empty()],
        vec![with(base(), "a", "eus-rpms")],
        vec![with(base(), "a", "own-rpms")],
        vec![
            with(base(), "a", "main-rpms"),
            with(empty(), "b", "eus-rpms"),
        ],
        vec![
            with(base(), "a", "main-rpms"),
            with(empty(), "a", "eus-rpms"),
            empty(),
        ],
        vec![with(base(), "a", "eus-rpms"), empty().whiteout(&path("a"))],
        vec![with(empty(), "a", "eus-rpms"), base()],
        vec![base(), empty().file("root/buildinfo/labels.json", LABELS)],
        vec![
            with(base(), "a", ""),
            empty().file("usr/share/buildinfo/labels.json", LABELS),
        ],
    ]
}

/// Asks the service about the same layers as `scan` is given as an image.
fn a_service_finds_what_a_scan_finds(bench: &Bench, database: &str) {
    let mirror = bench.path("mirror");
    let feeds = format!(
        "feeds: {{follow: [redhat, redhat-repositories], mirror: '{}'}}\n",
        mirror.display()
    );
    let serving = Serving::configured(
        bench,
        database,
        "{interval: 1h}",
        &feeds,
        bench.command(&[SERVE, &["--data-dir", "served"]].concat()),
    );
    let ask = |target: &str| -> Value {
        let (status, body) = serving.ask("GET", target, "").unwrap();
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    };
    while ask("/api/v1/feeds")["first_update_finished"] != true {
        std::thread::yield_now();
    }
    let mut seen = std::collections::BTreeSet::new();
    for (number, (layers, same)) in images().into_iter().zip(images()).enumerate() {
        let mut parent = String::new();
        for (at, layer) in layers.into_iter().enumerate() {
            let name = format!("{number}-{at}");
            bench.file(&name, layer.tar());
            let path = bench.path(&name);
            let status = serving.post_layer(&name, path.to_str().unwrap(), &parent);
            assert_eq!(status, Some(201), "{name}");
            parent = name;
        }
        let layer = ask(&format!("/v1/layers/{parent}?vulnerabilities"));
        let list = layer["Layer"]["Features"][0]["Vulnerabilities"].as_array();
        let names = list
            .into_iter()
            .flatten()
            .map(|it| it["Name"].as_str().unwrap());
        let served = names.collect::<Vec<_>>().join(" ");
        bench.image(
            same.into_iter()
                .fold(ImageBuilder::new(), ImageBuilder::layer),
        );
        let (scanned, report) = scanned(bench);
        assert_eq!(served, scanned, "{number}: {}", report["repositories"]);
        seen.insert(served);
    }
    assert_eq!(seen.len(), 5, "{seen:?}");
}

#[test]
fn a_service_on_sqlite_finds_what_a_scan_finds() {
    a_service_finds_what_a_scan_finds(&bench(), "{type: sqlite}");
}

#[test]
fn a_service_on_postgres_finds_what_a_scan_finds() {
    let postgres = match PostgresServer::start() {
        Ok(postgres) => postgres,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let source = postgres.source();
    let database = format!("{{type: pgsql, options: {{source: \"{source}\"}}}}");
    a_service_finds_what_a_scan_finds(&bench(), &database);
}
