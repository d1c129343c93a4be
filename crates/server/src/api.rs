//! Our own API beside Clair's: everything below `/api/v1/`, described in `docs/api.md`.
//!
//! JSON in and out, times in seconds since 1970, errors as `{"error": "…"}`. Every other path goes to
//! Clair's room.

mod feeds;
pub(crate) mod notifications;

use std::sync::Arc;

use http::{HeaderValue, Method, Request, StatusCode, header};
use hyper::body::Incoming;
use pellucid_store::StoreError;
use serde::Serialize;

use crate::app::{App, Peer, Started};
use crate::auth::{Denied, Scope};
use crate::reply::{self, Reply};
use crate::v1;

/// What a caller is told while the database is away.
const AWAY: &str = "the database cannot be asked";

/// Answers one request of either API.
pub(crate) async fn handle(started: Arc<Started>, peer: Peer, request: Request<Incoming>) -> Reply {
    let ours = request.uri().path().starts_with("/api/v1/");
    let app = match started.app() {
        Some(app) => Arc::clone(app),
        None if ours => return failed(StatusCode::SERVICE_UNAVAILABLE, AWAY),
        None => return v1::database_is_away(),
    };
    match request.uri().path().strip_prefix("/api/v1/") {
        Some(path) => {
            let path = path.to_owned();
            let answer = answer(&app, &peer, &path, &request);
            match tokio::time::timeout(app.timeout, answer).await {
                Ok(reply) => reply,
                Err(_) => failed(StatusCode::SERVICE_UNAVAILABLE, "it took too long"),
            }
        }
        None => v1::handle(app, peer, request).await,
    }
}

async fn answer(app: &App, peer: &Peer, path: &str, request: &Request<Incoming>) -> Reply {
    let scope = match path {
        "feeds" => Scope::VulnsRead,
        "notifications" => Scope::NotificationsRead,
        _ => return failed(StatusCode::NOT_FOUND, "there is nothing here"),
    };
    if request.method() != Method::GET {
        let mut reply = failed(StatusCode::METHOD_NOT_ALLOWED, "only GET is known here");
        let allow = HeaderValue::from_static("GET");
        reply.headers_mut().insert(header::ALLOW, allow);
        return reply;
    }
    let authorization = request.headers().get(header::AUTHORIZATION);
    let allowed = app.auth.allow(
        authorization.map(HeaderValue::as_bytes),
        peer.certificate.as_deref(),
        scope,
    );
    match allowed {
        Ok(_) => {}
        Err(Denied::Unknown) => {
            let mut reply = failed(StatusCode::UNAUTHORIZED, "a valid bearer token is needed");
            let scheme = HeaderValue::from_static("Bearer");
            reply.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
            return reply;
        }
        Err(Denied::Forbidden(_, scope)) => {
            let reason = format!("not allowed: {} is needed", scope.name());
            return failed(StatusCode::FORBIDDEN, &reason);
        }
    }
    let query = request.uri().query().unwrap_or_default();
    let outcome = match path {
        "feeds" => feeds::list(app).await,
        _ => notifications::list(app, query).await,
    };
    outcome.unwrap_or_else(|error| error.reply())
}

/// Why there is no answer.
enum ApiError {
    Bad(&'static str),
    Store(StoreError),
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl ApiError {
    fn reply(self) -> Reply {
        match self {
            Self::Bad(reason) => failed(StatusCode::BAD_REQUEST, reason),
            Self::Store(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, AWAY);
                failed(StatusCode::SERVICE_UNAVAILABLE, AWAY)
            }
        }
    }
}

fn failed(status: StatusCode, reason: &str) -> Reply {
    #[derive(Serialize)]
    struct Failed<'a> {
        error: &'a str,
    }
    sent(status, &Failed { error: reason })
}

fn sent(status: StatusCode, body: &impl Serialize) -> Reply {
    let mut reply = reply::empty(status);
    let mut text = serde_json::to_vec(body).unwrap_or_default();
    text.push(b'\n');
    *reply.body_mut() = text.into();
    let kind = HeaderValue::from_static("application/json");
    reply.headers_mut().insert(header::CONTENT_TYPE, kind);
    reply
}
