//! Texts of callers, images and feeds, in every field that holds one: what was given comes back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use pellucid_model::{Package, PackageKind, Severity, SourcePackage};
use pellucid_store::{
    DeliveryState, Edit, Feature, FeedRecord, Fix, FixEdit, Namespace, NewLayer, NewSnapshot,
    NotificationId, Outbox, Repositories, Store, Vulnerability,
};

use crate::fixture::{self, Fixture, debian, namespace};
use crate::vulnerabilities::merge;

/// What means something to a database, to a list parameter (JSON), to those who print, or to the
/// rewriting of our statements.
const PIECES: &[&str] = &[
    "'",
    "''",
    "\"",
    "`",
    "\\",
    "\\'",
    "\\\\",
    "\\u0000",
    "\\x00",
    "\\",
    "%",
    "_",
    "%%",
    ";",
    "--",
    "-- ",
    "/*",
    "*/",
    "/*postgres*/",
    "#",
    "?",
    "?1",
    "$1",
    "$$",
    ":a",
    "@a",
    "::TEXT",
    "{}",
    "[]",
    "{\"a\":1}",
    "[\"a\"]",
    "null",
    "NULL",
    "true",
    "0",
    "-1",
    "1e999",
    "0x10",
    "NaN",
    " ",
    "  ",
    "\t",
    "\n",
    "\r\n",
    "\0",
    "a\0b",
    "\u{1}",
    "\u{7f}",
    "\u{1b}[2J",
    "\u{85}",
    "\u{a0}",
    "\u{200b}",
    "\u{202e}",
    "\u{2028}",
    "\u{feff}",
    "\u{fffd}",
    "\u{ffff}",
    "\u{10ffff}",
    "\u{1f4a9}",
    "\u{e9}",
    "e\u{301}",
    "\u{130}",
    "\u{df}",
    "\u{3c2}",
    "\u{5d0}",
    "\u{ac00}",
    "' OR '1'='1",
    "'; DROP TABLE layer; --",
    "\"; DROP TABLE layer; --",
    "1; SELECT pg_sleep(99)",
    "' UNION SELECT value FROM secret --",
    "value ->> 0",
    "json_each(?1)",
    "unixepoch()",
    "../../etc/passwd",
    "%00",
    "%27",
    "<script>",
    "{{7*7}}",
    "${jndi:ldap://a}",
];

/// How many texts there are.
const TEXTS: usize = 500;
/// All of them are in lists, and are looked for; each twentieth is in the fields that take a transaction each.
const STEP: usize = 20;

/// Every piece, every piece among letters, and pieces one after another; no two alike.
fn texts() -> Vec<String> {
    let alone = PIECES.iter().map(|piece| (*piece).to_owned());
    let inside = PIECES.iter().map(|piece| format!("a{piece}b"));
    let of = |number: usize| *PIECES.get(number % PIECES.len()).unwrap();
    let joined = (0..4 * TEXTS).map(|number| {
        [
            of(number),
            of(7 * number + 1),
            of(number / PIECES.len() + number),
        ]
        .concat()
    });
    let long = ["x".repeat(1000), "'".repeat(1000), "\u{10ffff}".repeat(250)];
    let mut seen = BTreeSet::new();
    long.into_iter()
        .chain(alone)
        .chain(inside)
        .chain(joined)
        .filter(|text| seen.insert(kept(text)))
        .take(TEXTS)
        .collect()
}

/// A text as it is stored: PostgreSQL has no NUL.
fn kept(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn fix(text: &str) -> Fix {
    Fix {
        feature: text.to_owned(),
        version: Some(text.to_owned()),
    }
}

fn feature(namespace: &Arc<Namespace>, text: &str) -> Feature {
    let own = || text.to_owned();
    Feature {
        namespace: Arc::clone(namespace),
        name: own(),
        version: own(),
        package: Package {
            arch: Some(own()),
            source: Some(SourcePackage {
                name: own(),
                version: Some(own()),
            }),
            module: Some(own()),
            vendor: Some(own()),
            ..Package::new(PackageKind::Rpm, own(), own())
        },
        repositories: Some(Arc::new(Repositories::new([kept(text)]))),
    }
}

/// In a layer's own fields, and in those of its one feature.
async fn in_a_layer(store: &Store, text: &str) {
    let (own, kept) = (namespace(text, text), kept(text));
    let features = [feature(&own, text)];
    let layer = NewLayer {
        name: text,
        parent: None,
        namespace: Some(&own),
        engine_version: 3,
        digest: text,
        analysis_version: text,
        below: Some(text),
        analysis: text.as_bytes(),
        features: &features,
    };
    store.add_layer(layer).await.unwrap();
    let view = store.layer(text).await.unwrap().unwrap();
    assert_eq!(view.name, kept);
    assert_eq!(view.namespace.as_deref(), Some(&*kept));
    let link = store.chain(text).await.unwrap().remove(0);
    assert_eq!(
        (link.name, link.digest, link.analysis_version),
        (kept.clone(), kept.clone(), kept.clone())
    );
    assert_eq!(link.below.as_deref(), Some(&*kept));
    assert_eq!(&*link.analysis, text.as_bytes());
    let shown = store.features_of(&view).await.unwrap().remove(0);
    assert_eq!(*shown.added_by, *kept);
    assert_eq!(*shown.feature, feature(&namespace(&kept, &kept), &kept));
}

/// All of them in the features of one layer, and in the fixes of one vulnerability.
async fn in_lists(store: &Store, texts: &[String]) {
    let of = |text: &str| feature(&namespace(text, text), text);
    let features: Vec<_> = texts.iter().map(|text| of(text)).collect();
    fixture::add(store, "of all", None, &features).await;
    let view = store.layer("of all").await.unwrap().unwrap();
    let shown = store.features_of(&view).await.unwrap();
    assert_eq!(shown.len(), texts.len());
    for text in texts {
        let named = store.feature_versions_named(text, text).await.unwrap();
        assert_eq!(named.len(), 1, "{text:?}");
        assert_eq!(*named.first().unwrap().feature, of(&kept(text)));
        assert!(
            shown.iter().any(|one| one.id == named.first().unwrap().id),
            "{text:?}"
        );
        let about = store.feature_versions_about(text, &[text]).await.unwrap();
        assert_eq!(about, named);
        assert!(store.layer(text).await.unwrap().is_none(), "{text:?}");
        assert!(store.value(text).await.unwrap().is_none(), "{text:?}");
        let found = store.vulnerability(text, text).await.unwrap();
        assert!(found.is_none(), "{text:?}");
    }
    let fixes: Vec<_> = texts
        .iter()
        .map(|text| FixEdit::Affected(fix(text)))
        .collect();
    let edit = merge("x", None, &fixes);
    let own = debian();
    let edited = store.edit_vulnerability(&own, "CVE-1", edit, None);
    edited.await.unwrap();
    let stored = store.vulnerability("debian:12", "CVE-1").await.unwrap();
    let stored: BTreeSet<Fix> = stored.unwrap().vulnerability.fixed_in.into_iter().collect();
    assert_eq!(stored, texts.iter().map(|text| fix(&kept(text))).collect());
}

/// In a vulnerability and its notification, and in the feed's record that it stands over.
async fn in_a_vulnerability(store: &Store, text: &str) {
    let (own, kept) = (namespace(text, text), kept(text));
    let record = |text: &str| Vulnerability {
        namespace: text.to_owned(),
        version_format: text.to_owned(),
        name: text.to_owned(),
        description: text.to_owned(),
        link: text.to_owned(),
        severity: Severity::High,
        metadata: Some(text.to_owned()),
        fixed_in: vec![fix(text)],
        detail: None,
    };
    let feed = FeedRecord {
        vulnerability: Vulnerability {
            fixed_in: vec![fix("feed")],
            ..record(text)
        },
        meaning: text.to_owned(),
        former_meaning: None,
    };
    let edit = Edit::Merge {
        description: text.to_owned(),
        link: text.to_owned(),
        severity: Severity::High,
        metadata: Some(text.to_owned()),
        fixes: vec![
            FixEdit::Affected(fix(text)),
            FixEdit::NotAffected("feed".to_owned()),
        ],
    };
    let edited = store.edit_vulnerability(&own, text, edit, Some(feed.clone()));
    edited.await.unwrap();
    let stored = store.vulnerability(text, text).await.unwrap().unwrap();
    assert_eq!(stored.vulnerability, record(&kept));
    assert_eq!(stored.feed_meaning.as_deref(), Some(&*kept));
    let history = store.vulnerability_history(text, text).await.unwrap();
    assert_eq!(history, [(stored.clone(), None)]);
    let after = pellucid_store::VulnerabilityId(0);
    let page = store.vulnerabilities(text, after, 9).await.unwrap();
    assert!(page.contains(&stored), "{text:?}");
    assert!(
        store
            .delete_vulnerability(text, text, Some(feed))
            .await
            .unwrap()
    );
}

/// In a receiver that is owed the one notification there is, and in why it did not take it.
async fn in_a_delivery(store: &Store, text: &str) {
    let kept = kept(text);
    store.register_receiver(text).await.unwrap();
    let minute = Duration::from_secs(60);
    let claimed = store.claim_deliveries(text, 1, minute).await.unwrap();
    let failed = store
        .delivery_failed(claimed.first().unwrap(), text, None)
        .await;
    assert!(failed.unwrap());
    let dead = store.deliveries(text, DeliveryState::Dead, NotificationId(0), 9);
    let dead = dead.await.unwrap().remove(0);
    assert_eq!((dead.receiver, dead.error), (kept.clone(), Some(kept)));
    store.remove_receiver(text).await.unwrap();
}

/// In settings, leases and snapshots.
async fn in_the_rest(store: &Store, text: &str) {
    let kept = kept(text);
    store.set_value(text, Some(text)).await.unwrap();
    assert_eq!(store.value(text).await.unwrap(), Some(kept.clone()));
    let minute = Duration::from_secs(60);
    let lease = store.acquire_lease(text, text, minute).await.unwrap();
    let lease = lease.unwrap();
    let holder = store.lease_holder(text).await.unwrap().unwrap();
    assert_eq!(holder.holder, kept);
    let snapshot = NewSnapshot {
        key: text.to_owned(),
        digest: text.to_owned(),
        bytes: 0,
        chunks: 0,
        as_of: Some(text.to_owned()),
        state: text.to_owned(),
    };
    let outbox = Outbox {
        wait: Duration::ZERO,
        hold: Duration::ZERO,
        held: false,
    };
    let published = store.publish_snapshot(snapshot, &lease, Vec::new(), outbox);
    published.await.unwrap();
    let found = store.snapshot(text).await.unwrap().unwrap();
    assert_eq!(
        (found.key, found.digest, found.as_of, found.state),
        (kept.clone(), Some(kept.clone()), Some(kept.clone()), kept)
    );
}

pub(crate) async fn odd_text_is_kept(fixture: Fixture) {
    let store = &fixture.store;
    let texts = texts();
    assert_eq!(texts.len(), TEXTS);
    in_lists(store, &texts).await;
    let chosen: Vec<&String> = texts.iter().step_by(STEP).collect();
    for text in &chosen {
        in_a_delivery(store, text).await;
    }
    for text in &chosen {
        in_a_layer(store, text).await;
        in_a_vulnerability(store, text).await;
        in_the_rest(store, text).await;
    }
    // What was deleted left the others' rows alone.
    let all: BTreeSet<String> = texts.iter().map(|text| kept(text)).collect();
    let names = store.namespaces().await.unwrap().into_iter();
    let mut names: BTreeSet<_> = names.map(|one| one.name).collect();
    assert!(names.remove("debian:12"));
    assert_eq!(names, all);
    let hidden = store.overlay().await.unwrap().hidden.into_iter();
    let hidden = hidden.map(|one| (one.namespace, one.name, one.meaning));
    let wanted = chosen.iter().map(|text| kept(text));
    let wanted = wanted.map(|text| (text.clone(), text.clone(), text));
    assert_eq!(hidden.collect::<BTreeSet<_>>(), wanted.collect());
    let told = store.notifications(NotificationId(0), 1000).await.unwrap();
    let told = told.into_iter().flat_map(|change| [change.old, change.new]);
    // A body is JSON, which has a NUL.
    let told: BTreeSet<String> = told.flatten().map(|side| kept(&side.description)).collect();
    let wanted = chosen.iter().map(|text| kept(text));
    assert_eq!(told, wanted.chain(["x".to_owned()]).collect());
    for text in &chosen {
        assert!(store.delete_layer(text).await.unwrap(), "{text:?}");
        assert!(store.layer(text).await.unwrap().is_none(), "{text:?}");
    }
    assert!(store.layer("of all").await.unwrap().is_some());
}
