//! Packages of languages, from the image to the finding: old versions are found, fixed ones are not,
//! and what a distribution installed is its own.

use pellucid_testkit::{ImageBuilder, LayerBuilder, Mirror};
use serde_json::{Value, json};

use crate::bench::{Bench, OS_RELEASE, status};

/// A program that Go built with jwt v4.4.1, websocket v1.4.0 and Go 1.19.
const PROGRAM: &[u8] =
    include_bytes!("../../../detect/tests/data/go_binary/inline/root/usr/local/bin/app");
/// log4j-core 2.14.1.
const JAR: &[u8] =
    include_bytes!("../../../detect/tests/data/java/archives/root/opt/log4j-core-2.14.1.jar");

/// A record of OSV: its id, aliases, package, and fixed version.
fn record(id: &str, aliases: &[&str], ecosystem: &str, name: &str, fixed: &str) -> Value {
    json!({
        "id": id, "modified": "2024-02-01T00:00:00Z", "aliases": aliases, "summary": id,
        "affected": [{
            "package": {"ecosystem": ecosystem, "name": name},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]}]
    })
}

/// OSV's archive of an ecosystem; a tar, which is taken for what it is.
fn osv(mirror: &Mirror, ecosystem: &str, records: &[Value]) {
    let mut archive = LayerBuilder::new();
    for record in records {
        let name = format!("{}.json", record["id"].as_str().unwrap());
        archive = archive.file(&name, record.to_string());
    }
    let url = format!("osv-vulnerabilities.storage.googleapis.com/{ecosystem}/all.zip");
    mirror.file(&url, archive.tar());
}

#[test]
fn a_program_is_explained_by_the_names_and_versions_that_advisories_have() {
    let bench = Bench::new();
    let mirror = Mirror::new(bench.path("mirror"));
    let java = record(
        "BIT-java-2022-1",
        &["CVE-2022-1"],
        "Bitnami",
        "java",
        "8.0.351",
    );
    osv(&mirror, "Bitnami", &[java]);
    let explain = |version: &str| {
        let source = format!("purl:pkg:generic/openjdk@{version}");
        let words = ["explain", "CVE-2022-1", "openjdk", &source];
        bench
            .run(&[&words[..], &["--mirror", "mirror"]].concat())
            .stdout
    };
    for (version, expected) in [
        ("1.8.0_345", "compared as 8.0.345, lies in < 8.0.351"),
        (
            "1.8.0_362",
            "compared as 8.0.362, does not lie in < 8.0.351",
        ),
    ] {
        let told = explain(version);
        assert!(told.contains("BIT-java-2022-1 in osv/Bitnami"), "{told}");
        assert!(told.contains(expected), "{told}");
    }
}

fn metadata(name: &str, version: &str) -> String {
    format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\n")
}

/// Debian's tracker on its Jinja2, which has the fix backported.
const TRACKER: &str = r#"{"jinja2": {"CVE-2024-0001": {"releases": {"bookworm": {
    "status": "resolved", "fixed_version": "3.1.2-1+deb12u1", "urgency": "medium",
    "repositories": {"bookworm": "3.1.2-1+deb12u1"}}}}}}"#;

fn bench() -> Bench {
    let bench = Bench::new();
    let debian = LayerBuilder::new()
        .file("etc/os-release", OS_RELEASE)
        .file(
            "var/lib/dpkg/status",
            status(&[
                ("python3-jinja2", "3.1.2-1+deb12u1", "jinja2"),
                ("vendors-search", "7.10.2", "vendors-search"),
            ]),
        )
        .file(
            "var/lib/dpkg/info/vendors-search.list",
            "/.\n/usr/share/search/log4j-core-2.14.1.jar\n",
        )
        .file("usr/share/search/log4j-core-2.14.1.jar", JAR)
        .file(
            "var/lib/dpkg/info/python3-jinja2.list",
            "/.\n/usr/lib/python3/dist-packages/Jinja2-3.1.2.egg-info/PKG-INFO\n",
        )
        .file(
            "usr/lib/python3/dist-packages/Jinja2-3.1.2.egg-info/PKG-INFO",
            metadata("Jinja2", "3.1.2"),
        );
    let python = "srv/venv/lib/python3.11/site-packages";
    let application = LayerBuilder::new()
        .file(
            &format!("{python}/jinja2-3.0.0.dist-info/METADATA"),
            metadata("jinja2", "3.0.0"),
        )
        .file(
            "opt/fixed/lib/python3.11/site-packages/jinja2-3.1.3.dist-info/METADATA",
            metadata("jinja2", "3.1.3"),
        )
        .file(
            "srv/node_modules/minimist/package.json",
            r#"{"name": "minimist", "version": "1.2.0"}"#,
        )
        .file(
            "srv/node_modules/mkdirp/node_modules/minimist/package.json",
            r#"{"name": "minimist", "version": "1.2.8"}"#,
        )
        .file(
            "srv/node_modules/evil/package.json",
            r#"{"name": "evil", "version": "9.0.0"}"#,
        )
        .file("srv/lib/log4j-core-2.14.1.jar", JAR)
        .program("srv/app", PROGRAM);
    bench.image(ImageBuilder::new().layer(debian).layer(application));

    let mirror = Mirror::new(bench.path("mirror"));
    mirror.debian(TRACKER);
    let jinja = |id, aliases: &[&str]| record(id, aliases, "PyPI", "Jinja2", "3.1.3");
    osv(
        &mirror,
        "PyPI",
        &[
            jinja("GHSA-aaaa-bbbb-cccc", &["CVE-2024-0001"]),
            jinja("PYSEC-2024-1", &["CVE-2024-0001", "GHSA-aaaa-bbbb-cccc"]),
        ],
    );
    let mut malware = record("MAL-2024-1", &[], "npm", "evil", "0");
    malware["affected"][0]["ranges"][0]["events"] = json!([{"introduced": "0"}]);
    osv(
        &mirror,
        "npm",
        &[
            record(
                "GHSA-vh95-rmgr-6w4m",
                &["CVE-2020-7598"],
                "npm",
                "minimist",
                "1.2.2",
            ),
            malware,
        ],
    );
    let log4j = "org.apache.logging.log4j:log4j-core";
    osv(
        &mirror,
        "Maven",
        &[
            record(
                "GHSA-jfh8-c2jp-5v3q",
                &["CVE-2021-44228"],
                "Maven",
                log4j,
                "2.15.0",
            ),
            record("GHSA-xxxx-xxxx-xxxx", &[], "Maven", log4j, "2.14.1"),
        ],
    );
    let (jwt, websocket) = (
        "github.com/golang-jwt/jwt/v4",
        "github.com/gorilla/websocket",
    );
    osv(
        &mirror,
        "Go",
        &[
            record("GO-2025-3553", &[], "Go", jwt, "4.5.2"),
            record(
                "GO-2020-0019",
                &["CVE-2020-27813"],
                "Go",
                websocket,
                "1.4.1",
            ),
            record("GO-2019-0001", &[], "Go", websocket, "1.4.0"),
            record("GO-2022-1039", &[], "Go", "stdlib", "1.19.2"),
        ],
    );
    bench
}

#[test]
fn planted_versions_are_found_once_and_fixed_ones_are_not() {
    let bench = bench();
    let run = bench.scan(&["--format", "json"]);
    let report: Value = serde_json::from_str(&run.ended(0)).unwrap();
    let packages = report["packages"].as_array().unwrap();
    let found: Vec<String> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            let package = &packages[finding["package"].as_u64().unwrap() as usize];
            let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
            format!(
                "{} {} {} -> {}",
                text(&finding["id"]),
                text(&package["name"]),
                text(&package["version"]),
                text(&finding["fixed_version"])
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            "CVE-2024-0001 jinja2 3.0.0 -> 3.1.3",
            "MAL-2024-1 evil 9.0.0 -> -",
            "CVE-2020-7598 minimist 1.2.0 -> 1.2.2",
            "CVE-2021-44228 org.apache.logging.log4j:log4j-core 2.14.1 -> 2.15.0",
            "CVE-2021-44228 org.apache.logging.log4j:log4j-core 2.14.1 -> 2.15.0",
            "GO-2025-3553 github.com/golang-jwt/jwt/v4 v4.4.1 -> 4.5.2",
            "CVE-2020-27813 github.com/gorilla/websocket v1.4.0 -> 1.4.1",
            "GO-2022-1039 stdlib 1.19 -> 1.19.2",
        ]
    );
    // Every name of a flaw is told, Debian's copy is Debian's, and a vendor's is not.
    assert_eq!(
        report["findings"][0]["aliases"],
        json!(["GHSA-aaaa-bbbb-cccc", "PYSEC-2024-1"])
    );
    let owned: Vec<(&Value, &Value, &Value)> = packages
        .iter()
        .filter(|package| package["owner"].is_object())
        .map(|package| {
            let owner = &package["owner"];
            (&package["version"], &owner["name"], &owner["decides"])
        })
        .collect();
    assert_eq!(
        owned,
        [
            (&json!("3.1.2"), &json!("python3-jinja2"), &json!(true)),
            (&json!("2.14.1"), &json!("vendors-search"), &json!(false)),
        ]
    );
}

#[test]
fn malware_is_told_as_such_and_fails_a_scan_by_its_own_rule() {
    let bench = bench();
    let table = bench.scan(&["--fail-on", "malware"]).ended(1);
    assert!(table.contains("remove evil: it is malicious"), "{table}");
    bench.file(
        "rules.yaml",
        "fail:\n- malware: true\n  package: minimist\n",
    );
    bench.scan(&["--config", "rules.yaml"]).ended(0);
    bench.file("rules.yaml", "fail:\n- malware: true\n");
    let scan = ["--config", "rules.yaml", "--only-fixed"];
    bench.scan(&scan).ended(1);
    for (format, told) in [
        ("json", "\"malware\": true"),
        ("sarif", "Remove evil: it is malicious"),
        ("csv", "Remove evil: it is malicious"),
        ("html", "Remove evil: it is malicious"),
        ("markdown", "it is malicious"),
        ("plan", "evil 9.0.0: it is malicious"),
        ("gitlab", "Remove evil: it is malicious"),
        ("junit", "Remove evil: it is malicious"),
        ("cyclonedx", "pellucid:malware"),
    ] {
        let report = bench.scan(&["--format", format]).stdout;
        assert!(report.contains(told), "{format}: {report}");
    }
}

#[test]
fn a_source_trees_lock_files_are_read() {
    let bench = bench();
    std::fs::create_dir(bench.path("project")).unwrap();
    bench.file(
        "project/package-lock.json",
        r#"{"name": "web", "lockfileVersion": 3, "packages": {
            "": {"name": "web"}, "node_modules/minimist": {"version": "1.2.0"}}}"#,
    );
    bench.file("project/requirements.txt", "jinja2==3.0.0\n");
    bench.file(
        "project/go.mod",
        "module example.com/app\n\ngo 1.21\n\nrequire github.com/gorilla/websocket v1.4.0\n",
    );
    let scan = [
        "scan",
        "dir:project",
        "--mirror",
        "mirror",
        "--format",
        "json",
    ];
    let run = bench.run(&[&scan[..], &["--allow-uncovered"]].concat());
    let report: Value = serde_json::from_str(&run.ended(0)).unwrap();
    let ids: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["CVE-2024-0001", "CVE-2020-7598", "CVE-2020-27813"]);
}

#[test]
fn a_feed_on_request_answers_once_it_was_asked_for() {
    let bench = bench();
    let mut advisory = record("GHSA-only-here-0001", &[], "npm", "minimist", "1.3.0");
    advisory["database_specific"] = json!({"severity": "HIGH"});
    let archive = LayerBuilder::new().file(
        "advisory-database-main/advisories/github-reviewed/2024/01/x/x.json",
        advisory.to_string(),
    );
    Mirror::new(bench.path("mirror")).file(
        "github.com/github/advisory-database/archive/refs/heads/main.tar.gz",
        archive.tar(),
    );
    let finds = || {
        let run = bench.scan(&["--format", "json"]);
        run.ended(0).contains("GHSA-only-here-0001")
    };
    assert!(!finds());
    let update = bench.run(&["db", "update", "ghsa", "--mirror", "mirror"]);
    assert!(update.ended(0).starts_with("ghsa: 1 advisories"));
    assert!(finds());
}

#[test]
fn a_package_is_looked_up_however_its_ecosystem_lets_it_be_spelt() {
    let bench = bench();
    let scan = ["--mirror", "mirror"];
    bench.run(&[&["scan", "image.tar", "-q"], &scan[..]].concat());
    let found = |name: &str| {
        let found = bench.run(&["db", "search", name, "--namespace", "pypi"]);
        let table = found.ended(0);
        table.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    let own = found("jinja2");
    assert!(!own.is_empty());
    assert_eq!(found("Jinja2"), own);
    let explain = |name: &str| {
        let explain = ["explain", "GHSA-h5c8-rqwp-cp95", name, "image.tar"];
        bench.run(&[&explain[..], &scan].concat())
    };
    let (lower, upper) = (explain("jinja2"), explain("Jinja2"));
    assert_eq!((lower.status, upper.status), (0, 0), "{}", lower.stderr);
    assert!(
        lower.stdout.contains("Package Jinja2 3.1.2"),
        "{}",
        lower.stdout
    );
    assert!(
        upper.stdout.contains("Package jinja2 3.0.0"),
        "{}",
        upper.stdout
    );
    let none = explain("no-such-package");
    assert!(
        none.status == 1 && none.stdout.contains("There is no package no-such-package"),
        "{}",
        none.stdout
    );
}
