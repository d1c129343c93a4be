//! The configuration in effect, written as the YAML that would give it.

use std::fmt::{Display, Write as _};
use std::path::PathBuf;

use super::Config;

/// Every key with its value; secrets are `***`.
pub(super) fn yaml(config: &Config) -> String {
    let mut out = Out(String::new());
    let api = config.clair.api();
    out.line(0, "clair:");
    if let Some(database) = &config.clair.database {
        out.line(1, "database:");
        out.text(2, "type", database.kind.as_deref().unwrap_or("pgsql"));
        if let Some(options) = &database.options {
            out.line(2, "options:");
            // It holds the password.
            let is_file = database.kind.as_deref() == Some("sqlite");
            let source = options.source.as_deref().unwrap_or_default();
            out.text(3, "source", if is_file { source } else { "***" });
            if let Some(count) = options.max_connections {
                out.plain(3, "max_connections", count);
            }
        }
    }
    out.line(1, "api:");
    let first = |addresses: Vec<std::net::IpAddr>| addresses.first().map(ToString::to_string);
    out.text(
        2,
        "address",
        &first(config.api_addresses()).unwrap_or_default(),
    );
    out.text(
        2,
        "healthaddress",
        &first(config.health_addresses()).unwrap_or_default(),
    );
    out.plain(2, "port", api.port);
    out.plain(2, "healthport", api.healthport);
    out.plain(2, "timeout", api.timeout);
    out.plain(2, "drain", api.drain);
    out.secret(2, "paginationkey", api.paginationkey.as_deref());
    out.path(2, "certfile", &api.certfile);
    out.path(2, "keyfile", &api.keyfile);
    out.path(2, "cafile", &api.cafile);
    out.plain(
        2,
        "allow_unauthenticated_writes",
        api.allow_unauthenticated_writes,
    );
    out.list(
        2,
        "tokens",
        api.tokens.iter().map(|token| {
            let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.name()).collect();
            format!(
                "{{name: {}, sha256: \"***\", scopes: [{}]}}",
                quoted(&token.name),
                scopes.join(", ")
            )
        }),
    );
    match &config.clair.updater {
        Some(updater) => {
            out.line(1, "updater:");
            out.plain(2, "interval", updater.interval);
        }
        None => out.line(1, "updater: null"),
    }
    match &config.clair.notifier {
        Some(notifier) => {
            out.line(1, "notifier:");
            out.plain(2, "attempts", notifier.attempts);
            out.plain(2, "renotifyinterval", notifier.renotifyinterval);
            if let Some(http) = &notifier.http {
                out.line(2, "http:");
                out.url(3, "endpoint", http.endpoint.as_deref());
                out.text(
                    3,
                    "servername",
                    http.servername.as_deref().unwrap_or_default(),
                );
                out.path(3, "cafile", &http.cafile);
                out.path(3, "certfile", &http.certfile);
                out.path(3, "keyfile", &http.keyfile);
                out.secret(3, "proxy", http.proxy.as_deref());
                out.secret(3, "secret", http.secret.as_deref());
            }
        }
        None => out.line(1, "notifier: null"),
    }
    out.path(0, "data_dir", &config.data_dir);
    let sources = &config.layer_sources;
    out.line(0, "layer_sources:");
    let files = sources
        .files
        .iter()
        .map(|folder| quoted(&folder.display().to_string()));
    out.list(1, "files", files);
    out.list(
        1,
        "hosts",
        sources.hosts.iter().map(|host| quoted(&host.to_string())),
    );
    out.plain(1, "allow_private", sources.allow_private);
    out.secret(1, "proxy", sources.proxy.as_deref());
    out.plain(1, "timeout", sources.timeout);
    out.plain(1, "max_bytes", sources.max_bytes);
    out.line(0, "scans:");
    out.plain(1, "concurrency", config.scans.concurrency());
    out.plain(1, "queue", config.scans.queue());
    out.line(0, "features:");
    out.plain(1, "languages", config.features.languages);
    let feeds = &config.feeds;
    out.line(0, "feeds:");
    match feeds.follow.as_deref() {
        // None at all, where an absent key is every one.
        Some([]) => out.line(1, "follow: []"),
        follow => {
            let follow = follow.into_iter().flatten();
            out.list(1, "follow", follow.map(|name| quoted(name)));
        }
    }
    out.url(1, "mirror", feeds.mirror.as_deref());
    out.secret(1, "proxy", feeds.proxy.as_deref());
    if !feeds.mirrors.is_empty() {
        out.line(1, "mirrors:");
        for (name, mirror) in &feeds.mirrors {
            out.plain(2, &quoted(name), quoted(&without_secrets(mirror)));
        }
    }
    if !feeds.intervals.is_empty() {
        out.line(1, "intervals:");
        for (name, interval) in &feeds.intervals {
            out.plain(2, &quoted(name), interval);
        }
    }
    out.plain(1, "parallel", feeds.parallel);
    let notifications = &config.notifications;
    out.line(0, "notifications:");
    out.plain(1, "wait", notifications.wait);
    out.plain(1, "hold", notifications.hold);
    out.plain(1, "most", notifications.most);
    out.plain(1, "give_up", notifications.give_up);
    out.plain(1, "parallel", notifications.parallel);
    out.0
}

struct Out(String);

impl Out {
    fn line(&mut self, depth: usize, text: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{:1$}{text}", "", depth * 2);
    }

    fn plain(&mut self, depth: usize, key: &str, value: impl Display) {
        self.line(depth, &format!("{key}: {value}"));
    }

    fn text(&mut self, depth: usize, key: &str, value: &str) {
        if !value.is_empty() {
            self.plain(depth, key, quoted(value));
        }
    }

    fn secret(&mut self, depth: usize, key: &str, value: Option<&str>) {
        if value.is_some_and(|value| !value.is_empty()) {
            self.text(depth, key, "***");
        }
    }

    fn url(&mut self, depth: usize, key: &str, value: Option<&str>) {
        self.text(depth, key, &without_secrets(value.unwrap_or_default()));
    }

    fn path(&mut self, depth: usize, key: &str, path: &Option<PathBuf>) {
        if let Some(path) = path {
            self.text(depth, key, &path.display().to_string());
        }
    }

    fn list(&mut self, depth: usize, key: &str, items: impl Iterator<Item = String>) {
        let items: Vec<String> = items.collect();
        if items.is_empty() {
            return;
        }
        self.line(depth, &format!("{key}:"));
        for item in items {
            self.line(depth + 1, &format!("- {item}"));
        }
    }
}

/// A YAML scalar in double quotes: JSON's, with what YAML does not allow as it is, or takes for the end of a
/// line, escaped too.
fn quoted(text: &str) -> String {
    let json = serde_json::to_string(text).unwrap_or_default();
    let mut out = String::with_capacity(json.len());
    for letter in json.chars() {
        match u32::from(letter) {
            code @ (0x7f..=0x9f | 0x2028 | 0x2029 | 0xfeff | 0xfffe | 0xffff) => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{code:04x}");
            }
            _ => out.push(letter),
        }
    }
    out
}

/// A URL with `***` for its user and for the values of its query; a path is as it is. What cannot be taken
/// apart and may hold a password is `***` as a whole.
fn without_secrets(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return if url.contains('@') { "***" } else { url }.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    // A password may hold a slash that nobody escaped.
    if rest.contains('@') {
        return "***".to_owned();
    }
    let rest = rest.split('#').next().unwrap_or_default();
    let (path, query) = match rest.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (rest, None),
    };
    let host = match authority.rsplit_once('@') {
        Some((_, host)) => format!("***@{host}"),
        None => authority.to_owned(),
    };
    let query = query.map(|query| {
        let pairs = query.split('&').map(|pair| match pair.split_once('=') {
            Some((name, _)) => format!("{name}=***"),
            None => "***".to_owned(),
        });
        format!("?{}", pairs.collect::<Vec<_>>().join("&"))
    });
    format!("{scheme}://{host}{path}{}", query.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::without_secrets;

    #[test]
    fn a_url_is_printed_without_its_secrets() {
        for (url, printed) in [
            ("", ""),
            ("/srv/mirror", "/srv/mirror"),
            ("https://example.com", "https://example.com"),
            ("https://example.com/a/b", "https://example.com/a/b"),
            (
                "https://user:pa@ss@example.com:8443/notify?token=abc&plain&x=1=2#y",
                "https://***@example.com:8443/notify?token=***&***&x=***",
            ),
            ("https://example.com?key", "https://example.com?***"),
            ("https://user:pa/ss@example.com/", "***"),
            ("https://user:pa?ss@example.com/", "***"),
            ("user:password@example.com/x", "***"),
        ] {
            assert_eq!(without_secrets(url), printed, "{url}");
        }
    }
}
