//! Packages, one file per database or ecosystem.

pub(crate) mod apk;
pub(crate) mod application;
pub(crate) mod bitnami;
pub(crate) mod bottlerocket;
pub(crate) mod chisel;
pub(crate) mod classifier;
pub(crate) mod conda;
pub(crate) mod dart;
pub(crate) mod dotnet;
pub(crate) mod dpkg;
pub(crate) mod erlang;
pub(crate) mod go_binary;
pub(crate) mod haskell;
pub(crate) mod java;
pub(crate) mod jdk;
pub(crate) mod julia;
pub(crate) mod lock_file;
pub(crate) mod lua;
pub(crate) mod node;
pub(crate) mod pacman;
pub(crate) mod pear;
pub(crate) mod perl;
pub(crate) mod php;
pub(crate) mod portage;
pub(crate) mod python;
pub(crate) mod r;
pub(crate) mod rpm;
pub(crate) mod rpm_manifest;
pub(crate) mod ruby;
pub(crate) mod rust_binary;
pub(crate) mod sbom;

use pellucid_model::{Package, PackageKind};

use crate::DetectError;
use crate::detector::Detected;

/// Longest name of a package that is believed, in bytes.
const NAME: usize = 1024;

/// Longest version that is believed, in bytes.
const VERSION: usize = 8192;

/// Most packages that one file is believed to list: some five times a whole distribution.
const PACKAGES: usize = 300_000;

/// Bytes of the largest text that is read.
const TEXT: u64 = 256 << 20;

/// Packages that upstream itself makes for distributions, which no advisory of these will ever speak of, and the
/// product that they are, where no file of it tells its version.
const PRODUCTS: &[(&str, &str)] = &[
    ("mongodb-enterprise-server", "mongodb"),
    ("mongodb-org-server", "mongodb"),
];

/// Adds a package that a file lists, and the product that it is.
fn push(out: &mut Detected, package: Package) -> Result<(), DetectError> {
    if out.packages.len() >= PACKAGES {
        return Err(DetectError::Malformed("it lists more than 300000 packages"));
    }
    let product = product(&package);
    // The package first: who adds it goes on with it.
    out.push(package)?;
    product.map_or(Ok(()), |product| out.push(product))
}

/// The product that a distribution's package is, of upstream's version.
pub(crate) fn product(package: &Package) -> Option<Package> {
    let mut products = PRODUCTS.iter().filter(|_| package.kind.is_os());
    products.find_map(|(name, product)| {
        let upstream = package.version.split(['-', '+', '~']).next()?;
        (*name == package.name).then(|| Package::new(PackageKind::Generic, *product, upstream))
    })
}

/// Bytes as text; `None` where they are no UTF-8 or longer than `most`.
fn value(bytes: &[u8], most: usize) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?.trim_matches([' ', '\t']);
    (text.len() <= most).then_some(text)
}

/// Adds a package that a file names; notes the record where that is no name or no version.
fn named(
    out: &mut Detected,
    kind: PackageKind,
    name: &str,
    version: &str,
    line: Option<u64>,
) -> Result<(), DetectError> {
    let (name, version) = (name.trim(), version.trim());
    let plain = |text: &str| !text.contains(|letter: char| letter.is_control());
    if (1..=NAME).contains(&name.len())
        && (1..=VERSION).contains(&version.len())
        && plain(name)
        && plain(version)
    {
        return push(out, Package::new(kind, name, version));
    }
    let what = "a package whose name or version is empty, too long or no text";
    out.warn(pellucid_model::WarningKind::BadRecord, line, what);
    Ok(())
}
