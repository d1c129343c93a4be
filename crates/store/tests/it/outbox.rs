//! Notifications of updates: joined, taken back, held.

use std::time::Duration;

use pellucid_model::Severity;
use pellucid_store::{
    DeliveryState, Edit, Fix, Lease, NewNotification, NewSnapshot, Notification, NotificationId,
    Outbox, Store, Told, Vulnerability,
};

use crate::fixture::{Fixture, debian};

const LONG: Duration = Duration::from_secs(600);

/// `CVE-1` with this fix; none is a vulnerability that is not there.
fn state(fix: Option<&str>) -> Option<Vulnerability> {
    named("CVE-1", fix)
}

fn named(name: &str, fix: Option<&str>) -> Option<Vulnerability> {
    fix.map(|fix| Vulnerability {
        namespace: "debian:12".to_owned(),
        version_format: "dpkg".to_owned(),
        name: name.to_owned(),
        description: format!("as of {fix}"),
        link: String::new(),
        severity: Severity::Low,
        metadata: None,
        fixed_in: vec![Fix {
            feature: "bash".to_owned(),
            version: Some(fix.to_owned()),
        }],
        detail: None,
    })
}

struct Feed<'a> {
    store: &'a Store,
    lease: Lease,
    number: u32,
}

impl<'a> Feed<'a> {
    async fn of(store: &'a Store) -> Self {
        store.register_receiver("hook").await.unwrap();
        let lease = store.acquire_lease("feed/debian", "one", LONG).await;
        Self {
            store,
            lease: lease.unwrap().unwrap(),
            number: 0,
        }
    }

    async fn update(&mut self, changes: Vec<NewNotification>, outbox: Outbox) -> Told {
        self.number += 1;
        let snapshot = NewSnapshot {
            key: "debian".to_owned(),
            digest: format!("d{}", self.number),
            bytes: 1,
            chunks: 0,
            as_of: None,
            state: "{}".to_owned(),
        };
        self.store
            .publish_snapshot(snapshot, &self.lease, changes, outbox)
            .await
            .unwrap()
    }

    async fn change(&mut self, old: Option<&str>, new: Option<&str>, outbox: Outbox) -> Told {
        let change = NewNotification {
            old: state(old),
            new: state(new),
        };
        self.update(vec![change], outbox).await
    }

    async fn told(&self) -> Vec<Notification> {
        self.store
            .notifications(NotificationId(0), 99)
            .await
            .unwrap()
    }
}

fn fixes(notification: &Notification) -> (Option<String>, Option<String>) {
    let fix = |side: &Option<Vulnerability>| side.as_ref()?.fixed_in.first()?.version.clone();
    (fix(&notification.old), fix(&notification.new))
}

fn pair(old: &str, new: &str) -> (Option<String>, Option<String>) {
    (Some(old.to_owned()), Some(new.to_owned()))
}

pub(crate) async fn bursts_are_one_and_flapping_is_none(fixture: Fixture) {
    let store = &fixture.store;
    let mut feed = Feed::of(store).await;
    let window = Outbox {
        wait: LONG,
        hold: LONG,
        held: false,
    };
    let told = feed.change(Some("1"), Some("2"), window).await;
    assert_eq!((told.made, told.merged, told.taken_back), (1, 0, 0));
    let first = feed.told().await.remove(0);
    let told = feed.change(Some("2"), Some("3"), window).await;
    assert_eq!((told.made, told.merged, told.taken_back), (0, 1, 0));
    let joined = feed.told().await.remove(0);
    assert_eq!(
        (joined.name.as_str(), fixes(&joined), joined.feed.as_deref()),
        (first.name.as_str(), pair("1", "3"), Some("debian"))
    );
    // It waits for more.
    let claimed = store.claim_deliveries("hook", 9, LONG).await.unwrap();
    assert_eq!(claimed, []);
    let told = feed.change(Some("3"), Some("1"), window).await;
    assert_eq!((told.made, told.merged, told.taken_back), (0, 0, 1));
    assert!(feed.told().await.is_empty());
    assert_eq!(store.backlog("hook").await.unwrap().waiting, 0);
}

pub(crate) async fn what_was_sent_is_not_touched(fixture: Fixture) {
    let store = &fixture.store;
    let mut feed = Feed::of(store).await;
    let now = Outbox {
        wait: Duration::ZERO,
        hold: LONG,
        held: false,
    };
    feed.change(Some("1"), Some("2"), now).await;
    let sent = store.claim_deliveries("hook", 9, LONG).await.unwrap();
    // On its way: whoever gets it may have asked what it says.
    let told = feed.change(Some("2"), Some("3"), now).await;
    assert_eq!((told.made, told.merged), (1, 0));
    let [delivery] = sent.as_slice() else {
        panic!("{sent:?}")
    };
    assert!(store.delivery_succeeded(delivery, None).await.unwrap());
    // Told of a moment ago: the next one is held for longer, and goes when it changes back.
    let claimed = store.claim_deliveries("hook", 9, LONG).await.unwrap();
    assert_eq!(claimed, []);
    let told = feed.change(Some("3"), Some("2"), now).await;
    assert_eq!(told.taken_back, 1);
    let left: Vec<_> = feed.told().await.iter().map(fixes).collect();
    assert_eq!(left, [pair("1", "2")]);

    // An edit is told at once and alone, as by Clair, and nothing is joined to one before it.
    feed.change(Some("2"), Some("4"), now).await;
    for description in ["a", "b"] {
        let edit = Edit::Merge {
            description: description.to_owned(),
            link: String::new(),
            severity: Severity::High,
            metadata: None,
            fixes: Vec::new(),
        };
        store
            .edit_vulnerability(&debian(), "CVE-1", edit, None)
            .await
            .unwrap();
    }
    let told = feed.change(Some("4"), Some("5"), now).await;
    assert_eq!((told.made, told.merged), (1, 0));
    let feeds: Vec<_> = feed.told().await.into_iter().map(|it| it.feed).collect();
    let debian = || Some("debian".to_owned());
    assert_eq!(feeds, [debian(), debian(), None, None, debian()]);
}

pub(crate) async fn too_many_wait_for_an_operator(fixture: Fixture) {
    let store = &fixture.store;
    let mut feed = Feed::of(store).await;
    let held = Outbox {
        held: true,
        ..Outbox::default()
    };
    let changes = |from: u32| -> Vec<NewNotification> {
        let change = |number| NewNotification {
            old: None,
            new: named(&format!("CVE-{number}"), Some("1")),
        };
        (from..from + 3).map(change).collect()
    };
    feed.update(changes(0), held).await;
    store.register_receiver("late").await.unwrap();
    for receiver in ["hook", "late"] {
        let claimed = store.claim_deliveries(receiver, 9, LONG).await.unwrap();
        assert_eq!(claimed, []);
        let waiting = store
            .deliveries(receiver, DeliveryState::Held, NotificationId(0), 9)
            .await
            .unwrap();
        let names: Vec<_> = waiting.iter().map(|it| it.vulnerability.as_str()).collect();
        assert_eq!(names, ["CVE-0", "CVE-1", "CVE-2"]);
    }
    let notices = store.held().await.unwrap();
    let notices: Vec<_> = notices.iter().map(|it| (&*it.feed, it.count)).collect();
    assert_eq!(notices, [("debian", 3)]);
    assert_eq!(store.release_held("alpine").await.unwrap(), 0);
    assert_eq!(store.release_held("debian").await.unwrap(), 3);
    for receiver in ["hook", "late"] {
        let claimed = store.claim_deliveries(receiver, 9, LONG).await.unwrap();
        assert_eq!(claimed.len(), 3);
    }

    feed.update(changes(10), held).await;
    assert_eq!(store.discard_held("debian").await.unwrap(), 3);
    assert!(store.held().await.unwrap().is_empty());
    let claimed = store.claim_deliveries("hook", 9, LONG).await.unwrap();
    assert_eq!(claimed, []);
    assert_eq!(feed.told().await.len(), 3);
}
