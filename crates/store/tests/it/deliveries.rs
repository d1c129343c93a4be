//! Notifications on their way to receivers.

use std::collections::BTreeSet;
use std::time::Duration;

use pellucid_model::Severity;
use pellucid_store::{Delivery, DeliveryState, Edit, NotificationId, Store};

use crate::fixture::{Fixture, debian};

const LEASE: Duration = Duration::from_secs(600);
const NOW: Option<Duration> = Some(Duration::ZERO);

/// Makes a notification, and gives its name.
async fn tell(store: &Store, vulnerability: &str, description: &str) -> String {
    let edit = Edit::Merge {
        description: description.to_owned(),
        link: String::new(),
        severity: Severity::Low,
        metadata: None,
        fixes: Vec::new(),
    };
    store
        .edit_vulnerability(&debian(), vulnerability, edit, None)
        .await
        .unwrap();
    store
        .notifications(NotificationId(0), 1000)
        .await
        .unwrap()
        .pop()
        .unwrap()
        .name
}

fn names(claimed: &[Delivery]) -> Vec<&str> {
    claimed
        .iter()
        .map(|delivery| delivery.name.as_str())
        .collect()
}

pub(crate) async fn at_least_once(fixture: Fixture) {
    let store = &fixture.store;
    let early = tell(store, "CVE-1", "before anyone listened").await;
    assert!(
        store
            .claim_deliveries("hook", 9, LEASE)
            .await
            .unwrap()
            .is_empty()
    );
    store.register_receiver("hook").await.unwrap();
    store.register_receiver("hook").await.unwrap();
    let late = tell(store, "CVE-2", "after").await;
    assert_eq!(store.backlog("hook").await.unwrap().waiting, 2);

    let claimed = store.claim_deliveries("hook", 9, LEASE).await.unwrap();
    assert_eq!(names(&claimed), [early.as_str(), &late]);
    // Held: nobody else gets them.
    assert!(
        fixture
            .replica()
            .await
            .claim_deliveries("hook", 9, LEASE)
            .await
            .unwrap()
            .is_empty()
    );
    let [one, two] = claimed.as_slice() else {
        panic!("{claimed:?}")
    };
    assert!(store.delivery_succeeded(one, None).await.unwrap());
    assert!(!store.delivery_succeeded(one, None).await.unwrap());
    assert!(store.delivery_failed(two, "500", NOW).await.unwrap());
    let told = store.notification(&early).await.unwrap().unwrap();
    assert!(told.notified_at.is_some());
    assert_eq!(
        store
            .notification(&late)
            .await
            .unwrap()
            .unwrap()
            .notified_at,
        None
    );

    // The one that failed comes again under the same name; a lease that runs out loses.
    let lost = store
        .claim_deliveries("hook", 9, Duration::ZERO)
        .await
        .unwrap();
    let again = store.claim_deliveries("hook", 9, LEASE).await.unwrap();
    let ([lost], [again]) = (lost.as_slice(), again.as_slice()) else {
        panic!("{again:?}")
    };
    assert_eq!(
        (again.name.as_str(), lost.attempt, again.attempt),
        (late.as_str(), 2, 3)
    );
    assert!(!store.delivery_failed(lost, "too late", None).await.unwrap());
    assert!(!store.delivery_succeeded(lost, None).await.unwrap());

    // Clair's way: sent again and again until a client deletes it.
    assert!(store.delivery_succeeded(again, NOW).await.unwrap());
    let resent = store.claim_deliveries("hook", 9, LEASE).await.unwrap();
    assert_eq!(
        (names(&resent), resent.first().unwrap().attempt),
        (vec![late.as_str()], 1)
    );
    assert!(
        store
            .delivery_succeeded(resent.first().unwrap(), NOW)
            .await
            .unwrap()
    );
    for _ in 0..2 {
        assert!(store.delete_notification(&late).await.unwrap());
    }
    assert!(
        store
            .claim_deliveries("hook", 9, LEASE)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        store
            .notification(&late)
            .await
            .unwrap()
            .unwrap()
            .deleted_at
            .is_some()
    );
    assert_eq!(
        store
            .notifications(NotificationId(0), 9)
            .await
            .unwrap()
            .len(),
        1
    );
    assert!(!store.delete_notification("nobody").await.unwrap());
    assert_eq!(store.notification("nobody").await.unwrap(), None);

    // What was read long ago goes, and what a vulnerability no longer is.
    tell(store, "CVE-1", "changed").await;
    assert_eq!(store.prune_history(LEASE).await.unwrap(), 0);
    assert_eq!(store.prune_history(Duration::ZERO).await.unwrap(), 2);
    assert_eq!(store.prune_history(Duration::ZERO).await.unwrap(), 0);
    assert_eq!(store.notification(&late).await.unwrap(), None);
    assert!(store.notification(&early).await.unwrap().is_some());
    let history = store
        .vulnerability_history("debian:12", "CVE-1")
        .await
        .unwrap();
    assert_eq!(history.len(), 1);
}

pub(crate) async fn dead_letters_are_replayed(fixture: Fixture) {
    let store = &fixture.store;
    store.register_receiver("hook").await.unwrap();
    store.register_receiver("other").await.unwrap();
    let name = tell(store, "CVE-1", "x").await;
    let claimed = store.claim_deliveries("hook", 9, LEASE).await.unwrap();
    assert!(
        store
            .delivery_failed(claimed.first().unwrap(), "410 gone", None)
            .await
            .unwrap()
    );
    assert!(
        store
            .claim_deliveries("hook", 9, LEASE)
            .await
            .unwrap()
            .is_empty()
    );
    let dead = store
        .deliveries("hook", DeliveryState::Dead, NotificationId(0), 9)
        .await
        .unwrap();
    let [letter] = dead.as_slice() else {
        panic!("{dead:?}")
    };
    assert_eq!(
        (letter.name.as_str(), letter.error.as_deref()),
        (name.as_str(), Some("410 gone"))
    );
    assert!(
        store
            .deliveries("hook", DeliveryState::Dead, letter.notification, 9)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(store.backlog("hook").await.unwrap().dead, 1);
    // Another receiver does not suffer from it.
    assert_eq!(
        names(&store.claim_deliveries("other", 9, LEASE).await.unwrap()),
        [name.as_str()]
    );

    assert_eq!(store.replay_all("other").await.unwrap(), 0);
    assert!(store.replay("hook", &name).await.unwrap());
    assert!(!store.replay("hook", &name).await.unwrap());
    let again = store.claim_deliveries("hook", 9, LEASE).await.unwrap();
    assert_eq!(
        (names(&again), again.first().unwrap().attempt),
        (vec![name.as_str()], 1)
    );
    store.remove_receiver("hook").await.unwrap();
    assert!(
        !store
            .delivery_succeeded(again.first().unwrap(), None)
            .await
            .unwrap()
    );
    assert_eq!(store.backlog("hook").await.unwrap().waiting, 0);
}

pub(crate) async fn in_order_per_vulnerability(fixture: Fixture) {
    let store = &fixture.store;
    store.register_receiver("hook").await.unwrap();
    let first = tell(store, "CVE-1", "first").await;
    let second = tell(store, "CVE-1", "second").await;
    let other = tell(store, "CVE-2", "other").await;
    let claimed = store.claim_deliveries("hook", 9, LEASE).await.unwrap();
    assert_eq!(names(&claimed), [first.as_str(), &other]);
    let delivery = claimed.first().unwrap();
    assert!(
        store
            .delivery_failed(delivery, "later", Some(LEASE))
            .await
            .unwrap()
    );
    assert!(
        store
            .claim_deliveries("hook", 9, LEASE)
            .await
            .unwrap()
            .is_empty()
    );
    // What is given up does not stand in the way, nor does what is only sent again.
    store.delete_notification(&first).await.unwrap();
    let next = store.claim_deliveries("hook", 9, LEASE).await.unwrap();
    assert_eq!(names(&next), [second.as_str()]);
    assert!(
        store
            .delivery_succeeded(next.first().unwrap(), Some(LEASE))
            .await
            .unwrap()
    );
    let third = tell(store, "CVE-1", "third").await;
    assert_eq!(
        names(&store.claim_deliveries("hook", 9, LEASE).await.unwrap()),
        [third.as_str()]
    );
}

/// Put off and claimed while the clock was a year ahead: nobody waits for that year.
pub(crate) async fn a_clock_that_was_ahead_delays_nothing(fixture: Fixture) {
    let store = &fixture.store;
    let (hour, day) = (Duration::from_secs(3600), Duration::from_secs(24 * 3600));
    let year = 365 * day;
    store.register_receiver("hook").await.unwrap();
    let later = tell(store, "CVE-1", "put off as it should be").await;
    let put_off = tell(store, "CVE-2", "put off").await;
    let claimed = store.claim_deliveries("hook", 9, LEASE).await.unwrap();
    assert_eq!(names(&claimed), [later.as_str(), &put_off]);
    for (delivery, again) in claimed.iter().zip([hour, year]) {
        assert!(
            store
                .delivery_failed(delivery, "500", Some(again))
                .await
                .unwrap()
        );
    }
    for (brought, due) in [(1, vec![put_off.as_str()]), (0, Vec::new())] {
        let count = store.bring_forward_deliveries("hook", day).await.unwrap();
        assert_eq!(count, brought);
        let claimed = store.claim_deliveries("hook", 9, LEASE).await.unwrap();
        assert_eq!(names(&claimed), due);
    }

    let held = tell(store, "CVE-3", "claimed by one that died").await;
    for _ in 0..2 {
        let claimed = store.claim_deliveries("hook", 9, year).await.unwrap();
        assert_eq!(names(&claimed), [held.as_str()]);
    }
}

pub(crate) async fn claims_do_not_overlap(fixture: Fixture) {
    let store = &fixture.store;
    store.register_receiver("hook").await.unwrap();
    for number in 0..24 {
        tell(store, &format!("CVE-{number}"), "x").await;
    }
    let replica = fixture.replica().await;
    let mut tasks = Vec::new();
    for task in 0..4 {
        let store = if task % 2 == 0 {
            store.clone()
        } else {
            replica.clone()
        };
        tasks.push(tokio::spawn(async move {
            let mut all = Vec::new();
            loop {
                let claimed = store.claim_deliveries("hook", 3, LEASE).await.unwrap();
                if claimed.is_empty() {
                    return all;
                }
                assert!(claimed.len() <= 3);
                all.extend(claimed.into_iter().map(|delivery| delivery.name));
            }
        }));
    }
    let mut claimed = Vec::new();
    for task in tasks {
        claimed.extend(task.await.unwrap());
    }
    // A claimant that was passed over may leave a few to the next round, never take one twice.
    let rest = store.claim_deliveries("hook", 99, LEASE).await.unwrap();
    claimed.extend(rest.into_iter().map(|delivery| delivery.name));
    assert_eq!(claimed.len(), 24);
    assert_eq!(claimed.iter().collect::<BTreeSet<_>>().len(), 24);
}
