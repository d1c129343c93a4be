//! Who may do what.
//!
//! Three ways, decided at start: *open* (loopback, client certificates, or said so in the
//! configuration), *restricted* (reachable from outside without any authentication: everything that
//! Clair's clients need, but no change of advisories and no deletion), and *tokens* (only their
//! bearers, each with its scopes). Tokens are kept as SHA-256 and compared in constant time.

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::Config;
use crate::config::ConfigError;
use crate::secret::Secret;

/// One thing that may be allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub enum Scope {
    /// Ask for layers and namespaces.
    #[serde(rename = "layers:read")]
    LayersRead,
    /// Hand in layers.
    #[serde(rename = "layers:write")]
    LayersWrite,
    /// Delete layers, and with them their descendants.
    #[serde(rename = "layers:delete")]
    LayersDelete,
    /// Ask for vulnerabilities and fixes.
    #[serde(rename = "vulns:read")]
    VulnsRead,
    /// Change vulnerabilities and fixes.
    #[serde(rename = "vulns:write")]
    VulnsWrite,
    /// Ask for notifications.
    #[serde(rename = "notifications:read")]
    NotificationsRead,
    /// Mark notifications as read.
    #[serde(rename = "notifications:ack")]
    NotificationsAck,
    /// Ask for metrics.
    #[serde(rename = "metrics:read")]
    MetricsRead,
    /// Everything.
    #[serde(rename = "admin")]
    Admin,
}

impl Scope {
    /// The scope as configurations write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LayersRead => "layers:read",
            Self::LayersWrite => "layers:write",
            Self::LayersDelete => "layers:delete",
            Self::VulnsRead => "vulns:read",
            Self::VulnsWrite => "vulns:write",
            Self::NotificationsRead => "notifications:read",
            Self::NotificationsAck => "notifications:ack",
            Self::MetricsRead => "metrics:read",
            Self::Admin => "admin",
        }
    }

    /// Whether it is to change something.
    pub(crate) const fn is_change(self) -> bool {
        matches!(
            self,
            Self::LayersWrite | Self::LayersDelete | Self::VulnsWrite | Self::NotificationsAck
        )
    }
}

/// What anybody may do in restricted mode.
const RESTRICTED: &[Scope] = &[
    Scope::LayersRead,
    Scope::LayersWrite,
    Scope::VulnsRead,
    Scope::NotificationsRead,
    Scope::NotificationsAck,
    Scope::MetricsRead,
];

/// Who asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Principal {
    /// Name in the audit log.
    pub(crate) name: String,
}

/// Why somebody may not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Denied {
    /// Nobody known asked.
    Unknown,
    /// Somebody known, or anybody, asked for what they may not do.
    Forbidden(Principal, Scope),
}

/// The rule for all requests.
#[derive(Debug)]
pub(crate) enum Auth {
    Open,
    Restricted,
    Tokens(Vec<Bearer>),
}

#[derive(Debug)]
pub(crate) struct Bearer {
    name: String,
    hash: Secret,
    scopes: Vec<Scope>,
}

impl Auth {
    /// The rule that a configuration asks for.
    pub(crate) fn of(config: &Config) -> Result<Self, ConfigError> {
        let api = config.clair.api();
        if !api.tokens.is_empty() {
            let bearer = |token: &crate::config::Token| {
                let hash = hex::decode(&token.sha256)
                    .ok()
                    .and_then(|bytes| bytes.try_into().ok())
                    .map(Secret::new)
                    .ok_or_else(|| ConfigError::value("clair.api.tokens", "sha256 is no hash"))?;
                Ok(Bearer {
                    name: token.name.clone(),
                    hash,
                    scopes: token.scopes.clone(),
                })
            };
            return api
                .tokens
                .iter()
                .map(bearer)
                .collect::<Result<_, _>>()
                .map(Self::Tokens);
        }
        let has_certificates = api.cafile.is_some();
        if has_certificates || config.is_loopback() || api.allow_unauthenticated_writes {
            Ok(Self::Open)
        } else {
            Ok(Self::Restricted)
        }
    }

    /// Label of the metric `pellucid_auth_mode`.
    pub(crate) const fn mode(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Restricted => "restricted",
            Self::Tokens(_) => "tokens",
        }
    }

    /// Whether somebody with these credentials may do this.
    pub(crate) fn allow(
        &self,
        authorization: Option<&[u8]>,
        certificate: Option<&str>,
        scope: Scope,
    ) -> Result<Principal, Denied> {
        let by = |name: &str| Principal {
            name: name.to_owned(),
        };
        match self {
            Self::Open => Ok(by(certificate.unwrap_or("anonymous"))),
            Self::Restricted if RESTRICTED.contains(&scope) => Ok(by("anonymous")),
            Self::Restricted => Err(Denied::Forbidden(by("anonymous"), scope)),
            Self::Tokens(bearers) => {
                let bearer = bearer(bearers, authorization).ok_or(Denied::Unknown)?;
                let may = bearer.scopes.contains(&scope) || bearer.scopes.contains(&Scope::Admin);
                let principal = by(&bearer.name);
                if may {
                    Ok(principal)
                } else {
                    Err(Denied::Forbidden(principal, scope))
                }
            }
        }
    }
}

/// The bearer of a token. Every hash is compared, whichever is the right one.
fn bearer<'a>(bearers: &'a [Bearer], authorization: Option<&[u8]>) -> Option<&'a Bearer> {
    let value = authorization?;
    let (scheme, token) = value.split_at_checked(7)?;
    if !scheme.eq_ignore_ascii_case(b"bearer ") {
        return None;
    }
    let hash: [u8; 32] = Sha256::digest(token.trim_ascii()).into();
    let mut found = None;
    for bearer in bearers {
        if bearer.hash.is(&hash) {
            found = Some(bearer);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_token_with_the_right_scope_may() {
        let hash = |token: &str| Secret::new(Sha256::digest(token).into());
        let auth = Auth::Tokens(vec![
            Bearer {
                name: "quay".into(),
                hash: hash("one"),
                scopes: vec![Scope::LayersRead],
            },
            Bearer {
                name: "root".into(),
                hash: hash("two"),
                scopes: vec![Scope::Admin],
            },
        ]);
        let allow = |value: &str, scope| {
            auth.allow(Some(value.as_bytes()), None, scope)
                .map(|principal| principal.name)
        };
        assert_eq!(allow("Bearer one", Scope::LayersRead), Ok("quay".into()));
        assert_eq!(allow("bearer  one", Scope::LayersRead), Ok("quay".into()));
        assert_eq!(
            allow("Bearer one", Scope::LayersDelete),
            Err(Denied::Forbidden(
                Principal {
                    name: "quay".into()
                },
                Scope::LayersDelete
            ))
        );
        assert_eq!(allow("Bearer two", Scope::LayersDelete), Ok("root".into()));
        for bad in ["Bearer three", "Basic one", "one", "Bearer", "Bearer "] {
            assert_eq!(allow(bad, Scope::LayersRead), Err(Denied::Unknown), "{bad}");
        }
        assert_eq!(
            auth.allow(None, None, Scope::LayersRead),
            Err(Denied::Unknown)
        );
    }

    #[test]
    fn restricted_mode_changes_nothing_that_others_rely_on() {
        let allow = |scope| Auth::Restricted.allow(None, None, scope).is_ok();
        assert!(allow(Scope::LayersWrite) && allow(Scope::NotificationsAck));
        assert!(!allow(Scope::LayersDelete) && !allow(Scope::VulnsWrite));
    }
}
