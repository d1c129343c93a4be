//! Vulnerabilities written through the API: an overlay over the feeds' advisories.
//!
//! A live row stands in for a feed's record of the same namespace and name; a hidden mark takes the
//! feed's record away while its meaning stays what it was. The server joins them with the snapshots
//! and hands the feed's record to every edit, because the store has none. A change ends the live row
//! and adds another: ids are in the order of change, and history stays.

use std::sync::Arc;

use pellucid_model::Severity;

use crate::engine::{End, Tx};
use crate::feature::Namespace;
use crate::notifications::{self, NewNotification};
use crate::statements::{
    COUNTER_BUMP_GENERATION, COUNTER_BUMP_OVERLAY, COUNTER_OVERLAY, HIDDEN_VULNERABILITY_ALL,
    HIDDEN_VULNERABILITY_DELETE, HIDDEN_VULNERABILITY_GET, HIDDEN_VULNERABILITY_SET,
    VULNERABILITY_ALL_LIVE, VULNERABILITY_END, VULNERABILITY_HISTORY, VULNERABILITY_INSERT,
    VULNERABILITY_LIVE, VULNERABILITY_PAGE,
};
use crate::value::{Row, Value};
use crate::vulnerability::{Edit, Fix, Vulnerability, same};
use crate::{Store, StoreError, namespaces};

/// Number of a version of a vulnerability written by hand. Later changes have higher ones.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct VulnerabilityId(pub i64);

/// A vulnerability written by hand, as stored.
#[derive(Clone, PartialEq, Debug)]
pub struct StoredVulnerability {
    /// Number of this version of it.
    pub id: VulnerabilityId,
    /// What it says.
    pub vulnerability: Vulnerability,
    /// Meaning of the feed's record that it stood in for when it was written.
    pub feed_meaning: Option<String>,
    /// Fixes of that record: those that differ are a caller's. `None` where there was none, and for what was
    /// written before they were kept.
    pub feed_fixes: Option<Vec<Fix>>,
    /// When it was written, in seconds since 1970.
    pub created_at: i64,
}

impl StoredVulnerability {
    /// It beside what the feeds say under its name now: fixes that no caller touched are theirs, and so is
    /// [`Vulnerability::detail`]. Where they say nothing any more it is as it was written.
    #[must_use]
    pub fn beside(&self, feed: Option<&Vulnerability>) -> Vulnerability {
        let own = &self.vulnerability;
        let Some(feed) = feed else {
            return own.clone();
        };
        let of = |fixes: &[Fix], name: &str| {
            let mut fixes = fixes.iter();
            let fix = fixes.find(|fix| fix.feature == name);
            fix.map(|fix| fix.version.clone())
        };
        let before = self.feed_fixes.as_deref().unwrap_or(&feed.fixed_in);
        let is_touched = |fix: &&Fix| of(&own.fixed_in, &fix.feature) != of(before, &fix.feature);
        let touched = own.fixed_in.iter().filter(is_touched);
        let rest = feed.fixed_in.iter().filter(|fix| !is_touched(fix));
        let mut fixed_in: Vec<Fix> = touched.chain(rest).cloned().collect();
        fixed_in.sort_unstable();
        Vulnerability {
            fixed_in,
            detail: feed.detail.clone(),
            ..own.clone()
        }
    }
}

/// What a feed says under the name of a vulnerability that is being edited.
#[derive(Clone, PartialEq, Debug)]
pub struct FeedRecord {
    /// The record in the API's words.
    pub vulnerability: Vulnerability,
    /// A hash of what it means: a deleted record comes back when this changes.
    pub meaning: String,
    /// The same as releases before wrote it, where that differs: what they hid stays hidden.
    pub former_meaning: Option<String>,
}

impl FeedRecord {
    /// Whether this is what somebody deleted.
    pub fn is_hidden_by(&self, hidden: &str) -> bool {
        self.meaning == hidden || self.former_meaning.as_deref() == Some(hidden)
    }
}

/// A feed's record that a caller deleted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hidden {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Meaning that is hidden; any other is shown.
    pub meaning: String,
}

/// Everything that lies over the feeds' advisories.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Overlay {
    /// Number of changes to it so far; [`crate::LayerView::overlay`] says when it is out of date.
    pub number: u64,
    /// Vulnerabilities written by hand, in the order of their last change.
    pub vulnerabilities: Vec<StoredVulnerability>,
    /// Deleted records of feeds, by namespace and name.
    pub hidden: Vec<Hidden>,
}

/// What became of an edit.
#[derive(Clone, PartialEq, Debug)]
pub enum Edited {
    /// It is new.
    Created(VulnerabilityId),
    /// It was changed, or a feed's record is overridden now.
    Updated(VulnerabilityId),
    /// It says that already.
    Unchanged,
    /// There is no vulnerability of this name to edit.
    Unknown,
}

impl Store {
    /// The live vulnerability of this name that was written by hand.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn vulnerability(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<StoredVulnerability>, StoreError> {
        let values = [Value::from(namespace), Value::from(name)];
        let rows = self
            .inner
            .engine
            .query(&VULNERABILITY_LIVE, &values)
            .await?;
        rows.into_iter()
            .next()
            .map(|mut row| read(&mut row))
            .transpose()
    }

    /// One page of the live vulnerabilities of a namespace that were written by hand, in the order
    /// of their last change, from the one after `after` (0 for the first page).
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn vulnerabilities(
        &self,
        namespace: &str,
        after: VulnerabilityId,
        limit: u32,
    ) -> Result<Vec<StoredVulnerability>, StoreError> {
        let values = vec![
            Value::from(namespace),
            Value::from(after.0),
            Value::from(limit),
        ];
        let rows = self
            .inner
            .engine
            .query_long(&VULNERABILITY_PAGE, values)
            .await?;
        rows.into_iter().map(|mut row| read(&mut row)).collect()
    }

    /// Every version that a vulnerability written by hand has had, oldest first, each with the time
    /// at which it ended.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn vulnerability_history(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Vec<(StoredVulnerability, Option<i64>)>, StoreError> {
        let values = vec![Value::from(namespace), Value::from(name)];
        let rows = self
            .inner
            .engine
            .query_long(&VULNERABILITY_HISTORY, values)
            .await?;
        rows.into_iter()
            .map(|mut row| Ok((read(&mut row)?, row.opt_int(12)?)))
            .collect()
    }

    /// Everything that lies over the feeds' advisories.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn overlay(&self) -> Result<Overlay, StoreError> {
        let engine = &self.inner.engine;
        // The number is read first: a change in between makes what is read newer than it says, and
        // the next look finds the number out of date.
        let number = self.overlay_number().await?;
        let rows = engine
            .query_long(&VULNERABILITY_ALL_LIVE, Vec::new())
            .await?;
        let vulnerabilities = rows
            .into_iter()
            .map(|mut row| read(&mut row))
            .collect::<Result<_, _>>()?;
        let rows = engine
            .query_long(&HIDDEN_VULNERABILITY_ALL, Vec::new())
            .await?;
        let hidden = rows
            .into_iter()
            .map(|mut row| {
                Ok(Hidden {
                    namespace: row.text(0)?,
                    name: row.text(1)?,
                    meaning: row.text(2)?,
                })
            })
            .collect::<Result<_, StoreError>>()?;
        Ok(Overlay {
            number,
            vulnerabilities,
            hidden,
        })
    }

    /// Number of changes to the overlay so far: what was read is out of date when it differs.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn overlay_number(&self) -> Result<u64, StoreError> {
        let rows = self.inner.engine.query(&COUNTER_OVERLAY, &[]).await?;
        let mut row = rows
            .into_iter()
            .next()
            .ok_or(StoreError::Damaged { what: "counter" })?;
        Ok(row.int(0)?.unsigned_abs())
    }

    /// Edits a vulnerability, and makes the notification of it in the same transaction. `feed` is
    /// what the snapshots say under this name, hidden or not.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn edit_vulnerability(
        &self,
        namespace: &Namespace,
        name: &str,
        edit: Edit,
        feed: Option<FeedRecord>,
    ) -> Result<Edited, StoreError> {
        let work = Arc::new((namespace.clone(), name.to_owned(), edit, feed));
        self.inner
            .engine
            .write(move |tx| {
                let work = Arc::clone(&work);
                Box::pin(async move {
                    let (namespace, name, edit, feed) = &*work;
                    apply(tx, namespace, name, edit, feed.as_ref()).await
                })
            })
            .await
    }

    /// Deletes a vulnerability: the one written by hand, and the feed's record until it changes.
    /// `false` when there is neither.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn delete_vulnerability(
        &self,
        namespace: &str,
        name: &str,
        feed: Option<FeedRecord>,
    ) -> Result<bool, StoreError> {
        let work = Arc::new((namespace.to_owned(), name.to_owned(), feed));
        self.inner
            .engine
            .write(move |tx| {
                let work = Arc::clone(&work);
                Box::pin(async move {
                    let (namespace, name, feed) = &*work;
                    delete(tx, namespace, name, feed.as_ref()).await
                })
            })
            .await
    }
}

async fn apply(
    tx: &mut Tx,
    namespace: &Namespace,
    name: &str,
    edit: &Edit,
    feed: Option<&FeedRecord>,
) -> Result<End<Edited>, StoreError> {
    change(tx).await?;
    let (live, old) = standing(tx, &namespace.name, name, feed).await?;
    let new = edit.apply(
        old.as_ref(),
        &namespace.name,
        &namespace.version_format,
        name,
    );
    let Some(mut new) = new else {
        return Ok(End::Discard(Edited::Unknown));
    };
    new.detail = feed.and_then(|feed| feed.vulnerability.detail.clone());
    if old.as_ref().is_some_and(|old| same(old, &new)) {
        return Ok(End::Discard(Edited::Unchanged));
    }
    let namespace = number(tx, namespace).await?;
    if let Some(live) = &live {
        tx.query(&VULNERABILITY_END, &[Value::from(live.id.0)])
            .await?;
    }
    let fixes = encoded(&new.fixed_in)?;
    let feed_fixes = match feed {
        Some(feed) => Some(feed.vulnerability.fixed_in.clone()),
        // They may speak of it again.
        None => live.and_then(|live| live.feed_fixes),
    };
    let feed_fixes = feed_fixes.as_deref().map(encoded).transpose()?;
    let values = [
        Value::from(namespace),
        Value::from(name),
        Value::from(new.description.as_str()),
        Value::from(new.link.as_str()),
        Value::from(new.severity.name()),
        Value::from(new.metadata.as_deref()),
        Value::from(fixes),
        Value::from(feed.map(|feed| feed.meaning.as_str())),
        Value::from(feed_fixes),
    ];
    let row = tx.one(&VULNERABILITY_INSERT, &values).await?;
    let id = VulnerabilityId(
        row.ok_or(StoreError::Damaged {
            what: "vulnerability",
        })?
        .int(0)?,
    );
    tx.query(
        &HIDDEN_VULNERABILITY_DELETE,
        &[Value::from(namespace), Value::from(name)],
    )
    .await?;
    let edited = if old.is_some() {
        Edited::Updated(id)
    } else {
        Edited::Created(id)
    };
    notifications::insert(
        tx,
        &[NewNotification {
            old,
            new: Some(new),
        }],
    )
    .await?;
    Ok(End::Commit(edited))
}

async fn delete(
    tx: &mut Tx,
    namespace: &str,
    name: &str,
    feed: Option<&FeedRecord>,
) -> Result<End<bool>, StoreError> {
    change(tx).await?;
    let (live, old) = standing(tx, namespace, name, feed).await?;
    let Some(old) = old else {
        return Ok(End::Discard(false));
    };
    if let Some(live) = live {
        tx.query(&VULNERABILITY_END, &[Value::from(live.id.0)])
            .await?;
    }
    if let Some(feed) = feed {
        let namespace = Namespace {
            name: namespace.to_owned(),
            version_format: feed.vulnerability.version_format.clone(),
        };
        let number = number(tx, &namespace).await?;
        let meaning = Value::from(feed.meaning.as_str());
        let values = [Value::from(number), Value::from(name), meaning];
        tx.query(&HIDDEN_VULNERABILITY_SET, &values).await?;
    }
    notifications::insert(
        tx,
        &[NewNotification {
            old: Some(old),
            new: None,
        }],
    )
    .await?;
    Ok(End::Commit(true))
}

/// Raises the counters. First in the transaction: whoever comes next waits here, so that ids are in
/// the order of commits and no edit is made of a version that has just ended.
async fn change(tx: &mut Tx) -> Result<(), StoreError> {
    tx.query(&COUNTER_BUMP_GENERATION, &[]).await?;
    tx.query(&COUNTER_BUMP_OVERLAY, &[]).await?;
    Ok(())
}

fn encoded(fixes: &[Fix]) -> Result<String, StoreError> {
    serde_json::to_string(fixes).map_err(|_| StoreError::Damaged {
        what: "list of fixes",
    })
}

/// The live row, and what a caller sees under this name: that row, else the feed's record.
async fn standing(
    tx: &mut Tx,
    namespace: &str,
    name: &str,
    feed: Option<&FeedRecord>,
) -> Result<(Option<StoredVulnerability>, Option<Vulnerability>), StoreError> {
    let key = [Value::from(namespace), Value::from(name)];
    if let Some(mut row) = tx.one(&VULNERABILITY_LIVE, &key).await? {
        let live = read(&mut row)?;
        let vulnerability = live.beside(feed.map(|feed| &feed.vulnerability));
        return Ok((Some(live), Some(vulnerability)));
    }
    let Some(feed) = feed else {
        return Ok((None, None));
    };
    let hidden = match tx.one(&HIDDEN_VULNERABILITY_GET, &key).await? {
        Some(mut row) => feed.is_hidden_by(&row.text(0)?),
        None => false,
    };
    Ok((None, (!hidden).then(|| feed.vulnerability.clone())))
}

async fn number(tx: &mut Tx, namespace: &Namespace) -> Result<i64, StoreError> {
    let numbers = namespaces::ensure(tx, std::iter::once(namespace)).await?;
    numbers
        .into_values()
        .next()
        .ok_or(StoreError::Damaged { what: "namespace" })
}

fn read(row: &mut Row) -> Result<StoredVulnerability, StoreError> {
    let severity: Severity = row
        .text(6)?
        .parse()
        .map_err(|_| StoreError::Damaged { what: "severity" })?;
    let fixes = |text: &str| -> Result<Vec<Fix>, StoreError> {
        serde_json::from_str(text).map_err(|_| StoreError::Damaged {
            what: "list of fixes",
        })
    };
    let fixed_in = fixes(&row.text(8)?)?;
    Ok(StoredVulnerability {
        id: VulnerabilityId(row.int(0)?),
        vulnerability: Vulnerability {
            namespace: row.text(1)?,
            version_format: row.text(2)?,
            name: row.text(3)?,
            description: row.text(4)?,
            link: row.text(5)?,
            severity,
            metadata: row.opt_text(7)?,
            fixed_in,
            detail: None,
        },
        feed_meaning: row.opt_text(9)?,
        created_at: row.int(10)?,
        feed_fixes: row.opt_text(11)?.as_deref().map(fixes).transpose()?,
    })
}
