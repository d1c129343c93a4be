//! `GET /api/v1/notifications?state=…`: the outbox, a page at a time.

use http::StatusCode;
use pellucid_notify::RECEIVER;
use pellucid_store::{DeliveryState, NotificationId};
use serde::Serialize;

use super::{ApiError, sent};
use crate::app::App;
use crate::reply::Reply;

/// Entries of a page at most.
const PAGE: u32 = 1000;

#[derive(Serialize)]
struct Page {
    notifications: Vec<Entry>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
}

#[derive(Serialize)]
struct Entry {
    name: String,
    namespace: String,
    vulnerability: String,
    feed: Option<String>,
    state: &'static str,
    attempts: u32,
    next: i64,
    delivered: Option<i64>,
    error: Option<String>,
}

/// Which entries are asked for: in what state, after which, how many.
///
/// # Errors
/// What a parameter should have been.
pub(crate) fn asked(query: &str) -> Result<(DeliveryState, NotificationId, u32), &'static str> {
    let (mut state, mut after, mut limit) = (DeliveryState::Pending, 0, 100);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        match key {
            "state" => {
                state = [
                    DeliveryState::Pending,
                    DeliveryState::Done,
                    DeliveryState::Dead,
                    DeliveryState::Held,
                ]
                .into_iter()
                .find(|state| state.name() == value)
                .ok_or("state is pending, done, dead or held")?;
            }
            "after" => after = value.parse().map_err(|_| "after is a number")?,
            "limit" => limit = value.parse().map_err(|_| "limit is a number")?,
            _ => return Err("the parameters are state, after and limit"),
        }
    }
    Ok((state, NotificationId(after), limit.clamp(1, PAGE)))
}

pub(super) async fn list(app: &App, query: &str) -> Result<Reply, ApiError> {
    let (state, after, limit) = asked(query).map_err(ApiError::Bad)?;
    let found = app.store.deliveries(RECEIVER, state, after, limit).await?;
    let is_full = found.len() == limit as usize;
    let next = found
        .last()
        .map(|last| last.notification.0)
        .filter(|_| is_full);
    let notifications = found
        .into_iter()
        .map(|posting| Entry {
            name: posting.name,
            namespace: posting.namespace,
            vulnerability: posting.vulnerability,
            feed: posting.feed,
            state: state.name(),
            attempts: posting.attempts,
            next: posting.next_at,
            delivered: posting.delivered_at,
            error: posting.error,
        })
        .collect();
    let page = Page {
        notifications,
        next,
    };
    Ok(sent(StatusCode::OK, &page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_understood_or_refused() {
        assert_eq!(
            asked(""),
            Ok((DeliveryState::Pending, NotificationId(0), 100))
        );
        assert_eq!(
            asked("state=dead&after=7&limit=4294967295&"),
            Ok((DeliveryState::Dead, NotificationId(7), PAGE))
        );
        for query in [
            "state=gone",
            "state",
            "dead",
            "after=x",
            "limit=-1",
            "limit=4294967296",
            "a=b",
        ] {
            assert!(asked(query).is_err(), "{query}");
        }
    }
}
