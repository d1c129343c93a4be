//! One GET of one file, watched: size, stalls and rate are bounded while it streams to disk.
//!
//! The body goes to a temporary file without a name and is hashed as it comes. No decompression
//! happens here, so that the hash is of what was sent; compression in transit is asked for only where
//! no digest of the file is known beforehand.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::time::{Duration, Instant};

use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::redirect;
use sha2::{Digest as _, Sha256};

use crate::mirror::Login;
use crate::validators::Validators;
use crate::{FetchError, FetchOptions};

/// Redirects followed.
const REDIRECTS: usize = 5;

/// A file that is here.
#[derive(Debug)]
pub(crate) struct Download {
    /// At its beginning.
    pub(crate) file: File,
    pub(crate) bytes: u64,
    pub(crate) validators: Validators,
    /// When the server says it last changed, in seconds since the epoch.
    pub(crate) modified: Option<i64>,
}

/// A failed try, and when the server wants to be asked again.
pub(crate) struct Failure {
    pub(crate) error: FetchError,
    pub(crate) retry_after: Option<Duration>,
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        Self {
            error,
            retry_after: None,
        }
    }
}

/// The client for all files of an update.
///
/// A machine without any certificate authorities cannot check a server, so that only a mirror
/// without TLS can be used there: whoever needs `https` then gets an error.
pub(crate) fn client(options: &FetchOptions, https: bool) -> Result<reqwest::Client, FetchError> {
    // An error means that the program has chosen one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = || {
        reqwest::Client::builder()
            .user_agent(&options.user_agent)
            .redirect(redirects())
            .connect_timeout(options.connect_timeout)
            .pool_idle_timeout(Duration::from_secs(30))
    };
    let builder = || match &options.proxy {
        Some(proxy) => Ok(builder().proxy(reqwest::Proxy::all(proxy)?)),
        None => Ok(builder()),
    };
    match builder().and_then(reqwest::ClientBuilder::build) {
        Err(_) if !https => builder().and_then(|builder| builder.tls_certs_only([]).build()),
        built => built,
    }
    .map_err(|source| FetchError::Client { source })
}

/// A few, and never from `https` to `http`.
fn redirects() -> redirect::Policy {
    redirect::Policy::custom(|attempt| {
        let downgrade = attempt.previous().iter().any(|url| url.scheme() == "https")
            && attempt.url().scheme() != "https";
        if downgrade {
            attempt.error("a redirect from https to http")
        } else if attempt.previous().len() > REDIRECTS {
            attempt.error("too many redirects")
        } else {
            attempt.follow()
        }
    })
}

/// What to ask for.
pub(crate) struct Get<'a> {
    /// Without user and password.
    pub(crate) url: &'a str,
    /// What to tell the server that has it.
    pub(crate) login: Option<&'a Login>,
    /// What is remembered of the copy that is here, from this very URL.
    pub(crate) previous: Option<&'a Validators>,
    /// Digest the bytes must have.
    pub(crate) sha256: Option<&'a str>,
    /// Most bytes.
    pub(crate) limit: u64,
}

impl Get<'_> {
    /// Fetches it once; `None` if it has not changed.
    pub(crate) async fn send(
        &self,
        client: &reqwest::Client,
        options: &FetchOptions,
        progress: &(dyn Fn(u64, Option<u64>) + Sync),
    ) -> Result<Option<Download>, Failure> {
        let url = || self.url.to_owned();
        let transport = |source: reqwest::Error| FetchError::Transport {
            url: url(),
            source: source.without_url(),
        };
        let stalled = |_| FetchError::Stalled {
            url: url(),
            limit: options.read_timeout,
        };
        // The client takes them off again and sends them as a header, which does not follow a
        // redirect to another host.
        let full = self.login.map(|login| login.put_into(self.url));
        let full = full.as_deref().unwrap_or(self.url);
        let request = client.get(full).headers(self.headers());
        let mut response = tokio::time::timeout(
            options.connect_timeout.saturating_add(options.read_timeout),
            request.send(),
        )
        .await
        .map_err(stalled)?
        .map_err(transport)?;
        match response.status().as_u16() {
            200 => {}
            304 if self.previous.is_some() => return Ok(None),
            status => {
                return Err(Failure {
                    error: FetchError::Status { url: url(), status },
                    retry_after: retry_after(response.headers()),
                });
            }
        }
        let total = response.content_length();
        let too_large = || FetchError::TooLarge {
            url: url(),
            limit: self.limit,
        };
        if total.is_some_and(|total| total > self.limit) {
            return Err(too_large().into());
        }
        let io = |source| FetchError::Io {
            path: std::env::temp_dir(),
            source,
        };
        let mut file = tempfile::tempfile().map_err(io)?;
        let mut hash = Sha256::new();
        let mut bytes = 0_u64;
        let (mut since, mut bytes_before) = (Instant::now(), 0);
        loop {
            let chunk = tokio::time::timeout(options.read_timeout, response.chunk())
                .await
                .map_err(stalled)?
                .map_err(transport)?;
            let Some(chunk) = chunk else { break };
            bytes += chunk.len() as u64;
            if bytes > self.limit {
                return Err(too_large().into());
            }
            hash.update(&chunk);
            file.write_all(&chunk).map_err(io)?;
            progress(bytes, total);
            let window = since.elapsed();
            if window >= options.rate_window && total != Some(bytes) {
                if ((bytes - bytes_before) as f64)
                    < options.least_rate as f64 * window.as_secs_f64()
                {
                    let limit = options.least_rate;
                    return Err(FetchError::TooSlow { url: url(), limit }.into());
                }
                (since, bytes_before) = (Instant::now(), bytes);
            }
        }
        file.rewind().map_err(io)?;
        let sha256 = hex::encode(hash.finalize());
        if let Some(expected) = self.sha256.filter(|expected| *expected != sha256) {
            let expected = expected.to_owned();
            return Err(FetchError::Checksum {
                url: url(),
                found: sha256,
                expected,
            }
            .into());
        }
        let text = |name| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        let last_modified = text(header::LAST_MODIFIED);
        Ok(Some(Download {
            file,
            bytes,
            modified: last_modified.as_deref().and_then(seconds),
            validators: Validators {
                from: url(),
                etag: text(header::ETAG),
                last_modified,
                sha256,
            },
        }))
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let encoding = if self.sha256.is_some() {
            "identity"
        } else {
            "gzip, zstd"
        };
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(encoding));
        if let Some(previous) = self.previous {
            let mut insert = |name, value: &Option<String>| {
                if let Some(Ok(value)) = value.as_deref().map(HeaderValue::from_str) {
                    headers.insert(name, value);
                }
            };
            insert(header::IF_NONE_MATCH, &previous.etag);
            insert(header::IF_MODIFIED_SINCE, &previous.last_modified);
        }
        headers
    }
}

/// When to come back: in seconds, or at a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(pause) = text.parse() {
        return Some(Duration::from_secs(pause));
    }
    let now = headers
        .get(header::DATE)
        .and_then(|date| seconds(date.to_str().ok()?));
    let now = now.unwrap_or_else(|| jiff::Timestamp::now().as_second());
    Some(Duration::from_secs(
        u64::try_from(seconds(text)? - now).unwrap_or(0),
    ))
}

/// An HTTP date in seconds since the epoch.
fn seconds(date: &str) -> Option<i64> {
    jiff::fmt::rfc2822::parse(date)
        .ok()
        .map(|date| date.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let read = |pairs: &[(header::HeaderName, &'static str)]| {
            let headers = pairs
                .iter()
                .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
            retry_after(&headers.collect()).map(|pause| pause.as_secs())
        };
        assert_eq!(read(&[(header::RETRY_AFTER, "120")]), Some(120));
        let date = (header::DATE, "Wed, 21 Oct 2015 07:28:00 GMT");
        assert_eq!(
            read(&[
                date.clone(),
                (header::RETRY_AFTER, "Wed, 21 Oct 2015 07:29:00 GMT")
            ]),
            Some(60)
        );
        assert_eq!(
            read(&[date, (header::RETRY_AFTER, "Wed, 21 Oct 2015 07:00:00 GMT")]),
            Some(0)
        );
        assert_eq!(read(&[(header::RETRY_AFTER, "soon")]), None);
        assert_eq!(read(&[]), None);
    }
}
