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

pub(super) async fn list(app: &App, query: &str) -> Result<Reply, ApiError> {
    let (mut state, mut after, mut limit) = (DeliveryState::Pending, 0, 100);
    for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
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
                .ok_or(ApiError::Bad("state is pending, done, dead or held"))?;
            }
            "after" => {
                after = value
                    .parse()
                    .map_err(|_| ApiError::Bad("after is a number"))?
            }
            "limit" => {
                limit = value
                    .parse()
                    .map_err(|_| ApiError::Bad("limit is a number"))?
            }
            _ => return Err(ApiError::Bad("the parameters are state, after and limit")),
        }
    }
    let limit = limit.clamp(1, PAGE);
    let found = app
        .store
        .deliveries(RECEIVER, state, NotificationId(after), limit)
        .await?;
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
