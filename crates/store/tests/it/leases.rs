//! Leases, and snapshots published under them.

use std::time::Duration;

use pellucid_model::Severity;
use pellucid_store::{
    NewNotification, NewSnapshot, NotificationId, Outbox, StoreError, Vulnerability,
};

use crate::fixture::Fixture;

const LONG: Duration = Duration::from_secs(600);

pub(crate) async fn one_holds_a_lease(fixture: Fixture) {
    let (store, replica) = (&fixture.store, fixture.replica().await);
    assert_eq!(store.lease_holder("updater").await.unwrap(), None);
    let mut held = store
        .acquire_lease("updater", "one", LONG)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        replica.acquire_lease("updater", "two", LONG).await.unwrap(),
        None
    );
    // Not even by the same: a process that forgot its lease must wait.
    assert_eq!(
        store.acquire_lease("updater", "one", LONG).await.unwrap(),
        None
    );
    assert!(
        replica
            .acquire_lease("notifier", "two", LONG)
            .await
            .unwrap()
            .is_some()
    );
    assert!(store.renew_lease(&mut held, LONG).await.unwrap());
    let holder = replica.lease_holder("updater").await.unwrap().unwrap();
    assert_eq!(
        (holder.holder.as_str(), holder.token, holder.until),
        ("one", held.token, held.until)
    );

    // Taken while the clock was a year ahead, by one that died: nobody waits for that year.
    let year = Duration::from_secs(365 * 24 * 3600);
    let lost = store.acquire_lease("lost", "one", year).await.unwrap();
    let found = replica.acquire_lease("lost", "two", LONG).await.unwrap();
    assert!(found.unwrap().token > lost.unwrap().token);

    // Run out, and not taken by another: it may be held again.
    assert!(store.renew_lease(&mut held, Duration::ZERO).await.unwrap());
    assert_eq!(store.lease_holder("updater").await.unwrap(), None);
    assert!(store.renew_lease(&mut held, Duration::ZERO).await.unwrap());
    let taken = replica
        .acquire_lease("updater", "two", LONG)
        .await
        .unwrap()
        .unwrap();
    assert!(taken.token > held.token);
    assert!(!store.renew_lease(&mut held, LONG).await.unwrap());
    assert!(!store.release_lease(&held).await.unwrap());
    assert!(replica.release_lease(&taken).await.unwrap());
    let again = store
        .acquire_lease("updater", "one", LONG)
        .await
        .unwrap()
        .unwrap();
    assert!(again.token > taken.token);

    let mut tasks = Vec::new();
    for task in 0..6 {
        let store = if task % 2 == 0 {
            store.clone()
        } else {
            replica.clone()
        };
        tasks.push(tokio::spawn(async move {
            store
                .acquire_lease("raced", &task.to_string(), LONG)
                .await
                .unwrap()
        }));
    }
    let mut winners = 0;
    for task in tasks {
        winners += usize::from(task.await.unwrap().is_some());
    }
    assert_eq!(winners, 1);
    // Whoever knows that all holders are gone need not wait for them.
    replica.end_leases().await.unwrap();
    assert_eq!(store.lease_holder("updater").await.unwrap(), None);
    let next = replica.acquire_lease("updater", "two", LONG).await.unwrap();
    assert!(next.unwrap().token > again.token);
    assert!(!store.release_lease(&again).await.unwrap());
}

fn snapshot(digest: &str, chunks: u32) -> NewSnapshot {
    NewSnapshot {
        key: "debian".to_owned(),
        digest: digest.to_owned(),
        bytes: 6,
        chunks,
        as_of: Some("2024-05-01".to_owned()),
        state: "{}".to_owned(),
    }
}

fn change(number: usize) -> NewNotification {
    let new = Vulnerability {
        namespace: "debian:12".to_owned(),
        version_format: "dpkg".to_owned(),
        name: format!("CVE-{number}"),
        description: String::new(),
        link: String::new(),
        severity: Severity::Medium,
        metadata: None,
        fixed_in: Vec::new(),
        detail: Some(number.to_string()),
    };
    NewNotification {
        old: None,
        new: Some(new),
    }
}

pub(crate) async fn snapshots_are_published_whole(fixture: Fixture) {
    let (store, replica) = (&fixture.store, fixture.replica().await);
    store.register_receiver("hook").await.unwrap();
    let mut lease = store
        .acquire_lease("feed/debian", "one", LONG)
        .await
        .unwrap()
        .unwrap();
    store.put_snapshot_chunk("d1", 0, b"abc").await.unwrap();
    store.put_snapshot_chunk("d1", 0, b"abc").await.unwrap();
    let early = store
        .publish_snapshot(
            snapshot("d1", 2),
            &lease,
            vec![change(0)],
            Outbox::default(),
        )
        .await;
    assert!(
        matches!(
            early,
            Err(StoreError::Incomplete {
                found: 1,
                expected: 2,
                ..
            })
        ),
        "{early:?}"
    );
    assert!(store.snapshots().await.unwrap().is_empty());
    assert!(
        store
            .notifications(NotificationId(0), 9)
            .await
            .unwrap()
            .is_empty()
    );
    store.put_snapshot_chunk("d1", 1, b"def").await.unwrap();

    let generation = store.generation().await.unwrap();
    let changes: Vec<_> = (0..1200).map(change).collect();
    store
        .publish_snapshot(
            snapshot("d1", 2),
            &lease,
            changes.clone(),
            Outbox::default(),
        )
        .await
        .unwrap();
    assert!(store.generation().await.unwrap() > generation);
    let published = replica.snapshot("debian").await.unwrap().unwrap();
    assert_eq!(
        (published.digest.as_deref(), published.chunks),
        (Some("d1"), 2)
    );
    assert_eq!(
        replica.snapshot_chunk("d1", 1).await.unwrap().as_deref(),
        Some(&b"def"[..])
    );
    assert_eq!(replica.snapshot_chunk("d1", 2).await.unwrap(), None);
    let told = replica
        .notifications(NotificationId(0), 5000)
        .await
        .unwrap();
    assert_eq!(told.len(), changes.len());
    assert!(
        told.iter()
            .zip(&changes)
            .all(|(told, change)| told.new == change.new)
    );
    assert_eq!(replica.backlog("hook").await.unwrap().waiting, 1200);

    // The one before is kept, the one before that can go.
    for digest in ["d2", "d3"] {
        store.put_snapshot_chunk(digest, 0, b"x").await.unwrap();
        for _ in 0..2 {
            store
                .publish_snapshot(snapshot(digest, 1), &lease, Vec::new(), Outbox::default())
                .await
                .unwrap();
        }
    }
    store.put_snapshot_chunk("building", 0, b"x").await.unwrap();
    store.prune_snapshot_chunks(LONG).await.unwrap();
    assert!(store.snapshot_chunk("d1", 0).await.unwrap().is_some());
    store.prune_snapshot_chunks(Duration::ZERO).await.unwrap();
    for (digest, kept) in [
        ("d1", false),
        ("d2", true),
        ("d3", true),
        ("building", false),
    ] {
        assert_eq!(
            store.snapshot_chunk(digest, 0).await.unwrap().is_some(),
            kept,
            "{digest}"
        );
    }

    // Who has lost the lease changes nothing.
    assert!(store.renew_lease(&mut lease, Duration::ZERO).await.unwrap());
    let newer = replica
        .acquire_lease("feed/debian", "two", LONG)
        .await
        .unwrap()
        .unwrap();
    let late = store
        .publish_snapshot(
            snapshot("d2", 1),
            &lease,
            vec![change(0)],
            Outbox::default(),
        )
        .await;
    assert!(
        matches!(late, Err(StoreError::LeaseLost { .. })),
        "{late:?}"
    );
    assert!(
        store
            .set_snapshot_state("debian", "late", &lease)
            .await
            .is_err()
    );
    replica
        .set_snapshot_state("debian", "newer", &newer)
        .await
        .unwrap();
    replica
        .set_snapshot_state("alpine", "failed", &newer)
        .await
        .unwrap();
    let all = store.snapshots().await.unwrap();
    let seen: Vec<_> = all
        .iter()
        .map(|one| (one.key.as_str(), one.digest.as_deref(), one.state.as_str()))
        .collect();
    assert_eq!(
        seen,
        [("alpine", None, "failed"), ("debian", Some("d3"), "newer")]
    );
    assert_eq!(
        store
            .notifications(NotificationId(0), 5000)
            .await
            .unwrap()
            .len(),
        1200
    );
}
