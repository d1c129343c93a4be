//! Layers.

use std::sync::Arc;

use pellucid_model::{Package, PackageKind, SourcePackage};
use pellucid_store::{
    Added, Feature, FeatureVersionId, LayerId, NewLayer, Replaced, Repositories, Store, StoreError,
    below,
};

use crate::fixture::{Fixture, add, debian, feature, layer, shown};

pub(crate) async fn effective_features(fixture: Fixture) {
    let store = &fixture.store;
    let base = add(store, "base", None, &[feature("a", "1"), feature("b", "1")]).await;
    // b goes, a stays, c comes; then a is upgraded and b comes back.
    let middle = add(
        store,
        "middle",
        Some(base),
        &[feature("c", "1"), feature("a", "1")],
    )
    .await;
    let top = [
        feature("a", "2"),
        feature("b", "1"),
        feature("c", "1"),
        feature("c", "1"),
    ];
    add(store, "top", Some(middle), &top).await;

    assert_eq!(shown(store, "base").await, ["a 1 base", "b 1 base"]);
    assert_eq!(shown(store, "middle").await, ["a 1 base", "c 1 middle"]);
    assert_eq!(
        shown(store, "top").await,
        ["a 2 top", "b 1 top", "c 1 middle"]
    );
    assert_eq!(store.removed_by("middle").await.unwrap().len(), 1);
    assert_eq!(store.removed_by("top").await.unwrap().len(), 1);

    let view = store.layer("top").await.unwrap().unwrap();
    assert_eq!(view.parent.as_deref(), Some("middle"));
    assert_eq!(view.namespace.as_deref(), Some("debian:12"));
    assert_eq!(view.engine_version, 3);
    assert_eq!(view.generation, store.generation().await.unwrap());

    // A replica with nothing in memory says the same, and everything that matching needs.
    let replica = fixture.replica().await;
    assert_eq!(
        shown(&replica, "top").await,
        ["a 2 top", "b 1 top", "c 1 middle"]
    );
    let mut package = Package::new(PackageKind::Rpm, "libx", "1-2");
    package.arch = Some("x86_64".to_owned());
    package.source = Some(SourcePackage {
        name: "x".to_owned(),
        version: Some("1".to_owned()),
    });
    package.module = Some("x:1:2:3".to_owned());
    package.vendor = Some("Somebody".to_owned());
    let whole = Feature {
        package,
        ..feature("x", "1")
    };
    add(store, "whole", Some(base), std::slice::from_ref(&whole)).await;
    let view = replica.layer("whole").await.unwrap().unwrap();
    let read = replica.features_of(&view).await.unwrap();
    assert_eq!(
        read.iter().map(|read| &*read.feature).collect::<Vec<_>>(),
        [&whole]
    );

    // Shown alike, matched differently: Clair's AddedBy, but the layer does introduce it.
    let mut other = feature("a", "1");
    other.package.arch = Some("arm64".to_owned());
    let id = add(store, "other", Some(base), std::slice::from_ref(&other)).await;
    assert_eq!(shown(store, "other").await, ["a 1 base"]);
    let view = store.layer("other").await.unwrap().unwrap();
    let read = store.features_of(&view).await.unwrap();
    let introducing = store
        .layers_introducing(&[read.first().unwrap().id], LayerId(0), 10)
        .await
        .unwrap();
    assert_eq!(
        introducing.iter().map(|layer| layer.id).collect::<Vec<_>>(),
        [id]
    );
}

pub(crate) async fn names_and_parents(fixture: Fixture) {
    let store = &fixture.store;
    assert_eq!(store.layer("nobody").await.unwrap(), None);
    assert!(!store.delete_layer("nobody").await.unwrap());
    assert!(store.chain("nobody").await.unwrap().is_empty());
    let orphan = store
        .add_layer(layer("orphan", Some(LayerId(77)), None, &[]))
        .await;
    assert!(
        matches!(orphan, Err(StoreError::ParentUnknown)),
        "{orphan:?}"
    );
    assert_eq!(store.layer("orphan").await.unwrap(), None);

    add(store, "base", None, &[feature("a", "1")]).await;
    let again = store
        .add_layer(layer("base", None, None, &[feature("z", "9")]))
        .await
        .unwrap();
    assert_eq!(again, Added::AlreadyThere);
    assert_eq!(shown(store, "base").await, ["a 1 base"]);
    // A layer without namespace and features, as of an empty archive.
    store
        .add_layer(layer("empty", None, None, &[]))
        .await
        .unwrap();
    let empty = store.layer("empty").await.unwrap().unwrap();
    assert_eq!(
        (empty.namespace.clone(), empty.parent.clone()),
        (None, None)
    );
    assert!(store.features_of(&empty).await.unwrap().is_empty());
}

pub(crate) async fn one_of_eight_inserts(fixture: Fixture) {
    let replica = fixture.replica().await;
    for round in 0..5 {
        let mut tasks = Vec::new();
        for task in 0..8 {
            let store = if task % 2 == 0 {
                fixture.store.clone()
            } else {
                replica.clone()
            };
            tasks.push(tokio::spawn(async move {
                let name = format!("layer {round}");
                let fresh = [
                    feature("common", &format!("{round}")),
                    feature("other", "1"),
                ];
                store
                    .add_layer(layer(&name, None, Some(&debian()), &fresh))
                    .await
                    .unwrap()
            }));
        }
        let mut inserted = 0;
        for task in tasks {
            inserted += usize::from(matches!(task.await.unwrap(), Added::Inserted(_)));
        }
        assert_eq!(inserted, 1, "round {round}");
    }
}

pub(crate) async fn delete_takes_descendants(fixture: Fixture) {
    let store = &fixture.store;
    let keep = add(store, "keep", None, &[feature("a", "1")]).await;
    let mut parent = add(store, "0", Some(keep), &[feature("b", "1")]).await;
    for depth in 1..40 {
        parent = add(
            store,
            &depth.to_string(),
            Some(parent),
            &[feature("b", "1")],
        )
        .await;
    }
    // The same bytes as a layer that goes, in a layer that stays.
    let shared = NewLayer {
        name: "shared",
        digest: "7",
        ..layer("7", Some(keep), None, &[])
    };
    store.add_layer(shared).await.unwrap();

    let before = store.generation().await.unwrap();
    assert!(store.delete_layer("0").await.unwrap());
    assert!(store.generation().await.unwrap() > before);
    for depth in 0..40 {
        assert_eq!(store.layer(&depth.to_string()).await.unwrap(), None);
    }
    assert!(store.layer("keep").await.unwrap().is_some());
    assert_eq!(store.chain("shared").await.unwrap().len(), 2);
    let named = store
        .feature_versions_named("debian:12", "b")
        .await
        .unwrap();
    let ids: Vec<_> = named.iter().map(|version| version.id).collect();
    assert_eq!(ids.len(), 1);
    assert!(
        store
            .layers_introducing(&ids, LayerId(0), 10)
            .await
            .unwrap()
            .is_empty()
    );

    // Numbers are not used again, names are.
    let again = add(store, "0", Some(keep), &[feature("b", "1")]).await;
    assert!(again > parent);
    // The analysis went with the last layer that used it.
    let other = NewLayer {
        analysis: b"other",
        ..layer("1", Some(again), None, &[])
    };
    store.add_layer(other).await.unwrap();
    let chain = store.chain("1").await.unwrap();
    assert_eq!(&*chain.last().unwrap().analysis, b"other");
}

pub(crate) async fn chain_holds_analyses(fixture: Fixture) {
    let store = &fixture.store;
    let a = add(store, "a", None, &[]).await;
    let b = add(store, "b", Some(a), &[]).await;
    // The same bytes twice in one chain.
    store
        .add_layer(NewLayer {
            name: "c",
            ..layer("a", Some(b), None, &[])
        })
        .await
        .unwrap();
    for store in [store, &fixture.replica().await, store] {
        let chain = store.chain("c").await.unwrap();
        let seen: Vec<_> = chain
            .iter()
            .map(|link| (link.name.as_str(), link.digest.as_str(), &*link.analysis))
            .collect();
        assert_eq!(
            seen,
            [("a", "a", &b"a"[..]), ("b", "b", b"b"), ("c", "a", b"a")]
        );
    }
}

pub(crate) async fn replace_takes_effect(fixture: Fixture) {
    let store = &fixture.store;
    let base = add(store, "base", None, &[feature("a", "1")]).await;
    let top = add(
        store,
        "top",
        Some(base),
        &[feature("a", "1"), feature("b", "1")],
    )
    .await;
    let generation = store.generation().await.unwrap();
    let features = [feature("a", "1"), feature("c", "2")];
    let debian = debian();
    let newer = NewLayer {
        engine_version: 4,
        digest: "new",
        analysis: b"new",
        ..layer("top", None, Some(&debian), &features)
    };
    assert_eq!(
        store.replace_layer(newer).await.unwrap(),
        Replaced::Replaced(top)
    );
    assert_eq!(store.replace_layer(newer).await.unwrap(), Replaced::Kept);
    let missing = NewLayer {
        name: "missing",
        ..newer
    };
    assert_eq!(
        store.replace_layer(missing).await.unwrap(),
        Replaced::Missing
    );
    assert_eq!(shown(store, "top").await, ["a 1 base", "c 2 top"]);
    let view = store.layer("top").await.unwrap().unwrap();
    assert_eq!(
        (view.engine_version, view.parent.as_deref()),
        (4, Some("base"))
    );
    assert_eq!(view.generation, generation + 1);
    assert_eq!(
        &*store.chain("top").await.unwrap().last().unwrap().analysis,
        b"new"
    );
    for (name, count) in [("b", 0), ("c", 1)] {
        let versions = store
            .feature_versions_named("debian:12", name)
            .await
            .unwrap();
        let ids: Vec<_> = versions.iter().map(|version| version.id).collect();
        assert_eq!(
            store
                .layers_introducing(&ids, LayerId(0), 9)
                .await
                .unwrap()
                .len(),
            count
        );
    }
}

pub(crate) async fn repositories_stand_with_features(fixture: Fixture) {
    let store = &fixture.store;
    let of = |repositories: Option<&[&str]>| Feature {
        repositories: repositories.map(|names| {
            let names = names.iter().map(|name| (*name).to_owned());
            Arc::new(Repositories::new(names))
        }),
        ..feature("a", "1")
    };
    // Not known, known to be none, and two sets; each layer on the one before.
    let sets: [Option<&[&str]>; 5] = [
        None,
        Some(&[]),
        Some(&["main"]),
        Some(&["main", "eus"]),
        Some(&["eus", "main", "eus"]),
    ];
    let mut parent = None;
    for (number, set) in sets.iter().enumerate() {
        let name = number.to_string();
        let features = [of(*set), feature("plain", &name)];
        parent = Some(add(store, &name, parent, &features).await);
    }
    let replica = fixture.replica().await;
    for (number, set) in sets.iter().enumerate() {
        let mut expected: Option<Vec<&str>> = set.map(<[&str]>::to_vec);
        if let Some(names) = &mut expected {
            names.sort_unstable();
            names.dedup();
        }
        for store in [store, &replica] {
            let name = number.to_string();
            let view = store.layer(&name).await.unwrap().unwrap();
            for one in store.features_of(&view).await.unwrap() {
                let repositories = one.feature.repositories.as_ref();
                let names = repositories.map(|set| set.names().to_vec());
                let is_plain = one.feature.name == "plain";
                let expected = expected.as_ref().filter(|_| !is_plain);
                let expected = expected.map(|names| names.iter().map(|&it| it.to_owned()));
                assert_eq!(names, expected.map(Iterator::collect), "{number}");
                // It is the same package all along: only what is said of it differs.
                let added_by = if is_plain { name.as_str() } else { "0" };
                assert_eq!(&*one.added_by, added_by, "{number}");
            }
        }
    }
    // The last layer's set is that of the one before: it brings nothing in.
    let known = replica.feature_versions_about("debian:12", &["a"]).await;
    let known = known.unwrap();
    let named = replica.feature_versions_named("debian:12", "a").await;
    assert_eq!(named.unwrap(), known);
    let mut introduced = Vec::new();
    for one in known {
        let set = one.feature.repositories.as_ref();
        let names = set.map_or("?".to_owned(), |set| set.names().join("+"));
        let layers = replica.layers_introducing(&[one.id], LayerId(0), 9).await;
        let layers = layers.unwrap().into_iter().map(|layer| layer.name);
        introduced.push((names, layers.collect::<Vec<_>>().join(" ")));
    }
    let expected = [("?", "0"), ("", "1"), ("main", "2"), ("eus+main", "3")];
    let expected = expected.map(|(names, layers)| (names.to_owned(), layers.to_owned()));
    assert_eq!(introduced, expected);
}

/// The layer as detectors of version 2 read it, over these.
fn newer<'a>(layer: NewLayer<'a>, below: &'a Option<String>) -> NewLayer<'a> {
    NewLayer {
        analysis_version: "2",
        below: below.as_deref(),
        ..layer
    }
}

/// Layers that were analysed over what older detectors found below, in whichever order they come again.
pub(crate) async fn layers_below_are_replaced(fixture: Fixture) {
    let store = &fixture.store;
    let (old, new) = ([feature("a", "1")], [feature("a", "1"), feature("b", "1")]);
    let debian = debian();
    let below = async |parent: &str| below(&store.chain(parent).await.unwrap(), "2");
    let base = add(store, "base", None, &old).await;
    let over_old = below("base").await;
    assert!(over_old.is_some());
    let middle = newer(layer("middle", Some(base), Some(&debian), &old), &over_old);
    let Added::Inserted(id) = store.add_layer(middle).await.unwrap() else {
        panic!("middle was there")
    };
    let over_middle = below("middle").await;
    let top = newer(layer("top", Some(id), Some(&debian), &old), &over_middle);
    assert!(matches!(
        store.add_layer(top).await.unwrap(),
        Added::Inserted(_)
    ));
    // Nothing below has changed.
    assert_eq!(store.replace_layer(middle).await.unwrap(), Replaced::Kept);
    assert_eq!(store.replace_layer(top).await.unwrap(), Replaced::Kept);

    let replaced = async |layer: NewLayer<'_>| {
        let replaced = store.replace_layer(layer).await.unwrap();
        assert!(matches!(replaced, Replaced::Replaced(_)), "{layer:?}");
        assert_eq!(store.replace_layer(layer).await.unwrap(), Replaced::Kept);
    };
    let again = |name| layer(name, None, Some(&debian), &new);
    replaced(newer(again("base"), &None)).await;
    // The upper one comes first: it is laid over the present base, but who added what follows from the one
    // between, which comes later.
    let over_new = below("middle").await;
    assert!(over_new.is_some() && over_new != over_middle);
    replaced(newer(again("top"), &over_new)).await;
    assert_eq!(shown(store, "top").await, ["a 1 base", "b 1 top"]);
    assert_eq!(below("base").await, None);
    replaced(newer(again("middle"), &None)).await;
    assert_eq!(below("middle").await, None);
    replaced(newer(again("top"), &None)).await;
    assert_eq!(shown(store, "top").await, ["a 1 base", "b 1 base"]);
    // An older replica leaves all of it alone.
    let old = layer("top", None, Some(&debian), &old);
    assert_eq!(store.replace_layer(old).await.unwrap(), Replaced::Kept);
}

/// Other detectors, though the engine calls itself the same.
pub(crate) async fn other_detectors_replace(fixture: Fixture) {
    let store = &fixture.store;
    add(store, "a", None, &[feature("a", "1")]).await;
    let (features, debian) = ([feature("b", "2")], debian());
    let mut newer = NewLayer {
        analysis_version: "2",
        ..layer("a", None, Some(&debian), &features)
    };
    assert!(matches!(
        store.replace_layer(newer).await.unwrap(),
        Replaced::Replaced(_)
    ));
    assert_eq!(shown(store, "a").await, ["b 2 a"]);
    assert_eq!(store.replace_layer(newer).await.unwrap(), Replaced::Kept);
    // A replica that was not upgraded yet, with detectors that are older.
    for older in ["1", "1.9-x", "x", ""] {
        newer.analysis_version = older;
        assert_eq!(store.replace_layer(newer).await.unwrap(), Replaced::Kept);
    }
    // The same release with another setting.
    for other in ["2-os", "2", "2.1-x"] {
        newer.analysis_version = other;
        assert!(matches!(
            store.replace_layer(newer).await.unwrap(),
            Replaced::Replaced(_)
        ));
    }
    newer.analysis_version = "3";
    newer.engine_version = 2;
    assert_eq!(store.replace_layer(newer).await.unwrap(), Replaced::Kept);
}

pub(crate) async fn introducing_layers_are_paged(fixture: Fixture) {
    let store = &fixture.store;
    let base = add(store, "base", None, &[feature("a", "1")]).await;
    let mut expected = vec![base];
    for number in 0..9 {
        let features = [feature("a", if number % 2 == 0 { "1" } else { "2" })];
        expected.push(add(store, &format!("own {number}"), None, &features).await);
        // Inherits it.
        add(
            store,
            &format!("child {number}"),
            expected.last().copied(),
            &features,
        )
        .await;
    }
    let versions = store
        .feature_versions_named("debian:12", "a")
        .await
        .unwrap();
    let ids: Vec<FeatureVersionId> = versions.iter().map(|version| version.id).collect();
    assert_eq!(ids.len(), 2);
    let mut seen = Vec::new();
    let mut after = LayerId(0);
    loop {
        let page = store.layers_introducing(&ids, after, 4).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.id;
        seen.extend(page.into_iter().map(|layer| layer.id));
    }
    assert_eq!(seen, expected);
    let [first, second] = ids.as_slice() else {
        panic!("{ids:?}")
    };
    for (id, count) in [(first, 6), (second, 4)] {
        assert_eq!(
            store
                .layers_introducing(&[*id], LayerId(0), 99)
                .await
                .unwrap()
                .len(),
            count
        );
    }
    assert!(
        store
            .layers_introducing(&[], LayerId(0), 99)
            .await
            .unwrap()
            .is_empty()
    );
}

/// What layers bring in goes into the inverted index later, by whoever is first.
pub(crate) async fn indexing_is_never_seen(fixture: Fixture) {
    let (store, replica) = (&fixture.store, fixture.replica().await);
    let features = [feature("a", "1"), feature("b", "1")];
    let mut wanted = Vec::new();
    for number in 0..150 {
        wanted.push(add(store, &number.to_string(), None, &features).await);
    }
    // Nothing of its own.
    add(store, "above", wanted.first().copied(), &features).await;
    for gone in ["3", "100"] {
        assert!(replica.delete_layer(gone).await.unwrap());
    }
    let (other, debian) = ([feature("b", "1")], debian());
    let newer = NewLayer {
        analysis_version: "2",
        ..layer("5", None, Some(&debian), &other)
    };
    let replaced = replica.replace_layer(newer).await.unwrap();
    assert!(matches!(replaced, Replaced::Replaced(_)));
    // Three move the rows at once.
    tokio::try_join!(
        store.index_layers(),
        replica.index_layers(),
        store.index_layers()
    )
    .unwrap();
    let introducing = async |store: &Store, name: &str| {
        let versions = store.feature_versions_about("debian:12", &[name]).await;
        let ids: Vec<_> = versions.unwrap().iter().map(|one| one.id).collect();
        let layers = store.layers_introducing(&ids, LayerId(0), 999).await;
        let layers = layers.unwrap().into_iter();
        layers.map(|one| one.id).collect::<Vec<_>>()
    };
    let number = |place: usize| wanted.get(place).copied().unwrap();
    let (gone, replaced) = ([number(3), number(100)], number(5));
    wanted.retain(|id| !gone.contains(id));
    assert_eq!(introducing(store, "b").await, wanted);
    assert_eq!(
        introducing(&replica, "b").await,
        introducing(store, "b").await
    );
    wanted.retain(|id| *id != replaced);
    assert_eq!(introducing(&replica, "a").await, wanted);

    // Read at once, by another one; deleted again before and after it is in the index.
    for number in 0..2 {
        let name = format!("late{number}");
        let late = add(store, &name, None, &[feature("late", &name)]).await;
        if number == 0 {
            assert_eq!(introducing(&replica, "late").await, [late]);
        }
        assert!(store.delete_layer(&name).await.unwrap());
        assert!(introducing(&replica, "late").await.is_empty());
    }
}
