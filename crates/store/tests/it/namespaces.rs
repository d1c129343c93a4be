//! Namespaces, settings and secrets.

use crate::fixture::{Fixture, feature, layer, namespace};

pub(crate) async fn are_made_and_healed(fixture: Fixture) {
    let store = &fixture.store;
    assert!(store.namespaces().await.unwrap().is_empty());
    let unknown = namespace("alpine:v3.20", "");
    store
        .add_layer(layer("a", None, Some(&unknown), &[]))
        .await
        .unwrap();
    store
        .add_layer(layer("b", None, None, &[feature("a", "1")]))
        .await
        .unwrap();
    let known = namespace("alpine:v3.20", "dpkg");
    store
        .add_layer(layer("c", None, Some(&known), &[]))
        .await
        .unwrap();
    // What is known is not taken back.
    store
        .add_layer(layer(
            "d",
            None,
            Some(&namespace("alpine:v3.20", "rpm")),
            &[],
        ))
        .await
        .unwrap();
    store.delete_layer("b").await.unwrap();
    let names: Vec<_> = store
        .namespaces()
        .await
        .unwrap()
        .into_iter()
        .map(|namespace| (namespace.name, namespace.version_format))
        .collect();
    let expected = [("alpine:v3.20", "dpkg"), ("debian:12", "dpkg")];
    assert_eq!(
        names,
        expected.map(|(name, format)| (name.to_owned(), format.to_owned()))
    );
    assert_eq!(
        store.namespace("alpine:v3.20").await.unwrap().unwrap(),
        *known
    );
    assert_eq!(store.namespace("nowhere").await.unwrap(), None);
}

pub(crate) async fn values_and_secrets(fixture: Fixture) {
    let store = &fixture.store;
    store.ping().await.unwrap();
    assert_eq!(store.value("updater/last").await.unwrap(), None);
    store.set_value("updater/last", Some("1")).await.unwrap();
    store.set_value("updater/last", Some("2")).await.unwrap();
    let replica = fixture.replica().await;
    assert_eq!(
        replica.value("updater/last").await.unwrap().as_deref(),
        Some("2")
    );
    replica.set_value("updater/last", None).await.unwrap();
    assert_eq!(store.value("updater/last").await.unwrap(), None);

    let (one, other) = tokio::join!(store.secret("pagination"), replica.secret("pagination"));
    let secret = one.unwrap();
    assert_eq!(secret, other.unwrap());
    assert_eq!(secret, store.secret("pagination").await.unwrap());
    assert_ne!(secret, store.secret("another").await.unwrap());
}
