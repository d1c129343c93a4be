//! A server that takes over without the last commits: numbers are given out again.

use pellucid_store::{Database, Store};
use pellucid_testkit::postgres::PostgresServer;
use tokio_postgres::NoTls;

use crate::fixture::{add, feature, shown};

/// What the new server never heard of, with the numbers it gives out next; then every connection breaks.
const LOSE: &str = "
  BEGIN;
  DELETE FROM introduced;
  DELETE FROM introduced_pending;
  DELETE FROM layer WHERE name = 'lost';
  DELETE FROM analysis WHERE digest = 'lost';
  DELETE FROM feature_version WHERE name = 'lost';
  SELECT setval(pg_get_serial_sequence('layer', 'id'), max(id)) FROM layer;
  SELECT setval(pg_get_serial_sequence('analysis', 'id'), max(id)) FROM analysis;
  SELECT setval(pg_get_serial_sequence('feature_version', 'id'), max(id)) FROM feature_version;
  COMMIT;
  SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'";

/// A server, or why the test is skipped.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn server() -> Option<PostgresServer> {
    match PostgresServer::start() {
        Ok(server) => Some(server),
        Err(reason) => {
            println!("skipped: failover: {reason}");
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_that_took_over_never_heard_of_is_forgotten() {
    let Some(server) = server() else { return };
    let database = Database::Postgres {
        source: server.source(),
        max_connections: 2,
    };
    let store = Store::open(&database).await.unwrap();
    add(&store, "kept", None, &[feature("kept", "1")]).await;
    add(&store, "lost", None, &[feature("lost", "1")]).await;
    // Everything about it is in memory now.
    assert_eq!(shown(&store, "lost").await, ["lost 1 lost"]);
    assert_eq!(store.chain("lost").await.unwrap().len(), 1);
    let lost = store.layer("lost").await.unwrap().unwrap();

    let connected = tokio_postgres::connect(&server.source(), NoTls).await;
    let (client, connection) = connected.unwrap();
    tokio::spawn(connection);
    client.batch_execute(LOSE).await.unwrap();

    let replica = Store::open(&database).await.unwrap();
    let id = add(&replica, "other", None, &[feature("other", "1")]).await;
    assert_eq!(id, lost.id);
    // The same number, another layer: nothing that was kept under it may be taken for it.
    let other = store.layer("other").await.unwrap().unwrap();
    assert_eq!(other.id, lost.id);
    assert_ne!(other.epoch, lost.epoch);
    assert_eq!(shown(&store, "other").await, ["other 1 other"]);
    let chain = store.chain("other").await.unwrap();
    assert_eq!(&*chain.last().unwrap().analysis, b"other");

    add(&store, "lost", None, &[feature("lost", "1")]).await;
    for store in [&store, &replica] {
        assert_eq!(shown(store, "lost").await, ["lost 1 lost"]);
        assert_eq!(shown(store, "kept").await, ["kept 1 kept"]);
    }
}
