//! Every case on every engine.

use std::future::Future;
use std::pin::Pin;

use pellucid_store::Database;
use pellucid_testkit::postgres::PostgresServer;

use crate::fixture::Fixture;
use crate::{deliveries, layers, leases, namespaces, outbox, texts, vulnerabilities};

type Case = fn(Fixture) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// Every case with its name: both engines must pass all of them.
const CASES: &[(&str, Case)] = &[
    ("every_statement_prepares_on_both_engines", |f| {
        Box::pin(every_statement_prepares_on_both_engines(f))
    }),
    ("effective_features", |f| {
        Box::pin(layers::effective_features(f))
    }),
    ("names_and_parents", |f| {
        Box::pin(layers::names_and_parents(f))
    }),
    ("one_inserts", |f| Box::pin(layers::one_of_eight_inserts(f))),
    ("deletes_descendants", |f| {
        Box::pin(layers::delete_takes_descendants(f))
    }),
    ("chain", |f| Box::pin(layers::chain_holds_analyses(f))),
    ("replace", |f| Box::pin(layers::replace_takes_effect(f))),
    ("other_detectors", |f| {
        Box::pin(layers::other_detectors_replace(f))
    }),
    ("below", |f| Box::pin(layers::layers_below_are_replaced(f))),
    ("repositories", |f| {
        Box::pin(layers::repositories_stand_with_features(f))
    }),
    ("introducing", |f| {
        Box::pin(layers::introducing_layers_are_paged(f))
    }),
    ("indexing", |f| Box::pin(layers::indexing_is_never_seen(f))),
    ("odd_text", |f| Box::pin(texts::odd_text_is_kept(f))),
    ("namespaces", |f| {
        Box::pin(namespaces::are_made_and_healed(f))
    }),
    ("edits", |f| {
        Box::pin(vulnerabilities::edits_follow_clair(f))
    }),
    ("pages", |f| {
        Box::pin(vulnerabilities::pages_are_in_the_order_of_change(f))
    }),
    ("overlay", |f| {
        Box::pin(vulnerabilities::overlay_over_a_feed(f))
    }),
    ("one_live_row", |f| {
        Box::pin(vulnerabilities::one_live_row_of_many_writers(f))
    }),
    ("a_clock_that_was_ahead_delays_nothing", |f| {
        Box::pin(deliveries::a_clock_that_was_ahead_delays_nothing(f))
    }),
    ("at_least_once", |f| Box::pin(deliveries::at_least_once(f))),
    ("dead_letters", |f| {
        Box::pin(deliveries::dead_letters_are_replayed(f))
    }),
    ("in_order", |f| {
        Box::pin(deliveries::in_order_per_vulnerability(f))
    }),
    ("claims", |f| Box::pin(deliveries::claims_do_not_overlap(f))),
    ("flapping", |f| {
        Box::pin(outbox::bursts_are_one_and_flapping_is_none(f))
    }),
    ("sent", |f| {
        Box::pin(outbox::what_was_sent_is_not_touched(f))
    }),
    ("held", |f| {
        Box::pin(outbox::too_many_wait_for_an_operator(f))
    }),
    ("lease", |f| Box::pin(leases::one_holds_a_lease(f))),
    ("snapshots", |f| {
        Box::pin(leases::snapshots_are_published_whole(f))
    }),
    ("values", |f| Box::pin(namespaces::values_and_secrets(f))),
];

async fn every_statement_prepares_on_both_engines(fixture: Fixture) {
    fixture.store.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_conforms() {
    for (name, case) in CASES {
        println!("case {name}");
        case(Fixture::sqlite().await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_conforms() {
    let server = match PostgresServer::start() {
        Ok(server) => server,
        Err(reason) => return println!("skipped: postgres_conforms: {reason}"),
    };
    let (client, connection) = tokio_postgres::connect(&server.source(), tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    for (name, case) in CASES {
        println!("case {name}");
        client
            .batch_execute(&format!("CREATE SCHEMA case_{name}"))
            .await
            .unwrap();
        // A schema of its own is quicker made than a database.
        let source = format!("{} options='-c search_path=case_{name}'", server.source());
        let database = Database::Postgres {
            source,
            max_connections: 6,
        };
        case(Fixture::on(database, None).await).await;
    }
}
