//! Several servers on one PostgreSQL.

use pellucid_server::Options;
use pellucid_testkit::postgres::PostgresServer;
use serde_json::json;

use crate::service::{Service, debian, on_postgres};

const SPACE: &str = "/v1/namespaces/debian:12/vulnerabilities";

#[tokio::test(flavor = "multi_thread")]
async fn three_answer_the_same_and_pages_go_on_with_another() {
    let postgres = match PostgresServer::start() {
        Ok(postgres) => postgres,
        Err(reason) => return println!("skipped: replicas: {reason}"),
    };
    // All at once on an empty database: each wants to migrate it.
    let start = || Service::with(on_postgres(&postgres.source()), Options::default());
    let (one, two, three) = tokio::join!(start(), start(), start());
    let replicas = [one, two, three];
    for (number, replica) in replicas.iter().cycle().take(7).enumerate() {
        let body = json!({"Vulnerability": {"Name": format!("CVE-{number}"),
            "NamespaceName": "debian:12", "Severity": "High",
            "FixedIn": [{"Name": "bash", "Version": format!("9.{number}")}]}});
        let answer = replica.ask("POST", SPACE, &body.to_string()).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    let [one, two, three] = &replicas;
    let path = one.layer("base", debian(&[("bash", "5.2-1")]));
    assert_eq!(one.post_layer("a", &path, "").await.status, 201);
    assert_eq!(two.post_layer("b", &path, "a").await.status, 201);
    for target in [
        "/v1/layers/a?vulnerabilities",
        "/v1/layers/b?features&vulnerabilities",
        "/v1/namespaces",
        &format!("{SPACE}?limit=100"),
        &format!("{SPACE}/CVE-3?fixedIn"),
    ] {
        let answer = one.get(target).await;
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
        assert!(answer.body.contains("debian:12"), "{target}: {answer:?}");
        for other in [two, three] {
            assert_eq!(other.get(target).await.body, answer.body, "{target}");
        }
    }
    // What one deletes is gone for the others, whatever they remember.
    assert_eq!(
        three
            .ask("DELETE", &format!("{SPACE}/CVE-0"), "")
            .await
            .status,
        200
    );
    for replica in &replicas {
        let layer = replica.get("/v1/layers/a?vulnerabilities").await.body;
        assert!(
            !layer.contains("CVE-0") && layer.contains("CVE-1"),
            "{layer}"
        );
    }
    let mut names = Vec::new();
    let mut page = String::new();
    for replica in replicas.iter().cycle() {
        let answer = replica.get(&format!("{SPACE}?limit=1{page}")).await.json();
        names.extend(
            answer["Vulnerabilities"][0]["Name"]
                .as_str()
                .map(str::to_owned),
        );
        match answer["NextPage"].as_str() {
            Some(next) => page = format!("&page={next}"),
            None => break,
        }
    }
    assert_eq!(
        names,
        (1..7).map(|it| format!("CVE-{it}")).collect::<Vec<_>>()
    );
}
