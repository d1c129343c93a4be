//! How registries are asked: what a caller decides, and what is never done unless it is said.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// How registries are asked. What is not said here does not happen: no plain HTTP, no unchecked
/// certificate, no credentials but those of the files named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryOptions {
    /// Files with credentials, as Docker (`config.json`) and podman (`auth.json`) write them; the
    /// first that knows a registry answers. Credential helpers that they name are run.
    pub auth_files: Vec<PathBuf>,
    /// Credentials for one registry, stronger than the files.
    pub login: Option<Login>,
    /// Registries, `HOST[:PORT]`, that speak HTTP without TLS.
    pub plain_http: Vec<String>,
    /// Registries, `HOST[:PORT]`, whose certificates are not checked.
    pub insecure: Vec<String>,
    /// PEM files of certificate authorities to trust beside the system's.
    pub ca_files: Vec<PathBuf>,
    /// Hosts that give out tokens for registries of other domains, and may see their credentials.
    pub token_hosts: Vec<String>,
    /// For a registry, where to ask first: its own host (`docker.io`), and `HOST[:PORT][/PREFIX]`.
    pub mirrors: Vec<(String, String)>,
    /// How often a request that failed for the moment is made again.
    pub retries: u32,
    /// The pause before the first new try; it doubles.
    pub pause: Duration,
    /// The longest pause that a registry may ask for.
    pub longest_pause: Duration,
    /// Time without a byte after which a connection is given up.
    pub stall: Duration,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        Self {
            auth_files: Vec::new(),
            login: None,
            plain_http: Vec::new(),
            insecure: Vec::new(),
            ca_files: Vec::new(),
            token_hosts: Vec::new(),
            mirrors: Vec::new(),
            retries: 4,
            pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(60),
            stall: Duration::from_secs(30),
        }
    }
}

/// Credentials for one registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The registry they are for, as in image names: `docker.io`, `registry.example.com:5000`.
    pub registry: String,
    /// Who.
    pub username: String,
    /// And the proof.
    pub password: Secret,
}

/// A text that is shown nowhere.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that sends it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
