//! What a request asks of the database.

use pellucid_server::Options;
use tracing::Level;

use crate::advisories::{advisory, publish};
use crate::audit::Lines;
use crate::service::{Service, config, debian};

/// Tables that the loops beside the requests look at.
const LOOPS: [&str; 7] = [
    "clock",
    "delivery",
    "keyvalue",
    "lease",
    "notification",
    "receiver",
    "snapshot",
];

// One thread: what requests ask is told on it.
#[tokio::test]
async fn reading_a_layer_is_one_statement() {
    let (lines, _collecting) = Lines::collect(Level::TRACE);
    let folder = tempfile::tempdir().unwrap();
    publish(&folder, &[advisory(1), advisory(3)]);
    let service = Service::within(folder, config(), Options::default()).await;
    let path = service.layer("base", debian(&[("bash", "5.2-2")]));
    for name in ["a", "b"] {
        assert_eq!(service.post_layer(name, &path, "").await.status, 201);
    }
    tracing::callsite::rebuild_interest_cache();
    let asked = async |target: &str| {
        lines.take();
        let answer = service.get(target).await;
        assert_eq!(answer.status, 200, "{target}");
        let told = lines.take().into_iter();
        let statements: Vec<String> = told
            .filter(|(target, _)| target == "pellucid_store::engine")
            .filter_map(|(_, words)| Some(words.split_once("name=")?.1.to_owned()))
            .filter(|name| !LOOPS.iter().any(|table| name.starts_with(table)))
            .filter(|name| name != "vulnerability/prune")
            .collect();
        (answer, statements)
    };
    // What a feature version is, and what was written by hand, is asked once.
    let (_, first) = asked("/v1/layers/a?vulnerabilities").await;
    assert!(
        first.iter().any(|it| it == "feature_version/get"),
        "{first:?}"
    );
    for target in [
        "/v1/layers/a",
        "/v1/layers/b",
        "/v1/layers/b?features",
        // Matched now, and remembered then.
        "/v1/layers/b?vulnerabilities",
        "/v1/layers/b?vulnerabilities",
    ] {
        let (answer, statements) = asked(target).await;
        assert_eq!(statements, ["layer/get"], "{target}");
        assert_eq!(
            answer.body.contains("CVE-2024-3"),
            target.contains("vulnerabilities"),
            "{answer:?}"
        );
    }
}
