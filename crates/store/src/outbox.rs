//! Notifications of a feed's update on their way into the outbox.
//!
//! What nobody was sent yet is not told twice: a further change of the same vulnerability is told
//! by the notification that waits, and one that takes the change back removes it. So a burst is
//! one notification, and flapping is none. Notifications of edits are never touched: Clair makes one
//! for each.
//!
//! An update that changes too much is one notice to the operator, not a flood of webhooks: its
//! notifications are held until they are released or discarded.

use std::collections::HashMap;
use std::time::Duration;

use crate::deliveries::DeliveryState;
use crate::engine::{End, Tx};
use crate::notifications::{NewNotification, Terms, body, insert_as, json};
use crate::statements::{
    DELIVERY_RELEASE, NOTIFICATION_DISCARD, NOTIFICATION_HELD, NOTIFICATION_MERGE,
    NOTIFICATION_RELEASE, NOTIFICATION_REMOVE, NOTIFICATION_UNSENT,
};
use crate::text::Clean;
use crate::value::{Row, Value, list};
use crate::vulnerability::Vulnerability;
use crate::{Store, StoreError};

/// Subjects per statement.
const BATCH: usize = 500;

/// How an update's notifications are sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Outbox {
    /// Time before a notification is sent, in which further changes join it.
    pub wait: Duration,
    /// The same for a vulnerability that was told of within this time.
    pub hold: Duration,
    /// Whether all of them wait for an operator.
    pub held: bool,
}

/// What became of an update's notifications.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Told {
    /// New ones.
    pub made: usize,
    /// Told by one that was waiting.
    pub merged: usize,
    /// Waiting ones that were taken back, because nothing is left to tell.
    pub taken_back: usize,
}

/// Notifications of an update that wait for an operator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    /// Key of the snapshot.
    pub feed: String,
    /// How many.
    pub count: u64,
    /// When the oldest was made, in seconds since 1970.
    pub since: i64,
}

impl Store {
    /// What waits for an operator, by feed.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn held(&self) -> Result<Vec<Held>, StoreError> {
        let engine = &self.inner.engine;
        let rows = engine.query_long(&NOTIFICATION_HELD, Vec::new()).await?;
        rows.into_iter()
            .map(|mut row| {
                Ok(Held {
                    feed: row.text(0)?,
                    count: row.int(1)?.unsigned_abs(),
                    since: row.int(2)?,
                })
            })
            .collect()
    }

    /// Sends what was held of a feed; gives how many.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn release_held(&self, feed: &str) -> Result<usize, StoreError> {
        let feed = Value::from(feed);
        self.inner
            .engine
            .write(move |tx| {
                let feed = feed.clone();
                Box::pin(async move {
                    let released = tx.query(&NOTIFICATION_RELEASE, &[feed]).await?;
                    decide(tx, released, DeliveryState::Pending).await
                })
            })
            .await
    }

    /// Deletes what was held of a feed, without sending it; gives how many.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn discard_held(&self, feed: &str) -> Result<usize, StoreError> {
        let feed = Value::from(feed);
        self.inner
            .engine
            .write(move |tx| {
                let feed = feed.clone();
                Box::pin(async move {
                    let discarded = tx.query(&NOTIFICATION_DISCARD, &[feed]).await?;
                    decide(tx, discarded, DeliveryState::Done).await
                })
            })
            .await
    }
}

async fn decide(
    tx: &mut Tx,
    notifications: Vec<Row>,
    state: DeliveryState,
) -> Result<End<usize>, StoreError> {
    let ids = ids(notifications)?;
    for batch in ids.chunks(BATCH) {
        let values = [
            list(batch.iter().map(|id| (*id,))),
            Value::from(state.name()),
        ];
        tx.query(&DELIVERY_RELEASE, &values).await?;
    }
    Ok(End::Commit(ids.len()))
}

fn ids(rows: Vec<Row>) -> Result<Vec<i64>, StoreError> {
    rows.into_iter().map(|mut row| row.int(0)).collect()
}

/// Makes the notifications of an update, or joins them to those that wait.
pub(crate) async fn post(
    tx: &mut Tx,
    feed: &str,
    new: &[NewNotification],
    outbox: &Outbox,
) -> Result<Told, StoreError> {
    let terms = Terms {
        feed: Some(feed),
        held: outbox.held,
        wait: outbox.wait,
        hold: outbox.hold,
    };
    let mut told = Told::default();
    if outbox.held {
        insert_as(tx, new, &terms).await?;
        told.made = new.len();
        return Ok(told);
    }
    for batch in new.chunks(BATCH) {
        let mut waiting = waiting(tx, batch).await?;
        let (mut fresh, mut merged, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        for change in batch {
            let waits = change
                .subject()
                .and_then(|subject| waiting.remove(&subject));
            match waits {
                None => fresh.push(change.clone()),
                Some((id, old)) if same(old.as_ref(), change.new.as_ref()) => gone.push(id),
                Some((id, _)) => merged.push((id, change.new.as_ref().map(json).transpose()?)),
            }
        }
        told.made += fresh.len();
        told.merged += merged.len();
        told.taken_back += gone.len();
        if !merged.is_empty() {
            tx.query(&NOTIFICATION_MERGE, &[list(merged)]).await?;
        }
        if !gone.is_empty() {
            let gone = list(gone.into_iter().map(|id| (id,)));
            tx.query(&NOTIFICATION_REMOVE, &[gone]).await?;
        }
        insert_as(tx, &fresh, &terms).await?;
    }
    Ok(told)
}

/// Namespace and name.
type Subject = (String, String);
/// A notification that nobody was sent yet: its number, and what the vulnerability was.
type Waiting = (i64, Option<Vulnerability>);

async fn waiting(
    tx: &mut Tx,
    batch: &[NewNotification],
) -> Result<HashMap<Subject, Waiting>, StoreError> {
    let subjects = batch.iter().filter_map(NewNotification::subject);
    let subjects: Vec<Subject> = subjects.collect();
    let rows = list(subjects.iter().map(|(a, b)| (Clean(a), Clean(b))));
    let mut waiting = HashMap::new();
    for mut row in tx.query(&NOTIFICATION_UNSENT, &[rows]).await? {
        let subject = (row.text(1)?, row.text(2)?);
        waiting.insert(subject, (row.int(0)?, body(row.opt_text(3)?)?));
    }
    Ok(waiting)
}

impl NewNotification {
    fn subject(&self) -> Option<Subject> {
        let subject = self.new.as_ref().or(self.old.as_ref())?;
        Some((subject.namespace.clone(), subject.name.clone()))
    }
}

/// Whether two versions of a vulnerability mean the same: texts and links may differ.
fn same(a: Option<&Vulnerability>, b: Option<&Vulnerability>) -> bool {
    let meaning = |it: &Vulnerability| (it.severity, it.fixed_in.clone(), it.detail.clone());
    a.map(meaning) == b.map(meaning)
}
