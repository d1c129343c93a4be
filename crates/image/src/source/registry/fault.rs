//! Why a registry gave no answer.
//!
//! Nothing that a server wrote stands here but its status and the code of its error: a message could
//! repeat the credentials that were sent.

use std::fmt;
use std::time::Duration;

/// Why a registry gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryFault {
    /// Nobody there, or the connection broke.
    #[error("{host} cannot be reached")]
    Transport {
        /// Who was asked.
        host: String,
        /// What happened; without the URL, which may hold a signature.
        #[source]
        source: reqwest::Error,
    },
    /// No byte came for too long.
    #[error("{host} sent nothing for {} s", limit.as_secs())]
    Stalled {
        /// Who was asked.
        host: String,
        /// For how long.
        limit: Duration,
    },
    /// The registry asks who we are, and we have nothing to say.
    #[error("{host} wants credentials, and none are known for {registry}")]
    Anonymous {
        /// Who was asked.
        host: String,
        /// Whose credentials are missing.
        registry: String,
    },
    /// The credentials are wrong, or not enough.
    #[error("{host} refused the credentials for {registry} ({status})")]
    Refused {
        /// Who was asked.
        host: String,
        /// Whose credentials they are.
        registry: String,
        /// The answer's status.
        status: u16,
    },
    /// The name, tag or digest is not there.
    #[error("{host} has no {what}, or shows it only to those who may see it")]
    NotFound {
        /// Who was asked.
        host: String,
        /// What for.
        what: String,
    },
    /// Too many requests.
    #[error("{host} limits how much may be asked of it{rate}")]
    RateLimited {
        /// Who was asked.
        host: String,
        /// What it says about that.
        rate: Rate,
    },
    /// Any other answer.
    #[error(
        "{host} answered {status}{}{}",
        code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default(),
        retry_after.map(again).unwrap_or_default()
    )]
    Status {
        /// Who was asked.
        host: String,
        /// The answer's status.
        status: u16,
        /// The code of the registry's error, such as `DENIED`.
        code: Option<String>,
        /// When to come back.
        retry_after: Option<Duration>,
    },
    /// The answer is not what the protocol says.
    #[error("{host} does not answer as a registry does: {reason}")]
    Protocol {
        /// Who was asked.
        host: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// Credentials would go to a host that they do not belong to.
    #[error(
        "{host} sends us to {realm} for a token, and the credentials for {registry} are not for that host"
    )]
    Realm {
        /// Who sent us.
        host: String,
        /// Where to.
        realm: String,
        /// Whose credentials they are.
        registry: String,
    },
    /// A file of credentials, or a credential helper, does not work.
    #[error("the credentials for {registry} cannot be read from {place}: {reason}")]
    Credentials {
        /// Whose.
        registry: String,
        /// The file or helper.
        place: String,
        /// Why.
        reason: String,
    },
    /// What was said about TLS cannot be used.
    #[error("cannot use {what}")]
    Tls {
        /// A file of certificates, or all.
        what: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The caller allows no socket.
    #[error("no socket may be opened, so {host} cannot be asked")]
    Offline {
        /// Who would have been asked.
        host: String,
    },
}

/// What a registry says about its limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// Requests allowed in a window of seconds.
    pub limit: Option<(u64, Option<u64>)>,
    /// Requests left.
    pub remaining: Option<u64>,
    /// When to come back.
    pub retry_after: Option<Duration>,
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.limit {
            Some((limit, Some(window))) => write!(f, ": {limit} requests in {window} s")?,
            Some((limit, None)) => write!(f, ": {limit} requests")?,
            None => {}
        }
        if let Some(remaining) = self.remaining {
            write!(f, ", {remaining} left")?;
        }
        match self.retry_after {
            Some(pause) => f.write_str(&again(pause)),
            None => Ok(()),
        }
    }
}

fn again(pause: Duration) -> String {
    format!("; it wants to be asked again in {} s", pause.as_secs())
}

impl RegistryFault {
    /// Whether asking again may help.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Transport { source, .. } => !source.is_builder(),
            Self::Stalled { .. } | Self::RateLimited { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 500..=599),
            _ => false,
        }
    }

    /// How long the registry wants to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { rate, .. } => rate.retry_after,
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
