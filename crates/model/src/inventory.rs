//! What an image contains: its distributions and packages, each with the layer that brought it
//! and the file that proves it.

use serde::{Deserialize, Serialize};

use crate::{Digest, Image, Namespace, Package, Warning};

/// A distribution's release, as a file of the image states it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Distribution {
    /// Namespace of its packages.
    pub namespace: Namespace,
    /// `ID` of os-release or the equivalent.
    pub id: String,
    /// `VERSION_ID` as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// Release code name (`bookworm`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codename: Option<String>,
    /// `PRETTY_NAME` as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretty_name: Option<String>,
    /// Parents of a derivative, nearest first (`ID_LIKE`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub id_like: Vec<String>,
    /// `CPE_NAME` as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpe: Option<String>,
    /// File that says so.
    pub path: String,
    /// Index of the layer with that file.
    pub layer: usize,
}

/// A place where a package was seen.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Location {
    /// Index of the layer, lowest is 0.
    pub layer: usize,
    /// File that proves the package.
    pub path: String,
}

/// The distribution's package that a language package's files belong to.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Owner {
    /// Name of the owning package.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// A package repository that an image says its packages came from, or the product that it says it is.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Repository {
    /// Its name, as the vendor's (`rhel-9-for-x86_64-baseos-rpms`), or the product's CPE.
    pub name: String,
    /// File that says so; `label cpe` for a label of the image's configuration.
    pub path: String,
    /// Index of the layer with that file; of a label, the uppermost.
    pub layer: usize,
}

/// A package of an image.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct PackageEntry {
    /// Namespace it lives in; `None` where no file says which distribution this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
    /// The package itself.
    #[serde(flatten)]
    pub package: Package,
    /// Where it is: first the layer that brought its present version and the file that proves it,
    /// then every other place.
    pub locations: Vec<Location>,
    /// Removed by an upper layer, but its bytes still ship in the layer named.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
    /// Set for a language package whose files a distribution's package owns: the distribution's
    /// advisories decide, and it is not matched by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// Which detector found it.
    pub detector: String,
}

impl PackageEntry {
    /// Index of the layer that brought the package's present version.
    pub fn layer(&self) -> Option<usize> {
        self.locations.first().map(|location| location.layer)
    }

    /// The file that proves the package.
    pub fn path(&self) -> Option<&str> {
        self.locations
            .first()
            .map(|location| location.path.as_str())
    }

    /// The package's purl.
    pub fn purl(&self) -> String {
        crate::purl::of(&self.package, self.namespace.as_ref())
    }
}

/// Everything found in an image. Sorted, so that equal images give equal bytes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Inventory {
    /// The image.
    pub image: Image,
    /// Distributions, the deciding one first.
    pub distributions: Vec<Distribution>,
    /// Packages, sorted by kind, name, version, location.
    pub packages: Vec<PackageEntry>,
    /// Repositories that the packages came from, sorted; empty where the image does not say, `None`
    /// where nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repositories: Option<Vec<Repository>>,
    /// What was not as it should be.
    pub warnings: Vec<Warning>,
}

impl Inventory {
    /// Digest of the layer that brought a package.
    pub fn layer_digest(&self, entry: &PackageEntry) -> Option<Digest> {
        let layer = self.image.layers.get(entry.layer()?)?;
        layer.digest.or(layer.diff_id)
    }
}
