//! One registry's HTTP: who we are, where redirects lead, what failed for the moment.
//!
//! Redirects are followed here. The first that leaves the registry's own origin takes no credentials
//! along, nor does any after it, and what answers 401 there is not told who we are. A token is asked
//! for only where the registry's 401 says, and the registry's credentials go to that place only if it
//! belongs to the registry: the same host, the same registrable domain, or a host that the caller
//! named (CVE-2024-35192).
//!
//! Reading blocks: layers are read by threads that decompress. The runtime below them is ours, and what
//! needs the network, files or a credential helper happens on its threads: those that read may have given
//! all that up.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use pellucid_model::with_causes;
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Response, StatusCode, Url};
use tokio::sync::oneshot;

use super::answer;
use super::challenge::Challenge;
use super::credentials::{self, Credentials};
use super::fault::RegistryFault;
use super::name::Name;
use super::realm::belongs;
use super::settings::RegistryOptions;

/// Redirects followed.
const REDIRECTS: usize = 5;

/// Bytes of a token server's answer, and of an error.
const ANSWER: usize = 1 << 20;

/// Where a repository is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// `HOST[:PORT]`.
    pub(crate) host: String,
    /// The repository's name there.
    pub(crate) repository: String,
}

/// Asks for what is in one repository.
pub(crate) struct Client {
    /// `None` only while it is dropped.
    runtime: Option<tokio::runtime::Runtime>,
    asker: Arc<Asker>,
}

/// What of a client lives on the connections' thread.
struct Asker {
    http: reqwest::Client,
    unchecked: Option<reqwest::Client>,
    options: RegistryOptions,
    /// The image that is asked for: its registry is whose credentials are looked up.
    name: Name,
    /// What to show to which host: learned by a 401.
    known: Mutex<HashMap<String, HeaderValue>>,
    /// Which mirrors failed, and why at first; one that has not what is wanted did not.
    passed_over: Mutex<BTreeMap<String, String>>,
}

/// What to ask for.
#[derive(Clone)]
pub(crate) struct Get {
    /// Below the repository: `manifests/latest`.
    pub(crate) path: String,
    pub(crate) accept: &'static str,
    /// The first byte, and the last where not all that follow are wanted.
    pub(crate) range: Option<(u64, Option<u64>)>,
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Client {
    /// A client for the repository of `name`.
    pub(crate) fn new(name: Name, options: &RegistryOptions) -> Result<Self, RegistryFault> {
        // An error means that the program has chosen one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let tls = |what: &str, source| RegistryFault::Tls {
            what: what.to_owned(),
            source,
        };
        let mut authorities = Vec::new();
        for path in &options.ca_files {
            let place = path.display().to_string();
            let bytes = std::fs::read(path).map_err(|e| tls(&place, e.into()))?;
            let bundle = reqwest::Certificate::from_pem_bundle(&bytes);
            let bundle = bundle.map_err(|e| tls(&place, e.into()))?;
            if bundle.is_empty() {
                return Err(tls(&place, "there is no certificate in it".into()));
            }
            authorities.extend(bundle);
        }
        let builder = || {
            reqwest::Client::builder()
                .user_agent(concat!("pellucid/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                // A connection a layer: they are read side by side.
                .http1_only()
                .connect_timeout(Duration::from_secs(10))
                .pool_idle_timeout(Duration::from_secs(30))
        };
        let http = match builder().tls_certs_merge(authorities.clone()).build() {
            // A machine without certificate authorities can still trust those that it is told of.
            Err(_) => builder().tls_certs_only(authorities).build(),
            built => built,
        }
        .map_err(|e| tls("TLS", e.into()))?;
        let unchecked = match options.insecure.is_empty() {
            true => None,
            false => Some(
                builder()
                    .tls_certs_only([])
                    .danger_accept_invalid_certs(true)
                    .build()
                    .map_err(|e| tls("TLS", e.into()))?,
            ),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("registry")
            .enable_all()
            .build()
            .map_err(|e| tls("a thread for connections", e.into()))?;
        Ok(Self {
            runtime: Some(runtime),
            asker: Arc::new(Asker {
                http,
                unchecked,
                options: options.clone(),
                name,
                known: Mutex::default(),
                passed_over: Mutex::default(),
            }),
        })
    }

    /// Where the repository is asked for: mirrors first, the registry itself last.
    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        let Asker { name, options, .. } = &*self.asker;
        let own = Endpoint {
            host: name.host().to_owned(),
            repository: name.repository.clone(),
        };
        let of =
            |(registry, _): &&(String, String)| *registry == name.domain || registry == name.host();
        let mirrors = options.mirrors.iter().filter(of).map(|(_, place)| {
            let (host, prefix) = place.split_once('/').unwrap_or((place, ""));
            let prefix = prefix.trim_matches('/');
            let slash = if prefix.is_empty() { "" } else { "/" };
            Endpoint {
                host: host.to_owned(),
                repository: format!("{prefix}{slash}{}", name.repository),
            }
        });
        mirrors.chain([own]).collect()
    }

    /// Remembers that a place failed and the next one is asked.
    pub(crate) fn pass_over(&self, endpoint: &Endpoint, fault: &RegistryFault) {
        if endpoint.host == self.asker.name.host()
            || matches!(fault, RegistryFault::NotFound { .. })
        {
            return;
        }
        let mut passed = self
            .asker
            .passed_over
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        passed
            .entry(endpoint.host.clone())
            .or_insert_with(|| with_causes(fault));
    }

    /// The mirrors that failed so far.
    pub(crate) fn passed_over(&self) -> BTreeMap<String, String> {
        let passed = self.asker.passed_over.lock();
        passed.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often, and after what pause, is asked again.
    pub(crate) fn options(&self) -> &RegistryOptions {
        &self.asker.options
    }

    /// Lets something happen on the connections' thread.
    pub(crate) fn spawn(
        &self,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), RegistryFault> {
        match &self.runtime {
            Some(runtime) => drop(runtime.spawn(work)),
            None => return Err(self.asker.protocol("the client is gone")),
        }
        Ok(())
    }

    /// Asks, again where it failed for the moment; the answer is 200 or 206.
    pub(crate) fn get(&self, endpoint: &Endpoint, get: &Get) -> Result<Response, RegistryFault> {
        let (told, answer) = oneshot::channel();
        let (asker, endpoint, get) = (Arc::clone(&self.asker), endpoint.clone(), get.clone());
        self.spawn(async move {
            // Whoever waits may have gone.
            let _ = told.send(asker.get(&endpoint, &get).await);
        })?;
        let gone = |_| self.asker.protocol("the client is gone");
        answer.blocking_recv().map_err(gone)?
    }
}

impl Asker {
    async fn get(&self, endpoint: &Endpoint, get: &Get) -> Result<Response, RegistryFault> {
        let mut pause = self.options.pause;
        let mut tries = 0;
        loop {
            let fault = match self.attempt(endpoint, get).await {
                Ok(response) => return Ok(response),
                Err(fault) => fault,
            };
            let asked = fault.retry_after().unwrap_or(pause);
            tries += 1;
            if !fault.is_passing()
                || tries > self.options.retries
                || asked > self.options.longest_pause
            {
                return Err(fault);
            }
            tokio::time::sleep(asked.max(pause)).await;
            pause = pause.saturating_mul(2);
        }
    }

    async fn attempt(&self, endpoint: &Endpoint, get: &Get) -> Result<Response, RegistryFault> {
        let url = self.url(&format!(
            "{}://{}/v2/{}/{}",
            self.scheme(&endpoint.host),
            endpoint.host,
            endpoint.repository,
            get.path
        ))?;
        let mut headers = HeaderMap::new();
        let value = |text: &str| {
            HeaderValue::from_str(text).map_err(|_| self.protocol("a header cannot be sent"))
        };
        headers.insert(header::ACCEPT, value(get.accept)?);
        if let Some((first, last)) = get.range {
            let last = last.map(|last| last.to_string()).unwrap_or_default();
            headers.insert(header::RANGE, value(&format!("bytes={first}-{last}"))?);
        }
        let mut shown = self.shown(&endpoint.host);
        for is_last in [false, true] {
            let (response, strayed) = self
                .follow(url.clone(), headers.clone(), shown.clone())
                .await?;
            let challenged = response.status() == StatusCode::UNAUTHORIZED && !strayed;
            if !challenged || is_last {
                return self.checked(response, endpoint, get, shown.is_some()).await;
            }
            let Some(challenge) = Challenge::of(response.headers()) else {
                return Err(self.protocol("its 401 does not say what it wants"));
            };
            shown = self.authorize(endpoint, &challenge).await?;
            if shown.is_none() {
                return Err(RegistryFault::Anonymous {
                    host: endpoint.host.clone(),
                    registry: self.name.domain.clone(),
                });
            }
        }
        Err(self.protocol("it asks for credentials again and again"))
    }

    /// Sends a request and follows redirects; tells whether it left the first origin.
    async fn follow(
        &self,
        mut url: Url,
        headers: HeaderMap,
        shown: Option<HeaderValue>,
    ) -> Result<(Response, bool), RegistryFault> {
        let first = url.origin();
        let mut strayed = false;
        for _ in 0..=REDIRECTS {
            let mut request = self.client(&url).get(url.clone()).headers(headers.clone());
            if let Some(shown) = shown.as_ref().filter(|_| !strayed) {
                request = request.header(header::AUTHORIZATION, shown.clone());
            }
            let response = self.send(&url, request).await?;
            if !response.status().is_redirection() {
                return Ok((response, strayed));
            }
            let location = response.headers().get(header::LOCATION);
            let next = location
                .and_then(|location| location.to_str().ok())
                .and_then(|location| url.join(location).ok())
                .filter(|next| matches!(next.scheme(), "http" | "https"))
                .ok_or_else(|| self.protocol("it redirects to nowhere"))?;
            if url.scheme() == "https" && next.scheme() != "https" {
                return Err(self.protocol("it redirects from https to http"));
            }
            if !next.username().is_empty() || next.password().is_some() {
                return Err(self.protocol("it redirects to an address with a password"));
            }
            strayed |= next.origin() != first;
            url = next;
        }
        Err(self.protocol("it redirects too often"))
    }

    async fn send(
        &self,
        url: &Url,
        request: reqwest::RequestBuilder,
    ) -> Result<Response, RegistryFault> {
        let limit = self.options.stall;
        let host = || host_of(url);
        match tokio::time::timeout(limit, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(source)) => Err(RegistryFault::Transport {
                host: host(),
                source: source.without_url(),
            }),
            Err(_) => Err(RegistryFault::Stalled {
                host: host(),
                limit,
            }),
        }
    }

    /// What an answer means.
    async fn checked(
        &self,
        response: Response,
        endpoint: &Endpoint,
        get: &Get,
        shown: bool,
    ) -> Result<Response, RegistryFault> {
        let status = response.status();
        if status == StatusCode::OK
            || (status == StatusCode::PARTIAL_CONTENT && get.range.is_some())
        {
            return Ok(response);
        }
        let host = host_of(response.url());
        let registry = self.name.domain.clone();
        Err(match status.as_u16() {
            401 | 403 if shown => RegistryFault::Refused {
                host,
                registry,
                status: status.as_u16(),
            },
            401 => RegistryFault::Anonymous { host, registry },
            404 => RegistryFault::NotFound {
                host,
                what: format!("{}: {}", endpoint.repository, get.path),
            },
            429 => RegistryFault::RateLimited {
                host,
                rate: answer::rate(response.headers()),
            },
            status => RegistryFault::Status {
                host,
                status,
                retry_after: answer::rate(response.headers()).retry_after,
                code: self.code(response).await,
            },
        })
    }

    /// Makes what a host is shown from its challenge; `None` if there is nothing to show.
    async fn authorize(
        &self,
        endpoint: &Endpoint,
        challenge: &Challenge,
    ) -> Result<Option<HeaderValue>, RegistryFault> {
        // A mirror is another registry: its own credentials, not those of what it mirrors.
        let of = match endpoint.host == self.name.host() {
            true => self.name.clone(),
            false => Name::parse(&format!("{}/{}", endpoint.host, endpoint.repository))
                .map_err(|_| self.protocol("the mirror's name is none"))?,
        };
        let (asked, options) = (of.clone(), self.options.clone());
        // Files are read, and a helper may think for a while.
        let found = tokio::task::spawn_blocking(move || credentials::of(&asked, &options));
        let gone = |_| self.protocol("its credentials could not be looked up");
        let credentials = found.await.map_err(gone)??;
        let shown = match (challenge, credentials) {
            (_, Some(Credentials::Token(token))) => secret(&format!("Bearer {}", token.reveal())),
            (Challenge::Basic, Some(Credentials::Password { username, password })) => {
                secret(&basic(&username, password.reveal()))
            }
            (Challenge::Basic, _) => None,
            (
                Challenge::Bearer {
                    realm,
                    service,
                    scope,
                },
                credentials,
            ) => {
                let own = format!("repository:{}:pull", endpoint.repository);
                let scope = scope.as_deref().unwrap_or(&own);
                let request = TokenRequest {
                    realm,
                    service: service.as_deref(),
                    scope,
                    registry: &of.domain,
                };
                self.token(endpoint, &request, credentials).await?
            }
        };
        if let Some(shown) = &shown {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(endpoint.host.clone(), shown.clone());
        }
        Ok(shown)
    }

    async fn token(
        &self,
        endpoint: &Endpoint,
        asked: &TokenRequest<'_>,
        credentials: Option<Credentials>,
    ) -> Result<Option<HeaderValue>, RegistryFault> {
        let mut url = self.url(asked.realm)?;
        let realm = host_of(&url);
        if url.scheme() != "https" && self.scheme(&realm) != url.scheme() {
            return Err(self.protocol("it sends us for a token over http"));
        }
        let known = self.options.token_hosts.iter().any(|one| same(one, &realm));
        if credentials.is_some() && !known && !belongs(&realm, &endpoint.host) {
            return Err(RegistryFault::Realm {
                host: endpoint.host.clone(),
                realm,
                registry: asked.registry.to_owned(),
            });
        }
        let client = self.client(&url);
        let has_credentials = credentials.is_some();
        let request = match credentials {
            Some(Credentials::Identity(token)) => {
                // A form is written as a query is.
                let mut form = url.clone();
                form.query_pairs_mut()
                    .clear()
                    .append_pair("grant_type", "refresh_token")
                    .append_pair("client_id", "pellucid")
                    .append_pair("service", asked.service.unwrap_or_default())
                    .append_pair("scope", asked.scope)
                    .append_pair("refresh_token", token.reveal());
                client
                    .post(url.clone())
                    .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(form.query().unwrap_or_default().to_owned())
            }
            other => {
                let mut pairs = url.query_pairs_mut();
                if let Some(service) = asked.service {
                    pairs.append_pair("service", service);
                }
                // One scope may be several, with blanks between.
                for scope in asked.scope.split_ascii_whitespace() {
                    pairs.append_pair("scope", scope);
                }
                let mut value = None;
                if let Some(Credentials::Password { username, password }) = &other {
                    pairs.append_pair("account", username);
                    value = secret(&basic(username, password.reveal()));
                }
                drop(pairs);
                let request = client.get(url.clone());
                match value {
                    Some(value) => request.header(header::AUTHORIZATION, value),
                    None => request,
                }
            }
        };
        // A redirect is no answer: whoever is asked for a token gives it.
        let mut response = self.send(&url, request).await?;
        let registry = asked.registry.to_owned();
        match response.status().as_u16() {
            200 => {}
            status @ (400 | 401 | 403) if has_credentials => {
                return Err(RegistryFault::Refused {
                    host: realm,
                    registry,
                    status,
                });
            }
            401 | 403 => {
                return Err(RegistryFault::Anonymous {
                    host: realm,
                    registry,
                });
            }
            429 => {
                let rate = answer::rate(response.headers());
                return Err(RegistryFault::RateLimited { host: realm, rate });
            }
            status => {
                return Err(RegistryFault::Status {
                    host: realm,
                    status,
                    code: None,
                    retry_after: answer::rate(response.headers()).retry_after,
                });
            }
        }
        let bytes = self.small(&mut response).await?;
        let token = answer::token(&bytes).map_err(|reason| self.protocol(reason))?;
        secret(&format!("Bearer {token}"))
            .map(Some)
            .ok_or_else(|| self.protocol("its token server's answer holds no token"))
    }

    fn shown(&self, host: &str) -> Option<HeaderValue> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(host).cloned()
    }

    /// The code of the registry's error, if it is one.
    async fn code(&self, mut response: Response) -> Option<String> {
        let bytes = self.small(&mut response).await.ok()?;
        answer::code(&bytes)
    }

    async fn small(&self, response: &mut Response) -> Result<Vec<u8>, RegistryFault> {
        let host = host_of(response.url());
        let mut bytes = Vec::new();
        loop {
            let chunk = match tokio::time::timeout(self.options.stall, response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => return Ok(bytes),
                Ok(Err(source)) => {
                    return Err(RegistryFault::Transport {
                        host,
                        source: source.without_url(),
                    });
                }
                Err(_) => {
                    return Err(RegistryFault::Stalled {
                        host,
                        limit: self.options.stall,
                    });
                }
            };
            if bytes.len() + chunk.len() > ANSWER {
                return Err(self.protocol("its answer is too large"));
            }
            bytes.extend_from_slice(&chunk);
        }
    }

    fn client(&self, url: &Url) -> &reqwest::Client {
        let host = host_of(url);
        let unchecked = self.options.insecure.iter().any(|one| same(one, &host));
        match &self.unchecked {
            Some(client) if unchecked => client,
            _ => &self.http,
        }
    }

    fn scheme(&self, host: &str) -> &'static str {
        match self.options.plain_http.iter().any(|one| same(one, host)) {
            true => "http",
            false => "https",
        }
    }

    fn url(&self, text: &str) -> Result<Url, RegistryFault> {
        let url =
            Url::parse(text).map_err(|_| self.protocol("it names an address that is none"))?;
        let plain = matches!(url.scheme(), "http" | "https") && url.has_host();
        if plain && url.username().is_empty() && url.password().is_none() {
            Ok(url)
        } else {
            Err(self.protocol("it names an address that is none"))
        }
    }

    fn protocol(&self, reason: &'static str) -> RegistryFault {
        RegistryFault::Protocol {
            host: self.name.host().to_owned(),
            reason,
        }
    }
}

struct TokenRequest<'a> {
    realm: &'a str,
    service: Option<&'a str>,
    scope: &'a str,
    registry: &'a str,
}

fn basic(username: &str, password: &str) -> String {
    let pair = format!("{username}:{password}");
    let pair = base64::engine::general_purpose::STANDARD.encode(pair);
    format!("Basic {pair}")
}

/// A header that is shown in no log.
fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// `HOST[:PORT]`, without the port that the scheme has anyway.
pub(super) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn same(said: &str, host: &str) -> bool {
    said.eq_ignore_ascii_case(host)
}
