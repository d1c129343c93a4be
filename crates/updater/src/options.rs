//! How to fetch. Nothing here is read from the environment, but that the HTTP client honours
//! `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`.

use std::collections::BTreeMap;
use std::time::Duration;

use pellucid_snapshot::Gate;

use crate::mirror::Root;
use crate::{FetchError, http};

/// Settings of an update. The defaults suit a person at a terminal and a nightly job alike.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// Take every file from here instead of from upstream: a folder, or an `http(s)` URL.
    pub mirror: Option<String>,
    /// The same for single feeds, by their names; stronger than [`Self::mirror`].
    pub mirrors: BTreeMap<String, String>,
    /// Proxy for every URL, with its user and password where it wants them; the environment's if
    /// `None`.
    pub proxy: Option<String>,
    /// With a mirror that keeps dated copies: the newest that is not younger than this
    /// `YYYY-MM-DD`. Also allows data older than what is there.
    pub as_of: Option<String>,
    /// Open no socket. A mirror that is a folder still works.
    pub offline: bool,
    /// How much a snapshot may shrink before it is held back.
    pub gate: Gate,
    /// Most feeds fetched at a time.
    pub parallel: usize,
    /// Most feeds parsed at a time: what bounds memory.
    pub parsers: usize,
    /// Tries per file.
    pub attempts: u32,
    /// Pause before the second try; doubled for each further one, shortened by up to half at random.
    pub first_wait: Duration,
    /// Longest pause; a server that asks for a longer one (`Retry-After`) is not asked again.
    pub longest_wait: Duration,
    /// Longest time for a connection to be made.
    pub connect_timeout: Duration,
    /// Longest time without a single byte.
    pub read_timeout: Duration,
    /// Fewest bytes per second, on average over [`Self::rate_window`].
    pub least_rate: u64,
    /// Time over which the rate is taken.
    pub rate_window: Duration,
    /// Longest wait for another process that is updating the same data directory.
    pub lock_timeout: Duration,
    /// Value of the `User-Agent` header.
    pub user_agent: String,
}

impl FetchOptions {
    /// Whether files can be fetched with these, as far as nobody has to be asked: mirrors that are folders
    /// are there, URLs and proxies are some.
    ///
    /// # Errors
    /// What is wrong with the first that is not.
    pub fn check(&self) -> Result<(), FetchError> {
        for mirror in self.mirror.iter().chain(self.mirrors.values()) {
            Root::new(mirror)?;
        }
        http::client(self, false).map(drop)
    }

    /// Where the files of a snapshot key are taken from; upstream if `None`.
    pub(crate) fn mirror_of(&self, key: &str) -> Option<&str> {
        let name = key.split_once('/').map_or(key, |(name, _)| name);
        self.mirrors
            .get(name)
            .or(self.mirror.as_ref())
            .map(String::as_str)
    }
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            mirror: None,
            mirrors: BTreeMap::new(),
            proxy: None,
            as_of: None,
            offline: false,
            gate: Gate::default(),
            parallel: 4,
            parsers: 1,
            attempts: 4,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(30),
            least_rate: 1024,
            rate_window: Duration::from_secs(20),
            lock_timeout: Duration::from_secs(600),
            user_agent: concat!("pellucid/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}
