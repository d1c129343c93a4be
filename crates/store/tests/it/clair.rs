//! A database that Clair used: ours stands beside its tables and touches none of them.

use pellucid_store::{Database, Store, StoreError};
use pellucid_testkit::postgres::PostgresServer;
use tokio_postgres::{Client, NoTls};

use crate::fixture::{add, feature, shown};

/// Those of Clair's tables whose names are ours, and the one by which it is known.
const CLAIR: &str = "
  CREATE TABLE schema_migrations (version INTEGER);
  CREATE TABLE namespace (id SERIAL PRIMARY KEY, name VARCHAR(128), version_format VARCHAR(128));
  CREATE TABLE layer (id SERIAL PRIMARY KEY, name VARCHAR(128) UNIQUE, engineversion SMALLINT);
  CREATE TABLE vulnerability (id SERIAL PRIMARY KEY, name VARCHAR(128));
  CREATE TABLE vulnerability_fixedin_feature (id SERIAL PRIMARY KEY, version VARCHAR(128));
  CREATE TABLE keyvalue (id SERIAL PRIMARY KEY, key VARCHAR(128) UNIQUE, value TEXT);
  INSERT INTO keyvalue (key, value) VALUES ('updater/last', '1');
  INSERT INTO layer (name, engineversion) VALUES ('clairs', 3)";

/// A server, or why the test is skipped.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn server() -> Option<PostgresServer> {
    match PostgresServer::start() {
        Ok(server) => Some(server),
        Err(reason) => {
            println!("skipped: clair: {reason}");
            None
        }
    }
}

async fn client(server: &PostgresServer) -> Client {
    let connected = tokio_postgres::connect(&server.source(), NoTls).await;
    let (client, connection) = connected.unwrap();
    tokio::spawn(connection);
    client
}

async fn text(client: &Client, question: &str) -> String {
    client.query_one(question, &[]).await.unwrap().get(0)
}

/// The tables of Clair's schema with what is in two of them.
async fn clairs(client: &Client) -> String {
    let tables = "SELECT string_agg(tablename, ' ' ORDER BY tablename)::TEXT FROM pg_tables WHERE schemaname = 'public'";
    let rows =
        "SELECT concat((SELECT string_agg(key || '=' || value, ' ') FROM public.keyvalue), ' ',
      (SELECT string_agg(name, ' ') FROM public.layer))";
    format!(
        "{} {}",
        text(client, tables).await,
        text(client, rows).await
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_clairs_tables_ours_are_in_a_schema_of_their_own() {
    let Some(server) = server() else { return };
    let client = client(&server).await;
    client.batch_execute(CLAIR).await.unwrap();
    let before = clairs(&client).await;
    let database = Database::Postgres {
        source: server.source(),
        max_connections: 4,
    };
    // Three replicas race to make the schema and to migrate it.
    let open = || Store::open(&database);
    let (store, ..) = tokio::try_join!(open(), open(), open()).unwrap();
    store.check().await.unwrap();
    assert_eq!(store.value("updater/last").await.unwrap(), None);
    store.set_value("updater/last", Some("2")).await.unwrap();
    let base = add(&store, "base", None, &[feature("a", "1")]).await;
    add(
        &store,
        "top",
        Some(base),
        &[feature("a", "1"), feature("b", "1")],
    )
    .await;
    drop(store);
    let again = open().await.unwrap();
    assert_eq!(shown(&again, "top").await, ["a 1 base", "b 1 top"]);
    assert!(again.layer("clairs").await.unwrap().is_none());
    let value = again.value("updater/last").await.unwrap();
    assert_eq!(value.as_deref(), Some("2"));
    assert!(again.delete_layer("base").await.unwrap());
    assert_eq!(clairs(&client).await, before);

    // Clair's tables may go later; ours stay where they are.
    drop(again);
    client
        .batch_execute("DROP TABLE vulnerability_fixedin_feature")
        .await
        .unwrap();
    let value = open().await.unwrap().value("updater/last").await.unwrap();
    assert_eq!(value.as_deref(), Some("2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_a_schema_the_reason_is_told() {
    let Some(server) = server() else { return };
    let client = client(&server).await;
    client.batch_execute(CLAIR).await.unwrap();
    client
        .batch_execute("CREATE ROLE quay LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO quay")
        .await
        .unwrap();
    let database = Database::Postgres {
        source: server.source().replace("user=postgres", "user=quay"),
        max_connections: 2,
    };
    let refused = Store::open(&database).await.err();
    let Some(StoreError::Schema { reason }) = &refused else {
        panic!("{refused:?}")
    };
    assert!(reason.contains("permission denied"), "{reason}");
    // Its owner makes it.
    client
        .batch_execute("CREATE SCHEMA pellucid AUTHORIZATION quay")
        .await
        .unwrap();
    let store = Store::open(&database).await.unwrap();
    add(&store, "base", None, &[feature("a", "1")]).await;
}
