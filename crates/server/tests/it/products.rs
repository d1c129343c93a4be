//! Layers that say which repositories their packages came from: the statements about those products
//! count, in answers and in notifications.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pellucid_model::{Advisory, Affected, NameKind, Namespace, Package, PackageKind, Status};
use pellucid_server::Options;
use pellucid_store::{Added, Feature, NewLayer, NotificationId, Store};
use pellucid_testkit::LayerBuilder;
use pellucid_version::Range;
use tempfile::TempDir;

use crate::advisories::publish_as;
use crate::engines::{Engine, first_known};
use crate::service::Service;

/// A database with bash 5.1.8-6.el9 and others.
const DATABASE: &[u8] =
    include_bytes!("../../../detect/tests/data/rpm/sqlite/root/var/lib/rpm/rpmdb.sqlite");
const MAIN: &str = "cpe:/o:redhat:enterprise_linux:9::baseos";
const EUS: &str = "cpe:/o:redhat:rhel_eus:9.0::baseos";
const LAYERED: &str = "cpe:/a:redhat:made:1::el9";
/// What is said for any product.
const ALL: &str = "CVE-EUS CVE-LAYERED CVE-MAIN";

fn advisory(id: &str, namespace: &str, package: &str, fixed: &str, cpe: &str) -> Advisory {
    let mut advisory = Advisory::new(id);
    advisory.affected = vec![Affected {
        namespace: Namespace::from(namespace),
        package: package.to_owned(),
        name_kind: NameKind::Binary,
        status: Status::Affected,
        ranges: vec![Range::before(fixed.to_owned())],
        versions: Vec::new(),
        severity: None,
        arches: Vec::new(),
        module: None,
        cpes: vec![cpe.to_owned()],
        note: None,
    }];
    advisory
}

fn said(id: &str, fixed: &str, cpe: &str) -> Advisory {
    advisory(id, "rhel:9", "bash", fixed, cpe)
}

/// Red Hat's data: a CVE a product, and two repositories.
fn published() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let statements = [
        said("CVE-EUS", "9", EUS),
        said("CVE-LAYERED", "9", LAYERED),
        said("CVE-MAIN", "9", MAIN),
    ];
    publish_as("redhat", &folder, &statements, 1);
    let repository = |name, cpe| advisory(name, "redhat-repositories", name, "1", cpe);
    let repositories = [repository("eus-rpms", EUS), repository("main-rpms", MAIN)];
    publish_as("redhat-repositories", &folder, &repositories, 1);
    folder
}

fn rhel() -> LayerBuilder {
    LayerBuilder::new()
        .file("etc/os-release", "ID=rhel\nVERSION_ID=\"9.0\"\n")
        .file("var/lib/rpm/rpmdb.sqlite", DATABASE)
}

fn manifest(layer: LayerBuilder, name: &str, repository: &str) -> LayerBuilder {
    let path = format!("root/buildinfo/content_manifests/{name}.json");
    layer.file(&path, format!(r#"{{"content_sets": ["{repository}"]}}"#))
}

async fn post(service: &Service, name: &str, layer: LayerBuilder, parent: &str) {
    let path = service.layer(name, layer);
    let answer = service.post_layer(name, &path, parent).await;
    assert_eq!(answer.status, 201, "{answer:?}");
}

/// The vulnerabilities of bash, and which layer brought it in.
async fn found(service: &Service, name: &str) -> (String, String) {
    let target = format!("/v1/layers/{name}?vulnerabilities");
    let layer = service.get(&target).await.json();
    let features = layer["Layer"]["Features"].as_array().unwrap();
    let bash = features.iter().find(|it| it["Name"] == "bash").unwrap();
    let list = bash["Vulnerabilities"].as_array().into_iter().flatten();
    let names: Vec<&str> = list.map(|it| it["Name"].as_str().unwrap()).collect();
    let added_by = bash["AddedBy"].as_str().unwrap().to_owned();
    (names.join(" "), added_by)
}

async fn check(service: &Service, name: &str, expected: &str, added_by: &str) {
    let found = found(service, name).await;
    let expected = (expected.to_owned(), added_by.to_owned());
    assert_eq!(found, expected, "{name}");
}

/// The layers on the new side of every notification, by vulnerability.
async fn told(service: &Service, store: &Store) -> BTreeMap<String, String> {
    let mut told = BTreeMap::new();
    for one in store.notifications(NotificationId(0), 99).await.unwrap() {
        let target = format!("/v1/notifications/{}?limit=99", one.name);
        let json = service.get(&target).await.json();
        let layers = &json["Notification"]["New"]["LayersIntroducingVulnerability"];
        let layers = layers.as_array().cloned().unwrap_or_default();
        let mut layers: Vec<&str> = layers.iter().map(|it| it.as_str().unwrap()).collect();
        layers.sort_unstable();
        told.insert(one.vulnerability, layers.join(" "));
    }
    told
}

async fn statements_count_by_repository(engine: &Engine) {
    let service = Service::within(published(), engine.config(), Options::default()).await;
    let store = engine.store(service.folder.path()).await;

    post(&service, "plain", rhel(), "").await;
    post(&service, "main", manifest(rhel(), "a-1-1", "main-rpms"), "").await;
    post(&service, "eus", manifest(rhel(), "a-1-1", "eus-rpms"), "").await;
    post(&service, "unknown", manifest(rhel(), "a-1-1", "own"), "").await;
    let top = || LayerBuilder::new().file("etc/motd", "");
    post(&service, "inherits", top(), "main").await;
    post(
        &service,
        "both",
        manifest(top(), "b-1-1", "eus-rpms"),
        "main",
    )
    .await;
    post(
        &service,
        "other",
        manifest(top(), "a-1-1", "eus-rpms"),
        "main",
    )
    .await;
    let gone = top().whiteout("root/buildinfo/content_manifests/a-1-1.json");
    post(&service, "gone", gone, "eus").await;

    check(&service, "plain", "CVE-MAIN", "plain").await;
    check(&service, "main", "CVE-MAIN", "main").await;
    check(&service, "eus", "CVE-EUS", "eus").await;
    check(&service, "unknown", ALL, "unknown").await;
    check(&service, "inherits", "CVE-MAIN", "main").await;
    check(&service, "both", "CVE-EUS CVE-MAIN", "main").await;
    check(&service, "other", "CVE-EUS", "main").await;
    check(&service, "gone", "CVE-MAIN", "eus").await;

    stored_before(&service, &store).await;

    // One that is said differently, one that is new for a product, one of a product of which one layer may be.
    let changed = [
        said("CVE-EUS", "10", EUS),
        said("CVE-LAYERED", "9", LAYERED),
        said("CVE-MAIN", "9", MAIN),
        said("CVE-MAIN-2", "9", MAIN),
        said("CVE-OTHER", "9", "cpe:/a:redhat:other:1::el9"),
    ];
    let wait = async {
        first_known(&store, "redhat").await;
        publish_as("redhat", &service.folder, &changed, i64::MAX / 2);
        while told(&service, &store).await.len() < 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait)
        .await
        .unwrap();
    let expected = [
        ("CVE-EUS", "both eus other unknown"),
        ("CVE-MAIN-2", "both gone main old plain unknown"),
        ("CVE-OTHER", "unknown"),
    ];
    let expected = expected.map(|(id, layers)| (id.to_owned(), layers.to_owned()));
    assert_eq!(told(&service, &store).await, expected.into());
    service.server.stop();
    service.server.ended().await.unwrap();
}

/// A layer that was stored by other detectors counts every product until it is posted again, and so does
/// what is built on it.
async fn stored_before(service: &Service, store: &Store) {
    let chain = store.chain("plain").await.unwrap();
    let plain = chain.last().unwrap();
    let namespace = Arc::new(pellucid_store::Namespace {
        name: "centos:9".to_owned(),
        version_format: "rpm".to_owned(),
    });
    let mut package = Package::new(PackageKind::Rpm, "bash", "5.1.8-6.el9");
    package.arch = Some("x86_64".to_owned());
    let features = [Feature {
        namespace: Arc::clone(&namespace),
        name: "bash".to_owned(),
        version: package.version.clone(),
        package,
        repositories: None,
    }];
    let old = NewLayer {
        name: "old",
        parent: None,
        namespace: Some(&namespace),
        engine_version: 3,
        digest: &plain.digest,
        analysis_version: "old",
        below: None,
        analysis: &plain.analysis,
        features: &features,
    };
    let added = store.add_layer(old).await.unwrap();
    assert!(matches!(added, Added::Inserted(_)));
    let child = || LayerBuilder::new().file("etc/motd", "");
    post(service, "old-child", child(), "old").await;
    check(service, "old", ALL, "old").await;
    check(service, "old-child", ALL, "old").await;

    post(service, "old", rhel(), "").await;
    check(service, "old", "CVE-MAIN", "old").await;
    // Laid over what was known then, until it is posted again itself.
    check(service, "old-child", ALL, "old").await;
    post(service, "old-child", child(), "old").await;
    check(service, "old-child", "CVE-MAIN", "old").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_count_by_repository_on_sqlite() {
    statements_count_by_repository(&Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_count_by_repository_on_postgres() {
    if let Some(engine) = Engine::postgres("products") {
        statements_count_by_repository(&engine).await;
    }
}
