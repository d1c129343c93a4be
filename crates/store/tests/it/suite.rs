//! Every case on every engine.

use std::future::Future;
use std::pin::Pin;

use crate::fixture::Fixture;
use crate::{layers, namespaces};

type Case = fn(Fixture) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// Every case with its name: both engines must pass all of them.
const CASES: &[(&str, Case)] = &[
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
    ("introducing", |f| {
        Box::pin(layers::introducing_layers_are_paged(f))
    }),
    ("odd_text", |f| Box::pin(layers::odd_text_is_kept(f))),
    ("namespaces", |f| {
        Box::pin(namespaces::are_made_and_healed(f))
    }),
    ("values", |f| Box::pin(namespaces::values_and_secrets(f))),
];

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_conforms() {
    for (name, case) in CASES {
        println!("case {name}");
        case(Fixture::sqlite().await).await;
    }
}
