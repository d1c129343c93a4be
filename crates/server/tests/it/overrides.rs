//! Records that callers put over a feed's: whom they affect, in answers and in notifications.

use std::collections::BTreeMap;
use std::time::Duration;

use pellucid_model::{Advisory, Affected, NameKind, Namespace, Severity, Status};
use pellucid_server::Options;
use pellucid_store::{NotificationId, Store};
use pellucid_testkit::LayerBuilder;
use pellucid_version::{Lower, Range, Upper};
use serde_json::{Value, json};

use crate::advisories::publish_as;
use crate::engines::{Engine, first_known};
use crate::service::Service;

const OPENSSL: &str = "/v1/namespaces/alpine:v3.20/vulnerabilities/CVE-2024-5535";
const JINJA: &str = "/v1/namespaces/pypi/vulnerabilities/CVE-2024-22195";

fn advisory(id: &str, namespace: &str, package: &str, kind: NameKind, range: Range) -> Advisory {
    let mut advisory = Advisory::new(id);
    advisory.severity = Severity::High;
    advisory.affected = vec![Affected {
        namespace: Namespace::from(namespace),
        package: package.to_owned(),
        name_kind: kind,
        status: Status::Affected,
        ranges: vec![range],
        versions: Vec::new(),
        severity: None,
        arches: Vec::new(),
        module: None,
        cpes: Vec::new(),
        note: None,
    }];
    advisory
}

fn openssl(fixed: &str) -> Advisory {
    let range = Range::before(fixed.to_owned());
    let (id, namespace) = ("CVE-2024-5535", "alpine:v3.20");
    advisory(id, namespace, "openssl", NameKind::Source, range)
}

/// From 3.0 on.
fn jinja(fixed: &str) -> Advisory {
    let range = Range {
        lower: Lower::Inclusive("3.0".to_owned()),
        upper: Upper::Before(fixed.to_owned()),
    };
    advisory("CVE-2024-22195", "pypi", "jinja2", NameKind::Binary, range)
}

/// Alpine with three packages of one source, and a package of Python under some spelling.
async fn post(service: &Service, name: &str, python: (&str, &str)) {
    let package = |name: &str| format!("P:{name}\nV:3.3.0-r2\nA:x86_64\no:openssl\n\n");
    let packages = ["libcrypto3", "libssl3", "openssl"].map(package).concat();
    let (python, version) = python;
    let layer = LayerBuilder::new()
        .file("etc/alpine-release", "3.20.1\n")
        .file("lib/apk/db/installed", packages)
        .file(
            &format!("usr/lib/python3.12/site-packages/{python}-{version}.dist-info/METADATA"),
            format!("Metadata-Version: 2.1\nName: {python}\nVersion: {version}\n\n"),
        );
    let path = service.layer(name, layer);
    let answer = service.post_layer(name, &path, "").await;
    assert_eq!(answer.status, 201, "{answer:?}");
}

/// Each affected feature of a layer, with severity and fix.
async fn found(service: &Service, name: &str) -> Vec<String> {
    let target = format!("/v1/layers/{name}?vulnerabilities");
    let layer = service.get(&target).await.json();
    let text = |it: &Value, key: &str| it[key].as_str().unwrap_or("-").to_owned();
    let mut found = Vec::new();
    for feature in layer["Layer"]["Features"].as_array().unwrap() {
        for one in feature["Vulnerabilities"].as_array().into_iter().flatten() {
            let name = text(feature, "Name");
            let (severity, fixed) = (text(one, "Severity"), text(one, "FixedBy"));
            found.push(format!("{name} {severity} {fixed}"));
        }
    }
    found
}

async fn check(service: &Service, name: &str, expected: &[&str]) {
    assert_eq!(found(service, name).await, expected, "{name}");
}

async fn put(service: &Service, target: &str, body: &Value) {
    let answer = service.ask("PUT", target, &body.to_string()).await;
    assert_eq!(answer.status, 200, "{target} {answer:?}");
}

/// The layers on both sides of the last notification of each vulnerability.
async fn told(service: &Service, store: &Store) -> BTreeMap<String, String> {
    let mut told = BTreeMap::new();
    for one in store.notifications(NotificationId(0), 99).await.unwrap() {
        let target = format!("/v1/notifications/{}?limit=99", one.name);
        let json = service.get(&target).await.json();
        let side = |name: &str| {
            let side = &json["Notification"][name];
            let layers = side["LayersIntroducingVulnerability"].as_array().cloned();
            let layers = layers.unwrap_or_default();
            let layers: Vec<&str> = layers.iter().map(|it| it.as_str().unwrap()).collect();
            layers.join(" ")
        };
        told.insert(
            one.vulnerability,
            format!("{} -> {}", side("Old"), side("New")),
        );
    }
    told
}

async fn a_put_changes_words_and_no_more(engine: &Engine) {
    let folder = tempfile::tempdir().unwrap();
    publish_as("alpine/v3.20", &folder, &[openssl("3.3.1-r1")], 1);
    publish_as("osv/PyPI", &folder, &[jinja("3.1.3")], 1);
    let service = Service::within(folder, engine.config(), Options::default()).await;
    let store = engine.store(service.folder.path()).await;
    post(&service, "new", ("Jinja2", "3.1.2")).await;
    post(&service, "old", ("jinja2", "2.9")).await;
    let of_feed = [
        "Jinja2 High 3.1.3",
        "libcrypto3 High 3.3.1-r1",
        "libssl3 High 3.3.1-r1",
        "openssl High 3.3.1-r1",
    ];
    check(&service, "new", &of_feed).await;
    check(&service, "old", &of_feed[1..]).await;

    let low = json!({"Vulnerability": {"Severity": "Low"}});
    put(&service, OPENSSL, &low).await;
    put(&service, JINJA, &low).await;
    let lowered = of_feed.map(|it| it.replace("High", "Low"));
    let lowered: Vec<&str> = lowered.iter().map(String::as_str).collect();
    check(&service, "new", &lowered).await;
    check(&service, "old", &lowered[1..]).await;
    let expected = [
        ("CVE-2024-22195", "new -> new"),
        ("CVE-2024-5535", "new old -> new old"),
    ];
    let expected = expected.map(|(id, layers)| (id.to_owned(), layers.to_owned()));
    assert_eq!(told(&service, &store).await, expected.into());

    // A fix that a caller changes decides about all that the feed's is about.
    let fix = |name: &str, version: &str| json!({"Feature": {"Name": name, "Version": version}});
    let target = |name: &str| format!("{OPENSSL}/fixes/{name}");
    put(&service, &target("openssl"), &fix("openssl", "3.3.0-r1")).await;
    check(&service, "old", &[]).await;
    put(&service, &target("openssl"), &fix("openssl", "3.3.5-r0")).await;
    put(&service, &target("libssl3"), &fix("libssl3", "3")).await;
    let changed = ["libcrypto3 Low 3.3.5-r0", "openssl Low 3.3.5-r0"];
    check(&service, "old", &changed).await;
    let told_of = told(&service, &store).await;
    assert_eq!(told_of["CVE-2024-5535"], "new old -> new old");

    // What the feed says anew of the fixes that nobody touched holds, and is told.
    let wait = async {
        first_known(&store, "osv/PyPI").await;
        let later = i64::MAX / 2;
        publish_as("osv/PyPI", &service.folder, &[jinja("3.1.4")], later);
        while found(&service, "new").await[0] != "Jinja2 Low 3.1.4"
            || store
                .notifications(NotificationId(0), 99)
                .await
                .unwrap()
                .last()
                .is_none_or(|last| last.feed.is_none())
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait)
        .await
        .unwrap();
    check(&service, "old", &changed).await;
    assert_eq!(told(&service, &store).await["CVE-2024-22195"], "new -> new");
    let fixes = service.get(&format!("{JINJA}/fixes")).await.json();
    assert_eq!(fixes["Features"][0]["Version"], "3.1.4");
    service.server.stop();
    service.server.ended().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_changes_words_and_no_more_on_sqlite() {
    a_put_changes_words_and_no_more(&Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_changes_words_and_no_more_on_postgres() {
    if let Some(engine) = Engine::postgres("overrides") {
        a_put_changes_words_and_no_more(&engine).await;
    }
}
