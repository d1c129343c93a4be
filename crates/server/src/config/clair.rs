//! Clair 2.x's keys, with its defaults, and ours that stand in its sections.
//!
//! Accepted without effect: `api.servername`, `updater.enabledupdaters`, `worker`, and the two test
//! aids of the database section, which Clair or its older sample files have.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{ConfigError, GoDuration};
use crate::auth::Scope;

/// Clair's tree.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Clair {
    /// Where layers and notifications are kept.
    pub database: Option<DatabaseSection>,
    api: Option<Api>,
    /// How often advisories are fetched; null or an interval of 0 switches updates off.
    pub updater: Option<Updater>,
    /// Where news is sent to; null switches it off.
    pub notifier: Option<Notifier>,
    worker: Option<Ignored>,
}

/// A path; an empty one is none, as in Clair.
fn path<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    text(deserializer).map(|text| text.map(PathBuf::from))
}

/// A text; an empty one is none.
fn text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.is_empty()))
}

/// Something that Clair's files have and that has no effect.
#[derive(Clone, Debug)]
struct Ignored;

impl<'de> Deserialize<'de> for Ignored {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl Default for Clair {
    fn default() -> Self {
        Self {
            database: None,
            api: Some(Api::default()),
            updater: Some(Updater::default()),
            notifier: Some(Notifier::default()),
            worker: None,
        }
    }
}

/// `clair.database`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseSection {
    /// `pgsql`, or `sqlite`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Its options.
    pub options: Option<DatabaseOptions>,
}

/// `clair.database.options`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseOptions {
    /// Connection string, or the file of SQLite.
    pub source: Option<String>,
    /// Accepted: this server's caches bound themselves.
    pub cachesize: Option<i64>,
    /// Connections to PostgreSQL at most.
    pub max_connections: Option<usize>,
    managedatabaselifecycle: Option<Ignored>,
    fixturepath: Option<Ignored>,
}

/// `clair.api`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Api {
    /// Port of the API; 0 takes any that is free.
    pub port: u16,
    /// Port of the health server.
    pub healthport: u16,
    /// Address of the API; see [`Config::api_addresses`](super::Config::api_addresses).
    pub address: Option<IpAddr>,
    /// Address of the health server; the API's if absent.
    pub healthaddress: Option<IpAddr>,
    /// After this time a request is answered with 503.
    pub timeout: GoDuration,
    /// Key that page tokens are signed with; one kept in the database if absent.
    #[serde(deserialize_with = "text")]
    pub paginationkey: Option<String>,
    /// The server's certificates, PEM.
    #[serde(deserialize_with = "path")]
    pub certfile: Option<PathBuf>,
    /// Their key, PEM.
    #[serde(deserialize_with = "path")]
    pub keyfile: Option<PathBuf>,
    /// Certificate authorities of clients, PEM; a client must then show a certificate.
    #[serde(deserialize_with = "path")]
    pub cafile: Option<PathBuf>,
    servername: Option<Ignored>,
    /// Whether anybody who reaches the API may change advisories and delete layers.
    pub allow_unauthenticated_writes: bool,
    /// Who may do what; where there are any, nobody else may do anything.
    pub tokens: Vec<Token>,
    /// How long requests may take to end after a stop was asked for.
    pub drain: GoDuration,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            port: 6060,
            healthport: 6061,
            address: None,
            healthaddress: None,
            timeout: GoDuration::seconds(900),
            paginationkey: None,
            certfile: None,
            keyfile: None,
            cafile: None,
            servername: None,
            allow_unauthenticated_writes: false,
            tokens: Vec::new(),
            drain: GoDuration::seconds(30),
        }
    }
}

/// One of `clair.api.tokens`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Who it is, for the audit log.
    pub name: String,
    /// SHA-256 of the token, in hexadecimal.
    pub sha256: String,
    /// What its bearer may do.
    pub scopes: Vec<Scope>,
}

/// `clair.updater`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Updater {
    /// Time between updates; 0 is never.
    pub interval: GoDuration,
    enabledupdaters: Option<Ignored>,
}

impl Default for Updater {
    fn default() -> Self {
        Self {
            interval: GoDuration::seconds(3600),
            enabledupdaters: None,
        }
    }
}

/// `clair.notifier`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Notifier {
    /// Tries before a notification rests.
    pub attempts: u32,
    /// Time until a delivered one that nobody deleted is sent again.
    pub renotifyinterval: GoDuration,
    /// The receiver.
    pub http: Option<NotifierHttp>,
}

impl Default for Notifier {
    fn default() -> Self {
        Self {
            attempts: 5,
            renotifyinterval: GoDuration::seconds(7200),
            http: None,
        }
    }
}

/// `clair.notifier.http`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NotifierHttp {
    /// URL of the receiver; empty is none.
    #[serde(deserialize_with = "text")]
    pub endpoint: Option<String>,
    /// Name that the receiver's certificate must have.
    #[serde(deserialize_with = "text")]
    pub servername: Option<String>,
    /// Authorities of the receiver's certificate, PEM.
    #[serde(deserialize_with = "path")]
    pub cafile: Option<PathBuf>,
    /// Our key, PEM.
    #[serde(deserialize_with = "path")]
    pub keyfile: Option<PathBuf>,
    /// Our certificate, PEM.
    #[serde(deserialize_with = "path")]
    pub certfile: Option<PathBuf>,
    /// Proxy to the receiver.
    #[serde(deserialize_with = "text")]
    pub proxy: Option<String>,
    /// Secret that messages are signed with.
    #[serde(deserialize_with = "text")]
    pub secret: Option<String>,
}

impl Clair {
    /// `clair.api`; its defaults where it is null.
    pub fn api(&self) -> Api {
        self.api.clone().unwrap_or_default()
    }

    /// The section itself, to change it.
    pub fn api_mut(&mut self) -> &mut Api {
        self.api.get_or_insert_with(Api::default)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let api = self.api();
        let pair = (api.certfile.is_some(), api.keyfile.is_some());
        if api.cafile.is_some() && pair != (true, true) {
            return Err(ConfigError::value(
                "clair.api.cafile",
                "client certificates can be asked for only with certfile and keyfile; without them \
                 the API would be open to everybody",
            ));
        }
        if pair.0 != pair.1 {
            return Err(ConfigError::value(
                "clair.api.certfile",
                "certfile and keyfile belong together",
            ));
        }
        if let Some(key) = api.paginationkey.as_deref()
            && pagination_key(key).is_none()
        {
            return Err(ConfigError::value(
                "clair.api.paginationkey",
                "Invalid Pagination key; must be 32-bit URL-safe base64",
            ));
        }
        if api.timeout.0.is_zero() {
            return Err(ConfigError::value(
                "clair.api.timeout",
                "must be more than 0",
            ));
        }
        for token in &api.tokens {
            if hex::decode(&token.sha256).map(|bytes| bytes.len()) != Ok(32) {
                return Err(ConfigError::value(
                    "clair.api.tokens",
                    format!("sha256 of {:?} is not 64 hexadecimal digits", token.name),
                ));
            }
        }
        self.check_database()
    }

    fn check_database(&self) -> Result<(), ConfigError> {
        let Some(database) = &self.database else {
            return Ok(());
        };
        let source = database
            .options
            .as_ref()
            .and_then(|options| options.source.as_deref())
            .unwrap_or_default();
        match database.kind.as_deref().unwrap_or("pgsql") {
            "pgsql" if source.is_empty() => Err(ConfigError::value(
                "clair.database.options.source",
                "pgsql: no database connection string specified",
            )),
            "pgsql" | "sqlite" => Ok(()),
            other => Err(ConfigError::value(
                "clair.database.type",
                format!("unknown database {other:?}; there are pgsql and sqlite"),
            )),
        }
    }

    pub(super) fn ignored(&self) -> Vec<&'static str> {
        let api = self.api();
        let options = self
            .database
            .as_ref()
            .and_then(|database| database.options.as_ref());
        let has = [
            ("clair.worker", self.worker.is_some()),
            ("clair.api.servername", api.servername.is_some()),
            (
                "clair.updater.enabledupdaters",
                self.updater
                    .as_ref()
                    .is_some_and(|updater| updater.enabledupdaters.is_some()),
            ),
            (
                "clair.database.options.managedatabaselifecycle",
                options.is_some_and(|options| options.managedatabaselifecycle.is_some()),
            ),
            (
                "clair.database.options.fixturepath",
                options.is_some_and(|options| options.fixturepath.is_some()),
            ),
        ];
        has.into_iter()
            .filter_map(|(key, is_there)| is_there.then_some(key))
            .collect()
    }
}

/// The 32 bytes of a key: 64 hexadecimal digits, or base64 of either alphabet.
pub(crate) fn pagination_key(text: &str) -> Option<[u8; 32]> {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    let bytes = (text.len() == 64)
        .then(|| hex::decode(text).ok())
        .flatten()
        .or_else(|| STANDARD.decode(text).ok())
        .or_else(|| URL_SAFE.decode(text).ok())?;
    bytes.try_into().ok()
}
