//! The configuration file: Clair 2.x's `config.yaml` as it is, and our own keys beside its own.
//!
//! Everything of Clair is below `clair:`. `updater:` and `notifier:` given as null are switched off, as in
//! Clair; of every other section the defaults then hold. Keys that nobody knows are an error that names the
//! nearest known one, since a misspelt key is a setting that silently does not hold. Environment
//! variables are replaced in the path of the file alone, never inside it.

mod clair;
mod duration;
mod feeds;
mod own;
mod print;
pub(crate) mod suggest;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub(crate) use clair::pagination_key;
pub use clair::{Api, Clair, DatabaseSection, Notifier, NotifierHttp, Token, Updater};
pub use duration::GoDuration;
pub use feeds::{Feeds, Notifications};
pub use own::{Features, HostRule, LayerSources, Scans};

/// Everything that can be configured.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Clair 2.x's own tree.
    #[serde(deserialize_with = "section")]
    pub clair: Clair,
    /// Folder of advisory snapshots, and of the database where it is SQLite.
    pub data_dir: Option<PathBuf>,
    /// What the paths of layers may lead to.
    #[serde(deserialize_with = "section")]
    pub layer_sources: LayerSources,
    /// How many layers are read at once.
    #[serde(deserialize_with = "section")]
    pub scans: Scans,
    /// Which packages the API shows.
    #[serde(deserialize_with = "section")]
    pub features: Features,
    /// Which advisories are followed.
    #[serde(deserialize_with = "section")]
    pub feeds: Feeds,
    /// When news of them is sent.
    #[serde(deserialize_with = "section")]
    pub notifications: Notifications,
    /// The file it was read from; `None` when there is none.
    #[serde(skip)]
    pub origin: Option<PathBuf>,
}

/// A section; its defaults where nothing stands below its key.
fn section<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("open {}: {source}", path.display())]
    Read {
        /// The file, after environment variables were replaced.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// It is no YAML, has keys that nobody knows, or values of the wrong sort.
    #[error("{}: {reason}", path.display())]
    Yaml {
        /// The file.
        path: PathBuf,
        /// Where and what.
        reason: String,
    },
    /// A value, or several together, make no sense.
    #[error("{key}: {reason}")]
    Value {
        /// The key, with dots.
        key: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl ConfigError {
    pub(crate) fn value(key: &'static str, reason: impl Into<String>) -> Self {
        Self::Value {
            key,
            reason: reason.into(),
        }
    }
}

impl Config {
    /// Reads a file; `$VAR` and `${VAR}` in its path are replaced by `variable`.
    ///
    /// # Errors
    /// The file cannot be read or is no configuration.
    pub fn read(
        path: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let path = PathBuf::from(expand(path, variable));
        let text = std::fs::read_to_string(&path).map_err(|source| ConfigError::Read {
            path: path.clone(),
            source,
        })?;
        Self::parse(&text, &path)
    }

    /// Reads a configuration's text; the path is for messages.
    ///
    /// # Errors
    /// The text is no configuration.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let yaml = |reason: String| ConfigError::Yaml {
            path: path.to_owned(),
            reason,
        };
        // Nothing but comments is a configuration in which every default holds.
        let is_empty = text
            .lines()
            .map(str::trim)
            .all(|line| line.is_empty() || line.starts_with('#') || line == "---");
        let mut config = if is_empty {
            Self::default()
        } else {
            serde_saphyr::from_str::<Option<Self>>(text)
                .map_err(|error| yaml(suggest::explain(&error.to_string())))?
                .unwrap_or_default()
        };
        config.origin = Some(path.to_owned());
        config.check()?;
        Ok(config)
    }

    /// Whether values make sense by themselves and together.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.clair.check()?;
        self.layer_sources.check()?;
        self.scans.check()?;
        self.feeds.check()?;
        self.notifications.check()
    }

    /// The addresses that the API binds, the first that can be bound wins.
    ///
    /// Without a file the loopback; with Clair's file, which knows only ports, every interface.
    pub fn api_addresses(&self) -> Vec<IpAddr> {
        self.addresses(self.clair.api().address)
    }

    /// The same of the health server.
    pub fn health_addresses(&self) -> Vec<IpAddr> {
        let api = self.clair.api();
        self.addresses(api.healthaddress.or(api.address))
    }

    fn addresses(&self, given: Option<IpAddr>) -> Vec<IpAddr> {
        match (given, &self.origin) {
            (Some(address), _) => vec![address],
            (None, None) => vec![Ipv4Addr::LOCALHOST.into()],
            (None, Some(_)) => vec![Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()],
        }
    }

    /// Whether only this machine can reach the API.
    pub fn is_loopback(&self) -> bool {
        self.api_addresses()
            .iter()
            .all(|address| address.is_loopback())
    }

    /// Keys that are accepted because Clair's files have them, and have no effect here.
    pub fn ignored(&self) -> Vec<&'static str> {
        self.clair.ignored()
    }

    /// The configuration in effect, as YAML, secrets replaced by `***`.
    pub fn print(&self) -> String {
        print::yaml(self)
    }
}

/// Replaces `$VAR` and `${VAR}`; an unknown variable is empty, as Go's `os.ExpandEnv` has it.
fn expand(text: &str, variable: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let braced = after
            .strip_prefix('{')
            .and_then(|inside| inside.split_once('}'));
        let (name, after) = braced.unwrap_or_else(|| {
            let end = after
                .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
                .unwrap_or(after.len());
            after.split_at_checked(end).unwrap_or((after, ""))
        });
        if name.is_empty() {
            out.push('$');
        }
        out.push_str(&variable(name).unwrap_or_default());
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_in_a_path() {
        let variable = |name: &str| (name == "HOME").then(|| "/homes/me".to_owned());
        for (text, expected) in [
            ("/etc/clair", "/etc/clair"),
            ("$HOME/c.yaml", "/homes/me/c.yaml"),
            ("${HOME}/c.yaml", "/homes/me/c.yaml"),
            ("$NOPE/x", "/x"),
            ("a$", "a$"),
        ] {
            assert_eq!(expand(text, variable), expected);
        }
    }
}
