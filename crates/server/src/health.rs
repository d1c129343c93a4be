//! The health server: a port of its own, always plain HTTP.
//!
//! `/health` is Clair's: 200 or 500 by whether the database answers, without a body. Ours beside it
//! keep apart what Clair mixed: `/healthz` is about the process alone, so that a database that is
//! away does not make anybody restart it, `/readyz` says why requests should go elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{HeaderValue, Method, Request, StatusCode, header};
use hyper::body::Incoming;

use crate::app::Started;
use crate::reply::{self, Reply};

/// The longest time that the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the process is up to.
#[derive(Debug, Default)]
pub(crate) struct Phase {
    /// Set when a stop was asked for.
    pub(crate) draining: AtomicBool,
}

/// Answers one request.
pub(crate) async fn handle(
    started: Arc<Started>,
    phase: Arc<Phase>,
    request: Request<Incoming>,
) -> Reply {
    let is_get = request.method() == Method::GET;
    let path = request.uri().path();
    if !["/health", "/healthz", "/readyz", "/startupz", "/metrics"].contains(&path) {
        return reply::not_found();
    }
    if !is_get {
        return reply::method_not_allowed("GET");
    }
    match path {
        "/health" if answers(&started).await => reply::empty_from_clair(StatusCode::OK),
        "/health" => reply::empty_from_clair(StatusCode::INTERNAL_SERVER_ERROR),
        "/readyz" => ready(&started, &phase).await,
        "/metrics" => {
            let mut reply = reply::empty(StatusCode::OK);
            *reply.body_mut() = started.metrics().into();
            let kind = HeaderValue::from_static("text/plain; version=0.0.4");
            reply.headers_mut().insert(header::CONTENT_TYPE, kind);
            reply
        }
        "/startupz" if started.app().is_none() => reply::text(
            StatusCode::SERVICE_UNAVAILABLE,
            "the database is not there yet\n",
        ),
        _ => reply::text(StatusCode::OK, "ok\n"),
    }
}

async fn answers(started: &Started) -> bool {
    let Some(app) = started.app() else {
        return false;
    };
    matches!(
        tokio::time::timeout(PATIENCE, app.store.ping()).await,
        Ok(Ok(()))
    )
}

/// Ready, or one line for each reason why not.
async fn ready(started: &Started, phase: &Phase) -> Reply {
    let reasons = match (
        phase.draining.load(Ordering::Relaxed),
        answers(started).await,
    ) {
        (false, true) => {
            // Clair answered before its first update too; so this is said, not refused.
            let snapshots = started.app().map(|app| &app.snapshots);
            let said = match snapshots {
                Some(snapshots) if snapshots.has_damaged() => {
                    "ok\nadvisory data is damaged: see /api/v1/feeds\n"
                }
                Some(snapshots) if !snapshots.is_empty() => "ok\n",
                _ => "ok\nthere is no advisory data yet\n",
            };
            return reply::text(StatusCode::OK, said);
        }
        (true, true) => "the server is stopping\n",
        (false, false) => "the database does not answer\n",
        (true, false) => "the server is stopping\nthe database does not answer\n",
    };
    reply::text(StatusCode::SERVICE_UNAVAILABLE, reasons)
}
