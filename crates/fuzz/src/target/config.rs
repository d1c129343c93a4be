//! The service's configuration.

use std::path::Path;

use pellucid_server::Config;

/// Reads it; what was read prints as a configuration that reads the same.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(config) = read(text) else {
        return;
    };
    let printed = config.print();
    // Stars stand for secrets, and are neither a key nor a hash.
    let number = "0".repeat(64);
    let filled = ["paginationkey", "sha256"]
        .iter()
        .fold(printed.clone(), |text, key| {
            text.replace(&format!("{key}: \"***\""), &format!("{key}: \"{number}\""))
        });
    let again = read(&filled).unwrap_or_else(|error| panic!("{error}:\n{printed}"));
    assert_eq!(again.print(), printed);
    assert_eq!(said(&again), said(&config), "{printed}");
}

fn read(text: &str) -> Result<Config, String> {
    Config::parse(text, Path::new("config.yaml")).map_err(|error| error.to_string())
}

/// What a configuration says, but for secrets.
fn said(config: &Config) -> String {
    let api = config.clair.api();
    let database = config.clair.database.clone().unwrap_or_default();
    let options = database.options.unwrap_or_default();
    let sources = &config.layer_sources;
    let feeds = &config.feeds;
    let languages = config.features.languages;
    format!(
        "{:?}",
        (
            (
                database.kind.as_deref().unwrap_or("pgsql"),
                options.max_connections
            ),
            (
                api.port,
                api.healthport,
                api.timeout,
                api.drain,
                api.certfile,
                api.keyfile,
                api.cafile
            ),
            (
                api.allow_unauthenticated_writes,
                api.tokens.len(),
                config.is_loopback()
            ),
            (
                &config.clair.updater.as_ref().map(|it| it.interval),
                config.clair.notifier.is_some()
            ),
            (
                &sources.files,
                &sources.hosts,
                sources.allow_private,
                sources.timeout,
                sources.max_bytes
            ),
            (
                config.scans.concurrency(),
                config.scans.queue(),
                languages,
                &config.notifications
            ),
            (
                feeds.keys(languages),
                &feeds.intervals,
                feeds.mirrors.keys(),
                feeds.parallel
            ),
        )
    )
}

/// Clair's own sample by its keys, ours, and what YAML can do to a reader.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    const TEXTS: &[&str] = &[
        CLAIR,
        OURS,
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
        "# nothing\n---\n",
    ];
    TEXTS.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Where a database is.
pub(crate) fn databases() -> Vec<Vec<u8>> {
    [
        "host=localhost port=5432 user=postgres sslmode=disable statement_timeout=60000",
        "postgresql://us%40er:p%3Aw'\\\\@[::1]:5433,b:1/d%20b?sslmode=verify-full&sslrootcert=/ca&options=-c%20a=b",
        "host='a b' password='p:w\\\\'\\\\\\\\' sslcert=/c sslkey=/k target_session_attrs=read-write",
        "host=a hostaddr=127.0.0.1 connect_timeout=5 keepalives_idle=3 tcp_user_timeout=2",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect()
}

/// Where messages go, and how.
pub(crate) fn webhooks() -> Vec<Vec<u8>> {
    [
        "http://us%3Aer:word@localhost:8000/notify?a=b\nhttp://user@[::1]:3128\n\nwhsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw other",
        "http://[::1]\n\nname",
        "https://receiver.example/\n\n10.0.0.1\n",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect()
}

const CLAIR: &str = "\
clair:
  database:
    type: pgsql
    options:
      source: host=localhost port=5432 user=postgres sslmode=disable
      cachesize: 16384
  api:
    port: 6060
    healthport: 6061
    timeout: 900s
    paginationkey: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
    servername: clair
    cafile:
    keyfile:
    certfile:
  worker:
    namespace_detectors: [os-release]
  updater:
    interval: 2h
    enabledupdaters: [debian]
  notifier:
    attempts: 3
    renotifyinterval: 2h
    http:
      endpoint: https://someone:word@localhost:8000/notify?token=word
      servername: receiver
      cafile:
      keyfile:
      certfile:
      proxy: http://localhost:3128
";

const OURS: &str = "\
clair:
  database: {type: sqlite, options: {source: /srv/x.sqlite, max_connections: 7}}
  api:
    address: 10.0.0.1
    healthaddress: '::1'
    drain: 1m0.5s
    certfile: /etc/tls.pem
    keyfile: /etc/tls.key
    tokens:
      - {name: quay, sha256: '0000000000000000000000000000000000000000000000000000000000000000', scopes: ['layers:read', admin]}
  updater:
  notifier: {http: {secret: word}}
data_dir: \"/srv/a \\u2028\\x85\\ufeff\\x7f\\t'\"
layer_sources:
  files: [/srv/layers, '/srv/#: &']
  hosts: ['registry.example.com:443', '*.internal.example', '10.1.0.0/16', '::1']
  allow_private: false
  proxy: http://user:word@proxy
  timeout: 1500us
  max_bytes: 18446744073709551615
scans: {concurrency: 4, queue: 0}
features: {languages: false}
feeds:
  follow: []
  mirror: /srv/mirror
  proxy: http://proxy
  mirrors: {debian: '', alpine: 'https://mirror.example/a?b=c#d'}
  intervals: {debian: 9223372036854775807}
  parallel: 2
notifications: {wait: 0, hold: 1ns, most: 1, give_up: 1.5h, parallel: 3}
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_reach_what_is_behind_the_keys() {
        for text in [CLAIR, OURS] {
            assert_eq!(read(text).map(drop), Ok(()));
            run(text.as_bytes());
        }
    }
}
