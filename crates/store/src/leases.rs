//! Leases: work that only one replica does at a time.
//!
//! Times are the database's. A lease that runs out can be taken by another, whose token is higher;
//! what the first one writes then is refused where it matters ([`Store::publish_snapshot`]), so a
//! replica that slept through its lease does no harm.

use std::time::Duration;

use crate::engine::{End, Tx};
use crate::statements::{
    DELIVERY_END_CLAIMS, LEASE_ACQUIRE, LEASE_END_ALL, LEASE_FENCE, LEASE_GET, LEASE_RELEASE,
    LEASE_RENEW,
};
use crate::value::Value;
use crate::{Store, StoreError};

/// A lease that this process holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lease {
    /// What it is for.
    pub name: String,
    /// Higher than that of every holder before.
    pub token: i64,
    /// When it runs out, by the database's clock, in seconds since 1970.
    pub until: i64,
}

/// Who holds a lease.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeaseHolder {
    /// As it named itself.
    pub holder: String,
    /// Its token.
    pub token: i64,
    /// When it runs out, by the database's clock, in seconds since 1970.
    pub until: i64,
}

impl Store {
    /// Takes a lease that is free or has run out. `None` when another holds it.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn acquire_lease(
        &self,
        name: &str,
        holder: &str,
        time: Duration,
    ) -> Result<Option<Lease>, StoreError> {
        let values = vec![
            Value::from(name),
            Value::from(holder),
            Value::from(seconds(time)),
        ];
        let rows = self.inner.engine.write_one(&LEASE_ACQUIRE, values).await?;
        rows.into_iter()
            .next()
            .map(|mut row| {
                Ok(Lease {
                    name: name.to_owned(),
                    token: row.int(0)?,
                    until: row.int(1)?,
                })
            })
            .transpose()
    }

    /// Holds a lease for longer. `false` when another has taken it: the work must stop.
    ///
    /// # Errors
    /// The database is away or damaged; the lease may still be held.
    pub async fn renew_lease(&self, lease: &mut Lease, time: Duration) -> Result<bool, StoreError> {
        let name = Value::from(lease.name.as_str());
        let values = vec![name, Value::from(lease.token), Value::from(seconds(time))];
        let rows = self.inner.engine.write_one(&LEASE_RENEW, values).await?;
        let Some(mut row) = rows.into_iter().next() else {
            return Ok(false);
        };
        lease.until = row.int(0)?;
        Ok(true)
    }

    /// Gives a lease back. `false` when another had taken it.
    ///
    /// # Errors
    /// The database is away or damaged; the lease then runs out by itself.
    pub async fn release_lease(&self, lease: &Lease) -> Result<bool, StoreError> {
        let values = vec![Value::from(lease.name.as_str()), Value::from(lease.token)];
        Ok(!self
            .inner
            .engine
            .write_one(&LEASE_RELEASE, values)
            .await?
            .is_empty())
    }

    /// Ends every lease and every claim of a delivery. Only for whoever knows that all holders are
    /// gone: what they would still write is refused.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn end_leases(&self) -> Result<(), StoreError> {
        self.inner
            .engine
            .write(|tx| {
                Box::pin(async move {
                    tx.query(&LEASE_END_ALL, &[]).await?;
                    tx.query(&DELIVERY_END_CLAIMS, &[]).await?;
                    Ok(End::Commit(()))
                })
            })
            .await
    }

    /// Who holds a lease now.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn lease_holder(&self, name: &str) -> Result<Option<LeaseHolder>, StoreError> {
        let rows = self
            .inner
            .engine
            .query(&LEASE_GET, &[Value::from(name)])
            .await?;
        rows.into_iter()
            .next()
            .map(|mut row| {
                Ok(LeaseHolder {
                    holder: row.text(0)?,
                    token: row.int(1)?,
                    until: row.int(2)?,
                })
            })
            .transpose()
    }
}

/// Fails the transaction when the lease has been taken by another, and keeps it from being taken
/// until the transaction ends.
pub(crate) async fn fence(tx: &mut Tx, lease: &Lease) -> Result<(), StoreError> {
    let values = [Value::from(lease.name.as_str()), Value::from(lease.token)];
    match tx.one(&LEASE_FENCE, &values).await? {
        Some(_) => Ok(()),
        None => Err(StoreError::LeaseLost {
            name: lease.name.clone(),
        }),
    }
}

/// Whole seconds, rounded up.
pub(crate) fn seconds(time: Duration) -> i64 {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::from(u32::MAX));
    // A century is for ever, and cannot overflow when added to now.
    seconds
        .saturating_add(i64::from(time.subsec_nanos() > 0))
        .min(i64::from(u32::MAX))
}
