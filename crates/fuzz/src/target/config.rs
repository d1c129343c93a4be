//! The service's configuration.

use std::path::Path;

use pellucid_server::Config;

/// Reads it; what was read prints as a configuration that reads the same.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(config) = Config::parse(text, Path::new("config.yaml")) {
        let _ = config.print();
    }
}

/// Clair's own sample by its keys, ours, and what YAML can do to a reader.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    const TEXTS: &[&str] = &[
        "clair:\n  database:\n    type: pgsql\n    options:\n      source: host=localhost port=5432 user=postgres sslmode=disable\n      cachesize: 16384\n      paginationkey:\n  api:\n    addr: \"0.0.0.0:6060\"\n    healthaddr: \"0.0.0.0:6061\"\n    timeout: 900s\n    servername:\n    cafile:\n    keyfile:\n    certfile:\n  worker:\n    namespace_detectors:\n      - os-release\n    feature_listers:\n      - dpkg\n  updater:\n    interval: 2h\n    enabledupdaters:\n      - debian\n  notifier:\n    attempts: 3\n    renotifyinterval: 2h\n    http:\n      endpoint: http://localhost:8000\n      proxy:\n",
        "layer_sources:\n  files: [/srv/layers]\nscans:\n  concurrency: 4\n",
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
        "# nothing\n---\n",
    ];
    TEXTS.iter().map(|text| text.as_bytes().to_vec()).collect()
}
