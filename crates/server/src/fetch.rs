//! The bytes of a layer, from where its path says: a web server, or where that is allowed a file.
//!
//! Web servers are asked without the environment's proxies; redirects are followed here, a few, each
//! judged like the first request; a redirect to another host takes none of the caller's headers
//! along. Why a path could not be opened is never told to the caller: *could not find layer* is all.

mod file;
pub(crate) mod policy;

use std::future::Future;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use pellucid_inflate::Gunzip;
use pellucid_model::Digest;
use reqwest::{Client, Response, Url};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::config::LayerSources;
use policy::Policy;

/// Redirects followed.
const REDIRECTS: usize = 5;
/// Time without a byte after which a server is given up.
const STALL: Duration = Duration::from_secs(30);
/// Pieces of a body that wait to be read.
const PIECES: usize = 16;
/// Bytes with which a blob begins; a shorter one is its beginning alone.
const FIRST: usize = 256 << 10;

/// What a name leads to.
pub type Resolved = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;
/// How names are looked up; tests bring their own.
pub type Resolve = Arc<dyn Fn(String) -> Resolved + Send + Sync>;

/// Opens layers.
pub(crate) struct Fetcher {
    client: Client,
    policy: Arc<Policy>,
    files: file::Files,
    timeout: Duration,
    max_bytes: u64,
}

/// Why there are no bytes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("the policy forbids {0}")]
    Denied(&'static str),
    #[error("there is no such file, or it may not be read")]
    File(#[source] io::Error),
    #[error("it is a directory")]
    Directory,
    #[error("the server answered {0}")]
    Status(u16),
    #[error("the request failed")]
    Request(#[source] reqwest::Error),
    #[error("{0}")]
    Url(&'static str),
}

/// The bytes of a layer.
pub(crate) struct Blob {
    /// How it begins.
    pub(crate) first: Vec<u8>,
    /// What comes then; reading blocks.
    pub(crate) rest: Rest,
}

/// What comes after the beginning of a blob.
pub(crate) enum Rest {
    /// Nothing: it was whole, and has this digest.
    Nothing(Digest),
    /// Bytes, or an error.
    Bytes(Box<dyn Read + Send>),
}

impl Blob {
    fn whole(first: Vec<u8>) -> Self {
        let digest = Digest::Sha256(Sha256::digest(&first).into());
        Self {
            first,
            rest: Rest::Nothing(digest),
        }
    }
}

impl Fetcher {
    pub(crate) fn new(
        sources: &LayerSources,
        policy: Policy,
        any_file: bool,
        insecure_tls: bool,
        resolve: Option<Resolve>,
    ) -> Result<Self, reqwest::Error> {
        // An error means that the program has chosen one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let policy = Arc::new(policy);
        let proxy = sources
            .proxy
            .as_deref()
            .map(reqwest::Proxy::all)
            .transpose()?;
        let builder = || {
            let mut builder = Client::builder()
                .user_agent(concat!("pellucid/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .danger_accept_invalid_certs(insecure_tls)
                .connect_timeout(Duration::from_secs(10))
                .pool_idle_timeout(Duration::from_secs(30));
            builder = match &proxy {
                // The proxy looks names up, and is trusted to.
                Some(proxy) => builder.proxy(proxy.clone()),
                None => builder.dns_resolver(Arc::new(Checked {
                    policy: Arc::clone(&policy),
                    resolve: resolve.clone().unwrap_or_else(system),
                })),
            };
            builder
        };
        // A machine without certificate authorities can still fetch over plain HTTP.
        let client = builder()
            .build()
            .or_else(|_| builder().tls_certs_only([]).build())?;
        Ok(Self {
            client,
            policy,
            files: file::Files::new(&sources.files, any_file),
            timeout: sources.timeout.0,
            max_bytes: sources.max_bytes,
        })
    }

    /// Opens what a path names. Case decides, as in Clair: `HTTP://x` is a file.
    pub(crate) async fn open(
        &self,
        path: &str,
        headers: &[(String, String)],
    ) -> Result<Blob, FetchError> {
        let deadline = Instant::now() + self.timeout;
        if path.starts_with("http://") || path.starts_with("https://") {
            let response = timeout_at(deadline, self.get(path, headers))
                .await
                .map_err(|_| FetchError::Url("it took too long"))??;
            return Ok(self.body(response, deadline).await);
        }
        let (files, path) = (self.files.clone(), path.to_owned());
        let opened = tokio::task::spawn_blocking(move || files.open(&path)).await;
        opened.map_err(|error| FetchError::File(io::Error::other(error)))?
    }

    async fn get(&self, path: &str, headers: &[(String, String)]) -> Result<Response, FetchError> {
        let mut url = Url::parse(path).map_err(|_| FetchError::Url("the URL is not one"))?;
        let mut headers = forwarded(headers)?;
        for _ in 0..=REDIRECTS {
            check(&self.policy, &url)?;
            let request = self.client.get(url.clone()).headers(headers.clone());
            let response = request
                .header(header::ACCEPT_ENCODING, "identity")
                .send()
                .await
                .map_err(|error| FetchError::Request(error.without_url()))?;
            let status = response.status();
            if status.is_success() {
                return Ok(response);
            }
            if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Err(FetchError::Status(status.as_u16()));
            }
            let next = response
                .headers()
                .get(header::LOCATION)
                .and_then(|location| location.to_str().ok())
                .and_then(|location| url.join(location).ok())
                .ok_or(FetchError::Url("the redirect leads nowhere"))?;
            if url.scheme() == "https" && next.scheme() != "https" {
                return Err(FetchError::Denied("a redirect from https to http"));
            }
            let is_same = url.host_str() == next.host_str()
                && url.port_or_known_default() == next.port_or_known_default();
            if !is_same {
                headers.retain_harmless();
            }
            url = next;
        }
        Err(FetchError::Url("there are too many redirects"))
    }

    /// A body: a short one is read here, of a longer one a task passes on what follows.
    async fn body(&self, response: Response, deadline: Instant) -> Blob {
        let is_gzip = response
            .headers()
            .get(header::CONTENT_ENCODING)
            .is_some_and(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"gzip"));
        let mut source = Source {
            response,
            deadline,
            read: 0,
            max_bytes: self.max_bytes,
        };
        let mut first = Vec::new();
        let mut broken = None;
        while !is_gzip && first.len() < FIRST {
            match source.next().await {
                Ok(piece) if piece.is_empty() => return Blob::whole(first),
                Ok(piece) => first.extend_from_slice(&piece),
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            }
        }
        let (pieces, receiver) = mpsc::channel(PIECES);
        match broken {
            // There is room: nothing was sent yet.
            Some(error) => drop(pieces.try_send(Err(error))),
            None => drop(tokio::spawn(source.pump(pieces))),
        }
        let reader = Pieces {
            receiver,
            piece: Bytes::new(),
            is_over: false,
        };
        let rest: Box<dyn Read + Send> = if is_gzip {
            Box::new(Gunzip::new(io::BufReader::new(reader)))
        } else {
            Box::new(reader)
        };
        Blob {
            first,
            rest: Rest::Bytes(rest),
        }
    }
}

/// A body on its way, watched over for time and size.
struct Source {
    response: Response,
    deadline: Instant,
    read: u64,
    max_bytes: u64,
}

impl Source {
    /// The next piece; an empty one is the end.
    async fn next(&mut self) -> io::Result<Bytes> {
        loop {
            let until = self.deadline.min(Instant::now() + STALL);
            let piece = match timeout_at(until, self.response.chunk()).await {
                Ok(Ok(Some(piece))) => piece,
                Ok(Ok(None)) => return Ok(Bytes::new()),
                Ok(Err(error)) => return Err(io::Error::other(error.without_url())),
                Err(_) => return Err(io::ErrorKind::TimedOut.into()),
            };
            self.read += piece.len() as u64;
            if self.read > self.max_bytes {
                return Err(io::Error::other(
                    "the layer is larger than layer_sources.max_bytes",
                ));
            }
            if !piece.is_empty() {
                return Ok(piece);
            }
        }
    }

    /// Passes the pieces on, the empty one at last: a channel that closes without it was cut. It ends
    /// when the reader has gone.
    async fn pump(mut self, pieces: mpsc::Sender<io::Result<Bytes>>) {
        loop {
            let next = self.next().await;
            let is_last = next.as_ref().map_or(true, Bytes::is_empty);
            // Waiting for the reader is not the server's fault, but the deadline holds all the same.
            let sent = timeout_at(self.deadline, pieces.send(next)).await;
            if is_last || !matches!(sent, Ok(Ok(()))) {
                return;
            }
        }
    }
}

/// The pieces as one stream. Dropped in the middle it is an error, never an early end.
struct Pieces {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
    is_over: bool,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() && !self.is_over {
            self.piece = self
                .receiver
                .blocking_recv()
                .ok_or(io::ErrorKind::UnexpectedEof)??;
            self.is_over = self.piece.is_empty();
        }
        let count = buffer.len().min(self.piece.len());
        if let Some(to) = buffer.get_mut(..count) {
            self.piece.copy_to_slice(to);
        }
        Ok(count)
    }
}

/// Whether a URL may be asked at all.
pub(crate) fn check(policy: &Policy, url: &Url) -> Result<(), FetchError> {
    if !["http", "https"].contains(&url.scheme()) {
        return Err(FetchError::Denied("its scheme"));
    }
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    if policy.allows_host(host, port) {
        Ok(())
    } else {
        Err(FetchError::Denied("its host"))
    }
}

/// The headers that a caller may have sent along.
pub(crate) fn forwarded(headers: &[(String, String)]) -> Result<HeaderMap, FetchError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let wrong = || FetchError::Url("a header cannot be sent");
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| wrong())?;
        let is_ours = matches!(
            name.as_str(),
            "host"
                | "content-length"
                | "transfer-encoding"
                | "connection"
                | "keep-alive"
                | "te"
                | "trailer"
                | "upgrade"
                | "expect"
                | "accept-encoding"
                | "content-encoding"
        ) || name.as_str().starts_with("proxy-");
        if !is_ours {
            value.set_sensitive(true);
            map.insert(name, value);
        }
    }
    Ok(map)
}

pub(crate) trait Harmless {
    /// Keeps only what says nothing about the caller.
    fn retain_harmless(&mut self);
}

impl Harmless for HeaderMap {
    fn retain_harmless(&mut self) {
        let kept: Vec<(HeaderName, HeaderValue)> =
            [header::ACCEPT, header::USER_AGENT, header::RANGE]
                .into_iter()
                .filter_map(|name| self.get(&name).cloned().map(|value| (name, value)))
                .collect();
        self.clear();
        self.extend(kept);
    }
}

/// Looks names up and lets only allowed addresses through: what is checked is what is connected to.
struct Checked {
    policy: Arc<Policy>,
    resolve: Resolve,
}

impl reqwest::dns::Resolve for Checked {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let policy = Arc::clone(&self.policy);
        let host = name.as_str().to_owned();
        let resolved = (self.resolve)(host.clone());
        Box::pin(async move {
            let addresses = resolved.await?;
            // One denied address among several is a name that somebody plays with.
            if addresses.is_empty()
                || !addresses
                    .iter()
                    .all(|address| policy.allows_address(&host, None, *address))
            {
                return Err(io::Error::other("the policy forbids its address").into());
            }
            let addresses = addresses
                .into_iter()
                .map(|address| SocketAddr::new(address, 0))
                .collect::<Vec<_>>();
            Ok(Box::new(addresses.into_iter()) as reqwest::dns::Addrs)
        })
    }
}

/// The system's own way of looking names up.
fn system() -> Resolve {
    Arc::new(|host| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}
