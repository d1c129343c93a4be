//! A database that is not there when the server starts.

use pellucid_server::{Options, ServeError};
use pellucid_testkit::postgres::PostgresServer;

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
