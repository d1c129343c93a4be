//! An image's name in a registry, taken apart as Docker does it: `[HOST/]REPOSITORY[:TAG][@DIGEST]`.
//!
//! What stands before the first slash is a host if it holds a dot, a colon or an upper-case letter,
//! or is `localhost`; else the name is Docker Hub's, and one without a slash is in `library/`. A
//! digest decides over a tag. No tag is `latest`.

use std::fmt;

use pellucid_model::Digest;

use crate::ImageError;

const HUB: &str = "docker.io";

/// An image's name, complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// As people write it: `docker.io`, `registry.example.com:5000`.
    pub(crate) domain: String,
    /// `library/alpine`.
    pub(crate) repository: String,
    pub(crate) tag: Option<String>,
    pub(crate) digest: Option<Digest>,
}

impl Name {
    /// Takes a name apart.
    pub(crate) fn parse(text: &str) -> Result<Self, ImageError> {
        parse(text).map_err(|reason| ImageError::Reference {
            reference: text.to_owned(),
            reason,
        })
    }

    /// The host that speaks the registry's protocol.
    pub(crate) fn host(&self) -> &str {
        match self.domain.as_str() {
            HUB => "registry-1.docker.io",
            other => other,
        }
    }

    /// The tag or digest to ask for.
    pub(crate) fn selector(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "latest".to_owned(),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.domain, self.repository)?;
        match (&self.tag, &self.digest) {
            (Some(tag), _) => write!(f, ":{tag}")?,
            (None, None) => f.write_str(":latest")?,
            (None, Some(_)) => {}
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

fn parse(text: &str) -> Result<Name, &'static str> {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => {
            let digest = digest.parse().map_err(|_| "what follows @ is no digest")?;
            (rest, Some(digest))
        }
        None => (text, None),
    };
    let (domain, rest) = match rest.split_once('/') {
        Some((first, rest)) if is_domain(first) => (first, rest),
        _ => (HUB, rest),
    };
    let (repository, tag) = match rest.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (rest, None),
    };
    if !is_host(domain) {
        return Err("the host is not one");
    }
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return Err("the tag is not one: letters, digits, _, . and -, at most 128");
    }
    // Also in capitals, which are no other host.
    let is_hub = [HUB, "index.docker.io", "registry-1.docker.io"]
        .iter()
        .any(|name| domain.eq_ignore_ascii_case(name));
    let domain = if is_hub { HUB } else { domain };
    let repository = match domain == HUB && !repository.contains('/') {
        true => format!("library/{repository}"),
        false => repository.to_owned(),
    };
    if domain.len() + repository.len() > 255 || !repository.split('/').all(is_component) {
        return Err(
            "the repository's name is not one: lower-case letters and digits, with single ., _ or \
             - between them",
        );
    }
    if digest.is_none() && tag.is_none() && is_id(&repository) {
        return Err("an image's id is no name");
    }
    // Hosts have no case; but without a dot it is its capitals that make a word a host.
    let domain = match domain.contains(['.', ':']) {
        true => domain.to_ascii_lowercase(),
        false => domain.to_owned(),
    };
    Ok(Name {
        domain,
        repository,
        tag: tag.map(str::to_owned),
        digest,
    })
}

/// Whether a text is a registry's `HOST[:PORT]`, so that it can be that of an image.
pub fn is_registry(text: &str) -> bool {
    // Names in a network of one's own may hold what those in the world's may not.
    is_host(&text.replace('_', "x"))
}

/// Whether a text is a mirror's `HOST[:PORT][/PREFIX]`.
pub fn is_mirror(text: &str) -> bool {
    let (host, prefix) = text.split_once('/').unwrap_or((text, ""));
    let prefix = prefix.trim_matches('/');
    is_registry(host) && (prefix.is_empty() || prefix.split('/').all(is_component))
}

fn is_domain(first: &str) -> bool {
    first == "localhost"
        || first.contains(['.', ':'])
        || first.bytes().any(|b| b.is_ascii_uppercase())
}

fn is_host(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !host.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let port = port.is_none_or(|port| port.parse::<u16>().is_ok());
    let address = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    let known = match address {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => name.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        }),
    };
    port && known
}

fn is_tag(tag: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let first = tag.bytes().next().is_some_and(plain);
    first
        && tag.len() <= 128
        && tag
            .bytes()
            .all(|byte| plain(byte) || matches!(byte, b'.' | b'-'))
}

/// Letters and digits in runs, with one `.`, one or two `_`, or any number of `-` between them.
fn is_component(component: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = component.as_bytes();
    let ends = bytes.first().zip(bytes.last());
    let separators = component.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    ends.is_some_and(|(first, last)| alphanumeric(*first) && alphanumeric(*last))
        && separators
            .filter(|separator| !separator.is_empty())
            .all(|separator| {
                matches!(separator, "." | "_" | "__") || separator.bytes().all(|b| b == b'-')
            })
}

fn is_id(repository: &str) -> bool {
    let name = repository.strip_prefix("library/").unwrap_or(repository);
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_completed_as_docker_does_it() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (text, whole, host) in [
            (
                "alpine",
                "docker.io/library/alpine:latest",
                "registry-1.docker.io",
            ),
            (
                "alpine:3.19",
                "docker.io/library/alpine:3.19",
                "registry-1.docker.io",
            ),
            (
                "user/app",
                "docker.io/user/app:latest",
                "registry-1.docker.io",
            ),
            (
                "index.docker.io/library/a:1",
                "docker.io/library/a:1",
                "registry-1.docker.io",
            ),
            ("localhost/a", "localhost/a:latest", "localhost"),
            (
                "localhost:5000/a/b:c",
                "localhost:5000/a/b:c",
                "localhost:5000",
            ),
            ("Example/a", "Example/a:latest", "Example"),
            ("Quay.io/a", "quay.io/a:latest", "quay.io"),
            ("quay.io/o/r__x.y-z:V1", "quay.io/o/r__x.y-z:V1", "quay.io"),
            ("[::1]:5000/a", "[::1]:5000/a:latest", "[::1]:5000"),
        ] {
            let name = Name::parse(text).unwrap();
            assert_eq!(name.to_string(), whole, "{text}");
            assert_eq!(name.host(), host, "{text}");
            assert_eq!(
                Name::parse(whole).unwrap(),
                Name {
                    tag: name.tag.clone().or(Some("latest".into())),
                    ..name.clone()
                }
            );
        }
        let pinned = Name::parse(&format!("alpine:3.19@{digest}")).unwrap();
        assert_eq!(pinned.selector(), digest);
        assert_eq!(
            pinned.to_string(),
            format!("docker.io/library/alpine:3.19@{digest}")
        );
    }

    #[test]
    fn a_registry_and_a_mirror_are_no_addresses() {
        for text in [
            "docker.io",
            "localhost",
            "my_mirror:5000",
            "[::1]:5000",
            "10.0.0.1:80",
        ] {
            assert!(is_registry(text) && is_mirror(text), "{text}");
        }
        for text in ["mirror.example.com/hub", "mirror:5000/a/b_c/", "mirror/"] {
            assert!(!is_registry(text) && is_mirror(text), "{text}");
        }
        for text in [
            "",
            "https:",
            "https://mirror.example.com",
            "http://mirror:5000/hub",
            "mirror:port",
            "user@mirror",
            "mirror/A",
            "mirror/../x",
            "mirror/a?b",
            " mirror",
        ] {
            assert!(!is_registry(text) && !is_mirror(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            ":",
            "a:",
            "a@b",
            "-a",
            "a//b",
            "a/",
            "/a",
            "A",
            "a..b",
            "a___b",
            "a_.b",
            "ex ample.com/a",
            "host:99999/a",
            "a:-x",
            "user@host/a",
            "http://host/a",
            "a?b",
            "a#b",
            "../a",
            "a/../b",
            "x.y:1@2/a",
        ] {
            assert!(Name::parse(text).is_err(), "{text}");
        }
        assert!(Name::parse(&"a".repeat(64)).is_err(), "an id");
        assert!(Name::parse(&format!("a/{}", "b".repeat(300))).is_err());
    }
}
