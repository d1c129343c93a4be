//! Notifications: what changed, kept until a client deletes it.
//!
//! Each is made in the transaction of the change that it tells of, with both sides in full, so that
//! it can be served after the vulnerability has moved on. Which layers it touches is not in it: that
//! is computed when asked, from [`Store::feature_versions_named`] and [`Store::layers_introducing`].
//! Reading and deleting notifications does not raise the generation.

use std::time::Duration;

use serde::Serialize;

use crate::engine::{End, Tx};
use crate::leases::seconds;
use crate::statements::{
    DELIVERY_FINISH_ALL, DELIVERY_INSERT_FOR, NOTIFICATION_DELETE, NOTIFICATION_GET,
    NOTIFICATION_INSERT, NOTIFICATION_PAGE, NOTIFICATION_PRUNE, VULNERABILITY_PRUNE,
};
use crate::text::Clean;
use crate::value::{Row, Value, list};
use crate::vulnerability::Vulnerability;
use crate::{Store, StoreError};

/// Notifications per statement.
const BATCH: usize = 500;
/// Rows of a table that are removed at a time.
const PRUNED: u32 = 2000;

/// Number of a notification, in the order of creation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NotificationId(pub i64);

/// A change to tell of: new, changed or gone.
#[derive(Clone, PartialEq, Debug)]
pub struct NewNotification {
    /// What it was; `None` when it is new.
    pub old: Option<Vulnerability>,
    /// What it is; `None` when it is gone.
    pub new: Option<Vulnerability>,
}

/// A notification. Times are seconds since 1970.
#[derive(Clone, PartialEq, Debug)]
pub struct Notification {
    /// Its number.
    pub id: NotificationId,
    /// Its name to the outside: a random UUID.
    pub name: String,
    /// Namespace of the vulnerability.
    pub namespace: String,
    /// Name of the vulnerability.
    pub vulnerability: String,
    /// When it was made.
    pub created_at: i64,
    /// When it was last delivered to anyone.
    pub notified_at: Option<i64>,
    /// When a client first deleted it.
    pub deleted_at: Option<i64>,
    /// Key of the snapshot whose update it tells of; `None` for an edit through the API.
    pub feed: Option<String>,
    /// Whether it waits for an operator, as one of too many.
    pub held: bool,
    /// What the vulnerability was.
    pub old: Option<Vulnerability>,
    /// What the vulnerability is.
    pub new: Option<Vulnerability>,
}

impl Store {
    /// A notification by its name, deleted or not.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn notification(&self, name: &str) -> Result<Option<Notification>, StoreError> {
        let rows = self
            .inner
            .engine
            .query(&NOTIFICATION_GET, &[Value::from(name)])
            .await?;
        rows.into_iter().next().map(read).transpose()
    }

    /// One page of the notifications that nobody has deleted, in the order of creation, from the one
    /// after `after` (0 for the first page).
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn notifications(
        &self,
        after: NotificationId,
        limit: u32,
    ) -> Result<Vec<Notification>, StoreError> {
        let values = vec![Value::from(after.0), Value::from(limit)];
        let rows = self
            .inner
            .engine
            .query_long(&NOTIFICATION_PAGE, values)
            .await?;
        rows.into_iter().map(read).collect()
    }

    /// Marks a notification as read: it is not sent any more. `false` when there is none of this
    /// name.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn delete_notification(&self, name: &str) -> Result<bool, StoreError> {
        let name = Value::from(name);
        self.inner
            .engine
            .write(move |tx| {
                let name = name.clone();
                Box::pin(async move {
                    let Some(mut row) = tx.one(&NOTIFICATION_DELETE, &[name]).await? else {
                        return Ok(End::Discard(false));
                    };
                    tx.query(&DELIVERY_FINISH_ALL, &[Value::from(row.int(0)?)])
                        .await?;
                    Ok(End::Commit(true))
                })
            })
            .await
    }

    /// Removes notifications that a client deleted, and versions of vulnerabilities that ended, longer
    /// ago than `age`: a bounded number of each. Gives how many; 0 when there is nothing left.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn prune_history(&self, age: Duration) -> Result<usize, StoreError> {
        let values = vec![Value::from(seconds(age)), Value::from(PRUNED)];
        let engine = &self.inner.engine;
        let notifications = engine
            .write_one(&NOTIFICATION_PRUNE, values.clone())
            .await?;
        let vulnerabilities = engine.write_one(&VULNERABILITY_PRUNE, values).await?;
        Ok(notifications.len() + vulnerabilities.len())
    }
}

/// Adds notifications of edits, with a delivery for each receiver, due at once. The transaction
/// holds the generation counter, so that a receiver that registers meanwhile misses none.
pub(crate) async fn insert(tx: &mut Tx, new: &[NewNotification]) -> Result<(), StoreError> {
    insert_as(tx, new, &Terms::default()).await
}

/// On which terms notifications are made.
#[derive(Default)]
pub(crate) struct Terms<'a> {
    /// Key of the snapshot they come from.
    pub(crate) feed: Option<&'a str>,
    /// Held back until an operator says what becomes of them.
    pub(crate) held: bool,
    /// Time before they are sent.
    pub(crate) wait: Duration,
    /// The same where the subject was told of within this time.
    pub(crate) hold: Duration,
}

/// As [`insert`], on other terms.
pub(crate) async fn insert_as(
    tx: &mut Tx,
    new: &[NewNotification],
    terms: &Terms<'_>,
) -> Result<(), StoreError> {
    let feed = Value::from(terms.feed);
    let held = Value::from(i64::from(terms.held));
    let (wait, hold) = (seconds(terms.wait), seconds(terms.hold));
    for batch in new.chunks(BATCH) {
        let mut rows = Vec::with_capacity(batch.len());
        for change in batch {
            let Some(subject) = change.new.as_ref().or(change.old.as_ref()) else {
                continue;
            };
            rows.push((
                uuid()?,
                Clean(&subject.namespace),
                Clean(&subject.name),
                change.old.as_ref().map(json).transpose()?,
                change.new.as_ref().map(json).transpose()?,
            ));
        }
        let names = list(rows.iter().map(|row| (&row.0,)));
        let values = [list(rows), feed.clone(), held.clone()];
        tx.query(&NOTIFICATION_INSERT, &values).await?;
        let values = [names, Value::from(wait), Value::from(hold)];
        tx.query(&DELIVERY_INSERT_FOR, &values).await?;
    }
    Ok(())
}

pub(crate) fn json(body: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(body).map_err(|_| StoreError::Damaged {
        what: "notification",
    })
}

pub(crate) fn body(text: Option<String>) -> Result<Option<Vulnerability>, StoreError> {
    text.map(|text| {
        serde_json::from_str(&text).map_err(|_| StoreError::Damaged {
            what: "notification",
        })
    })
    .transpose()
}

fn read(mut row: Row) -> Result<Notification, StoreError> {
    Ok(Notification {
        id: NotificationId(row.int(0)?),
        name: row.text(1)?,
        namespace: row.text(2)?,
        vulnerability: row.text(3)?,
        created_at: row.int(4)?,
        notified_at: row.opt_int(5)?,
        deleted_at: row.opt_int(6)?,
        old: body(row.opt_text(7)?)?,
        new: body(row.opt_text(8)?)?,
        feed: row.opt_text(9)?,
        held: row.int(10)? != 0,
    })
}

/// A random UUID (version 4).
fn uuid() -> Result<String, StoreError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|_| StoreError::Random)?;
    let bits = u128::from_be_bytes(bytes);
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let mut text = String::with_capacity(36);
    for (at, digit) in hex.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_are_random_uuids() {
        let (one, other) = (super::uuid().unwrap(), super::uuid().unwrap());
        assert_ne!(one, other);
        for (at, expected) in [(8, '-'), (13, '-'), (14, '4'), (18, '-'), (23, '-')] {
            assert_eq!(one.chars().nth(at), Some(expected), "{one}");
        }
        assert!(
            matches!(one.chars().nth(19), Some('8' | '9' | 'a' | 'b')),
            "{one}"
        );
        assert_eq!(one.len(), 36);
    }
}
