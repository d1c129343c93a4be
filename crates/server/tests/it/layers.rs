//! Layers: stored, inherited, replaced, taken away, deleted.

use pellucid_server::Options;
use pellucid_store::{Added, Database, NewLayer, Store};
use pellucid_testkit::LayerBuilder;
use serde_json::{Value, json};

use crate::advisories::{advisory, publish};
use crate::service::{Service, ask, config, debian};

fn features(layer: &Value) -> Vec<(String, String)> {
    let text = |feature: &Value, key: &str| feature[key].as_str().unwrap().to_owned();
    layer["Layer"]["Features"]
        .as_array()
        .map(|features| {
            let pair = |it: &Value| {
                let version = text(it, "Version");
                (
                    format!("{} {version}", text(it, "Name")),
                    text(it, "AddedBy"),
                )
            };
            features.iter().map(pair).collect()
        })
        .unwrap_or_default()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(feature, layer)| ((*feature).to_owned(), (*layer).to_owned()))
        .collect()
}

#[tokio::test]
async fn a_chain_shows_what_each_layer_added() {
    let service = Service::start().await;
    let base = service.layer("base", debian(&[("bash", "5.2-1"), ("curl", "7.88-1")]));
    let upgrade = service.layer("upgrade", debian(&[("bash", "5.2-2"), ("curl", "7.88-1")]));
    let nothing = service.layer("nothing", LayerBuilder::new().file("srv/x", "x"));
    let gone = service.layer("gone", LayerBuilder::new().whiteout("var/lib/dpkg/status"));
    for (name, path, parent) in [
        ("a", &base, ""),
        ("b", &upgrade, "a"),
        ("c", &nothing, "b"),
        ("d", &gone, "c"),
    ] {
        let answer = service.post_layer(name, path, parent).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    let get = async |name: &str| {
        let answer = service.get(&format!("/v1/layers/{name}?features")).await;
        features(&answer.json())
    };
    assert_eq!(
        get("a").await,
        pairs(&[("bash 5.2-1", "a"), ("curl 7.88-1", "a")])
    );
    let upgraded = pairs(&[("bash 5.2-2", "b"), ("curl 7.88-1", "a")]);
    assert_eq!(get("b").await, upgraded);
    assert_eq!(get("c").await, upgraded);
    assert_eq!(get("d").await, []);

    let plain = service.get("/v1/layers/c").await;
    assert_eq!(
        plain.body,
        "{\"Layer\":{\"Name\":\"c\",\"NamespaceName\":\"debian:12\",\"ParentName\":\"b\",\"IndexedByVersion\":3}}\n"
    );
    assert_eq!(plain.headers["server"], "clair");
    assert_eq!(
        plain.headers["content-type"],
        "application/json;charset=utf-8"
    );

    let deleted = service.ask("DELETE", "/v1/layers/b", "").await;
    assert_eq!((deleted.status, deleted.body.as_str()), (200, ""));
    for (name, status) in [("a", 200), ("b", 404), ("c", 404), ("d", 404)] {
        assert_eq!(
            service.get(&format!("/v1/layers/{name}")).await.status,
            status
        );
    }
}

/// Debian with a module of its own, below a virtual environment and a Node package.
fn application() -> LayerBuilder {
    debian(&[("python3-six", "1.16.0-4")])
        .file(
            "var/lib/dpkg/info/python3-six.list",
            "/.\n/usr/lib/python3/dist-packages/six-1.16.0.egg-info/PKG-INFO\n",
        )
        .file(
            "usr/lib/python3/dist-packages/six-1.16.0.egg-info/PKG-INFO",
            "Metadata-Version: 1.2\nName: six\nVersion: 1.16.0\n\n",
        )
        .file(
            "srv/lib/python3.11/site-packages/Jinja2-3.1.2.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: Jinja2\nVersion: 3.1.2\n\n",
        )
        .file(
            "srv/node_modules/@example/parser/package.json",
            r#"{"name":"@example/parser","version":"1.4.1"}"#,
        )
}

/// Features of an ecosystem in a layer with what two packages of the distribution own, where the advisories
/// speak of these packages.
async fn owned_features(speaks_of: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let statements = speaks_of.iter().map(|package| {
        let mut advisory = advisory(1);
        (*package).clone_into(&mut advisory.affected[0].package);
        advisory
    });
    publish(&folder, &statements.collect::<Vec<_>>());
    let service = Service::within(folder, config(), Options::default()).await;
    let mut layer = debian(&[("python3-six", "1.16.0-4"), ("vendor-agent", "7")]);
    for (package, name) in [("python3-six", "six"), ("vendor-agent", "flask")] {
        let path = format!("usr/lib/python3/dist-packages/{name}-1.dist-info/METADATA");
        let list = format!("var/lib/dpkg/info/{package}.list");
        layer = layer.file(&list, format!("/.\n/{path}\n")).file(
            &path,
            format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1\n\n"),
        );
    }
    let path = service.layer("base", layer);
    // The same bytes under another name are decided of anew.
    for name in ["a", "b"] {
        assert_eq!(service.post_layer(name, &path, "").await.status, 201);
    }
    let answer = service.get("/v1/layers/b?features").await.json();
    let list = answer["Layer"]["Features"].as_array().unwrap().iter();
    let of_python = list.filter(|one| one["NamespaceName"] == "pypi");
    of_python
        .map(|one| one["Name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn what_a_vendor_s_package_owns_is_a_feature() {
    assert_eq!(owned_features(&["python3-six", "bash"]).await, ["flask"]);
    assert_eq!(owned_features(&["bash"]).await, ["flask", "six"]);
    // Nobody knows yet whom the distribution will speak of.
    assert_eq!(owned_features(&[]).await, [""; 0]);
}

#[tokio::test]
async fn languages_packages_are_features_of_their_ecosystems() {
    let service = Service::start().await;
    let path = service.layer("base", application());
    assert_eq!(service.post_layer("a", &path, "").await.status, 201);
    let written = json!({"Vulnerability": {
        "Name": "CVE-2024-9999", "NamespaceName": "pypi", "Severity": "High", "FixedIn": [
            {"Name": "Jinja2", "NamespaceName": "pypi", "VersionFormat": "pep440", "Version": "3.1.3rc1"}]}});
    let target = "/v1/namespaces/pypi/vulnerabilities";
    let posted = service.ask("POST", target, &written.to_string()).await;
    assert_eq!(posted.status, 201, "{posted:?}");

    let answer = service.get("/v1/layers/a?vulnerabilities").await.json();
    let layer = &answer["Layer"];
    assert_eq!(layer["NamespaceName"], "debian:12");
    let shown: Vec<_> = layer["Features"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let fixed = &one["Vulnerabilities"][0]["FixedBy"];
            json!([
                one["Name"],
                one["Version"],
                one["NamespaceName"],
                one["VersionFormat"],
                fixed
            ])
        })
        .collect();
    // The module that Debian installed is Debian's package alone.
    assert_eq!(
        json!(shown),
        json!([
            ["@example/parser", "1.4.1", "npm", "npm", null],
            ["Jinja2", "3.1.2", "pypi", "pep440", "3.1.3rc1"],
            ["python3-six", "1.16.0-4", "debian:12", "dpkg", null],
        ])
    );
}

#[tokio::test]
async fn one_key_leaves_languages_out() {
    let mut config = crate::service::config();
    config.features.languages = false;
    let service = Service::with(config, pellucid_server::Options::default()).await;
    let path = service.layer("base", application());
    assert_eq!(service.post_layer("a", &path, "").await.status, 201);
    let answer = service.get("/v1/layers/a?features").await;
    assert_eq!(
        features(&answer.json()),
        pairs(&[("python3-six 1.16.0-4", "a")])
    );
}

#[tokio::test]
async fn a_stored_layer_is_not_looked_at_again() {
    let service = Service::start().await;
    let path = service.layer("base", debian(&[("bash", "5.2-1")]));
    assert_eq!(service.post_layer("a", &path, "").await.status, 201);
    let again = json!({"Layer": {"Name": "a", "Path": "/nope", "Format": "Bogus",
        "ParentName": "nosuch", "Headers": {"Authorization": "Bearer secret", "Empty": ""}}});
    let again = service.ask("POST", "/v1/layers", &again.to_string()).await;
    assert_eq!(again.status, 201);
    assert_eq!(
        again.body,
        "{\"Layer\":{\"Name\":\"a\",\"Path\":\"/nope\",\"Headers\":{\"Authorization\":\"***\",\"Empty\":\"\"},\
         \"ParentName\":\"nosuch\",\"Format\":\"Bogus\",\"IndexedByVersion\":3}}\n"
    );
}

#[tokio::test]
async fn one_name_posted_by_many_at_once_is_stored_once() {
    let service = Service::start().await;
    let path = service.layer("base", debian(&[("bash", "5.2-1")]));
    let body = json!({"Layer": {"Name": "a", "Path": path, "Format": "docker"}}).to_string();
    let address = service.server.api;
    let posts: Vec<_> = (0..8)
        .map(|_| {
            let body = body.clone();
            tokio::spawn(async move { ask(address, "POST", "/v1/layers", "", &body).await.status })
        })
        .collect();
    for post in posts {
        assert_eq!(post.await.unwrap(), 201);
    }
    let answer = service.get("/v1/layers/a?features").await;
    assert_eq!(features(&answer.json()), pairs(&[("bash 5.2-1", "a")]));
}

/// Who posts a name first decides what is stored under it, and nobody gets a mixture.
#[tokio::test]
async fn of_two_layers_under_one_name_one_is_stored_whole() {
    let service = Service::start().await;
    let both = [
        [("bash", "5.2-1"), ("curl", "7.88-1")],
        [("bash", "5.2-2"), ("zlib", "1.2-1")],
    ];
    let paths = ["one", "other"].map(|name| {
        let number = usize::from(name == "other");
        service.layer(name, debian(&both[number]))
    });
    let address = service.server.api;
    for round in 0..4 {
        let name = format!("a{round}");
        let posts: Vec<_> = (0..8)
            .map(|number| {
                let layer = json!({"Name": name, "Path": paths[number % 2], "Format": "docker"});
                let body = json!({"Layer": layer}).to_string();
                tokio::spawn(
                    async move { ask(address, "POST", "/v1/layers", "", &body).await.status },
                )
            })
            .collect();
        for post in posts {
            assert_eq!(post.await.unwrap(), 201);
        }
        let get = async || {
            let answer = service.get(&format!("/v1/layers/{name}?features")).await;
            features(&answer.json())
        };
        let stored = get().await;
        let whole = both.map(|packages| {
            packages.map(|(package, version)| (format!("{package} {version}"), name.clone()))
        });
        assert!(whole.iter().any(|whole| stored == whole), "{stored:?}");
        for path in &paths {
            assert_eq!(service.post_layer(&name, path, "").await.status, 201);
            assert_eq!(get().await, stored);
        }
    }
}

#[tokio::test]
async fn files_below_rootfs_are_those_of_an_aci() {
    let service = Service::start().await;
    let layer = LayerBuilder::new()
        .file("rootfs/etc/alpine-release", "3.4.6\n")
        .file("rootfs/lib/apk/db/installed", "P:musl\nV:1.1.14-r12\n\n")
        .file("lib/apk/db/installed", "P:busybox\nV:1-r1\n\n");
    let path = service.layer("aci", layer);
    let body = json!({"Layer": {"Name": "a", "Path": path, "Format": "ACI"}});
    assert_eq!(
        service
            .ask("POST", "/v1/layers", &body.to_string())
            .await
            .status,
        201
    );
    let answer = service.get("/v1/layers/a?features").await.json();
    assert_eq!(features(&answer), pairs(&[("musl 1.1.14-r12", "a")]));
    assert_eq!(answer["Layer"]["Features"][0]["VersionFormat"], "dpkg");
}

#[tokio::test]
async fn a_chain_has_an_end() {
    let service = Service::start().await;
    let path = service.layer("base", debian(&[("bash", "5.2-1")]));
    let database = Database::Sqlite {
        path: service.folder.path().join("pellucid.sqlite"),
    };
    let store = Store::open(&database).await.unwrap();
    let mut parent = None;
    for number in 0..512 {
        let name = format!("l{number}");
        let layer = NewLayer {
            name: &name,
            parent,
            namespace: None,
            engine_version: 3,
            digest: &name,
            analysis_version: "1",
            below: None,
            analysis: b"",
            features: &[],
        };
        match store.add_layer(layer).await.unwrap() {
            Added::Inserted(id) => parent = Some(id),
            Added::AlreadyThere => panic!("{name} was there"),
        }
    }
    let answer = service.post_layer("too high", &path, "l511").await;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.error().contains("longer than 512"), "{answer:?}");
    assert_eq!(service.get("/v1/layers/too%20high").await.status, 404);
}

#[tokio::test]
async fn every_cut_of_a_layer_is_refused() {
    let service = Service::start().await;
    let whole = debian(&[("bash", "5.2-1")]).tar();
    let cuts = (1..20).map(|part| whole.len() * part / 20);
    for (number, cut) in cuts.enumerate() {
        let path = service.folder.path().join("cut");
        std::fs::write(&path, &whole[..cut]).unwrap();
        let name = format!("cut{number}");
        let answer = service.post_layer(&name, path.to_str().unwrap(), "").await;
        if answer.status == 201 {
            // Cut inside the padding at the end: nothing is missing.
            let stored = service.get(&format!("/v1/layers/{name}?features")).await;
            assert_eq!(features(&stored.json()).len(), 1, "cut at {cut}");
        } else {
            assert_eq!(answer.status, 422, "cut at {cut}: {answer:?}");
            assert_eq!(service.get(&format!("/v1/layers/{name}")).await.status, 404);
        }
    }
}

#[tokio::test]
async fn health_and_metrics_are_where_clair_had_them() {
    let service = Service::start().await;
    let health = ask(service.server.health, "GET", "/health", "", "").await;
    assert_eq!((health.status, health.body.as_str()), (200, ""));
    assert_eq!(health.headers["server"], "clair");
    for (path, status) in [("/healthz", 200), ("/readyz", 200), ("/", 404)] {
        assert_eq!(
            ask(service.server.health, "GET", path, "", "").await.status,
            status
        );
    }
    assert_eq!(
        ask(service.server.health, "POST", "/health", "", "")
            .await
            .status,
        405
    );
    assert_eq!(
        service.get("/v1/namespaces").await.body,
        "{\"Namespaces\":null}\n"
    );
    let metrics = service.get("/v1/metrics").await;
    assert_eq!(metrics.headers["content-type"], "text/plain; version=0.0.4");
    assert!(metrics.body.contains(
        "clair_api_response_duration_milliseconds_count{code=\"200\",route=\"v1/getNamespaces\"} 1"
    ));
}
