//! `GET /api/v1/feeds`: what is followed, how new it is, and what went wrong.

use http::StatusCode;
use pellucid_snapshot::Stored;
use serde::Serialize;

use super::{ApiError, sent};
use crate::app::App;
use crate::reply::Reply;
use crate::updates::KeyState;

#[derive(Serialize)]
struct Feeds {
    /// The database's clock.
    now: i64,
    /// Whether this server fetches feeds.
    updates: bool,
    /// Whether every followed feed has been tried since the database was made.
    first_update_finished: bool,
    feeds: Vec<Feed>,
}

#[derive(Serialize)]
struct Feed {
    key: String,
    /// The feed it is a part of.
    feed: String,
    followed: bool,
    state: &'static str,
    snapshot: Option<Snapshot>,
    interval_seconds: u64,
    last_tried: Option<i64>,
    last_checked: Option<i64>,
    next: Option<i64>,
    failures: u32,
    error: Option<String>,
    quarantined: Option<String>,
    bad_records: u64,
    held_notifications: u64,
}

#[derive(Serialize)]
struct Snapshot {
    digest: String,
    bytes: u64,
    advisories: u64,
    statements: u64,
    as_of: Option<i64>,
    published: Option<i64>,
    namespaces: Vec<String>,
}

pub(super) async fn list(app: &App) -> Result<Reply, ApiError> {
    let now = app.store.now().await?;
    let followed = app.updates.keys().await?;
    let mut rows = app.updates.rows().await?;
    let held = app.store.held().await?;
    let mut keys = followed.clone();
    keys.extend(rows.keys().cloned());
    let mut feeds = Vec::with_capacity(keys.len());
    let mut finished = true;
    for key in keys {
        let is_followed = followed.contains(&key);
        let row = rows.remove(&key);
        let state = row
            .as_ref()
            .map(|row| KeyState::read(&row.state))
            .unwrap_or_default();
        finished &= !is_followed || state.tried_at.is_some();
        let interval = app.updates.interval(&key).0.as_secs();
        let published = row.as_ref().and_then(|row| row.published_at);
        let held = held.iter().find(|held| held.feed == key);
        feeds.push(Feed {
            feed: key.split('/').next().unwrap_or_default().to_owned(),
            state: match app.snapshots.is_damaged(&key) {
                true => "damaged",
                false => word(&state, now, interval),
            },
            snapshot: state
                .stored
                .as_ref()
                .map(|stored| Snapshot::of(stored, published)),
            followed: is_followed,
            interval_seconds: interval,
            last_tried: state.tried_at,
            last_checked: state.checked_at,
            next: Some(state.next_at).filter(|_| is_followed && app.updates.is_on()),
            failures: state.failures,
            error: state.status.last_error,
            quarantined: state.status.quarantined,
            bad_records: state.status.bad_records,
            held_notifications: held.map_or(0, |held| held.count),
            key,
        });
    }
    let body = Feeds {
        now,
        updates: app.updates.is_on(),
        first_update_finished: finished,
        feeds,
    };
    Ok(sent(StatusCode::OK, &body))
}

/// One word for how a key is. What is in use stays in use whichever it is.
fn word(state: &KeyState, now: i64, interval: u64) -> &'static str {
    let is_old = state.checked_at.is_some()
        && state.checked(now).is_none_or(|checked| {
            interval > 0 && now.saturating_sub(checked) > 3 * i64::try_from(interval).unwrap_or(0)
        });
    if state.status.quarantined.is_some() {
        "quarantined"
    } else if state.failures > 0 {
        "failing"
    } else if state.checked_at.is_none() && state.stored.is_none() {
        "waiting"
    } else if is_old {
        "stale"
    } else {
        "current"
    }
}

impl Snapshot {
    fn of(stored: &Stored, published: Option<i64>) -> Self {
        Self {
            digest: stored.digest.to_string(),
            bytes: stored.bytes,
            advisories: stored.advisories,
            statements: stored.affected,
            as_of: stored.as_of,
            published,
            namespaces: stored
                .namespaces
                .iter()
                .map(|count| count.namespace.to_string())
                .collect(),
        }
    }
}
