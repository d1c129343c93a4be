//! PostgreSQL goes away and comes back; callers go away in the middle of a transaction.

use std::time::Duration;

use pellucid_store::{Database, Store, StoreError};
use pellucid_testkit::postgres::PostgresServer;

use crate::fixture::{add, feature, shown};

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_server_is_unavailable_and_comes_back() {
    let mut server = match PostgresServer::start() {
        Ok(server) => server,
        Err(reason) => return println!("skipped: outage: {reason}"),
    };
    let database = Database::Postgres {
        source: server.source(),
        max_connections: 4,
    };
    let store = Store::open(&database).await.unwrap();
    let mut acknowledged = vec!["first".to_owned()];
    add(&store, "first", None, &[feature("a", "1")]).await;
    for round in 0..3 {
        // Every pooled connection is in use, so that each of them dies.
        let (_, _, _, writer) = tokio::join!(
            store.ping(),
            store.ping(),
            store.ping(),
            store.set_value("k", None)
        );
        writer.unwrap();
        server.stop();
        for error in [
            store.ping().await.err(),
            store.layer("first").await.err(),
            store.set_value("k", Some("v")).await.err(),
            Store::open(&database).await.err(),
        ] {
            assert!(
                error.as_ref().is_some_and(StoreError::is_retryable),
                "{error:?}"
            );
        }
        server.resume().unwrap();
        store.ping().await.unwrap();
        let name = format!("round {round}");
        add(&store, &name, None, &[feature("a", "1")]).await;
        acknowledged.push(name);
        for name in &acknowledged {
            assert_eq!(shown(&store, name).await.len(), 1, "{name}");
        }
    }

    // A caller that gives up at any moment leaves neither a half layer nor a stuck connection.
    let features: Vec<_> = (0..200).map(|at| feature(&format!("f{at}"), "1")).collect();
    for microseconds in (0..6000).step_by(150) {
        let name = format!("given up {microseconds}");
        let adding = add(&store, &name, None, &features);
        let given_up = tokio::time::timeout(Duration::from_micros(microseconds), adding).await;
        if given_up.is_ok() || store.layer(&name).await.unwrap().is_some() {
            assert_eq!(shown(&store, &name).await.len(), 200);
        }
    }
    let (one, two, three, four) = tokio::join!(
        store.ping(),
        store.ping(),
        store.ping(),
        store.set_value("k", None)
    );
    assert!(one.is_ok() && two.is_ok() && three.is_ok() && four.is_ok());
}
