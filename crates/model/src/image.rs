//! An image and its layers, as its manifest and configuration describe them.
//!
//! A layer has two digests: of the blob as it travels (compressed or not) and of the tar inside
//! (OCI's *diff id*). Whether they were computed or only declared is part of the value.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Digest;

/// What a blob or diff id digest is worth.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DigestState {
    /// All bytes were read and hashed, and the digest is theirs.
    Verified,
    /// The image says so; bytes that no one wanted were seeked over. Never a cache key.
    Declared,
}

/// An operating system and architecture, as OCI writes them.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Platform {
    /// Go's name of the operating system: `linux`.
    pub os: String,
    /// Go's name of the architecture: `amd64`, `arm64`.
    pub architecture: String,
    /// Variant of the architecture: `v7`, `v8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// A platform that is not `os/architecture[/variant]`.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a platform: {0:?}; write os/architecture or os/architecture/variant")]
pub struct PlatformError(String);

impl Platform {
    /// The platform this binary was built for, with `linux` as the operating system of images.
    pub fn host() -> Self {
        let (architecture, variant) = match std::env::consts::ARCH {
            "x86_64" => ("amd64", None),
            "aarch64" => ("arm64", None),
            "arm" => ("arm", Some("v7".to_owned())),
            "x86" => ("386", None),
            "powerpc64" => ("ppc64le", None),
            other => (other, None),
        };
        Self {
            os: "linux".to_owned(),
            architecture: architecture.to_owned(),
            variant,
        }
    }

    /// Whether an image built for `self` serves a request for `wanted`. An absent variant on
    /// either side matches any.
    pub fn serves(&self, wanted: &Self) -> bool {
        self.os == wanted.os
            && self.architecture == wanted.architecture
            && match (&self.variant, &wanted.variant) {
                (Some(own), Some(wanted)) => own == wanted,
                _ => true,
            }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let mut parts = text.split('/');
        let os = parts.next().unwrap_or_default();
        let architecture = parts.next().unwrap_or_default();
        let variant = parts.next();
        if os.is_empty() || architecture.is_empty() || variant == Some("") || parts.next().is_some()
        {
            return Err(PlatformError(text.chars().take(80).collect()));
        }
        Ok(Self {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.map(str::to_owned),
        })
    }
}

/// One layer of an image.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Layer {
    /// Digest of the blob as stored (compressed or not); `None` for a directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Digest of the uncompressed tar; `None` for a directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff_id: Option<Digest>,
    /// Whether the digests above were checked against the bytes.
    pub digest_state: DigestState,
    /// Bytes of the blob as stored.
    pub size: u64,
    /// The build step that made the layer, from the image's history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
}

/// An image.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Image {
    /// What the caller asked for, with the source's prefix: `docker-archive:web.tar`.
    pub reference: String,
    /// Digest of the image's configuration (Docker's image id).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Digest>,
    /// Digest of the image's manifest, where the source has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Names and tags the source gives the image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Platform, where the configuration names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// When the image says it was made (RFC 3339, as written there).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// CPE of the product that the image says it is: the label `cpe` of its configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpe: Option<String>,
    /// Layers, lowest first.
    pub layers: Vec<Layer>,
}
