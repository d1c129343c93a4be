//! Which route a request is for, or the plain answer where it is for none.
//!
//! Paths are compared after percent-decoding, so an encoded slash splits a name, as in Clair. A path
//! that would be right without a doubled or trailing slash, or in lower case, is redirected there.

use http::{HeaderValue, Method, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::auth::Scope;
use crate::reply::{self, Reply};

/// A route with what its path names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Route {
    Layers,
    Layer(String),
    Namespaces,
    Vulnerabilities(String),
    Vulnerability(String, String),
    Fixes(String, String),
    Fix(String, String, String),
    Notification(String),
    Metrics,
}

/// A route, or what to answer instead.
pub(crate) enum Found {
    Route(Route),
    Reply(Reply),
}

/// What need not be encoded in a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b':')
    .remove(b'@')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'=')
    .remove(b',')
    .remove(b';');

/// Finds the route of a request.
pub(crate) fn find(path: &str, query: Option<&str>, method: &Method) -> Found {
    let Some(rest) = path.strip_prefix("/v1") else {
        return Found::Reply(reply::not_found());
    };
    let decoded = percent_decode_str(rest).decode_utf8_lossy();
    let segments: Vec<&str> = match decoded.strip_prefix('/') {
        Some(rest) => rest.split('/').collect(),
        None => return Found::Reply(reply::not_found()),
    };
    if let Some(route) = exact(&segments) {
        return if route.methods().contains(method) {
            Found::Route(route)
        } else {
            Found::Reply(reply::method_not_allowed(route.allowed()))
        };
    }
    match repaired(&segments).filter(|route| route.methods().contains(method)) {
        Some(route) => Found::Reply(redirect(&route, query, method)),
        None => Found::Reply(reply::not_found()),
    }
}

fn exact(segments: &[&str]) -> Option<Route> {
    if segments.iter().any(|segment| segment.is_empty()) {
        return None;
    }
    let own = |text: &str| text.to_owned();
    Some(match *segments {
        ["layers"] => Route::Layers,
        ["layers", name] => Route::Layer(own(name)),
        ["namespaces"] => Route::Namespaces,
        ["namespaces", space, "vulnerabilities"] => Route::Vulnerabilities(own(space)),
        ["namespaces", space, "vulnerabilities", name] => {
            Route::Vulnerability(own(space), own(name))
        }
        ["namespaces", space, "vulnerabilities", name, "fixes"] => {
            Route::Fixes(own(space), own(name))
        }
        ["namespaces", space, "vulnerabilities", name, "fixes", fix] => {
            Route::Fix(own(space), own(name), own(fix))
        }
        ["notifications", name] => Route::Notification(own(name)),
        ["metrics"] => Route::Metrics,
        _ => return None,
    })
}

/// The route that is nearly meant: empty parts dropped, fixed words in lower case.
fn repaired(segments: &[&str]) -> Option<Route> {
    let parts: Vec<&str> = segments
        .iter()
        .copied()
        .filter(|segment| !segment.is_empty())
        .collect();
    let words: Vec<String> = parts
        .iter()
        .enumerate()
        .map(|(index, part)| match index {
            0 | 2 | 4 => part.to_ascii_lowercase(),
            _ => (*part).to_owned(),
        })
        .collect();
    exact(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

fn redirect(route: &Route, query: Option<&str>, method: &Method) -> Reply {
    let mut target = "/v1".to_owned();
    for segment in route.segments() {
        target.push('/');
        target.extend(utf8_percent_encode(segment, SEGMENT));
    }
    if let Some(query) = query {
        target.push('?');
        target.push_str(query);
    }
    let is_get = method == Method::GET;
    let status = if is_get {
        StatusCode::MOVED_PERMANENTLY
    } else {
        StatusCode::TEMPORARY_REDIRECT
    };
    let mut reply = reply::empty(status);
    if is_get {
        let shown = target
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('"', "&#34;");
        let body = format!("<a href=\"{shown}\">Moved Permanently</a>.\n\n");
        *reply.body_mut() = body.into();
        let kind = HeaderValue::from_static("text/html; charset=utf-8");
        reply.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    if let Ok(target) = HeaderValue::from_str(&target) {
        reply.headers_mut().insert(header::LOCATION, target);
    }
    reply
}

impl Route {
    fn methods(&self) -> &'static [Method] {
        match self {
            Self::Layers => &[Method::POST],
            Self::Layer(_) | Self::Notification(_) => &[Method::GET, Method::DELETE],
            Self::Namespaces | Self::Fixes(..) | Self::Metrics => &[Method::GET],
            Self::Vulnerabilities(_) => &[Method::GET, Method::POST],
            Self::Vulnerability(..) => &[Method::GET, Method::PUT, Method::DELETE],
            Self::Fix(..) => &[Method::PUT, Method::DELETE],
        }
    }

    const fn allowed(&self) -> &'static str {
        match self {
            Self::Layers => "POST",
            Self::Layer(_) | Self::Notification(_) => "GET, DELETE",
            Self::Namespaces | Self::Fixes(..) | Self::Metrics => "GET",
            Self::Vulnerabilities(_) => "GET, POST",
            Self::Vulnerability(..) => "GET, PUT, DELETE",
            Self::Fix(..) => "PUT, DELETE",
        }
    }

    fn segments(&self) -> Vec<&str> {
        match self {
            Self::Layers => vec!["layers"],
            Self::Layer(name) => vec!["layers", name],
            Self::Namespaces => vec!["namespaces"],
            Self::Vulnerabilities(space) => vec!["namespaces", space, "vulnerabilities"],
            Self::Vulnerability(space, name) => vec!["namespaces", space, "vulnerabilities", name],
            Self::Fixes(space, name) => {
                vec!["namespaces", space, "vulnerabilities", name, "fixes"]
            }
            Self::Fix(space, name, fix) => {
                vec!["namespaces", space, "vulnerabilities", name, "fixes", fix]
            }
            Self::Notification(name) => vec!["notifications", name],
            Self::Metrics => vec!["metrics"],
        }
    }

    /// What it is about, for the audit log.
    pub(crate) fn object(&self) -> String {
        self.segments().join("/")
    }

    /// Clair's label of the route.
    pub(crate) fn metric(&self, method: &Method) -> &'static str {
        match (self, method.as_str()) {
            (Self::Layers, _) => "v1/postLayer",
            (Self::Layer(_), "GET") => "v1/getLayer",
            (Self::Layer(_), _) => "v1/deleteLayer",
            (Self::Namespaces, _) => "v1/getNamespaces",
            (Self::Vulnerabilities(_), "GET") => "v1/getVulnerabilities",
            (Self::Vulnerabilities(_), _) => "v1/postVulnerability",
            (Self::Vulnerability(..), "GET") => "v1/getVulnerability",
            (Self::Vulnerability(..), "PUT") => "v1/putVulnerability",
            (Self::Vulnerability(..), _) => "v1/deleteVulnerability",
            (Self::Fixes(..), _) => "v1/getFixes",
            (Self::Fix(..), "PUT") => "v1/putFix",
            (Self::Fix(..), _) => "v1/deleteFix",
            (Self::Notification(_), "GET") => "v1/getNotification",
            (Self::Notification(_), _) => "v1/deleteNotification",
            (Self::Metrics, _) => "v1/getMetrics",
        }
    }

    /// What a caller must be allowed.
    pub(crate) fn scope(&self, method: &Method) -> Scope {
        let is_get = method == Method::GET;
        match self {
            Self::Layers => Scope::LayersWrite,
            Self::Layer(_) if is_get => Scope::LayersRead,
            Self::Layer(_) => Scope::LayersDelete,
            Self::Namespaces => Scope::LayersRead,
            Self::Notification(_) if is_get => Scope::NotificationsRead,
            Self::Notification(_) => Scope::NotificationsAck,
            Self::Metrics => Scope::MetricsRead,
            Self::Vulnerabilities(_) | Self::Vulnerability(..) | Self::Fixes(..) if is_get => {
                Scope::VulnsRead
            }
            _ => Scope::VulnsWrite,
        }
    }
}
