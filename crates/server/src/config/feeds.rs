//! `feeds` and `notifications`: what is followed, and how news of it is sent.

use std::collections::{BTreeMap, BTreeSet};

use pellucid_feeds::FEEDS;
use pellucid_model::Namespace;
use serde::Deserialize;

use super::{ConfigError, GoDuration};

/// `feeds`: which advisories are followed, and from where they are fetched.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Feeds {
    /// Names of feeds, or single parts of them (`alpine/v3.20`); every feed if absent, but for those
    /// about languages where their packages are no features.
    pub follow: Option<Vec<String>>,
    /// Folder or URL that every file is taken from instead of upstream.
    pub mirror: Option<String>,
    /// The same for single feeds, by their names.
    pub mirrors: BTreeMap<String, String>,
    /// Proxy that feeds are fetched through; the environment's if absent.
    pub proxy: Option<String>,
    /// Time between updates of single feeds; the others have `clair.updater.interval`.
    pub intervals: BTreeMap<String, GoDuration>,
    /// Feeds fetched at a time.
    pub parallel: usize,
}

impl Default for Feeds {
    fn default() -> Self {
        Self {
            follow: None,
            mirror: None,
            mirrors: BTreeMap::new(),
            proxy: None,
            intervals: BTreeMap::new(),
            parallel: 4,
        }
    }
}

impl Feeds {
    /// Keys of the snapshots that are followed, as far as they are known without asking anybody.
    pub fn keys(&self, languages: bool) -> BTreeSet<String> {
        match &self.follow {
            Some(words) => words
                .iter()
                .filter_map(|word| pellucid_feeds::keys(word).ok())
                .flatten()
                .collect(),
            None => FEEDS
                .iter()
                .filter(|feed| !feed.on_request())
                .filter(|feed| languages || feed.answers(&Namespace::new("npm")).is_none())
                .flat_map(|feed| feed.parts())
                .collect(),
        }
    }

    /// Whether a key that became known by a layer is followed too: a new release of a distribution.
    pub fn is_followed(&self, key: &str) -> bool {
        let name = key.split_once('/').map_or(key, |(name, _)| name);
        match &self.follow {
            Some(words) => words.iter().any(|word| word == name || word == key),
            None => !pellucid_feeds::is_on_request(key),
        }
    }

    /// Time between updates of a key.
    pub fn interval(&self, key: &str, otherwise: GoDuration) -> GoDuration {
        let name = key.split_once('/').map_or(key, |(name, _)| name);
        let own = self.intervals.get(key).or_else(|| self.intervals.get(name));
        own.copied().unwrap_or(otherwise)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        for word in self.follow.iter().flatten() {
            if let Err(error) = pellucid_feeds::keys(word) {
                return Err(ConfigError::value("feeds.follow", error.to_string()));
            }
        }
        for word in self.mirrors.keys() {
            if !FEEDS.iter().any(|feed| feed.name() == word) {
                let why = format!("no feed is called {word:?}");
                return Err(ConfigError::value("feeds.mirrors", why));
            }
        }
        for word in self.intervals.keys() {
            if let Err(error) = pellucid_feeds::keys(word) {
                return Err(ConfigError::value("feeds.intervals", error.to_string()));
            }
        }
        if self.parallel == 0 {
            return Err(ConfigError::value("feeds.parallel", "must be more than 0"));
        }
        Ok(())
    }
}

/// `notifications`: when news of feeds is sent. Edits through the API are told at once.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Notifications {
    /// Time in which changes of one vulnerability become one notification.
    pub wait: GoDuration,
    /// The same for a vulnerability that was told of within this time.
    pub hold: GoDuration,
    /// An update that changes more vulnerabilities than this is told of when an operator says so.
    pub most: usize,
    /// A notification that could not be delivered for this long is given up; 0 is never.
    pub give_up: GoDuration,
    /// Messages on their way at a time.
    pub parallel: usize,
}

impl Default for Notifications {
    fn default() -> Self {
        Self {
            wait: GoDuration::seconds(30),
            hold: GoDuration::seconds(3600),
            most: 5000,
            give_up: GoDuration::seconds(3 * 24 * 3600),
            parallel: 8,
        }
    }
}

impl Notifications {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.parallel == 0 {
            return Err(ConfigError::value(
                "notifications.parallel",
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
    fn every_feed_is_followed_unless_some_are_named() {
        let all = Feeds::default().keys(true);
        assert!(all.contains("debian") && all.iter().any(|key| key.starts_with("alpine/")));
        assert!(all.contains("osv/npm"), "{all:?}");
        // What another feed passes on is followed where somebody asks for it.
        assert!(!all.contains("ghsa") && !Feeds::default().is_followed("ghsa"));
        let of_distributions = Feeds::default().keys(false);
        assert!(!of_distributions.iter().any(|key| key.starts_with("osv/")));
        let some = Feeds {
            follow: Some(vec!["debian".to_owned(), "alpine/v3.20".to_owned()]),
            intervals: BTreeMap::from([("alpine".to_owned(), GoDuration::seconds(60))]),
            ..Feeds::default()
        };
        assert_eq!(
            some.keys(true).into_iter().collect::<Vec<_>>(),
            ["alpine/v3.20", "debian"]
        );
        assert!(some.is_followed("debian") && !some.is_followed("alpine/v3.21"));
        let hour = GoDuration::seconds(3600);
        assert_eq!(some.interval("alpine/v3.20", hour), GoDuration::seconds(60));
        assert_eq!(some.interval("debian", hour), hour);
        let unknown = Feeds {
            follow: Some(vec!["nope".to_owned()]),
            ..Feeds::default()
        };
        assert!(unknown.check().is_err());
    }
}
