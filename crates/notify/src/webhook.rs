//! One message to one receiver: Clair 2.x's, and a signature where there is a secret.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, PROXY_AUTHORIZATION,
    RETRY_AFTER, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use pellucid_model::with_causes;
use rustls::pki_types::ServerName;

use crate::connect::{Place, Way};
use crate::signature::{Secrets, SecretsError};
use crate::tls::{self, Files};

/// Time for a message and its answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Characters that are kept of why a message could not be sent.
const REASON: usize = 500;
/// The longest wait that a receiver may ask for.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// Clair's keys of `notifier.http`, and the secret. Empty texts and paths are as good as none.
#[derive(Clone, Debug, Default)]
pub struct WebhookOptions {
    /// URL of the receiver.
    pub endpoint: String,
    /// Name that its certificate must have, if not the URL's.
    pub servername: Option<String>,
    /// Authorities of its certificate, PEM; the system's if absent.
    pub cafile: Option<PathBuf>,
    /// Our key, PEM.
    pub keyfile: Option<PathBuf>,
    /// Our certificate, PEM.
    pub certfile: Option<PathBuf>,
    /// URL of a proxy, `http`; the environment is not looked at.
    pub proxy: Option<String>,
    /// Secrets to sign with; see [`Secrets::parse`].
    pub secret: Option<String>,
}

/// Messages cannot be sent with these options.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// The endpoint's or proxy's URL.
    #[error("the URL {what}")]
    Url {
        /// What is wrong with it.
        what: &'static str,
    },
    /// A name that no certificate can have.
    #[error("no certificate can be for the name of the receiver")]
    ServerName,
    /// A file of certificates or of a key.
    #[error("{}: {reason}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Certificates that make no sense.
    #[error("a certificate or key cannot be used")]
    Certificate {
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// Only one of certificate and key.
    #[error("certfile and keyfile belong together")]
    HalfCertificate,
    /// The secret.
    #[error(transparent)]
    Secret(#[from] SecretsError),
}

/// The receiver did not take a message.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Refused {
    /// What happened; safe to keep and show.
    pub reason: String,
    /// How long the receiver wants to be left alone.
    pub retry_after: Option<Duration>,
    /// It said that it will never take any.
    pub gone: bool,
}

/// A receiver.
pub struct Webhook {
    way: Way,
    /// Where the request goes: a path, or a whole URL where a proxy reads it.
    target: Uri,
    host: HeaderValue,
    secrets: Secrets,
    timeout: Duration,
}

impl Webhook {
    /// A receiver as configured.
    ///
    /// # Errors
    /// The configuration makes no sense, or a file cannot be read.
    pub fn new(options: &WebhookOptions) -> Result<Self, WebhookError> {
        let url = |text: &str| {
            text.parse::<Uri>().map_err(|_| WebhookError::Url {
                what: "cannot be read",
            })
        };
        let endpoint = url(&options.endpoint)?;
        let has_tls = match endpoint.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => {
                return Err(WebhookError::Url {
                    what: "of the receiver is neither http nor https",
                });
            }
        };
        let receiver = Place::of(&endpoint, if has_tls { 443 } else { 80 })?;
        let proxy = match options.proxy.as_deref().filter(|proxy| !proxy.is_empty()) {
            None => None,
            Some(proxy) => {
                let proxy = url(proxy)?;
                if proxy.scheme_str() != Some("http") {
                    return Err(WebhookError::Url {
                        what: "of the proxy is not http",
                    });
                }
                Some(Place::of(&proxy, 80)?)
            }
        };
        let path = |path: &Option<PathBuf>| path.clone().filter(|it| !it.as_os_str().is_empty());
        let (ca, certificate, key) = (
            path(&options.cafile),
            path(&options.certfile),
            path(&options.keyfile),
        );
        let tls = if has_tls {
            let files = Files {
                ca: ca.as_deref(),
                certificate: certificate.as_deref(),
                key: key.as_deref(),
            };
            let name = options.servername.clone().filter(|name| !name.is_empty());
            let name = ServerName::try_from(name.unwrap_or_else(|| receiver.host.clone()))
                .map_err(|_| WebhookError::ServerName)?;
            Some((tls::config(&files)?, name))
        } else {
            None
        };
        let way = Way {
            receiver,
            proxy,
            tls,
        };
        let authority = endpoint.authority().map(|it| it.as_str());
        let host = authority.unwrap_or_default();
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let path = endpoint.path_and_query().map_or("/", |path| path.as_str());
        let target = match way.proxy_reads() {
            Some(_) => format!("http://{host}{path}"),
            None => path.to_owned(),
        };
        Ok(Self {
            way,
            target: url(&target)?,
            host: HeaderValue::from_str(host).map_err(|_| WebhookError::Url {
                what: "cannot be read",
            })?,
            secrets: Secrets::parse(options.secret.as_deref().unwrap_or_default())?,
            timeout: TIMEOUT,
        })
    }

    /// The same, with another time than ten seconds for the receiver to answer, a connection and handshake included.
    pub fn within(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Sends the message about a notification. Any 2xx is success; a redirect is not followed.
    ///
    /// # Errors
    /// The receiver could not be reached in time, or did not take it.
    pub async fn send(&self, notification: &str) -> Result<(), Refused> {
        let refused = |reason: String| Refused {
            reason,
            retry_after: None,
            gone: false,
        };
        // Dropping the future ends the connection.
        match tokio::time::timeout(self.timeout, self.post(notification)).await {
            Err(_) => Err(refused(format!("no answer in {:?}", self.timeout))),
            Ok(Err(error)) => Err(refused(with_causes(&*error).chars().take(REASON).collect())),
            Ok(Ok((status, _))) if status.is_success() => Ok(()),
            Ok(Ok((status, headers))) => Err(Refused {
                reason: format!("got status {}, expected 2xx", status.as_u16()),
                retry_after: retry_after(&headers),
                gone: status == StatusCode::GONE,
            }),
        }
    }

    async fn post(
        &self,
        notification: &str,
    ) -> Result<(StatusCode, HeaderMap), Box<dyn std::error::Error + Send + Sync>> {
        let request = self.request(notification, jiff::Timestamp::now().as_second())?;
        let stream = self.way.connect().await?;
        let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
            .title_case_headers(true)
            .handshake(TokioIo::new(stream))
            .await?;
        let answer = async move { sender.send_request(request).await };
        tokio::pin!(connection, answer);
        // The body of the answer is not read: nothing in it counts.
        let response = tokio::select! {
            response = &mut answer => response?,
            // It may have ended badly after the answer was whole.
            ended = &mut connection => match (answer.await, ended) {
                (Ok(response), _) => response,
                (Err(_), Err(error)) | (Err(error), Ok(())) => return Err(error.into()),
            },
        };
        Ok((response.status(), response.headers().clone()))
    }

    /// Clair's request, header by header in its order.
    fn request(
        &self,
        notification: &str,
        now: i64,
    ) -> Result<Request<Full<Bytes>>, http::header::InvalidHeaderValue> {
        // Names are UUIDs: nothing in them is escaped.
        let body = format!("{{\"Notification\":{{\"Name\":\"{notification}\"}}}}");
        let mut request = Request::new(Full::new(Bytes::new()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target.clone();
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers.insert(USER_AGENT, HeaderValue::from_static("Go-http-client/1.1"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        if let Some(authorization) = &self.way.receiver.authorization {
            headers.insert(AUTHORIZATION, secret(authorization)?);
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let proxy = self.way.proxy_reads();
        if let Some(authorization) = proxy.and_then(|proxy| proxy.authorization.as_deref()) {
            headers.insert(PROXY_AUTHORIZATION, secret(authorization)?);
        }
        if !self.secrets.is_empty() {
            let signature = self.secrets.sign(notification, now, body.as_bytes());
            for (name, value) in [
                ("idempotency-key", notification),
                ("webhook-id", notification),
                ("webhook-timestamp", &now.to_string()),
                ("webhook-signature", &signature),
            ] {
                headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value)?);
            }
        }
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        *request.body_mut() = Full::new(body.into());
        Ok(request)
    }
}

fn secret(value: &str) -> Result<HeaderValue, header::InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(value)?;
    value.set_sensitive(true);
    Ok(value)
}

/// `Retry-After`: seconds, or a date.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = value.parse::<i64>().ok().or_else(|| {
        let date = jiff::fmt::rfc2822::parse(value).ok()?;
        Some(date.timestamp().as_second() - jiff::Timestamp::now().as_second())
    })?;
    let seconds = u64::try_from(seconds).unwrap_or(0);
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_has_ten_seconds() {
        let options = WebhookOptions {
            endpoint: "http://receiver.test/".to_owned(),
            ..WebhookOptions::default()
        };
        let webhook = Webhook::new(&options).unwrap();
        assert_eq!(webhook.timeout, Duration::from_secs(10));
    }
}
