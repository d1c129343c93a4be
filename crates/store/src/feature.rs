//! A feature version: a package as Clair's API shows it, with all that matching needs beside it.
//!
//! What is shown and what is matched differ: for Debian the shown name and version are the source
//! package's. Two packages that show alike but match differently (another architecture, another
//! module, other repositories that they came from) are two feature versions.

use std::sync::Arc;

use pellucid_model::{Package, PackageKind, SourcePackage};
use sha2::{Digest as _, Sha256};

use crate::StoreError;
use crate::repositories::{Repositories, Sets};
use crate::text::{Clean, clean};
use crate::value::Row;

/// A namespace as the store knows it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Namespace {
    /// `debian:12`.
    pub name: String,
    /// Clair's name of its version order, `dpkg` or `rpm`; empty while nobody knows.
    pub version_format: String,
}

/// A package of a layer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Feature {
    /// Where it lives.
    pub namespace: Arc<Namespace>,
    /// Name that the API shows.
    pub name: String,
    /// Version that the API shows.
    pub version: String,
    /// The package itself, for matching.
    pub package: Package,
    /// The repositories that the packages of the layer came from, for matching; `None` where nobody
    /// looked, or where they do not count.
    pub repositories: Option<Arc<Repositories>>,
}

/// Number of an interned feature version. It never changes its meaning.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct FeatureVersionId(pub i64);

/// Hash over everything that makes two feature versions different.
pub(crate) type Identity = [u8; 20];

/// A feature version as a row of the statement that interns.
pub(crate) type InternRow<'a> = (
    String,
    i64,
    Clean<'a>,
    Clean<'a>,
    &'static str,
    Clean<'a>,
    Clean<'a>,
    Option<Clean<'a>>,
    Option<Clean<'a>>,
    Option<Clean<'a>>,
    Option<Clean<'a>>,
    Option<Clean<'a>>,
    Option<&'a str>,
);

impl Feature {
    pub(crate) fn identity(&self) -> Identity {
        let package = &self.package;
        let source = package.source.as_ref();
        let mut hash = Sha256::new();
        for part in [
            Some(self.namespace.name.as_str()),
            Some(&self.name),
            Some(&self.version),
            Some(package.kind.name()),
            Some(&package.name),
            Some(&package.version),
            package.arch.as_deref(),
            source.map(|source| source.name.as_str()),
            source.and_then(|source| source.version.as_deref()),
            package.module.as_deref(),
            package.vendor.as_deref(),
        ] {
            match part.map(clean) {
                None => hash.update([0]),
                Some(text) => {
                    hash.update([1]);
                    hash.update((text.len() as u64).to_le_bytes());
                    hash.update(text.as_bytes());
                }
            }
        }
        // Nothing is added where they are not known: so it was before there were any.
        if let Some(repositories) = &self.repositories {
            hash.update([2]);
            hash.update(repositories.key.as_bytes());
        }
        let digest: [u8; 32] = hash.finalize().into();
        let mut identity = Identity::default();
        for (to, from) in identity.iter_mut().zip(digest) {
            *to = from;
        }
        identity
    }

    pub(crate) fn intern_row(&self, identity: &Identity, namespace: i64) -> InternRow<'_> {
        let package = &self.package;
        let source = package.source.as_ref();
        (
            hex::encode(identity),
            namespace,
            Clean(&self.name),
            Clean(&self.version),
            package.kind.name(),
            Clean(&package.name),
            Clean(&package.version),
            package.arch.as_deref().map(Clean),
            source.map(|source| Clean(&source.name)),
            source
                .and_then(|source| source.version.as_deref())
                .map(Clean),
            package.module.as_deref().map(Clean),
            package.vendor.as_deref().map(Clean),
            self.repositories.as_ref().map(|it| it.key.as_str()),
        )
    }

    /// Reads a row of `feature_version/get.sql`, with the sets of repositories of all its rows.
    pub(crate) fn from_row(row: &mut Row, sets: &Sets) -> Result<(i64, Self), StoreError> {
        let kind = row.text(5)?;
        let kind = PackageKind::from_name(&kind).ok_or(StoreError::Damaged {
            what: "package kind",
        })?;
        let (source, version) = (row.opt_text(9)?, row.opt_text(10)?);
        let feature = Self {
            namespace: Arc::new(Namespace {
                name: row.text(1)?,
                version_format: row.text(2)?,
            }),
            name: row.text(3)?,
            version: row.text(4)?,
            package: Package {
                kind,
                name: row.text(6)?,
                version: row.text(7)?,
                arch: row.opt_text(8)?,
                source: source.map(|name| SourcePackage { name, version }),
                module: row.opt_text(11)?,
                vendor: row.opt_text(12)?,
            },
            repositories: row.opt_text(13)?.map(|key| sets.get(&key)).transpose()?,
        };
        Ok((row.int(0)?, feature))
    }
}
