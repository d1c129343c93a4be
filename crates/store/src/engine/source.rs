//! A connection string as libpq reads it: a URL, or keys and values.
//!
//! Clair's driver hands on every key that it does not know as a run-time setting of the server
//! (`statement_timeout=60000`), and so do we. TLS is asked for by `sslmode`: `require` encrypts and
//! checks nothing (unless `sslrootcert` is given, then the chain, as Clair's driver does), `verify-ca`
//! checks the chain, `verify-full` the name, too. Without `sslmode` it is `prefer`, as in libpq.
//!
//! Not here: service files, password files, Kerberos.

use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::tls;
use crate::StoreError;

/// How long connecting to one host may take, unless the source says otherwise.
const CONNECT: Duration = Duration::from_millis(1500);
/// How long data may stay unacknowledged by a host that has gone, likewise.
const GONE: Duration = Duration::from_secs(10);

/// Keys that the client library reads itself.
const KNOWN: &[&str] = &[
    "user",
    "password",
    "dbname",
    "options",
    "application_name",
    "sslnegotiation",
    "host",
    "hostaddr",
    "port",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "target_session_attrs",
    "channel_binding",
    "load_balance_hosts",
];
/// Keys that ask for nothing we could do otherwise.
const IGNORED: &[&str] = &[
    "client_encoding",
    "gssencmode",
    "krbsrvname",
    "sslcompression",
    "binary_parameters",
];
/// Keys that we cannot honour and must not ignore.
const REFUSED: &[&str] = &[
    "service",
    "passfile",
    "requirepeer",
    "sslcrl",
    "sslcrldir",
    "sslpassword",
];

/// What is checked of the server's certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verify {
    Nothing,
    Chain,
    Full,
}

/// How to speak TLS.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Tls {
    pub(super) verify: Verify,
    /// Certificates to trust; `None` for those of the system.
    pub(super) roots: Option<PathBuf>,
    /// Our own certificate and its key.
    pub(super) identity: Option<(PathBuf, PathBuf)>,
}

pub(crate) struct Source {
    pub(super) config: tokio_postgres::Config,
    pub(super) tls: Tls,
}

impl Source {
    /// What connections are made with. Reads files.
    pub(crate) fn connector(&self) -> Result<MakeRustlsConnect, StoreError> {
        tls::connector(&self.tls)
    }
}

pub(crate) fn parse(text: &str) -> Result<Source, StoreError> {
    let text = text.trim();
    let url = text
        .strip_prefix("postgres://")
        .or_else(|| text.strip_prefix("postgresql://"));
    let pairs = match url {
        Some(url) => url_pairs(url)?,
        None => key_pairs(text)?,
    };
    if pairs.is_empty() {
        return Err(bad("it is empty"));
    }
    let mut rendered = String::new();
    let mut options = String::new();
    let mut tls = [None, None, None, None];
    let mut fallback_name = None;
    for (key, value) in &pairs {
        let place = ["sslmode", "sslrootcert", "sslcert", "sslkey"];
        if let Some(at) = place.iter().position(|name| name == key) {
            if let Some(slot) = tls.get_mut(at) {
                *slot = Some(value.as_str());
            }
        } else if key == "options" {
            options = format!("{options} {value}");
        } else if KNOWN.contains(&key.as_str()) {
            rendered.push_str(&format!("{key}='{}' ", quote(value)));
        } else if key == "fallback_application_name" {
            fallback_name = Some(value);
        } else if REFUSED.contains(&key.as_str()) {
            return Err(bad(&format!("{key} is not supported")));
        } else if !IGNORED.contains(&key.as_str()) {
            let setting = value.replace('\\', "\\\\").replace(' ', "\\ ");
            options = format!("{options} -c {key}={setting}");
        }
    }
    if !options.is_empty() {
        rendered.push_str(&format!("options='{}' ", quote(options.trim())));
    }
    let mut config: tokio_postgres::Config =
        rendered.parse().map_err(|error: tokio_postgres::Error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            bad(&cause.unwrap_or_else(|| error.to_string()))
        })?;
    if config.get_application_name().is_none() {
        config.application_name(fallback_name.map_or("pellucid", String::as_str));
    }
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        config.host("localhost");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(GONE);
    }
    let [mode, roots, certificate, key] = tls;
    let roots = roots.filter(|roots| *roots != "system").map(PathBuf::from);
    let (mode, verify) = match mode.unwrap_or("prefer") {
        "disable" => (SslMode::Disable, Verify::Nothing),
        "allow" | "prefer" => (SslMode::Prefer, Verify::Nothing),
        "require" if roots.is_some() => (SslMode::Require, Verify::Chain),
        "require" => (SslMode::Require, Verify::Nothing),
        "verify-ca" => (SslMode::Require, Verify::Chain),
        "verify-full" => (SslMode::Require, Verify::Full),
        other => return Err(bad(&format!("sslmode {other:?} is unknown"))),
    };
    config.ssl_mode(mode);
    let identity = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
        (None, None) => None,
        _ => return Err(bad("sslcert and sslkey go together")),
    };
    Ok(Source {
        config,
        tls: Tls {
            verify,
            roots,
            identity,
        },
    })
}

/// `user:password@host:port,host:port/database?key=value&…`
fn url_pairs(url: &str) -> Result<Vec<(String, String)>, StoreError> {
    let (rest, query) = url.split_once('?').unwrap_or((url, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (Some(user), hosts),
        None => (None, authority),
    };
    let mut pairs = Vec::new();
    if let Some(user) = user {
        let (user, password) = match user.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (user, None),
        };
        if !user.is_empty() {
            pairs.push(("user".to_owned(), decode(user)?));
        }
        if let Some(password) = password {
            pairs.push(("password".to_owned(), decode(password)?));
        }
    }
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for host in hosts.split(',').filter(|host| !host.is_empty()) {
        // An IPv6 address stands in brackets.
        let (name, port) = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
            Some((name, port)) => (name, port.strip_prefix(':').unwrap_or(port)),
            None => host.rsplit_once(':').unwrap_or((host, "")),
        };
        names.push(decode(name)?);
        ports.push(if port.is_empty() {
            "5432".to_owned()
        } else {
            decode(port)?
        });
    }
    if !names.is_empty() {
        pairs.push(("host".to_owned(), names.join(",")));
        pairs.push(("port".to_owned(), ports.join(",")));
    }
    if !database.is_empty() {
        pairs.push(("dbname".to_owned(), decode(database)?));
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| bad("a parameter has no value"))?;
        pairs.push((decode(key)?, decode(value)?));
    }
    Ok(pairs)
}

/// `key = value`, values in single quotes where they hold spaces, `\` before a quote or itself.
fn key_pairs(text: &str) -> Result<Vec<(String, String)>, StoreError> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, after) = rest
            .split_once('=')
            .ok_or_else(|| bad("a key has no value"))?;
        let mut characters = after.trim_start().chars();
        let mut value = String::new();
        let quoted = characters.as_str().starts_with('\'');
        if quoted {
            characters.next();
        }
        let mut closed = !quoted;
        while let Some(character) = characters.next() {
            match character {
                '\\' => value.extend(characters.next()),
                '\'' if quoted => {
                    closed = true;
                    break;
                }
                character if character.is_whitespace() && !quoted => break,
                character => value.push(character),
            }
        }
        if !closed {
            return Err(bad("a quote is not closed"));
        }
        let key = key.trim();
        if key.is_empty() || key.contains(char::is_whitespace) {
            return Err(bad("a key has no value"));
        }
        pairs.push((key.to_owned(), value));
        rest = characters.as_str().trim_start();
    }
    Ok(pairs)
}

fn decode(text: &str) -> Result<String, StoreError> {
    percent_decode_str(text)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| bad("it is not UTF-8"))
}

fn quote(value: &str) -> String {
    value.replace('\\', "\\\\").replace('\'', "\\'")
}

fn bad(reason: &str) -> StoreError {
    StoreError::Source {
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> tokio_postgres::Config {
        parse(text).map(|source| source.config).unwrap()
    }

    #[test]
    fn a_url_and_its_keys_say_the_same() {
        let url = "postgresql://us%40er:p%3Aw'\\@[::1]:5433/d%20b?sslmode=disable&statement_timeout=60000";
        let keys = r"host=::1 port = 5433 user=us@er password='p:w\'\\' dbname='d b' sslmode=disable
            statement_timeout=60000";
        for config in [config(url), config(keys)] {
            assert_eq!(config.get_user(), Some("us@er"));
            assert_eq!(config.get_password(), Some(&b"p:w'\\"[..]));
            assert_eq!(config.get_dbname(), Some("d b"));
            assert_eq!(config.get_ports(), [5433]);
            assert_eq!(config.get_options(), Some("-c statement_timeout=60000"));
            assert_eq!(config.get_ssl_mode(), SslMode::Disable);
        }
        assert_eq!(config(url).get_hosts(), config(keys).get_hosts());
    }

    #[test]
    fn what_clair_configurations_hold_is_understood() {
        let clair =
            "host=localhost port=5432 user=postgres sslmode=disable statement_timeout=60000";
        assert_eq!(
            config(clair).get_options(),
            Some("-c statement_timeout=60000")
        );
        assert_eq!(config("postgres://a,b:6432/x").get_ports(), [5432, 6432]);
        assert_eq!(config("user=x").get_hosts().len(), 1);
        assert_eq!(
            config("user=x options='-c a=b' search_path='one two'").get_options(),
            Some(r"-c a=b -c search_path=one\ two")
        );
        for (mode, verify) in [
            ("require", Verify::Nothing),
            ("require sslrootcert=/ca", Verify::Chain),
            ("verify-ca", Verify::Chain),
            ("verify-full", Verify::Full),
        ] {
            let source = parse(&format!("host=x sslmode={mode}")).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(source.tls.verify, verify);
            assert_eq!(source.config.get_ssl_mode(), SslMode::Require);
        }
    }

    #[test]
    fn what_cannot_be_honoured_is_refused() {
        for text in [
            "",
            "nonsense",
            "host='x",
            "host=x sslmode=maybe",
            "host=x service=y",
            "host=x sslcert=y",
            "host=x port=nan",
            "postgres://h/d?x",
            "postgres://%ff@h",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
        let error = parse("password=hunter2 port=nan")
            .err()
            .map(|error| error.to_string());
        assert!(error.is_some_and(|text| !text.contains("hunter2")));
    }
}
