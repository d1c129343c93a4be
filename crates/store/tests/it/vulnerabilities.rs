//! Vulnerabilities written by hand, over the feeds' records.

use pellucid_model::Severity;
use pellucid_store::{
    Edit, Edited, FeedRecord, Fix, FixEdit, NotificationId, Store, Vulnerability, VulnerabilityId,
};

use crate::fixture::{Fixture, debian};

fn fixed(feature: &str, version: Option<&str>) -> Fix {
    Fix {
        feature: feature.to_owned(),
        version: version.map(str::to_owned),
    }
}

fn affected(feature: &str, version: &str) -> FixEdit {
    FixEdit::Affected(fixed(feature, Some(version)))
}

pub(crate) fn merge(description: &str, metadata: Option<&str>, fixes: &[FixEdit]) -> Edit {
    Edit::Merge {
        description: description.to_owned(),
        link: "https://example.org".to_owned(),
        severity: Severity::High,
        metadata: metadata.map(str::to_owned),
        fixes: fixes.to_vec(),
    }
}

fn feed(name: &str, meaning: &str) -> Option<FeedRecord> {
    Some(FeedRecord {
        vulnerability: Vulnerability {
            namespace: "debian:12".to_owned(),
            version_format: "dpkg".to_owned(),
            name: name.to_owned(),
            description: "from the feed".to_owned(),
            link: String::new(),
            severity: Severity::Low,
            metadata: None,
            fixed_in: vec![fixed("openssl", Some("1")), fixed("zlib", None)],
            detail: Some("ranges".to_owned()),
        },
        meaning: meaning.to_owned(),
        former_meaning: Some(format!("former {meaning}")),
    })
}

async fn edit(store: &Store, name: &str, edit: Edit, feed: Option<FeedRecord>) -> Edited {
    store
        .edit_vulnerability(&debian(), name, edit, feed)
        .await
        .unwrap()
}

async fn fixes(store: &Store, name: &str) -> Vec<Fix> {
    store
        .vulnerability("debian:12", name)
        .await
        .unwrap()
        .unwrap()
        .vulnerability
        .fixed_in
}

/// Each notification so far: old description, new description.
async fn told(store: &Store) -> Vec<(Option<String>, Option<String>)> {
    let text = |side: Option<Vulnerability>| side.map(|side| side.description);
    let all = store.notifications(NotificationId(0), 100).await.unwrap();
    all.into_iter()
        .map(|change| (text(change.old), text(change.new)))
        .collect()
}

pub(crate) async fn edits_follow_clair(fixture: Fixture) {
    let store = &fixture.store;
    let first = [
        affected("a", "1"),
        FixEdit::NotAffected("b".to_owned()),
        affected("c", "1"),
    ];
    let made = edit(
        store,
        "CVE-1",
        merge("one", Some("{\"x\":[1, 2]}"), &first),
        None,
    )
    .await;
    let Edited::Created(id) = made else {
        panic!("{made:?}")
    };
    assert_eq!(
        fixes(store, "CVE-1").await,
        [fixed("a", Some("1")), fixed("c", Some("1"))]
    );

    // The same again, in other words: no row, no notification, no new generation.
    let (generation, overlay) = (
        store.generation().await.unwrap(),
        store.overlay().await.unwrap(),
    );
    let same = merge("one", Some("{ \"x\": [1,2] }"), &[affected("a", "1")]);
    assert_eq!(edit(store, "CVE-1", same, None).await, Edited::Unchanged);
    assert_eq!(store.generation().await.unwrap(), generation);
    assert_eq!(store.overlay().await.unwrap(), overlay);

    // Merged by feature, all else replaced; the metadata are gone.
    let second = [
        FixEdit::Affected(fixed("a", None)),
        FixEdit::NotAffected("c".to_owned()),
        affected("d", "4"),
    ];
    let changed = edit(store, "CVE-1", merge("two", None, &second), None).await;
    let Edited::Updated(newer) = changed else {
        panic!("{changed:?}")
    };
    assert!(newer > id);
    assert_eq!(
        fixes(store, "CVE-1").await,
        [fixed("a", None), fixed("d", Some("4"))]
    );
    let live = store
        .vulnerability("debian:12", "CVE-1")
        .await
        .unwrap()
        .unwrap();
    assert_eq!((live.id, live.vulnerability.metadata), (newer, None));
    assert_eq!(live.vulnerability.severity, Severity::High);
    assert_eq!(live.vulnerability.version_format, "dpkg");

    // One fix at a time.
    let set = Edit::SetFix(affected("e", "5"));
    assert!(matches!(
        edit(store, "CVE-1", set.clone(), None).await,
        Edited::Updated(_)
    ));
    assert_eq!(
        edit(store, "CVE-1", set.clone(), None).await,
        Edited::Unchanged
    );
    assert_eq!(edit(store, "CVE-9", set, None).await, Edited::Unknown);
    let remove = Edit::RemoveFix("a".to_owned());
    assert!(matches!(
        edit(store, "CVE-1", remove.clone(), None).await,
        Edited::Updated(_)
    ));
    assert_eq!(
        edit(store, "CVE-1", remove.clone(), None).await,
        Edited::Unchanged
    );
    assert_eq!(edit(store, "CVE-9", remove, None).await, Edited::Unknown);
    assert_eq!(
        fixes(store, "CVE-1").await,
        [fixed("d", Some("4")), fixed("e", Some("5"))]
    );

    assert!(
        store
            .delete_vulnerability("debian:12", "CVE-1", None)
            .await
            .unwrap()
    );
    assert!(
        !store
            .delete_vulnerability("debian:12", "CVE-1", None)
            .await
            .unwrap()
    );
    assert!(
        !store
            .delete_vulnerability("nowhere", "CVE-1", None)
            .await
            .unwrap()
    );
    assert_eq!(
        store.vulnerability("debian:12", "CVE-1").await.unwrap(),
        None
    );
    let history = store
        .vulnerability_history("debian:12", "CVE-1")
        .await
        .unwrap();
    assert_eq!(history.len(), 4);
    assert!(history.iter().all(|(_, ended)| ended.is_some()));
    let (one, two) = (Some("one".to_owned()), Some("two".to_owned()));
    assert_eq!(
        told(store).await,
        [
            (None, one.clone()),
            (one, two.clone()),
            (two.clone(), two.clone()),
            (two.clone(), two.clone()),
            (two, None)
        ]
    );
    assert!(store.overlay().await.unwrap().vulnerabilities.is_empty());
}

pub(crate) async fn pages_are_in_the_order_of_change(fixture: Fixture) {
    let store = &fixture.store;
    for number in 0..7 {
        edit(store, &format!("CVE-{number}"), merge("x", None, &[]), None).await;
    }
    edit(store, "CVE-2", merge("y", None, &[]), None).await;
    store
        .delete_vulnerability("debian:12", "CVE-4", None)
        .await
        .unwrap();
    let mut seen = Vec::new();
    let mut after = VulnerabilityId(0);
    loop {
        let page = store.vulnerabilities("debian:12", after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.id;
        seen.extend(page.into_iter().map(|stored| stored.vulnerability.name));
    }
    assert_eq!(seen, ["CVE-0", "CVE-1", "CVE-3", "CVE-5", "CVE-6", "CVE-2"]);
    assert!(
        store
            .vulnerabilities("debian:11", VulnerabilityId(0), 9)
            .await
            .unwrap()
            .is_empty()
    );
}

pub(crate) async fn overlay_over_a_feed(fixture: Fixture) {
    let store = &fixture.store;
    // What says the same as the feed is not an override.
    let same = Edit::Merge {
        description: "from the feed".to_owned(),
        link: String::new(),
        severity: Severity::Low,
        metadata: None,
        fixes: Vec::new(),
    };
    assert_eq!(
        edit(store, "CVE-1", same, feed("CVE-1", "m1")).await,
        Edited::Unchanged
    );

    // An override starts from the feed's record.
    let one = merge("ours", None, &[affected("openssl", "2")]);
    assert!(matches!(
        edit(store, "CVE-1", one, feed("CVE-1", "m1")).await,
        Edited::Updated(_)
    ));
    assert_eq!(
        fixes(store, "CVE-1").await,
        [fixed("openssl", Some("2")), fixed("zlib", None)]
    );
    let overlay = store.overlay().await.unwrap();
    let [stored] = overlay.vulnerabilities.as_slice() else {
        panic!("{overlay:?}")
    };
    assert_eq!(stored.feed_meaning.as_deref(), Some("m1"));
    // Of what the override did not touch, the feed's fixes hold, whatever it says later.
    let of_feed = vec![fixed("openssl", Some("1")), fixed("zlib", None)];
    assert_eq!(stored.feed_fixes, Some(of_feed));
    let mut later = feed("CVE-1", "m2").unwrap().vulnerability;
    later.fixed_in = vec![
        fixed("bash", None),
        fixed("openssl", Some("1.1")),
        fixed("zlib", Some("9")),
    ];
    let beside = stored.beside(Some(&later));
    assert_eq!(
        beside.fixed_in,
        [
            fixed("bash", None),
            fixed("openssl", Some("2")),
            fixed("zlib", Some("9"))
        ]
    );
    assert_eq!(
        (beside.description.as_str(), beside.detail.as_deref()),
        ("ours", Some("ranges"))
    );
    assert_eq!(stored.beside(None), stored.vulnerability);
    assert!(overlay.hidden.is_empty());
    let told_of = store
        .notifications(NotificationId(0), 9)
        .await
        .unwrap()
        .pop()
        .unwrap();
    assert_eq!(
        told_of.old,
        feed("CVE-1", "m1").map(|feed| feed.vulnerability)
    );

    // Deleting the override hides the record below it as well, until it changes.
    assert!(
        store
            .delete_vulnerability("debian:12", "CVE-1", feed("CVE-1", "m1"))
            .await
            .unwrap()
    );
    assert!(
        !store
            .delete_vulnerability("debian:12", "CVE-1", feed("CVE-1", "m1"))
            .await
            .unwrap()
    );
    let overlay = store.overlay().await.unwrap();
    assert!(overlay.vulnerabilities.is_empty());
    let [hidden] = overlay.hidden.as_slice() else {
        panic!("{overlay:?}")
    };
    assert_eq!(
        (hidden.name.as_str(), hidden.meaning.as_str()),
        ("CVE-1", "m1")
    );
    // An earlier release wrote another hash.
    let mut earlier = feed("CVE-1", "m3").unwrap();
    earlier.former_meaning = Some("m1".to_owned());
    let deleted = store
        .delete_vulnerability("debian:12", "CVE-1", Some(earlier))
        .await;
    assert!(!deleted.unwrap());
    let set = Edit::SetFix(affected("openssl", "3"));
    assert_eq!(
        edit(store, "CVE-1", set.clone(), feed("CVE-1", "m1")).await,
        Edited::Unknown
    );
    assert!(matches!(
        edit(store, "CVE-1", set, feed("CVE-1", "m2")).await,
        Edited::Updated(_)
    ));
    assert!(store.overlay().await.unwrap().hidden.is_empty());

    // A feed's record alone; what is made anew in its place owes it nothing.
    assert!(
        store
            .delete_vulnerability("debian:12", "CVE-2", feed("CVE-2", "m"))
            .await
            .unwrap()
    );
    let fresh = merge("fresh", None, &[affected("a", "1")]);
    assert!(matches!(
        edit(store, "CVE-2", fresh, feed("CVE-2", "m")).await,
        Edited::Created(_)
    ));
    assert_eq!(fixes(store, "CVE-2").await, [fixed("a", Some("1"))]);

    let view = {
        store
            .add_layer(crate::fixture::layer("layer", None, None, &[]))
            .await
            .unwrap();
        store.layer("layer").await.unwrap().unwrap()
    };
    assert_eq!(view.overlay, store.overlay().await.unwrap().number);
    assert_eq!(view.overlay, store.overlay_number().await.unwrap());
}

pub(crate) async fn one_live_row_of_many_writers(fixture: Fixture) {
    let replica = fixture.replica().await;
    let mut tasks = Vec::new();
    for task in 0..8 {
        let store = if task % 2 == 0 {
            fixture.store.clone()
        } else {
            replica.clone()
        };
        tasks.push(tokio::spawn(async move {
            let fix = [affected(&format!("feature {task}"), "1")];
            edit(&store, "CVE-1", merge("x", None, &fix), None).await
        }));
    }
    let mut created = 0;
    for task in tasks {
        created += usize::from(matches!(task.await.unwrap(), Edited::Created(_)));
    }
    assert_eq!(created, 1);
    assert_eq!(fixes(&fixture.store, "CVE-1").await.len(), 8);
    let history = fixture
        .store
        .vulnerability_history("debian:12", "CVE-1")
        .await
        .unwrap();
    assert_eq!(
        history.iter().filter(|(_, ended)| ended.is_none()).count(),
        1
    );
    assert_eq!(told(&fixture.store).await.len(), 8);
}
