//! The way from the outbox to the receiver.

use std::collections::BTreeSet;
use std::time::Duration;

use pellucid_notify::{Options, RECEIVER};
use pellucid_store::{DeliveryState, NotificationId, Posting, Store};

use crate::receiver::{NEVER, Receiver, Running, store, tell};

async fn postings(store: &Store, state: DeliveryState) -> Vec<Posting> {
    store
        .deliveries(RECEIVER, state, NotificationId(0), 100)
        .await
        .unwrap()
}

/// Waits until the outbox looks as it should.
async fn until(store: &Store, state: DeliveryState, enough: impl Fn(&[Posting]) -> bool) {
    let wait = async {
        loop {
            if enough(&postings(store, state).await) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait)
        .await
        .unwrap();
}

#[tokio::test]
async fn one_that_fails_stands_in_nobodys_way() {
    let (_folder, store) = store().await;
    let bad = tell(&store, "CVE-BAD").await;
    let mut good = BTreeSet::new();
    for number in 0..20 {
        good.insert(tell(&store, &format!("CVE-{number}")).await);
    }
    let never = bad.clone();
    let receiver = Receiver::start(move |_, got| match got.name() == never {
        true => "500 No".to_owned(),
        false => "200 OK".to_owned(),
    })
    .await;
    let options = Options {
        parallel: 1,
        ..Options::default()
    };
    let _running = Running::start(&store, &receiver.options(), options);
    let got = receiver
        .until(|got| {
            let names: BTreeSet<String> = got.iter().map(|it| it.name()).collect();
            good.is_subset(&names)
        })
        .await;
    // The bad one was first, and its turn comes again under the same name.
    assert_eq!(got[0].name(), bad);
    receiver
        .until(|got| got.iter().filter(|it| it.name() == bad).count() >= 2)
        .await;
}

#[tokio::test]
async fn nobody_waits_for_an_answer_that_never_comes() {
    let (_folder, store) = store().await;
    let bad = tell(&store, "CVE-BAD").await;
    let mut good = BTreeSet::new();
    for number in 0..20 {
        good.insert(tell(&store, &format!("CVE-{number}")).await);
    }
    let never = bad.clone();
    let receiver = Receiver::start(move |_, got| match got.name() == never {
        true => NEVER.to_owned(),
        false => "200 OK".to_owned(),
    })
    .await;
    let options = Options {
        parallel: 2,
        ..Options::default()
    };
    let _running = Running::start(&store, &receiver.options(), options);
    receiver
        .until(|got| {
            let names: BTreeSet<String> = got.iter().map(|it| it.name()).collect();
            good.is_subset(&names) && names.contains(&bad)
        })
        .await;
}

#[tokio::test]
async fn what_failed_comes_again_until_it_is_taken_and_then_only_after_the_interval() {
    let (_folder, store) = store().await;
    let name = tell(&store, "CVE-1").await;
    // Nothing at all, then a refusal, then success.
    let receiver = Receiver::start(|number, _| match number {
        0 => String::new(),
        1 => "503 Later\r\nRetry-After: 1".to_owned(),
        _ => "204 No Content".to_owned(),
    })
    .await;
    let options = Options {
        renotify: Duration::from_secs(1),
        ..Options::default()
    };
    let running = Running::start(&store, &receiver.options(), options);
    // The third is the success, the fourth Clair's reminder.
    receiver.until(|got| got.len() >= 4).await;
    assert!(receiver.names().iter().all(|it| *it == name));
    let notification = store.notification(&name).await.unwrap().unwrap();
    assert!(notification.notified_at.is_some());
    drop(running);
    store.delete_notification(&name).await.unwrap();
    assert_eq!(postings(&store, DeliveryState::Done).await.len(), 1);
}

#[tokio::test]
async fn what_the_receiver_will_never_take_is_listed_and_can_be_sent_again() {
    let (_folder, store) = store().await;
    let name = tell(&store, "CVE-1").await;
    let receiver = Receiver::start(|number, _| match number {
        0 => "410 Gone".to_owned(),
        _ => "200 OK".to_owned(),
    })
    .await;
    let options = Options {
        renotify: Duration::ZERO,
        ..Options::default()
    };
    let _running = Running::start(&store, &receiver.options(), options);
    until(&store, DeliveryState::Dead, |dead| dead.len() == 1).await;
    let dead = postings(&store, DeliveryState::Dead).await.remove(0);
    assert_eq!(
        (
            dead.name.as_str(),
            dead.vulnerability.as_str(),
            dead.error.as_deref()
        ),
        (name.as_str(), "CVE-1", Some("got status 410, expected 2xx"))
    );
    assert_eq!(store.replay_all(RECEIVER).await.unwrap(), 1);
    until(&store, DeliveryState::Done, |done| done.len() == 1).await;
    assert_eq!(receiver.names(), [name.clone(), name]);
}

#[tokio::test]
async fn a_receiver_that_is_down_costs_no_tries_of_those_that_wait() {
    let (_folder, store) = store().await;
    for number in 0..40 {
        tell(&store, &format!("CVE-{number}")).await;
    }
    let receiver = Receiver::start(|_, _| "503 Down\r\nRetry-After: 30".to_owned()).await;
    let _running = Running::start(&store, &receiver.options(), Options::default());
    receiver.until(|got| got.len() >= 8).await;
    until(&store, DeliveryState::Pending, |pending| {
        pending.iter().filter(|it| it.error.is_some()).count() >= 8
    })
    .await;
    let pending = postings(&store, DeliveryState::Pending).await;
    let tried = pending.iter().filter(|it| it.attempts > 0).count();
    assert!(tried <= 16, "{tried}");
    assert_eq!(pending.len(), 40);
}
