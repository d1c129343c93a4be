//! The outbox: each notification's way to each receiver.
//!
//! At least once, with a name that stays the same; in order per vulnerability and receiver. Who
//! claims a delivery holds it until its lease runs out by the database's clock; a result that comes
//! later is not recorded, because another may be sending it by then.

use std::time::Duration;

use crate::engine::{End, Tx};
use crate::leases::seconds;
use crate::notifications::NotificationId;
use crate::statements::{
    COUNTER_BUMP_GENERATION, DELIVERY_BACKLOG, DELIVERY_BRING_FORWARD, DELIVERY_CLAIM,
    DELIVERY_DELETE_OF_RECEIVER, DELIVERY_FAIL, DELIVERY_INSERT_BACKLOG, DELIVERY_LIST,
    DELIVERY_REPLAY, DELIVERY_REPLAY_ALL, DELIVERY_SUCCEED, NOTIFICATION_SET_NOTIFIED,
    RECEIVER_DELETE, RECEIVER_INSERT,
};
use crate::value::Value;
use crate::{Store, StoreError};

/// A delivery that the caller holds until its lease runs out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// The notification's number.
    pub notification: NotificationId,
    /// The notification's name: the stable id that receivers see.
    pub name: String,
    /// Who is to get it.
    pub receiver: String,
    /// How often it was tried since it last succeeded, this time included.
    pub attempt: u32,
    /// When the notification was made, in seconds since 1970.
    pub created_at: i64,
    token: i64,
}

/// How far the delivery of a notification is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeliveryState {
    /// To be sent, or sent again.
    Pending,
    /// Sent, and not to be sent again.
    Done,
    /// Given up.
    Dead,
    /// One of too many that an update made: an operator decides.
    Held,
}

impl DeliveryState {
    /// As the database and the command line write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Held => "held",
        }
    }
}

/// A notification on its way to a receiver. Times are seconds since 1970.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Posting {
    /// The notification's number.
    pub notification: NotificationId,
    /// The notification's name.
    pub name: String,
    /// Namespace of the vulnerability.
    pub namespace: String,
    /// Name of the vulnerability.
    pub vulnerability: String,
    /// Who is to get it.
    pub receiver: String,
    /// How often it was tried since it last succeeded.
    pub attempts: u32,
    /// When it is due; of one given up when that was.
    pub next_at: i64,
    /// When it last succeeded.
    pub delivered_at: Option<i64>,
    /// What the last try met.
    pub error: Option<String>,
    /// Key of the snapshot whose update it tells of; `None` for an edit through the API.
    pub feed: Option<String>,
}

/// How far behind a receiver is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Backlog {
    /// Notifications that it never got and still may.
    pub waiting: u64,
    /// Deliveries given up.
    pub dead: u64,
    /// When the oldest of the waiting was made, in seconds since 1970.
    pub oldest: Option<i64>,
}

impl Store {
    /// Makes a receiver known. A new one is owed every notification that nobody has deleted.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn register_receiver(&self, receiver: &str) -> Result<(), StoreError> {
        let receiver = Value::from(receiver);
        self.inner
            .engine
            .write(move |tx| {
                let receiver = receiver.clone();
                Box::pin(async move { register(tx, receiver).await })
            })
            .await
    }

    /// Forgets a receiver and everything that it is owed.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn remove_receiver(&self, receiver: &str) -> Result<(), StoreError> {
        let receiver = Value::from(receiver);
        self.inner
            .engine
            .write(move |tx| {
                let receiver = receiver.clone();
                Box::pin(async move {
                    tx.query(&COUNTER_BUMP_GENERATION, &[]).await?;
                    tx.query(&RECEIVER_DELETE, std::slice::from_ref(&receiver))
                        .await?;
                    tx.query(&DELIVERY_DELETE_OF_RECEIVER, &[receiver]).await?;
                    Ok(End::Commit(()))
                })
            })
            .await
    }

    /// Takes up to `count` deliveries that are due, for as long as `lease`; oldest first.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn claim_deliveries(
        &self,
        receiver: &str,
        count: u32,
        lease: Duration,
    ) -> Result<Vec<Delivery>, StoreError> {
        let values = vec![
            Value::from(receiver),
            Value::from(count),
            Value::from(seconds(lease)),
        ];
        let rows = self.inner.engine.write_one(&DELIVERY_CLAIM, values).await?;
        let mut claimed = Vec::with_capacity(rows.len());
        for mut row in rows {
            claimed.push(Delivery {
                notification: NotificationId(row.int(0)?),
                name: row.text(1)?,
                receiver: receiver.to_owned(),
                attempt: u32::try_from(row.int(2)?).unwrap_or(u32::MAX),
                token: row.int(3)?,
                created_at: row.int(4)?,
            });
        }
        claimed.sort_unstable_by_key(|delivery| delivery.notification);
        Ok(claimed)
    }

    /// Records that the receiver got it. It is due again after `again` (Clair sends until a client
    /// deletes the notification), or never. `false` when the lease was lost.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn delivery_succeeded(
        &self,
        delivery: &Delivery,
        again: Option<Duration>,
    ) -> Result<bool, StoreError> {
        let notification = Value::from(delivery.notification.0);
        let values = [
            notification.clone(),
            Value::from(delivery.receiver.as_str()),
            Value::from(delivery.token),
            Value::from(again.map(seconds)),
        ];
        self.inner
            .engine
            .write(move |tx| {
                let (values, notification) = (values.clone(), notification.clone());
                Box::pin(async move {
                    if tx.one(&DELIVERY_SUCCEED, &values).await?.is_none() {
                        return Ok(End::Discard(false));
                    }
                    tx.query(&NOTIFICATION_SET_NOTIFIED, &[notification])
                        .await?;
                    Ok(End::Commit(true))
                })
            })
            .await
    }

    /// Records that the receiver did not get it. It is due again after `again`, or given up.
    /// `false` when the lease was lost.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn delivery_failed(
        &self,
        delivery: &Delivery,
        error: &str,
        again: Option<Duration>,
    ) -> Result<bool, StoreError> {
        let values = vec![
            Value::from(delivery.notification.0),
            Value::from(delivery.receiver.as_str()),
            Value::from(delivery.token),
            Value::from(again.map(seconds)),
            Value::from(error),
        ];
        Ok(!self
            .inner
            .engine
            .write_one(&DELIVERY_FAIL, values)
            .await?
            .is_empty())
    }

    /// One page of the deliveries to a receiver in a state, in the order in which the notifications
    /// were made, from the one after `after`.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn deliveries(
        &self,
        receiver: &str,
        state: DeliveryState,
        after: NotificationId,
        limit: u32,
    ) -> Result<Vec<Posting>, StoreError> {
        let values = vec![
            Value::from(receiver),
            Value::from(state.name()),
            Value::from(after.0),
            Value::from(limit),
        ];
        let rows = self.inner.engine.query_long(&DELIVERY_LIST, values).await?;
        rows.into_iter()
            .map(|mut row| {
                Ok(Posting {
                    notification: NotificationId(row.int(0)?),
                    name: row.text(1)?,
                    namespace: row.text(2)?,
                    vulnerability: row.text(3)?,
                    receiver: row.text(4)?,
                    attempts: u32::try_from(row.int(5)?).unwrap_or(u32::MAX),
                    next_at: row.int(6)?,
                    delivered_at: row.opt_int(7)?,
                    error: row.opt_text(8)?,
                    feed: row.opt_text(9)?,
                })
            })
            .collect()
    }

    /// Makes a delivery that was given up due again. `false` when there is none.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn replay(&self, receiver: &str, notification: &str) -> Result<bool, StoreError> {
        let values = vec![Value::from(receiver), Value::from(notification)];
        Ok(!self
            .inner
            .engine
            .write_one(&DELIVERY_REPLAY, values)
            .await?
            .is_empty())
    }

    /// Makes every delivery that was given up due again, and gives how many.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn replay_all(&self, receiver: &str) -> Result<usize, StoreError> {
        let values = vec![Value::from(receiver)];
        let engine = &self.inner.engine;
        Ok(engine.write_one(&DELIVERY_REPLAY_ALL, values).await?.len())
    }

    /// Makes due what is put off for longer than `longest`, the longest time that callers put off
    /// anything for: that was done while the database's clock was ahead. Gives how many.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn bring_forward_deliveries(
        &self,
        receiver: &str,
        longest: Duration,
    ) -> Result<usize, StoreError> {
        let values = vec![Value::from(receiver), Value::from(seconds(longest))];
        let engine = &self.inner.engine;
        let rows = engine.write_one(&DELIVERY_BRING_FORWARD, values).await?;
        Ok(rows.len())
    }

    /// How far behind a receiver is.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn backlog(&self, receiver: &str) -> Result<Backlog, StoreError> {
        let rows = self
            .inner
            .engine
            .query_long(&DELIVERY_BACKLOG, vec![Value::from(receiver)])
            .await?;
        let Some(mut row) = rows.into_iter().next() else {
            return Ok(Backlog::default());
        };
        Ok(Backlog {
            waiting: row.int(0)?.unsigned_abs(),
            dead: row.int(1)?.unsigned_abs(),
            oldest: row.opt_int(2)?,
        })
    }
}

async fn register(tx: &mut Tx, receiver: Value) -> Result<End<()>, StoreError> {
    // Held to the end: notifications are made under it, so none falls between the two statements.
    tx.query(&COUNTER_BUMP_GENERATION, &[]).await?;
    if tx
        .one(&RECEIVER_INSERT, std::slice::from_ref(&receiver))
        .await?
        .is_none()
    {
        return Ok(End::Discard(()));
    }
    tx.query(&DELIVERY_INSERT_BACKLOG, &[receiver]).await?;
    Ok(End::Commit(()))
}
