//! Layers that chisel cut from packages: their manifest does not say what the packages were built from, the
//! advisories' data does.

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
const BUILT_FROM: &[(&str, &str, &str)] = &[("ubuntu:24.04", "libssl3t64", "openssl")];

fn openssl(id: &str, fixed: &str) -> Advisory {
    let mut advisory = Advisory::new(id);
    advisory.severity = Severity::High;
    advisory.affected = vec![Affected {
        namespace: Namespace::from("ubuntu:24.04"),
        package: "openssl".to_owned(),
        name_kind: NameKind::Source,
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

/// The vulnerabilities of libssl, with severity and fix.
async fn found(service: &Service) -> Vec<String> {
    let layer = service.get("/v1/layers/cut?vulnerabilities").await.json();
    let features = layer["Layer"]["Features"].as_array().unwrap();
    let libssl = features
        .iter()
        .find(|it| it["Name"] == "libssl3t64")
        .unwrap();
    let list = libssl["Vulnerabilities"].as_array().into_iter().flatten();
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

async fn cut_layers_are_matched_by_source(engine: &Engine) {
    let folder = tempfile::tempdir().unwrap();
    let first = openssl("CVE-2024-1", "3.0.13-0ubuntu3.5");
    publish_with(
        "ubuntu",
        &folder,
        std::slice::from_ref(&first),
        BUILT_FROM,
        1,
    );
    let service = Service::within(folder, engine.config(), Options::default()).await;
    let store = engine.store(service.folder.path()).await;
    let layer = LayerBuilder::new()
        .file("etc/os-release", "ID=ubuntu\nVERSION_ID=\"24.04\"\n")
        .file("var/lib/chisel/manifest.wall", MANIFEST);
    let path = service.layer("cut", layer);
    assert_eq!(service.post_layer("cut", &path, "").await.status, 201);
    assert_eq!(found(&service).await, ["CVE-2024-1 High 3.0.13-0ubuntu3.5"]);

    // Callers' words and fixes, by the name that the feed's have.
    let target = "/v1/namespaces/ubuntu:24.04/vulnerabilities/CVE-2024-1";
    let put = async |target: &str, body: Value| {
        let answer = service.ask("PUT", target, &body.to_string()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    put(target, json!({"Vulnerability": {"Severity": "Low"}})).await;
    assert_eq!(found(&service).await, ["CVE-2024-1 Low 3.0.13-0ubuntu3.5"]);
    assert_eq!(told(&service, &store).await, ["CVE-2024-1 [\"cut\"]"]);
    let fix = |version: &str| json!({"Feature": {"Name": "openssl", "Version": version}});
    let fixes = format!("{target}/fixes/openssl");
    put(&fixes, fix("3.0.13-0ubuntu3.4")).await;
    assert_eq!(found(&service).await, [""; 0]);
    put(&fixes, fix("3.0.13-0ubuntu3.9")).await;
    assert_eq!(found(&service).await, ["CVE-2024-1 Low 3.0.13-0ubuntu3.9"]);

    // News of the source is news of the package.
    let wait = async {
        first_known(&store, "ubuntu").await;
        let both = [first, openssl("CVE-2024-2", "3.0.13-0ubuntu3.6")];
        publish_with("ubuntu", &service.folder, &both, BUILT_FROM, i64::MAX / 2);
        let is_told = |told: &[String]| told.iter().any(|one| one.starts_with("CVE-2024-2"));
        while !is_told(&told(&service, &store).await) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait)
        .await
        .unwrap();
    let told = told(&service, &store).await;
    assert_eq!(told.last().unwrap(), "CVE-2024-2 [\"cut\"]");
    service.server.stop();
    service.server.ended().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_layers_are_matched_by_source_on_sqlite() {
    cut_layers_are_matched_by_source(&Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_layers_are_matched_by_source_on_postgres() {
    if let Some(engine) = Engine::postgres("sources") {
        cut_layers_are_matched_by_source(&engine).await;
    }
}
