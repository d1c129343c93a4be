//! An image that says which repositories its packages came from: the statements about those count.

use pellucid_testkit::{ImageBuilder, LayerBuilder, Mirror};

use crate::bench::Bench;

/// A database with bash 5.1.8-6.el9.
const DATABASE: &[u8] =
    include_bytes!("../../../detect/tests/data/rpm/sqlite/root/var/lib/rpm/rpmdb.sqlite");
const VEX: &str = "security.access.redhat.com/data/csaf/v2/vex";
const REPOSITORIES: &str = "security.access.redhat.com/data/metrics/repository-to-cpe.json";

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
fn found(bench: &Bench, manifest: Option<&str>) -> (String, serde_json::Value) {
    bench.image(image(manifest));
    let report = bench.scan(&["-f", "json", "--allow-uncovered"]).stdout;
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
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
    assert!(note.contains("does not tell the repositories"), "{note}");

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
        let report: serde_json::Value = serde_json::from_str(&bench.run(&scan).stdout).unwrap();
        assert_eq!(report["findings"][0]["id"], "CVE-2024-0002", "{format}");
        assert_eq!(report["findings"].as_array().unwrap().len(), 1, "{format}");
    }
}
