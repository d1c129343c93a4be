//! Replicas of two releases on one database: a step of the schema, under load, and back.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use pellucid_store::{Database, Store, StoreError};
use pellucid_testkit::postgres::PostgresServer;
use tokio_postgres::{Client, NoTls};

use crate::fixture::{add, feature, shown};

/// A server, or why the test is skipped.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn server() -> Option<PostgresServer> {
    match PostgresServer::start() {
        Ok(server) => Some(server),
        Err(reason) => {
            println!("skipped: upgrade: {reason}");
            None
        }
    }
}

fn database(server: &PostgresServer) -> Database {
    Database::Postgres {
        source: server.source(),
        max_connections: 4,
    }
}

async fn client(server: &PostgresServer) -> Client {
    let connected = tokio_postgres::connect(&server.source(), NoTls).await;
    let (client, connection) = connected.unwrap();
    tokio::spawn(connection);
    client
}

async fn newest(client: &Client) -> i64 {
    let row = client.query_one("SELECT max(version) FROM schema_version", &[]);
    row.await.unwrap().get(0)
}

/// What the next release would do: in one transaction, and again where PostgreSQL breaks a deadlock.
async fn step(client: &Client, version: i64) {
    let sql = format!(
        "BEGIN;
         INSERT INTO schema_version (version, name, applied_at) VALUES ({version}, 'next', 0);
         ALTER TABLE notification ADD COLUMN next{version} TEXT;
         ALTER TABLE layer ADD COLUMN next{version} BIGINT NOT NULL DEFAULT 0;
         ALTER TABLE feature_version ADD COLUMN next{version} TEXT;
         CREATE TABLE next{version} (id BIGINT PRIMARY KEY, layer BIGINT REFERENCES layer (id) ON DELETE CASCADE);
         CREATE INDEX next{version}_layer ON layer (next{version});
         COMMIT"
    );
    while client.batch_execute(&sql).await.is_err() {
        client.batch_execute("ROLLBACK").await.unwrap();
    }
}

/// Requests, one after the other, until they are to end; each must be answered.
async fn load(store: Store, name: &str, ends: &AtomicBool, done: &AtomicUsize) -> Vec<String> {
    let mut names = Vec::new();
    while !ends.load(Ordering::Relaxed) {
        let layer = format!("{name}-{}", names.len());
        add(
            &store,
            &layer,
            None,
            &[feature(&layer, "1"), feature("shared", "1")],
        )
        .await;
        assert_eq!(shown(&store, &layer).await.len(), 2);
        store.set_value("load", Some(name)).await.unwrap();
        let lease = store.acquire_lease(&layer, name, Duration::from_secs(60));
        assert!(lease.await.unwrap().is_some());
        names.push(layer);
        done.fetch_add(1, Ordering::Relaxed);
    }
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_of_the_schema_fails_no_request_and_the_release_before_still_starts() {
    let Some(server) = server() else { return };
    let database = database(&server);
    let client = client(&server).await;
    let old = Store::open(&database).await.unwrap();
    let known = newest(&client).await;
    let (ends, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    let more = async || {
        let wanted = done.load(Ordering::Relaxed) + 10;
        while done.load(Ordering::Relaxed) < wanted {
            tokio::task::yield_now().await;
        }
    };
    let upgrade = async {
        more().await;
        step(&client, known + 1).await;
        more().await;
        // Back: the release before starts on the schema of the next one, and both are at work.
        let back = Store::open(&database).await.unwrap();
        let work = async {
            more().await;
            // Two steps are not promised: what runs goes on, but nothing new starts.
            step(&client, known + 2).await;
            let refused = Store::open(&database).await.err();
            assert!(
                matches!(refused, Some(StoreError::NewerSchema { .. })),
                "{refused:?}"
            );
            more().await;
            ends.store(true, Ordering::Relaxed);
        };
        let (names, ()) = tokio::join!(load(back, "back", &ends, &done), work);
        names
    };
    let (one, two, three) = tokio::join!(
        load(old.clone(), "one", &ends, &done),
        load(old.clone(), "two", &ends, &done),
        upgrade
    );
    for name in [one, two, three].concat() {
        assert_eq!(shown(&old, &name).await.len(), 2, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_before_is_migrated_once_and_its_writers_go_on() {
    let Some(server) = server() else { return };
    let database = database(&server);
    let client = client(&server).await;
    let store = Store::open(&database).await.unwrap();
    let newest_known = newest(&client).await;
    add(&store, "kept", None, &[feature("a", "1")]).await;
    drop(store);
    // The schema as the first release had it, and statements of that release.
    client
        .batch_execute(
            "DROP INDEX notification_held, feature_version_source;
             ALTER TABLE notification DROP COLUMN feed, DROP COLUMN held;
             DROP TABLE repository_set, introduced_pending;
             ALTER TABLE feature_version DROP COLUMN repositories;
             ALTER TABLE layer DROP COLUMN below;
             ALTER TABLE vulnerability DROP COLUMN feed_fixes;
             DELETE FROM schema_version WHERE version > 1",
        )
        .await
        .unwrap();
    let insert = "INSERT INTO notification (name, namespace, vulnerability, created_at) VALUES ($1, 'debian:12', 'CVE-1', 1)";
    let insert = client.prepare(insert).await.unwrap();
    client.execute(&insert, &[&"before"]).await.unwrap();
    let intern = "INSERT INTO feature_version (identity, namespace_id, name, version, kind, package, package_version)
                  SELECT $1, id, 'of-old', $1, 'deb', 'of-old', $1 FROM namespace";
    let intern = client.prepare(intern).await.unwrap();
    client.execute(&intern, &[&"before"]).await.unwrap();
    let open = || Store::open(&database);
    let (one, two, three) = tokio::try_join!(open(), open(), open()).unwrap();
    assert_eq!(newest(&client).await, newest_known);
    client.execute(&insert, &[&"after"]).await.unwrap();
    client.execute(&intern, &[&"after"]).await.unwrap();
    for store in [one, two, three] {
        assert_eq!(shown(&store, "kept").await.len(), 1);
        for name in ["before", "after"] {
            assert!(store.notification(name).await.unwrap().is_some(), "{name}");
        }
        // What packages the release before interns came from is not known.
        let of_old = store.feature_versions_named("debian:12", "of-old").await;
        let of_old = of_old.unwrap();
        assert_eq!(of_old.len(), 2);
        assert!(of_old.iter().all(|one| one.feature.repositories.is_none()));
    }
}

/// What the release before does not know must not stand in its way: columns are added with a default
/// or none, and nothing is taken away or made stricter.
#[test]
fn migrations_after_the_first_only_add_or_loosen() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("0001_init.sql") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let code: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("--"))
            .collect();
        // What is for PostgreSQL alone counts too.
        let code = code.join(" ").replace("/*postgres", "").replace("*/", "");
        // A function's body is a text.
        let code: String = code.split('\'').step_by(2).collect();
        for statement in code.split(';').map(str::trim) {
            let words = statement.to_ascii_uppercase();
            let adds_column = words.starts_with("ALTER TABLE")
                && words.contains(" ADD COLUMN ")
                && (words.contains(" DEFAULT ") || !words.contains("NOT NULL"));
            let loosens =
                words.starts_with("ALTER TABLE") && words.contains(" DROP CONSTRAINT IF EXISTS ");
            // Dropped only to be made again, where the step was begun before.
            let trigger = words.strip_prefix("DROP TRIGGER IF EXISTS ");
            let name = trigger.and_then(|rest| rest.split(' ').next());
            let remade = name.is_some_and(|name| {
                let made = format!("CREATE TRIGGER {name} ");
                code.to_ascii_uppercase().contains(&made)
            });
            let adds = [
                "CREATE TABLE",
                "CREATE INDEX",
                "CREATE OR REPLACE FUNCTION",
                "CREATE TRIGGER",
                "INSERT INTO",
            ];
            assert!(
                words.is_empty()
                    || adds_column
                    || loosens
                    || remade
                    || adds.iter().any(|it| words.starts_with(it)),
                "{}: {statement}",
                path.display()
            );
        }
    }
}
