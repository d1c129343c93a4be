//! What a start, or what runs after it, could not use of a configuration, found out without starting: no
//! port is taken, nothing is written or asked of the network. Files that it names are read.

use std::path::Path;

use pellucid_notify::Webhook;
use pellucid_store::Database;
use pellucid_updater::FetchOptions;

use crate::auth::Auth;
use crate::config::{Config, ConfigError};
use crate::fetch::Fetcher;
use crate::fetch::policy::Policy;
use crate::notifier;
use crate::serve::database;
use crate::tls::Tls;

impl Config {
    /// All that cannot be used, each with its key. Empty where a start could only fail at what it asks
    /// for: ports, the data directory, the database.
    pub fn trial(&self) -> Vec<ConfigError> {
        let mut wrong: Vec<ConfigError> = [
            self.check(),
            Tls::of(&self.clair.api()).map(drop),
            Auth::of(self).map(drop),
            source(self),
            layers(self),
            receiver(self),
        ]
        .into_iter()
        .filter_map(Result::err)
        .collect();
        wrong.extend(feeds(self));
        wrong
    }
}

/// A value that cannot be used, for a reason with its causes.
fn unusable(key: &'static str, error: &dyn std::error::Error) -> ConfigError {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        reason = format!("{reason}: {error}");
        cause = error.source();
    }
    ConfigError::value(key, reason)
}

fn source(config: &Config) -> Result<(), ConfigError> {
    const KEY: &str = "clair.database.options.source";
    // Where the embedded database is without a path, its folder is made.
    let database = database(config, Path::new("."));
    if let Database::Sqlite { path } = &database
        && let Some(folder) = path.parent()
        && !folder.as_os_str().is_empty()
        && !folder.is_dir()
    {
        return Err(ConfigError::value(
            KEY,
            format!("there is no folder {}", folder.display()),
        ));
    }
    database.check().map_err(|error| unusable(KEY, &error))
}

fn layers(config: &Config) -> Result<(), ConfigError> {
    let sources = &config.layer_sources;
    let policy = Policy::new(sources, false, Vec::new());
    Fetcher::new(sources, policy, false, false, None)
        .map(drop)
        .map_err(|error| unusable("layer_sources.proxy", &error.without_url()))
}

fn receiver(config: &Config) -> Result<(), ConfigError> {
    match notifier::options(&config.clair) {
        Some(options) => Webhook::new(&options)
            .map(drop)
            .map_err(|error| unusable("clair.notifier.http", &error)),
        None => Ok(()),
    }
}

/// A mirror that is a folder must be there; one that is a URL, and a proxy, are not asked.
fn feeds(config: &Config) -> Vec<ConfigError> {
    let feeds = &config.feeds;
    let settings = [
        (
            "feeds.mirror",
            FetchOptions {
                mirror: feeds.mirror.clone(),
                ..FetchOptions::default()
            },
        ),
        (
            "feeds.mirrors",
            FetchOptions {
                mirrors: feeds.mirrors.clone(),
                ..FetchOptions::default()
            },
        ),
        (
            "feeds.proxy",
            FetchOptions {
                proxy: feeds.proxy.clone(),
                ..FetchOptions::default()
            },
        ),
    ];
    settings
        .into_iter()
        .filter_map(|(key, options)| Some(unusable(key, &options.check().err()?)))
        .collect()
}
