//! Where a package lives: a release of a distribution, or a language ecosystem.
//!
//! Clair's word and Clair's spelling: `debian:12`, `alpine:v3.20`, `amzn:2`, `pypi`. A rolling
//! distribution has no release: `arch`, `wolfi`.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::PackageKind;

/// A distribution's release (`debian:12`) or an ecosystem (`pypi`).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Namespace(String);

impl Namespace {
    /// The namespace of this name, taken as it is.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The namespace of a distribution's release.
    pub fn release_of(distribution: &str, release: &str) -> Self {
        Self(format!("{distribution}:{release}"))
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the colon: the distribution's id or the ecosystem.
    pub fn distribution(&self) -> &str {
        self.0.split_once(':').map_or(self.0.as_str(), |(id, _)| id)
    }

    /// A package's name as those of this namespace are compared by ([`PackageKind::normalise`]).
    pub fn normalise<'a>(&self, name: &'a str) -> Cow<'a, str> {
        match PackageKind::from_name(&self.0) {
            Some(kind) => kind.normalise(name),
            None => name.into(),
        }
    }

    /// What stands after the colon, if anything.
    pub fn release(&self) -> Option<&str> {
        self.0.split_once(':').map(|(_, release)| release)
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl From<&str> for Namespace {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}
