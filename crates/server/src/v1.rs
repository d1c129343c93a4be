//! Clair 2.x's API, to the byte: frozen.
//!
//! Where Clair was wrong and we are not, `docs/clair-compatibility.md` says so and why. Nothing
//! outside of this room knows how Clair spells anything.

mod bodies;
pub(crate) mod changes;
mod decode;
mod error;
mod feed;
mod fixes;
pub(crate) mod format;
mod found;
pub(crate) mod hostile;
mod inventory;
mod json;
mod layers;
mod lister;
mod matching;
mod notifications;
mod nvd;
mod page;
mod route;
mod standing;
mod vulnerabilities;
mod wire;
mod written;

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use hyper::body::Incoming;

use crate::app::{App, Peer};
use crate::audit;
use crate::auth::{Denied, Principal};
use crate::reply::{self, Reply};
pub(crate) use bodies::Bodies;
pub(crate) use lister::Lister;
pub(crate) use page::Pages;
pub(crate) use written::Written;

use bodies::Posted;
use error::ApiError;
use json::Object;
use route::{Found, Route};

/// A request, ready for a handler.
pub(crate) struct Asked {
    pub(crate) query: String,
    body: Posted,
    pub(crate) gzip: bool,
    pub(crate) principal: Principal,
    /// What a posted body is about, for the audit log: its URL does not say.
    object: OnceLock<String>,
}

impl Asked {
    fn is_about(&self, object: String) {
        // Told once: a request has one body.
        let _ = self.object.set(object);
    }
}

/// The answer to everything while the database is waited for at start.
pub(crate) fn database_is_away() -> Reply {
    ApiError::away().reply(false)
}

/// Answers one request.
pub(crate) async fn handle(app: Arc<App>, peer: Peer, request: Request<Incoming>) -> Reply {
    let start = Instant::now();
    let target = request
        .uri()
        .path_and_query()
        .map(|target| target.as_str().to_owned())
        .unwrap_or_default();
    let method = request.method().clone();
    let answered = tokio::time::timeout(app.timeout, answer(&app, &peer, request)).await;
    let (reply, route) = match answered {
        // The timer is coarser than the clock; what it lets pass may be too late all the same.
        Ok(answered) if start.elapsed() < app.timeout => answered,
        _ => (reply::timed_out(), None),
    };
    let took = start.elapsed();
    if let Some(route) = route {
        app.metrics
            .request(route.metric(&method), reply.status().as_u16(), took);
    }
    tracing::info!(
        remote_addr = %peer.address,
        method = method.as_str(),
        request_uri = target.as_str(),
        status = reply.status().as_u16(),
        elapsed_time = format!("{took:?}").as_str(),
        "Handled HTTP request"
    );
    reply
}

async fn answer(app: &Arc<App>, peer: &Peer, request: Request<Incoming>) -> (Reply, Option<Route>) {
    let path = request.uri().path();
    let route = match route::find(path, request.uri().query(), request.method()) {
        Found::Route(route) => route,
        Found::Reply(reply) => return (reply, None),
    };
    let gzip = request
        .headers()
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .any(|value| value.as_bytes().windows(4).any(|word| word == b"gzip"));
    let method = request.method().clone();
    let authorization = request.headers().get(header::AUTHORIZATION);
    let allowed = app.auth.allow(
        authorization.map(HeaderValue::as_bytes),
        peer.certificate.as_deref(),
        route.scope(&method),
    );
    let principal = match allowed {
        Ok(principal) => principal,
        Err(denied) => {
            let principal = match &denied {
                Denied::Unknown => "unknown",
                Denied::Forbidden(principal, _) => &principal.name,
            };
            let reply = refused(&denied, gzip);
            if route.scope(&method).is_change() {
                let status = reply.status().as_u16();
                audit::record(principal, route.metric(&method), &route.object(), status);
            }
            return (reply, Some(route));
        }
    };
    let query = request.uri().query().unwrap_or_default().to_owned();
    let body = if matches!(method, Method::POST | Method::PUT) {
        match app.bodies.read(request.into_body()).await {
            Ok(body) => body,
            Err(error) => return (error.reply(gzip), Some(route)),
        }
    } else {
        // Its header lies in the connection's buffer, of which there would be a second one while this is answered.
        drop(request);
        Posted::nothing()
    };
    let asked = Asked {
        query,
        body,
        gzip,
        principal,
        object: OnceLock::new(),
    };
    // A task of its own: the work goes on when the answer was given up, and a panic ends only it.
    let work = tokio::spawn(run(Arc::clone(app), route.clone(), method, asked));
    let reply = work
        .await
        .unwrap_or_else(|_| ApiError::internal("the request failed").reply(gzip));
    (reply, Some(route))
}

async fn run(app: Arc<App>, route: Route, method: Method, asked: Asked) -> Reply {
    let gzip = asked.gzip;
    let outcome = match (&route, &method) {
        (Route::Layer(name), &Method::GET) => layers::get(&app, name, &asked).await,
        // Boxed: what these take would be reserved for every request that only reads a layer.
        _ => Box::pin(rare(&app, &route, &method, &asked)).await,
    };
    let reply = outcome.unwrap_or_else(|error| {
        if error.status.is_server_error() {
            crate::metrics::add_one(&app.metrics.database_errors);
        }
        error.reply(gzip)
    });
    if route.scope(&method).is_change() {
        let object = asked.object.into_inner().unwrap_or_else(|| route.object());
        let (verb, status) = (route.metric(&method), reply.status().as_u16());
        audit::record(&asked.principal.name, verb, &object, status);
    }
    reply
}

/// All but the reading of a layer.
async fn rare(
    app: &Arc<App>,
    route: &Route,
    method: &Method,
    asked: &Asked,
) -> Result<Reply, ApiError> {
    match (route, method) {
        (Route::Layers, _) => Box::pin(layers::post(app, asked)).await,
        (Route::Layer(name), &Method::GET) => layers::get(app, name, asked).await,
        (Route::Layer(name), _) => layers::delete(app, name).await,
        (Route::Metrics, _) => Ok(metrics(app)),
        (Route::Namespaces, _) => layers::namespaces(app, asked).await,
        (Route::Vulnerabilities(space), &Method::GET) => {
            Box::pin(vulnerabilities::list(app, space, asked)).await
        }
        // Clair never looked at the namespace of this URL, and scripts rely on it.
        (Route::Vulnerabilities(_), _) => Box::pin(vulnerabilities::post(app, asked)).await,
        (Route::Vulnerability(space, name), &Method::GET) => {
            vulnerabilities::get(app, space, name, asked).await
        }
        (Route::Vulnerability(space, name), &Method::PUT) => {
            Box::pin(vulnerabilities::put(app, space, name, asked)).await
        }
        (Route::Vulnerability(space, name), _) => vulnerabilities::delete(app, space, name).await,
        (Route::Fixes(space, name), _) => fixes::list(app, space, name, asked).await,
        (Route::Fix(space, name, fix), &Method::PUT) => {
            Box::pin(fixes::put(app, space, name, fix, asked)).await
        }
        (Route::Fix(space, name, fix), _) => Box::pin(fixes::delete(app, space, name, fix)).await,
        (Route::Notification(name), &Method::GET) => notifications::get(app, name, asked).await,
        (Route::Notification(name), _) => notifications::delete(app, name).await,
    }
}

fn refused(denied: &Denied, gzip: bool) -> Reply {
    let (status, message) = match denied {
        Denied::Unknown => (
            StatusCode::UNAUTHORIZED,
            "a valid bearer token is needed".to_owned(),
        ),
        Denied::Forbidden(_, scope) => (
            StatusCode::FORBIDDEN,
            format!("not allowed: {} is needed", scope.name()),
        ),
    };
    let mut reply = ApiError::new(status, message).reply(gzip);
    if status == StatusCode::UNAUTHORIZED {
        let scheme = HeaderValue::from_static("Bearer");
        reply.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
    }
    reply
}

fn metrics(app: &App) -> Reply {
    let mut reply = reply::empty(StatusCode::OK);
    *reply.body_mut() = app.metrics.text(app.auth.mode()).into();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4");
    reply.headers_mut().insert(header::CONTENT_TYPE, kind);
    reply
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, gzip: bool, write: impl FnOnce(&mut Object<'_>)) -> Reply {
    sent(status, gzip, rendered(gzip, write))
}

/// The bytes of a JSON answer, compressed if asked for.
pub(crate) fn rendered(gzip: bool, write: impl FnOnce(&mut Object<'_>)) -> Bytes {
    let plain = json::document(write);
    if !gzip {
        return plain.into();
    }
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(4));
    // Writing to memory cannot fail.
    let _ = encoder.write_all(&plain);
    encoder.finish().unwrap_or_default().into()
}

/// An answer of bytes that [`rendered`] made.
pub(crate) fn sent(status: StatusCode, gzip: bool, body: Bytes) -> Reply {
    let mut reply = reply::empty_from_clair(status);
    *reply.body_mut() = body.into();
    let headers = reply.headers_mut();
    let kind = HeaderValue::from_static("application/json;charset=utf-8");
    headers.insert(header::CONTENT_TYPE, kind);
    if gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    reply
}
