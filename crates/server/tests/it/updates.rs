//! Feeds followed by the running service, and the notifications that come of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use pellucid_model::Namespace;
use pellucid_server::{Config, GoDuration, Options};
use pellucid_snapshot::Catalog;
use pellucid_store::{Database, NotificationId, Store};
use pellucid_testkit::postgres::PostgresServer;
use pellucid_testkit::{LayerBuilder, Mirror};
use serde_json::Value;

use crate::advisories::{advisory, publish, publish_as};
use crate::service::{LayerServer, Service, config, debian, ok};

/// Debian's tracker: each CVE with its package and the version that fixes it, `-` for none.
fn tracker(records: &[(&str, &str, &str)]) -> String {
    let mut packages: BTreeMap<&str, BTreeMap<&str, Value>> = BTreeMap::new();
    for (id, package, fixed) in records {
        let release = match *fixed {
            "-" => serde_json::json!({"status": "open", "urgency": "low"}),
            fixed => serde_json::json!({
                "status": "resolved", "urgency": "low", "fixed_version": fixed
            }),
        };
        let record = serde_json::json!({"description": id, "releases": {"bookworm": release}});
        packages.entry(package).or_default().insert(id, record);
    }
    serde_json::to_string(&packages).unwrap()
}

/// A configuration that follows Debian, a second apart, from a mirror, and tells at once.
fn following(mirror: &str) -> Config {
    let mut config = config();
    config.feeds.follow = Some(vec!["debian".to_owned()]);
    config.feeds.mirror = Some(mirror.to_owned());
    config.notifications.wait = GoDuration::default();
    config.clair.updater = Some(Default::default());
    config.clair.updater.as_mut().unwrap().interval = GoDuration::seconds(1);
    config
}

/// Asks until the answer is as it should be.
async fn until(service: &Service, target: &str, good: impl Fn(&Value) -> bool) -> Value {
    let wait = async {
        loop {
            let answer = service.get(target).await;
            let json = serde_json::from_str(&answer.body).unwrap_or(Value::Null);
            if answer.status == 200 && good(&json) {
                return json;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    match tokio::time::timeout(Duration::from_secs(60), wait).await {
        Ok(json) => json,
        Err(_) => panic!("{target} stayed {}", service.get(target).await.body),
    }
}

/// What is said of a key.
fn feed<'a>(feeds: &'a Value, key: &str) -> &'a Value {
    let all = feeds["feeds"].as_array().into_iter().flatten();
    let mut found = all.filter(|feed| feed["key"] == key);
    found.next().unwrap_or(&Value::Null)
}

fn digest(feeds: &Value) -> &str {
    let snapshot = &feed(feeds, "debian")["snapshot"];
    snapshot["digest"].as_str().unwrap_or_default()
}

async fn store(service: &Service) -> Store {
    let path = service.folder.path().join("pellucid.sqlite");
    Store::open(&Database::Sqlite { path }).await.unwrap()
}

/// Every notification: its vulnerability, and what each side says of `bash`.
async fn told(service: &Service) -> Vec<(String, String, String)> {
    let all = store(service).await;
    let all = all.notifications(NotificationId(0), 1000).await.unwrap();
    let mut told = Vec::new();
    for one in all {
        let target = format!("/v1/notifications/{}?limit=10", one.name);
        let json = service.get(&target).await.json();
        let side = |name: &str| {
            let side = &json["Notification"][name];
            let layers = side["LayersIntroducingVulnerability"].as_array().cloned();
            let layers: Vec<String> = layers
                .unwrap_or_default()
                .iter()
                .map(|it| it.as_str().unwrap().to_owned())
                .collect();
            let fix = &side["Vulnerability"]["FixedIn"][0]["Version"];
            format!("{} {}", fix.as_str().unwrap_or("gone"), layers.join(","))
        };
        told.push((one.vulnerability, side("Old"), side("New")));
    }
    told.sort();
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_update_is_silent_and_the_next_tells_what_changed_for_stored_layers() {
    let folder = tempfile::tempdir().unwrap();
    let mirror = Mirror::new(folder.path());
    let mut config = following(folder.path().to_str().unwrap());
    // This one is never there, and hides nothing of the other.
    let follow = config.feeds.follow.as_mut().unwrap();
    follow.push("alpine/v3.20".to_owned());
    let service = Service::with(config, Options::default()).await;
    let path = service.layer("base", debian(&[("bash", "5.2-2"), ("zlib", "1.3")]));
    assert_eq!(service.post_layer("base", &path, "").await.status, 201);
    let path = service.layer("top", debian(&[("bash", "5.2-2"), ("zlib", "1.4")]));
    assert_eq!(service.post_layer("top", &path, "base").await.status, 201);

    // Before the first update the answer says that it knows nothing; health is Clair's.
    let answer = service.get("/v1/layers/base?vulnerabilities").await;
    let header = answer.headers.get("pellucid-not-covered");
    assert_eq!(header.map(String::as_str), Some("debian:12"));
    let failing = until(&service, "/api/v1/feeds", |it| {
        feed(it, "debian")["state"] == "failing" && it["first_update_finished"] == true
    })
    .await;
    assert!(feed(&failing, "debian")["error"].is_string());

    mirror.debian(tracker(&[
        ("CVE-1", "bash", "5.2-3"),
        ("CVE-2", "bash", "5.2-2"),
        ("CVE-3", "zlib", "1.4"),
        ("CVE-4", "bash", "-"),
        ("CVE-5", "bash", "5.2-9"),
        ("CVE-6", "elsewhere", "-"),
    ]));
    // A failed feed is tried again after a second here, as often as its interval says.
    let feeds = until(&service, "/api/v1/feeds", |it| !digest(it).is_empty()).await;
    let first = digest(&feeds).to_owned();
    assert_eq!(
        (
            feed(&feeds, "debian")["state"].as_str(),
            feed(&feeds, "debian")["snapshot"]["advisories"].as_u64(),
            feed(&feeds, "alpine/v3.20")["state"].as_str(),
        ),
        (Some("current"), Some(6), Some("failing"))
    );
    assert_eq!(told(&service).await, []);
    let answer = service.get("/v1/layers/base?vulnerabilities").await;
    assert_eq!(answer.headers.get("pellucid-not-covered"), None);
    assert!(answer.body.contains("CVE-1"), "{}", answer.body);

    mirror.debian(tracker(&[
        // As before, in other words.
        ("CVE-1", "bash", "5.2-3"),
        // Fixed later than was thought: now it affects both layers.
        ("CVE-2", "bash", "5.2-8"),
        // Gone.
        // A fix is out.
        ("CVE-4", "bash", "5.2-4"),
        // Another fix, but nobody has the package.
        ("CVE-6", "elsewhere", "2"),
        // New, and of a version that one layer brings in and nobody of the other.
        ("CVE-7", "zlib", "1.4"),
        ("CVE-5", "bash", "5.2-9"),
    ]));
    until(&service, "/api/v1/feeds", |it| digest(it) != first).await;
    let expected = [
        ("CVE-2", "5.2-2 ", "5.2-8 base"),
        ("CVE-3", "1.4 base", "gone "),
        ("CVE-4", "None base", "5.2-4 base"),
        ("CVE-7", "gone ", "1.4 base"),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned()))
        .collect();
    assert_eq!(told(&service).await, expected);
    let store = store(&service).await;
    let feeds = service.get("/api/v1/feeds").await.json();
    assert_eq!(feed(&feeds, "alpine/v3.20")["state"], "failing");
    // These follow a moment later.
    let lines = [
        "pellucid_feed_advisories{feed=\"debian\"} 6",
        "clair_updater_errors_total",
        "pellucid_feed_errors_total{feed=\"debian\"} ",
    ];
    let noted = async {
        loop {
            let last = store.value("updater/last").await.unwrap();
            let last = last.and_then(|last| last.parse::<i64>().ok());
            let metrics = service.get("/v1/metrics").await.body;
            let is_counted = lines.iter().all(|line| metrics.contains(line));
            if is_counted && last > Some(1_500_000_000) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), noted)
        .await
        .unwrap();
    service.server.stop();
    service.server.ended().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_imported_beside_the_service_is_told_and_too_much_of_it_is_held() {
    let folder = tempfile::tempdir().unwrap();
    publish(&folder, &[advisory(1), advisory(2)]);
    let mut config = config();
    config.notifications.most = 2;
    let service = Service::within(folder, config, Options::default()).await;
    let path = service.layer("base", debian(&[("bash", "5.1")]));
    assert_eq!(service.post_layer("a", &path, "").await.status, 201);
    let one_of =
        |it: &Value, advisories: u64| feed(it, "debian")["snapshot"]["advisories"] == advisories;
    until(&service, "/api/v1/feeds", |it| one_of(it, 2)).await;
    assert_eq!(told(&service).await, []);

    publish(&service.folder, &[advisory(1), advisory(2), advisory(3)]);
    until(&service, "/api/v1/feeds", |it| one_of(it, 3)).await;
    let names: Vec<String> = told(&service).await.into_iter().map(|it| it.0).collect();
    assert_eq!(names, ["CVE-2024-3"]);

    let many: Vec<_> = (1..20).map(advisory).collect();
    publish(&service.folder, &many);
    let feeds = until(&service, "/api/v1/feeds", |it| one_of(it, 19)).await;
    assert_eq!(feed(&feeds, "debian")["held_notifications"], 16);
    let held = store(&service).await.held().await.unwrap();
    assert_eq!((held.len(), held[0].count), (1, 16));
    service.server.stop();
    service.server.ended().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_the_work_and_the_snapshots() {
    let postgres = match PostgresServer::start() {
        Ok(postgres) => postgres,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let records = tracker(&[("CVE-1", "bash", "5.2-3"), ("CVE-2", "bash", "5.2-2")]);
    let upstream = LayerServer::start(move |head| match head.contains("tracker/data/json") {
        true => ok(records.as_bytes()),
        false => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
    })
    .await;
    let mut config = following(&format!("http://{}", upstream.address));
    config.clair.updater.as_mut().unwrap().interval = GoDuration::seconds(3600);
    let source = postgres.source();
    let text =
        format!("{{clair: {{database: {{type: pgsql, options: {{source: \"{source}\"}}}}}}}}");
    let section = Config::parse(&text, "x.yaml".as_ref()).unwrap();
    config.clair.database = section.clair.database;
    let start = || Service::with(config.clone(), Options::default());
    let (one, two, three) = tokio::join!(start(), start(), start());
    let services = [one, two, three];
    for service in &services {
        until(service, "/api/v1/feeds", |it| !digest(it).is_empty()).await;
    }
    let path = services[0].layer("base", debian(&[("bash", "5.2-2")]));
    assert_eq!(services[0].post_layer("a", &path, "").await.status, 201);
    for service in &services {
        until(service, "/v1/layers/a?vulnerabilities", |it| {
            it.to_string().contains("CVE-1")
        })
        .await;
    }
    let requests = upstream.requests.lock().unwrap().clone();
    let fetched = requests
        .iter()
        .filter(|it| it.contains("tracker/data/json"));
    assert_eq!(
        fetched.count(),
        1,
        "more than one replica fetched: {requests:?}"
    );

    // What one of them imports reaches all, and is told once.
    crate::advisories::publish_at(&services[1].folder, &[advisory(9)], i64::MAX / 2);
    for service in &services {
        until(service, "/v1/layers/a?vulnerabilities", |it| {
            it.to_string().contains("CVE-2024-9")
        })
        .await;
    }
    let database = Database::Postgres {
        source,
        max_connections: 2,
    };
    let store = Store::open(&database).await.unwrap();
    let wait = async {
        loop {
            let all = store.notifications(NotificationId(0), 99).await.unwrap();
            if !all.is_empty() {
                return all;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let all = tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .unwrap();
    let mut names: Vec<_> = all.iter().map(|it| it.vulnerability.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["CVE-1", "CVE-2024-9"]);
    for service in services {
        service.server.stop();
        service.server.ended().await.unwrap();
    }
}

/// The clock was ahead when a key was last updated, and by one that died: that is not believed.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_while_the_clock_was_ahead_stops_no_update() {
    let folder = tempfile::tempdir().unwrap();
    let mirror = Mirror::new(folder.path());
    mirror.debian(tracker(&[("CVE-1", "bash", "5.2-3")]));
    let data = tempfile::tempdir().unwrap();
    let path = data.path().join("pellucid.sqlite");
    let ahead = {
        let store = Store::open(&Database::Sqlite { path }).await.unwrap();
        let ahead = store.now().await.unwrap() + 365 * 24 * 3600;
        let day = Duration::from_secs(24 * 3600 - 1);
        let lease = store.acquire_lease("feed/debian", "one", day).await;
        let lease = lease.unwrap().unwrap();
        let state = serde_json::json!({
            "next_at": ahead + 3600, "tried_at": ahead, "checked_at": ahead
        });
        let state = state.to_string();
        let set = store.set_snapshot_state("debian", &state, &lease).await;
        set.unwrap();
        assert!(store.release_lease(&lease).await.unwrap());
        let last = ahead.to_string();
        store.set_value("updater/last", Some(&last)).await.unwrap();
        ahead
    };
    let config = following(folder.path().to_str().unwrap());
    let service = Service::within(data, config, Options::default()).await;
    let feeds = until(&service, "/api/v1/feeds", |it| {
        feed(it, "debian")["state"] == "current" && !digest(it).is_empty()
    })
    .await;
    assert!(feed(&feeds, "debian")["last_checked"].as_i64().unwrap() < ahead);
    let store = store(&service).await;
    let last = async || {
        let last = store.value("updater/last").await.unwrap();
        last.and_then(|last| last.parse::<i64>().ok()).unwrap()
    };
    let wait = async {
        while last().await >= ahead {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait)
        .await
        .unwrap();
}

/// Cuts the file of a key's current snapshot short.
fn damage(folder: &Path, key: &str) {
    let catalog = Catalog::open(folder).unwrap();
    let path = catalog.current(key).unwrap().unwrap().path().to_owned();
    let half = std::fs::metadata(&path).unwrap().len() / 2;
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_len(half).unwrap();
}

async fn covered(service: &Service, layer: &str) -> bool {
    let target = format!("/v1/layers/{layer}?vulnerabilities");
    let answer = service.get(&target).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    !answer.headers.contains_key("pellucid-not-covered")
}

async fn post(service: &Service) {
    let path = service.layer("base", debian(&[("bash", "5.2-2")]));
    assert_eq!(service.post_layer("debian", &path, "").await.status, 201);
    let alpine = LayerBuilder::new()
        .file("etc/alpine-release", "3.20.1\n")
        .file("lib/apk/db/installed", "P:bash\nV:5.2.1-r0\n\n");
    let path = service.layer("other", alpine);
    assert_eq!(service.post_layer("alpine", &path, "").await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_snapshot_stops_no_other_and_is_fetched_again() {
    let data = tempfile::tempdir().unwrap();
    let mut other = advisory(3);
    other.affected[0].namespace = Namespace::from("alpine:v3.20");
    publish_as("alpine/v3.20", &data, &[other], 1);
    publish(&data, &[advisory(3)]);
    damage(data.path(), "debian");
    let folder = tempfile::tempdir().unwrap();
    let mirror = Mirror::new(folder.path());
    let config = following(folder.path().to_str().unwrap());
    let service = Service::within(data, config, Options::default()).await;
    post(&service).await;
    assert!(covered(&service, "alpine").await);
    assert!(!covered(&service, "debian").await);
    until(&service, "/api/v1/feeds", |it| {
        feed(it, "debian")["state"] == "damaged" && feed(it, "debian")["failures"] != 0
    })
    .await;
    // It may shrink, where what is here cannot be read.
    mirror.debian(tracker(&[("CVE-1", "bash", "5.2-3")]));
    until(&service, "/api/v1/feeds", |it| {
        feed(it, "debian")["state"] == "current"
    })
    .await;
    assert!(covered(&service, "debian").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_snapshot_is_taken_from_the_database() {
    let postgres = match PostgresServer::start() {
        Ok(postgres) => postgres,
        Err(reason) => return println!("skipped: damaged: {reason}"),
    };
    let data = tempfile::tempdir().unwrap();
    publish(&data, &[advisory(3)]);
    let config = crate::service::on_postgres(&postgres.source());
    let service = Service::within(data, config.clone(), Options::default()).await;
    until(&service, "/api/v1/feeds", |it| !digest(it).is_empty()).await;
    let Service { folder, server } = service;
    server.stop();
    server.ended().await.unwrap();
    damage(folder.path(), "debian");
    let service = Service::within(folder, config, Options::default()).await;
    post(&service).await;
    // Nothing is fetched here.
    let wait = async {
        while !covered(&service, "debian").await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait)
        .await
        .unwrap();
    until(&service, "/api/v1/feeds", |it| {
        feed(it, "debian")["state"] != "damaged"
    })
    .await;
}
