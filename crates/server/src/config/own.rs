//! Keys beside `clair:` that Clair never had.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::{ConfigError, GoDuration};

/// `layer_sources`: what the path of a layer may lead to.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LayerSources {
    /// Folders whose files may be named as layers.
    pub files: Vec<PathBuf>,
    /// Hosts that layers may be fetched from; where there are any, from no other.
    pub hosts: Vec<HostRule>,
    /// Whether private networks may be fetched from.
    pub allow_private: bool,
    /// Proxy for fetching; the environment's is not looked at.
    pub proxy: Option<String>,
    /// The longest time that a layer may take to fetch and read.
    pub timeout: GoDuration,
    /// Bytes of the largest layer, as it travels.
    pub max_bytes: u64,
}

impl Default for LayerSources {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            hosts: Vec::new(),
            allow_private: true,
            proxy: None,
            timeout: GoDuration::seconds(600),
            max_bytes: 32 << 30,
        }
    }
}

/// A host, hosts below a domain, or a network; with a port or for all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HostRule {
    /// `registry.example.com`, `registry.example.com:443`, `*.example.com`.
    Name {
        /// The name in lower case, without the `*.`.
        name: String,
        /// Whether hosts below it are meant, and not itself.
        below: bool,
        /// The only port.
        port: Option<u16>,
    },
    /// `10.0.0.0/8`, `192.0.2.7`.
    Network {
        /// An address of it.
        address: IpAddr,
        /// Bits that decide.
        prefix: u8,
    },
}

impl FromStr for HostRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is neither a host, a host and port, nor a network");
        let (address, prefix) = text
            .split_once('/')
            .map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        if let Ok(address) = address.parse::<IpAddr>() {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            let prefix = prefix.map_or(Ok(bits), str::parse).map_err(|_| wrong())?;
            return if prefix <= bits {
                Ok(Self::Network { address, prefix })
            } else {
                Err(wrong())
            };
        }
        let (host, port) = text
            .rsplit_once(':')
            .map_or((text, None), |(host, port)| (host, Some(port)));
        let port = port.map(str::parse).transpose().map_err(|_| wrong())?;
        let (name, below) = host
            .strip_prefix("*.")
            .map_or((host, false), |name| (name, true));
        let is_name = |name: &str| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        };
        if !is_name(name) {
            return Err(wrong());
        }
        Ok(Self::Name {
            name: name.to_ascii_lowercase(),
            below,
            port,
        })
    }
}

impl<'de> Deserialize<'de> for HostRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl std::fmt::Display for HostRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name { name, below, port } => {
                f.write_str(if *below { "*." } else { "" })?;
                f.write_str(name)?;
                port.map_or(Ok(()), |port| write!(f, ":{port}"))
            }
            Self::Network { address, prefix } => write!(f, "{address}/{prefix}"),
        }
    }
}

/// `scans`: how many layers are read at once.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scans {
    /// Layers read at once; as many as there are processors, and two at least, if absent.
    pub concurrency: Option<usize>,
    /// Layers that may wait for their turn; further ones are answered with 503.
    pub queue: Option<usize>,
}

impl Scans {
    /// Layers read at once.
    pub fn concurrency(&self) -> usize {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        self.concurrency.unwrap_or(processors.max(2))
    }

    /// Layers that may wait.
    pub fn queue(&self) -> usize {
        self.queue.unwrap_or(1000)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.concurrency == Some(0) {
            return Err(ConfigError::value(
                "scans.concurrency",
                "must be more than 0",
            ));
        }
        Ok(())
    }
}

/// `features`: which packages the API shows as features.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Features {
    /// Whether packages of languages are features too, each in its ecosystem's namespace (`pypi`).
    pub languages: bool,
}

impl Default for Features {
    fn default() -> Self {
        Self { languages: true }
    }
}

impl LayerSources {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if let Some(relative) = self.files.iter().find(|folder| !folder.is_absolute()) {
            return Err(ConfigError::value(
                "layer_sources.files",
                format!("{} is not an absolute path", relative.display()),
            ));
        }
        if self.timeout.0.is_zero() {
            return Err(ConfigError::value(
                "layer_sources.timeout",
                "must be more than 0",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_and_shown() {
        for text in [
            "example.com",
            "example.com:443",
            "*.example.com",
            "10.0.0.0/8",
            "::1/128",
        ] {
            assert_eq!(text.parse::<HostRule>().unwrap().to_string(), text);
        }
        for bad in ["", "*", "a b", "10.0.0.0/33", "x:99999", "http://x"] {
            assert!(bad.parse::<HostRule>().is_err(), "{bad}");
        }
    }
}
