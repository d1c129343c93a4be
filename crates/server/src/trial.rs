//! What a start, or what runs after it, could not use of a configuration, found out without starting: no
//! port is taken, nothing is written or asked of the network. Files that it names are read.

use std::path::Path;

use pellucid_model::with_causes;
use pellucid_notify::Webhook;
use pellucid_updater::FetchOptions;

use crate::auth::Auth;
use crate::config::{Config, ConfigError};
use crate::fetch::Fetcher;
use crate::fetch::policy::Policy;
use crate::notifier;
use crate::serve::database;
use crate::tls::Tls;

impl Config {
    /// All that cannot be used of a configuration that was read, each with its key. Empty where a start could
    /// only fail at what it asks for: ports, the data directory, the database.
    pub fn trial(&self) -> Vec<ConfigError> {
        let mut wrong: Vec<ConfigError> = [
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
    ConfigError::value(key, with_causes(error))
}

fn source(config: &Config) -> Result<(), ConfigError> {
    // Where the embedded database is without a path, its folder is made.
    let database = database(config, Path::new("."));
    let wrong = |error| unusable("clair.database.options.source", &error);
    database.check().map_err(wrong)
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
