//! Which token server a registry may send us to with its credentials.
//!
//! A registry's 401 names any host it likes (CVE-2024-35192). Its credentials go there only if it is the
//! same machine, or both names belong to one owner: the part that someone registered, by the public
//! suffix list, is the same. Below a suffix that a provider shares out (`amazonaws.com` and the like)
//! neighbours are strangers.

use std::net::IpAddr;

/// Whether a token server may see a registry's credentials; ports do not matter.
pub(super) fn belongs(realm: &str, registry: &str) -> bool {
    let name = |host: &str| {
        let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
        let has_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let name = if has_port { name } else { host };
        name.to_ascii_lowercase()
    };
    let (realm, registry) = (name(realm), name(registry));
    realm == registry
        || match (domain(&realm), domain(&registry)) {
            (Some(one), Some(other)) => one == other,
            _ => false,
        }
}

/// The part of a host's name that someone registered. Nothing for an address.
fn domain(host: &str) -> Option<&str> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>()
        .is_err()
        .then(|| psl::domain_str(host))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_server_belongs_to_its_registry() {
        for (realm, registry) in [
            ("auth.docker.io", "registry-1.docker.io"),
            ("gitlab.com", "registry.gitlab.com"),
            ("quay.io", "quay.io"),
            ("127.0.0.1:5001", "127.0.0.1:5000"),
            ("auth.example.co.uk", "registry.example.co.uk"),
            ("localhost:1", "localhost:2"),
        ] {
            assert!(belongs(realm, registry), "{realm} {registry}");
        }
        for (realm, registry) in [
            ("evil.com", "quay.io"),
            ("quay.io.evil.com", "quay.io"),
            ("evilquay.io", "quay.io"),
            ("127.0.0.2", "127.0.0.1"),
            ("10.0.0.1", "11.0.0.1"),
            ("evil.co.uk", "registry.example.co.uk"),
            ("co.uk", "example.co.uk"),
            ("io", "quay.io"),
            ("evil.github.io", "registry.github.io"),
            ("evil.s3.amazonaws.com", "registry.s3.amazonaws.com"),
        ] {
            assert!(!belongs(realm, registry), "{realm} {registry}");
        }
    }
}
