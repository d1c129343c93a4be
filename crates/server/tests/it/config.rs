//! Configuration files.

use std::path::Path;
use std::time::Duration;

use pellucid_server::Config;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, Path::new("c.yaml")).map_err(|error| error.to_string())
}

/// Clair 2.1's sample file, in its keys.
const SAMPLE: &str = "
clair:
  database:
    type: pgsql
    options:
      source: host=localhost port=5432 user=postgres sslmode=disable statement_timeout=60000
      cachesize: 16384
  api:
    addr:
";

const CLAIR: &str = "
clair:
  database:
    type: pgsql
    options:
      source: postgresql://clair:hunter2@db/clair?sslmode=disable
      cachesize: 16384
      paginationkey:
  api:
    port: 6060
    healthport: 6061
    timeout: 900s
    servername: x
    cafile:
    keyfile:
    certfile:
    paginationkey: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
  worker:
    namespace_detectors: [os-release]
  updater:
    interval: 2h
  notifier:
    attempts: 3
    renotifyinterval: 2h
    http:
      endpoint: https://someone:hunter2@quay.example.com/secscan/notify?token=hunter2
      servername:
      cafile:
      keyfile:
      certfile:
      proxy:
";

#[test]
fn clairs_file_is_read_as_it_is() {
    let config = parse(&CLAIR.replace("      paginationkey:\n", "")).unwrap();
    let api = config.clair.api();
    assert_eq!((api.port, api.healthport), (6060, 6061));
    assert_eq!(api.timeout.0, Duration::from_secs(900));
    assert!(api.cafile.is_none());
    assert_eq!(
        config.clair.updater.as_ref().unwrap().interval.0,
        Duration::from_secs(7200)
    );
    assert_eq!(config.clair.notifier.as_ref().unwrap().attempts, 3);
    assert_eq!(config.ignored(), ["clair.worker", "clair.api.servername"]);
    assert!(!config.is_loopback());
    let printed = config.print();
    assert!(
        !printed.contains("hunter2") && !printed.contains("AAAA"),
        "{printed}"
    );
    let endpoint = "endpoint: \"https://***@quay.example.com/secscan/notify?token=***\"";
    assert!(printed.contains(endpoint), "{printed}");
    // What is printed is a configuration itself.
    parse(&printed.replace(
        "\"***\"",
        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"",
    ))
    .unwrap();
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_known() {
    assert!(parse(SAMPLE).unwrap_err().contains("`addr`"));
    let error = parse(CLAIR).unwrap_err();
    assert!(error.contains("paginationkey"), "{error}");
    let error = parse("clair:\n  api:\n    prot: 1\n").unwrap_err();
    assert!(error.contains("did you mean `port`?"), "{error}");
    let error = parse("clare:\n  api: {}\n").unwrap_err();
    assert!(error.contains("did you mean `clair`?"), "{error}");
}

#[test]
fn sections_may_be_null_or_missing() {
    for text in ["", "# nothing\n", "---\n", "clair:\n  api: {}\n"] {
        let config = parse(text).unwrap();
        assert_eq!(config.clair.api().port, 6060, "{text}");
        assert!(
            config.clair.updater.is_some() && config.clair.notifier.is_some(),
            "{text}"
        );
    }
    let config = parse("clair:\n  updater:\n  notifier: null\n  api:\n").unwrap();
    assert!(config.clair.updater.is_none() && config.clair.notifier.is_none());
    assert_eq!(config.clair.api().timeout.0, Duration::from_secs(900));
    let config =
        parse("clair:\nlayer_sources:\nscans:\nfeatures:\nfeeds: ~\nnotifications: null\n");
    assert_eq!(config.unwrap().print(), parse("").unwrap().print());
}

#[test]
fn values_that_make_no_sense_are_named() {
    let token = "clair:\n  api:\n    tokens: [{name: x, sha256: abc, scopes: [admin]}]\n";
    for (text, part) in [
        (
            "clair:\n  database:\n    type: pgsql\n",
            "no database connection string specified",
        ),
        ("clair:\n  database:\n    type: mysql\n", "mysql"),
        ("clair:\n  api:\n    cafile: /x\n", "clair.api.cafile"),
        ("clair:\n  api:\n    certfile: /x\n", "belong together"),
        (
            "clair:\n  api:\n    paginationkey: x\n",
            "Invalid Pagination key",
        ),
        ("clair:\n  api:\n    timeout: 1d\n", "1d"),
        ("clair:\n  api:\n    port: 70000\n", "line 3"),
        (token, "64 hexadecimal digits"),
        ("layer_sources:\n  files: [relative]\n", "absolute"),
        ("layer_sources:\n  hosts: ['a b']\n", "neither a host"),
        ("scans:\n  concurrency: 0\n", "more than 0"),
    ] {
        let error = parse(text)
            .err()
            .unwrap_or_else(|| panic!("accepted: {text}"));
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn bare_numbers_are_nanoseconds() {
    let config = parse("clair:\n  api:\n    timeout: 1000000\n").unwrap();
    assert_eq!(config.clair.api().timeout.0, Duration::from_millis(1));
}

#[test]
fn empty_texts_are_none() {
    // An empty cafile must not pass for authentication by certificates.
    let text = "clair:\n  api: {certfile: '', keyfile: '', cafile: '', paginationkey: ''}\n";
    let api = parse(text).unwrap().clair.api();
    assert_eq!((api.certfile, api.keyfile, api.cafile), (None, None, None));
    assert_eq!(api.paginationkey, None);
}

#[test]
fn feeds_are_chosen_placed_and_timed_one_by_one() {
    let text = "
feeds:
  follow: [debian, alpine/v3.20]
  mirror: https://mirror.example
  mirrors: {debian: 'https://someone:hunter2@debian.example', alpine: /srv/alpine}
  proxy: http://someone:hunter2@proxy.example:3128
  intervals: {debian: 30m}
  parallel: 2
";
    let config = parse(text).unwrap();
    let feeds = &config.feeds;
    let followed: Vec<String> = feeds.keys(true).into_iter().collect();
    assert_eq!(followed, ["alpine/v3.20", "debian"]);
    assert!(!feeds.is_followed("alpine/v3.19") && !feeds.is_followed("redhat"));
    assert_eq!(feeds.mirror.as_deref(), Some("https://mirror.example"));
    assert_eq!(feeds.mirrors["alpine"], "/srv/alpine");
    assert!(
        feeds
            .proxy
            .as_deref()
            .unwrap()
            .ends_with("proxy.example:3128")
    );
    let printed = config.print();
    assert!(!printed.contains("hunter2"), "{printed}");
    for shown in ["alpine/v3.20", "/srv/alpine", "https://mirror.example"] {
        assert!(printed.contains(shown), "{shown}: {printed}");
    }
    for (text, part) in [
        ("feeds:\n  follow: [debain]\n", "feeds.follow"),
        ("feeds:\n  mirrors: {alpine/v3.20: x}\n", "feeds.mirrors"),
        ("feeds:\n  intervals: {nope: 1h}\n", "feeds.intervals"),
        ("feeds:\n  parallel: 0\n", "feeds.parallel"),
        ("feeds:\n  mirorr: x\n", "did you mean `mirror`?"),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
}
