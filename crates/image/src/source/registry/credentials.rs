//! Whose credentials are known: one given by the caller, else those in the files of Docker and
//! podman, else a credential helper that such a file names.
//!
//! In one file a helper for the registry (`credHelpers`) is stronger than the helper for all
//! (`credsStore`), and that than what the file itself holds (`auths`). Docker Hub's key is
//! `https://index.docker.io/v1/`; podman's keys may be a registry with a part of the repository's
//! name, and the longest that fits answers.
//!
//! Credentials are given out for the registry that an image's name has, and no other host.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use base64::Engine as _;
use serde::Deserialize;

use super::name::Name;
use super::settings::{RegistryOptions, Secret};
use crate::source::registry::RegistryFault;

/// Docker Hub's key in files and for helpers.
const HUB_KEY: &str = "https://index.docker.io/v1/";

/// Bytes of a file, and of a helper's answer.
const LARGEST: u64 = 1 << 20;

/// How long a helper may think.
const HELPER: Duration = Duration::from_secs(60);

/// The user of a helper's answer whose secret is an identity token.
const TOKEN_USER: &str = "<token>";

/// Who we are to one registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// A name and its proof.
    Password { username: String, password: Secret },
    /// Exchanged for tokens at the registry's token server.
    Identity(Secret),
    /// A token to show to the registry itself.
    Token(Secret),
}

/// Docker's `config.json`, podman's `auth.json`; whatever else is in it is left alone.
#[derive(Deserialize, Default)]
struct File {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default, rename = "credsStore")]
    store: Option<String>,
    #[serde(default, rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
struct Entry {
    #[serde(default)]
    auth: Option<String>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    identitytoken: Option<String>,
    #[serde(default)]
    registrytoken: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Username")]
    username: String,
    #[serde(rename = "Secret")]
    secret: String,
}

/// The credentials for a name's registry, if any are known.
pub(crate) fn of(
    name: &Name,
    options: &RegistryOptions,
) -> Result<Option<Credentials>, RegistryFault> {
    if let Some(login) = &options.login
        && Name::parse(&format!("{}/x", login.registry)).is_ok_and(|own| own.domain == name.domain)
    {
        return Ok(Some(Credentials::Password {
            username: login.username.clone(),
            password: login.password.clone(),
        }));
    }
    for path in &options.auth_files {
        let failed = |place: String, reason: String| RegistryFault::Credentials {
            registry: name.domain.clone(),
            place,
            reason,
        };
        let place = || path.display().to_string();
        let file = match read(path) {
            Ok(Some(bytes)) => serde_json::from_slice::<File>(&bytes).map_err(|error| {
                // Where, but not what: the text around may be a secret.
                let (line, column) = (error.line(), error.column());
                let reason = format!("it is not the JSON it should be, at {line}:{column}");
                failed(place(), reason)
            })?,
            Ok(None) => continue,
            Err(error) => return Err(failed(place(), error.to_string())),
        };
        let own = file
            .helpers
            .iter()
            .find(|(key, _)| host_of(key) == name.domain);
        if let Some(helper) = own.map(|(_, helper)| helper).or(file.store.as_ref()) {
            let found = ask(helper, &name.domain)
                .map_err(|reason| failed(format!("docker-credential-{helper}"), reason))?;
            if found.is_some() {
                return Ok(found);
            }
        }
        if let Some(entry) = best(&file, name)
            && let Some(found) = entry
                .credentials()
                .map_err(|reason| failed(place(), reason.to_owned()))?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// What a file of these bytes holds for a name, and the helper that it would have asked; for
/// `crate::hostile`.
pub(crate) fn in_file(bytes: &[u8], name: &Name) -> (Option<Credentials>, Option<String>) {
    let Ok(file) = serde_json::from_slice::<File>(bytes) else {
        return (None, None);
    };
    let helper = file
        .helpers
        .iter()
        .find(|(key, _)| host_of(key) == name.domain);
    let helper = helper.map(|(_, helper)| helper.clone());
    let found = best(&file, name).and_then(|entry| entry.credentials().ok().flatten());
    (found, helper)
}

/// The entry whose key fits best: the longest.
fn best<'a>(file: &'a File, name: &Name) -> Option<&'a Entry> {
    let whole = format!("{}/{}", name.domain, name.repository);
    let fits = |key: &str| {
        let key = key_path(key);
        let rest = whole.strip_prefix(&key);
        rest.filter(|rest| rest.is_empty() || rest.starts_with('/'))
            .map(|_| key.len())
    };
    file.auths
        .iter()
        .filter_map(|(key, entry)| Some((fits(key)?, entry)))
        .max_by_key(|(length, _)| *length)
        .map(|(_, entry)| entry)
}

/// `https://index.docker.io/v1/` is `docker.io`; `example.com/team` is itself.
fn key_path(key: &str) -> String {
    let bare = key.strip_prefix("https://").or(key.strip_prefix("http://"));
    let is_url = bare.is_some();
    let bare = bare.unwrap_or(key).trim_end_matches('/');
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    let host = match host {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        other => other,
    };
    let host = host.to_ascii_lowercase();
    // Old keys are URLs whose path is that of the protocol.
    if is_url || path.is_empty() || path == "v1" || path == "v2" {
        host
    } else {
        format!("{host}/{path}")
    }
}

fn host_of(key: &str) -> String {
    let path = key_path(key);
    path.split('/').next().unwrap_or_default().to_owned()
}

impl Entry {
    fn credentials(&self) -> Result<Option<Credentials>, &'static str> {
        let some = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(token) = some(&self.identitytoken) {
            return Ok(Some(Credentials::Identity(Secret::new(token))));
        }
        if let Some(token) = some(&self.registrytoken) {
            return Ok(Some(Credentials::Token(Secret::new(token))));
        }
        let (username, password) = match (some(&self.auth), some(&self.username)) {
            (Some(auth), _) => {
                let bytes = base64::engine::general_purpose::STANDARD
                    .decode(auth.trim())
                    .map_err(|_| "an auth is not base64")?;
                let text = String::from_utf8(bytes).map_err(|_| "an auth is not UTF-8")?;
                let pair = text.split_once(':').ok_or("an auth is not NAME:PASSWORD")?;
                (pair.0.to_owned(), pair.1.trim_end_matches('\0').to_owned())
            }
            (None, Some(username)) => (username, self.password.clone().unwrap_or_default()),
            (None, None) => return Ok(None),
        };
        Ok(Some(pair(username, password)))
    }
}

fn pair(username: String, password: String) -> Credentials {
    if username == TOKEN_USER {
        Credentials::Identity(Secret::new(password))
    } else {
        Credentials::Password {
            username,
            password: Secret::new(password),
        }
    }
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match std::fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    Ok(Some(bytes))
}

/// Asks a credential helper. That it knows nothing is no error.
fn ask(helper: &str, domain: &str) -> Result<Option<Credentials>, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if helper.is_empty() || !helper.bytes().all(plain) {
        return Err("that is no helper's name".to_owned());
    }
    let key = match domain {
        "docker.io" => HUB_KEY,
        other => other,
    };
    let mut child = Command::new(format!("docker-credential-{helper}"))
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that reads nothing may still answer.
        let _ = stdin.write_all(key.as_bytes());
    }
    let stdout = child.stdout.take();
    let (send, answer) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.map(|stdout| stdout.take(LARGEST).read_to_end(&mut bytes));
        let _ = send.send(read.unwrap_or(Ok(0)).map(|_| bytes));
    });
    let answered = answer.recv_timeout(HELPER);
    if answered.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    let bytes = answered
        .map_err(|_| format!("it did not answer in {} s", HELPER.as_secs()))?
        .map_err(|error| error.to_string())?;
    if !status.success() {
        let text = String::from_utf8_lossy(&bytes);
        return match text.contains("credentials not found") {
            true => Ok(None),
            false => Err(format!("it ended with {status}")),
        };
    }
    let answer: Answer =
        serde_json::from_slice(&bytes).map_err(|_| "its answer is not JSON".to_owned())?;
    Ok(Some(pair(answer.username, answer.secret)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(json: &str, name: &str) -> Option<Credentials> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, json).unwrap();
        let options = RegistryOptions {
            auth_files: vec![folder.path().join("absent.json"), path],
            ..RegistryOptions::default()
        };
        of(&Name::parse(name).unwrap(), &options).unwrap()
    }

    fn password(username: &str, password: &str) -> Option<Credentials> {
        Some(Credentials::Password {
            username: username.to_owned(),
            password: Secret::new(password),
        })
    }

    #[test]
    fn the_longest_key_that_fits_answers_and_no_other_host() {
        // YTpi is a:b, Yzpk is c:d.
        let json = r#"{"auths": {
            "https://index.docker.io/v1/": {"auth": "YTpi"},
            "quay.io": {"auth": "YTpi"},
            "quay.io/team": {"auth": "Yzpk"},
            "https://old.example.com/v2/": {"username": "u", "password": "p"},
            "id.example.com": {"auth": "YTpi", "identitytoken": "t"},
            "to.example.com": {"registrytoken": "t"}
        }}"#;
        assert_eq!(known(json, "alpine"), password("a", "b"));
        assert_eq!(known(json, "quay.io/x/y"), password("a", "b"));
        assert_eq!(known(json, "quay.io/team/y"), password("c", "d"));
        assert_eq!(known(json, "quay.io/teams/y"), password("a", "b"));
        assert_eq!(known(json, "old.example.com/x"), password("u", "p"));
        let token = || Secret::new("t");
        assert_eq!(
            known(json, "id.example.com/x"),
            Some(Credentials::Identity(token()))
        );
        assert_eq!(
            known(json, "to.example.com/x"),
            Some(Credentials::Token(token()))
        );
        // A name without a host is Docker Hub's, whatever it looks like further on.
        assert_eq!(known(json, "io/quay.io/x"), password("a", "b"));
        for other in ["evilquay.io/x", "quay.io.evil.com/x", "quay.io:444/x"] {
            assert_eq!(known(json, other), None, "{other}");
        }
    }

    #[test]
    fn a_file_that_is_broken_is_named_without_its_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        for (json, wanted) in [
            (r#"{"auths": {"a.io": {"auth": "s3cr3t!"}}}"#, "not base64"),
            (r#"{"auths": "s3cr3t!"}"#, "at 1:"),
            (r#"{"credsStore": "../s3cr3t!"}"#, "no helper's name"),
            (
                r#"{"credsStore": "of-no-one-s"}"#,
                "docker-credential-of-no-one-s",
            ),
        ] {
            std::fs::write(&path, json).unwrap();
            let options = RegistryOptions {
                auth_files: vec![path.clone()],
                ..RegistryOptions::default()
            };
            let said = of(&Name::parse("a.io/x").unwrap(), &options).unwrap_err();
            assert!(said.to_string().contains(wanted), "{said}");
            assert!(
                wanted.contains("helper") || !said.to_string().contains("s3cr3t"),
                "{said}"
            );
        }
    }
}
