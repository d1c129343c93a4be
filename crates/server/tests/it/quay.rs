//! The service as a registry's worker drives it (Quay's, in its Clair 2 days): parents first, layers by
//! URL with a token, exact texts of errors, what is retried and what never again, pages of a notification.

use std::collections::BTreeMap;

use pellucid_server::Options;
use pellucid_store::{Database, NotificationId, Store};
use pellucid_testkit::LayerBuilder;
use serde_json::json;

use crate::service::{Answer, LayerServer, Service, config, debian, ok};

const PARENT_UNKNOWN: &str = "worker: parent layer is unknown, it must be processed first";

/// What the worker does about an answer.
#[derive(PartialEq, Eq, Debug)]
enum Verdict {
    Indexed,
    ParentFirst,
    Never,
    Later,
}

fn verdict(answer: &Answer) -> Verdict {
    match answer.status {
        201 => Verdict::Indexed,
        400 if answer.error() == PARENT_UNKNOWN => Verdict::ParentFirst,
        // Everything else that the caller did wrong is given up, as a layer that cannot be read is.
        400..=499 => Verdict::Never,
        _ => Verdict::Later,
    }
}

struct Worker<'a> {
    service: &'a Service,
    storage: &'a LayerServer,
    /// Image to its parent.
    parents: BTreeMap<&'a str, &'a str>,
}

impl Worker<'_> {
    async fn post(&self, image: &str) -> Verdict {
        let parent = self.parents.get(image).copied().unwrap_or_default();
        let mut layer = json!({"Name": name(image), "Path": self.storage.url(&format!("/{image}?sig=canary")),
            "Format": "Docker", "Headers": {"Authorization": "Bearer canary"}});
        if !parent.is_empty() {
            layer["ParentName"] = name(parent).into();
        }
        let body = json!({"Layer": layer}).to_string();
        let answer = self.service.ask("POST", "/v1/layers", &body).await;
        verdict(&answer)
    }

    /// Indexes an image; what it is built on when the service asks for it.
    async fn index(&self, image: &str) -> Verdict {
        let mut waiting = vec![image.to_owned()];
        while let Some(next) = waiting.last().cloned() {
            match self.post(&next).await {
                Verdict::Indexed => waiting.truncate(waiting.len() - 1),
                Verdict::ParentFirst => waiting.push(self.parents[next.as_str()].to_owned()),
                other => return other,
            }
        }
        Verdict::Indexed
    }
}

fn name(image: &str) -> String {
    format!("{image}.7c2f0d1e-5f4a-4b8e-9a53-1f6a0c1d2e3f")
}

#[tokio::test]
async fn a_registrys_worker_indexes_images_and_reads_a_notification() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::Sqlite {
        path: folder.path().join("pellucid.sqlite"),
    };
    let service = Service::within(folder, config(), Options::default()).await;
    let storage = LayerServer::start(|head| {
        if !head.contains("uthorization: Bearer canary") {
            return b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n".to_vec();
        }
        let packages = [("bash", "5.2-1"), ("curl", "7.88-1"), ("zlib", "1.2-1")];
        let image = head.split(['/', '?']).nth(1).unwrap_or_default();
        match image {
            "base" => ok(&debian(&packages[..1]).tar()),
            "middle" => ok(&debian(&packages[..2]).tar()),
            "top" => ok(&debian(&packages).tar()),
            // Packages of nobody knows which distribution; an archive that ends early; nothing.
            "odd" => ok(&LayerBuilder::new()
                .file("var/lib/dpkg/status", "Package: a\nVersion: 1\n\n")
                .tar()),
            "cut" => ok(debian(&packages).tar().get(..700).unwrap()),
            _ => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
        }
    })
    .await;
    let worker = Worker {
        service: &service,
        storage: &storage,
        parents: BTreeMap::from([("middle", "base"), ("top", "middle")]),
    };
    assert_eq!(worker.post("top").await, Verdict::ParentFirst);
    assert_eq!(worker.index("top").await, Verdict::Indexed);
    for image in ["odd", "cut", "gone"] {
        assert_eq!(worker.index(image).await, Verdict::Never, "{image}");
        let found = service.get(&format!("/v1/layers/{}", name(image))).await;
        assert_eq!(found.status, 404, "{image}");
    }

    let vulnerability = json!({"Vulnerability": {"Name": "CVE-1", "NamespaceName": "debian:12",
        "Severity": "High", "FixedIn": [{"Name": "bash", "Version": "6"}, {"Name": "zlib", "Version": "2"}]}});
    let space = "/v1/namespaces/debian:12/vulnerabilities";
    let posted = service.ask("POST", space, &vulnerability.to_string()).await;
    assert_eq!(posted.status, 201, "{posted:?}");
    let path = format!("/v1/layers/{}?features&vulnerabilities", name("top"));
    let layer = service.get(&path).await.json();
    let found: Vec<_> = layer["Layer"]["Features"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            (
                it["Name"].as_str().unwrap(),
                it["Vulnerabilities"].is_array(),
            )
        })
        .collect();
    assert_eq!(found, [("bash", true), ("curl", false), ("zlib", true)]);

    // The name comes by a webhook; here from where that would have it.
    let store = Store::open(&database).await.unwrap();
    let told = store.notifications(NotificationId(0), 10).await.unwrap();
    let [notification] = told.as_slice() else {
        panic!("{told:?}");
    };
    let at = format!("/v1/notifications/{}", notification.name);
    let mut layers = Vec::new();
    let mut page = String::new();
    loop {
        let answer = service.get(&format!("{at}?limit=1{page}")).await.json();
        let new = &answer["Notification"]["New"]["OrderedLayersIntroducingVulnerability"];
        for layer in new.as_array().into_iter().flatten() {
            layers.push(layer["LayerName"].as_str().unwrap().to_owned());
        }
        match answer["Notification"]["NextPage"].as_str() {
            Some(next) => page = format!("&page={next}"),
            None => break,
        }
    }
    assert_eq!(layers, [name("base"), name("top")]);
    assert_eq!(service.ask("DELETE", &at, "").await.status, 200);
    let read = service.get(&format!("{at}?limit=1")).await.json();
    assert!(read["Notification"]["Deleted"].is_string(), "{read}");
}
