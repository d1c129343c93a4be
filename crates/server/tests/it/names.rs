//! Packages that advisories know by another name: those that chisel cut, whose manifest does not say what they
//! were built from, and software known by its binary, which is in Bitnami's namespace.

use std::time::Duration;

use pellucid_model::{Advisory, Affected, NameKind, Namespace, Severity, Status};
use pellucid_server::Options;
use pellucid_store::{NotificationId, Store};
use pellucid_testkit::LayerBuilder;
use pellucid_version::Range;
use serde_json::{Value, json};

use crate::advisories::publish_with;
use crate::engines::{Engine, first_known};
use crate::service::Service;

/// A manifest with libssl3t64 3.0.13-0ubuntu3.4 and others.
const MANIFEST: &[u8] =
    include_bytes!("../../../detect/tests/data/chisel/cut/root/var/lib/chisel/manifest.wall");
/// dpkg's list says what packages were built from: this one from a source of its name.
const STATUS: &str =
    "Package: docker.io\nStatus: install ok installed\nVersion: 20.10.21-0ubuntu1~22.04.3\n\n";
const BUILT_FROM: &[(&str, &str, &str)] = &[
    ("ubuntu:24.04", "docker.io", "docker.io-app"),
    ("ubuntu:24.04", "libssl3t64", "openssl"),
];

fn openssl(id: &str, fixed: &str) -> Advisory {
    advisory(id, "ubuntu:24.04", "openssl", NameKind::Source, fixed)
}

fn docker(id: &str, fixed: &str) -> Advisory {
    advisory(id, "ubuntu:24.04", "docker.io-app", NameKind::Source, fixed)
}

fn apache(id: &str, fixed: &str) -> Advisory {
    advisory(id, "bitnami", "apache", NameKind::Binary, fixed)
}

fn advisory(id: &str, namespace: &str, package: &str, kind: NameKind, fixed: &str) -> Advisory {
    let mut advisory = Advisory::new(id);
    advisory.severity = Severity::High;
    advisory.affected = vec![Affected {
        namespace: Namespace::from(namespace),
        package: package.to_owned(),
        name_kind: kind,
        status: Status::Affected,
        ranges: vec![Range::before(fixed.to_owned())],
        versions: Vec::new(),
        severity: None,
        arches: Vec::new(),
        module: None,
        cpes: Vec::new(),
        note: None,
    }];
    advisory
}

/// The vulnerabilities of a feature, with severity and fix.
async fn found(service: &Service, feature: &str) -> Vec<String> {
    let layer = service.get("/v1/layers/a?vulnerabilities").await.json();
    let features = layer["Layer"]["Features"].as_array().unwrap();
    let feature = features.iter().find(|it| it["Name"] == feature).unwrap();
    let list = feature["Vulnerabilities"].as_array().into_iter().flatten();
    let text = |it: &Value, key: &str| it[key].as_str().unwrap_or("-").to_owned();
    list.map(|one| {
        ["Name", "Severity", "FixedBy"]
            .map(|key| text(one, key))
            .join(" ")
    })
    .collect()
}

/// The layers that notifications tell of, the newest first, by vulnerability.
async fn told(service: &Service, store: &Store) -> Vec<String> {
    let mut told = Vec::new();
    for one in store.notifications(NotificationId(0), 99).await.unwrap() {
        let target = format!("/v1/notifications/{}?limit=99", one.name);
        let json = service.get(&target).await.json();
        let layers = &json["Notification"]["New"]["LayersIntroducingVulnerability"];
        told.push(format!("{} {layers}", one.vulnerability));
    }
    told.sort();
    told
}

/// Publishes news of a feed, and waits for the notification of this vulnerability.
async fn news(service: &Service, store: &Store, key: &str, advisories: &[Advisory], id: &str) {
    let wait = async {
        first_known(store, key).await;
        publish_with(key, &service.folder, advisories, BUILT_FROM, i64::MAX / 2);
        let is_told = |told: &[String]| told.iter().any(|one| one.starts_with(id));
        while !is_told(&told(service, store).await) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait)
        .await
        .unwrap();
}

async fn packages_are_matched_by_the_advisories_names(engine: &Engine) {
    let folder = tempfile::tempdir().unwrap();
    let ssl = openssl("CVE-2024-1", "3.0.13-0ubuntu3.5");
    let docker = docker("CVE-2024-3", "24.0.5-0ubuntu1");
    let of_ubuntu = [ssl.clone(), docker.clone()];
    publish_with("ubuntu", &folder, &of_ubuntu, BUILT_FROM, 1);
    let httpd = apache("CVE-2021-41773", "2.4.50");
    publish_with("osv/Bitnami", &folder, std::slice::from_ref(&httpd), &[], 1);
    let service = Service::within(folder, engine.config(), Options::default()).await;
    let store = engine.store(service.folder.path()).await;
    let mut program = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03".to_vec();
    program.resize(256, 0);
    program.extend_from_slice(b"\0Apache/2.4.49 (Unix)\0");
    let layer = LayerBuilder::new()
        .file("etc/os-release", "ID=ubuntu\nVERSION_ID=\"24.04\"\n")
        .file("var/lib/chisel/manifest.wall", MANIFEST)
        .file("var/lib/dpkg/status", STATUS)
        .file("usr/local/apache2/bin/httpd", program);
    let path = service.layer("a", layer);
    assert_eq!(service.post_layer("a", &path, "").await.status, 201);
    let libssl = async || found(&service, "libssl3t64").await;
    assert_eq!(libssl().await, ["CVE-2024-1 High 3.0.13-0ubuntu3.5"]);
    assert_eq!(found(&service, "docker.io").await, [""; 0]);
    let of_httpd = found(&service, "httpd").await;
    assert_eq!(of_httpd, ["CVE-2021-41773 High 2.4.50"]);

    // Callers' words and fixes, by the name that the feed's have.
    let put = async |target: &str, body: Value| {
        let answer = service.ask("PUT", target, &body.to_string()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    let low = json!({"Vulnerability": {"Severity": "Low"}});
    let of_docker = "/v1/namespaces/ubuntu:24.04/vulnerabilities/CVE-2024-3";
    put(of_docker, low.clone()).await;
    assert_eq!(found(&service, "docker.io").await, [""; 0]);
    let target = "/v1/namespaces/ubuntu:24.04/vulnerabilities/CVE-2024-1";
    put(target, low.clone()).await;
    assert_eq!(libssl().await, ["CVE-2024-1 Low 3.0.13-0ubuntu3.5"]);
    let of_apache = "/v1/namespaces/bitnami/vulnerabilities/CVE-2021-41773";
    put(of_apache, low).await;
    let expected = [
        "CVE-2021-41773 [\"a\"]",
        "CVE-2024-1 [\"a\"]",
        "CVE-2024-3 null",
    ];
    assert_eq!(told(&service, &store).await, expected);
    let fix = |version: &str| json!({"Feature": {"Name": "openssl", "Version": version}});
    let fixes = format!("{target}/fixes/openssl");
    put(&fixes, fix("3.0.13-0ubuntu3.4")).await;
    assert_eq!(libssl().await, [""; 0]);
    put(&fixes, fix("3.0.13-0ubuntu3.9")).await;
    assert_eq!(libssl().await, ["CVE-2024-1 Low 3.0.13-0ubuntu3.9"]);

    let fix = |version: &str| json!({"Feature": {"Name": "apache", "Version": version}});
    let fixes = format!("{of_apache}/fixes/apache");
    put(&fixes, fix("2.4.49")).await;
    assert_eq!(found(&service, "httpd").await, [""; 0]);
    put(&fixes, fix("2.4.51")).await;
    let of_httpd = found(&service, "httpd").await;
    assert_eq!(of_httpd, ["CVE-2021-41773 Low 2.4.51"]);

    // News under those names is news of the packages.
    let all = [ssl, docker, openssl("CVE-2024-2", "3.0.13-0ubuntu3.6")];
    news(&service, &store, "ubuntu", &all, "CVE-2024-2").await;
    let both = [httpd, apache("CVE-2021-42013", "2.4.51")];
    news(&service, &store, "osv/Bitnami", &both, "CVE-2021-42013").await;
    let told = told(&service, &store).await;
    for id in ["CVE-2024-2", "CVE-2021-42013"] {
        assert!(told.contains(&format!("{id} [\"a\"]")), "{told:?}");
    }
    service.server.stop();
    service.server.ended().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_are_matched_by_the_advisories_names_on_sqlite() {
    packages_are_matched_by_the_advisories_names(&Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_are_matched_by_the_advisories_names_on_postgres() {
    if let Some(engine) = Engine::postgres("names") {
        packages_are_matched_by_the_advisories_names(&engine).await;
    }
}
