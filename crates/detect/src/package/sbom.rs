//! Bills of materials that lie in an image: SPDX and CycloneDX in JSON, Bitnami's among them.
//!
//! Source: SPDX 2.3, CycloneDX 1.6, and Bitnami's images, which keep `.spdx-NAME.spdx` beside each
//! component. What such a file says was true when someone wrote it: it is evidence of its own, under
//! this detector's name. A component counts by its purl alone. Packages of distributions are left
//! to their databases. Not read: XML, tag-value, SPDX 3.

use pellucid_image::Want;
use pellucid_model::PackageKind;
use serde::Deserialize;

use super::named;
use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};
use crate::purl::decoded;

/// The detector.
pub(crate) struct Sbom;

impl Detector for Sbom {
    fn name(&self) -> &'static str {
        "sbom"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> Class {
        Class::Language
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[Trigger::Extension("json"), Trigger::Extension("spdx")]
    }

    fn wants(&self, candidate: &Candidate<'_>) -> Want {
        let name = candidate.name();
        let bitnami = name.starts_with(b".spdx-") && name.ends_with(b".spdx");
        let known = [
            &b".spdx.json"[..],
            b".cdx.json",
            b".cyclonedx.json",
            b"bom.json",
        ];
        if bitnami || known.iter().any(|end| name.ends_with(end)) {
            Want::Whole { limit: 32 << 20 }
        } else {
            Want::Skip
        }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let bill: Bill = crate::json::document(file.body)?;
        let references = bill.packages.iter().flat_map(|package| &package.references);
        for reference in references.filter(|reference| reference.kind == "purl") {
            component(&reference.locator, out)?;
        }
        let mut open: Vec<&Component> = bill.components.iter().collect();
        while let Some(one) = open.pop() {
            open.extend(&one.components);
            if let Some(purl) = &one.purl {
                component(purl, out)?;
            }
        }
        out.packages.sort();
        out.packages.dedup();
        Ok(())
    }
}

#[derive(Deserialize)]
struct Bill {
    #[serde(default)]
    packages: Vec<Spdx>,
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Spdx {
    #[serde(default, rename = "externalRefs")]
    references: Vec<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(default, rename = "referenceType")]
    kind: String,
    #[serde(default, rename = "referenceLocator")]
    locator: String,
}

#[derive(Deserialize)]
struct Component {
    purl: Option<String>,
    #[serde(default)]
    components: Vec<Self>,
}

/// Adds the package of a purl, if it is of a known type and has a version.
fn component(purl: &str, out: &mut Detected) -> Result<(), DetectError> {
    match package(purl) {
        Some((kind, name, version)) if !kind.is_os() => named(out, kind, &name, &version, None),
        _ => Ok(()),
    }
}

/// `pkg:type/namespace/name@version?qualifiers#subpath` as kind, name and version.
fn package(purl: &str) -> Option<(PackageKind, String, String)> {
    let rest = purl.strip_prefix("pkg:")?.trim_start_matches('/');
    let rest = rest.split(['?', '#']).next()?;
    let (kind, rest) = rest.split_once('/')?;
    let kind = PackageKind::from_name(&kind.to_ascii_lowercase())?;
    let (path, version) = rest.rsplit_once('@')?;
    let (space, name) = path.rsplit_once('/').unwrap_or(("", path));
    let name = decoded(name)?;
    let name = match (kind, space) {
        (_, "") => name,
        (PackageKind::Maven, space) => format!("{}:{name}", decoded(space)?),
        (
            PackageKind::Npm | PackageKind::Golang | PackageKind::Composer | PackageKind::Swift,
            space,
        ) => format!("{}/{name}", decoded(space)?),
        _ => name,
    };
    Some((kind, name, decoded(version)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purls_are_taken_apart() {
        let read =
            |purl| package(purl).map(|(kind, name, version)| format!("{kind} {name} {version}"));
        for (purl, read_as) in [
            ("pkg:npm/%40babel/core@7.1.0", Some("npm @babel/core 7.1.0")),
            ("pkg:maven/org.a/b@1?type=jar#x", Some("maven org.a:b 1")),
            (
                "pkg:bitnami/redis@7.0.11-2?arch=amd64",
                Some("bitnami redis 7.0.11-2"),
            ),
            (
                "pkg:golang/github.com/a/b@v1.0.0%2Bincompatible",
                Some("golang github.com/a/b v1.0.0+incompatible"),
            ),
            ("pkg:pypi/a", None),
            ("pkg:unknown/a@1", None),
            ("pkg:pypi/a%4@1", None),
            ("pkg:pypi/a%é@1", None),
            ("", None),
        ] {
            assert_eq!(read(purl).as_deref(), read_as, "{purl}");
        }
    }
}
