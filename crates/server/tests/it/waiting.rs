//! A database that is not there when the server starts.

use std::time::Duration;

use pellucid_server::{Options, ServeError, Server, Stop};
use pellucid_testkit::postgres::PostgresServer;
use tokio_postgres::NoTls;

use crate::service::{Service, ask, debian, on_postgres};

/// A server of PostgreSQL that was made and is not running.
fn stopped(what: &str) -> Option<PostgresServer> {
    match PostgresServer::start() {
        Ok(mut server) => {
            server.stop();
            Some(server)
        }
        Err(reason) => {
            println!("skipped: {what}: {reason}");
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn until_it_is_there_every_answer_says_so_and_then_all_is_well() {
    let Some(mut postgres) = stopped("waiting") else {
        return;
    };
    let service = Service::with(on_postgres(&postgres.source()), Options::default()).await;
    let path = service.layer("base", debian(&[("bash", "5.2-1")]));
    let away = service.post_layer("a", &path, "").await;
    assert_eq!(away.status, 503);
    assert_eq!(
        away.error(),
        "database: an error occured when querying the backend"
    );
    assert_eq!(away.headers["retry-after"], "2");
    let own = service.get("/api/v1/feeds").await;
    assert_eq!(
        (own.status, own.body.trim()),
        (503, r#"{"error":"the database cannot be asked"}"#)
    );
    let health = async |target: &str| ask(service.server.health, "GET", target, "", "").await;
    for (target, status) in [
        ("/health", 500),
        ("/healthz", 200),
        ("/readyz", 503),
        ("/startupz", 503),
        ("/metrics", 200),
    ] {
        assert_eq!(health(target).await.status, status, "{target}");
    }
    postgres.resume().unwrap();
    while health("/startupz").await.status != 200 {
        tokio::task::yield_now().await;
    }
    for target in ["/health", "/readyz"] {
        assert_eq!(health(target).await.status, 200, "{target}");
    }
    assert_eq!(service.post_layer("a", &path, "").await.status, 201);
    let layer = service.get("/v1/layers/a?features").await.body;
    assert!(layer.contains("bash"), "{layer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_comes_and_cannot_be_used_ends_the_server_with_the_reason() {
    let Some(mut postgres) = stopped("waiting") else {
        return;
    };
    let source = postgres
        .source()
        .replace("dbname=postgres", "dbname=missing");
    let service = Service::with(on_postgres(&source), Options::default()).await;
    postgres.resume().unwrap();
    let ended = service.server.ended().await;
    assert!(matches!(ended, Err(ServeError::Store(_))), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_the_waiting() {
    let Some(postgres) = stopped("waiting") else {
        return;
    };
    let service = Service::with(on_postgres(&postgres.source()), Options::default()).await;
    service.server.stop();
    service.server.ended().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_a_start_that_waits_for_another_replica() {
    let postgres = match PostgresServer::start() {
        Ok(postgres) => postgres,
        Err(reason) => return println!("skipped: waiting: {reason}"),
    };
    // It is in the middle of the first migration, and never ends it.
    let connected = tokio_postgres::connect(&postgres.source(), NoTls).await;
    let (replica, connection) = connected.unwrap();
    tokio::spawn(connection);
    for sql in [
        "CREATE TABLE schema_version (version BIGINT PRIMARY KEY, name TEXT, applied_at BIGINT)",
        "BEGIN",
        "INSERT INTO schema_version VALUES (1, 'init', 0)",
    ] {
        replica.batch_execute(sql).await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let (config, stop) = (on_postgres(&postgres.source()), Stop::new());
    let mut options = Options::default();
    options.data_dir = folder.path().to_owned();
    let asked = stop.clone();
    let start = tokio::spawn(async move { Server::start(&config, options, asked).await });
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    while replica
        .query_one(waits, &[])
        .await
        .unwrap()
        .get::<_, i64>(0)
        == 0
    {
        assert!(!start.is_finished());
        tokio::task::yield_now().await;
    }
    stop.ask();
    let ended = tokio::time::timeout(Duration::from_secs(60), start).await;
    let server = ended.expect("it ends").unwrap().unwrap();
    server.ended().await.unwrap();
}
