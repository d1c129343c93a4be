//! Bills of materials that lie in an image: SPDX and CycloneDX in JSON, Bitnami's among them.
//!
//! Source: SPDX 2.3, CycloneDX 1.6, and Bitnami's images, which keep `.spdx-NAME.spdx` beside each
//! component. What such a file says was true when someone wrote it: it is evidence of its own, under
//! this detector's name. A component counts by its purl alone. Packages of distributions are left
//! to their databases. Not read: XML, tag-value, SPDX 3.

use pellucid_image::Want;
use pellucid_model::WarningKind;
use serde::Deserialize;

use super::named;
use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};
use crate::purl::Purl;

/// The detector.
pub(crate) struct Sbom;

impl Detector for Sbom {
    fn name(&self) -> &'static str {
        "sbom"
    }

    fn version(&self) -> u32 {
        // It changes with what `Purl::parse` gives, too: the test below.
        3
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
        let mut unread = 0_u64;
        let references = bill.packages.iter().flat_map(|package| &package.references);
        for reference in references.filter(|reference| reference.kind == "purl") {
            unread += u64::from(!component(&reference.locator, out)?);
        }
        let mut open: Vec<&Component> = bill.components.iter().collect();
        while let Some(one) = open.pop() {
            open.extend(&one.components);
            if let Some(purl) = &one.purl {
                unread += u64::from(!component(purl, out)?);
            }
        }
        if unread > 0 {
            let message = format!(
                "{unread} components have a purl without a version, or none that can be read"
            );
            out.warn(WarningKind::BadRecord, None, message);
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

/// Adds the package of a purl. Says whether it could be read; one of a type that is none of ours is left
/// out like those of distributions.
fn component(purl: &str, out: &mut Detected) -> Result<bool, DetectError> {
    match Purl::parse(purl).map(|purl| purl.package) {
        Some(one) if one.kind.is_os() => Ok(true),
        Some(one) => named(out, one.kind, &one.name, &one.version, None).map(|()| true),
        None => Ok(!Purl::is_of_known_type(purl)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_purls_give_is_of_this_version() {
        let given = |purl: &str| {
            let mut out = Detected::default();
            let is_read = component(purl, &mut out).unwrap();
            let package = out.packages.first();
            let package = package.map(|one| format!("{} {} {}", one.kind, one.name, one.version));
            package.unwrap_or_else(|| format!("none, read: {is_read}"))
        };
        // Where an answer changes, so does what is kept of layers: then the version is raised with it.
        assert_eq!(Sbom.version(), 3);
        for (purl, expected) in [
            ("pkg:npm/%40a/b@1", "npm @a/b 1"),
            ("pkg:npm/a//b@1", "npm a/b 1"),
            ("pkg:cpan/JSON::XS@4.03", "cpan JSON-XS 4.03"),
            ("pkg:maven/a/b@1", "maven a:b 1"),
            ("pkg:maven/a:b@1", "maven a:b 1"),
            ("pkg:maven/a:@1", "none, read: false"),
            ("pkg:maven/a/c/b@1", "none, read: false"),
            ("pkg:generic/a@?epoch=1", "none, read: false"),
            ("pkg:generic/a@1?epoch=0", "generic a 1"),
            ("pkg:swift/host/.git@1", "swift host/.git 1"),
            ("pkg:deb/debian/a@1", "none, read: true"),
            ("pkg:cocoapods/a@1", "none, read: true"),
            ("pkg:npm/a", "none, read: false"),
        ] {
            assert_eq!(given(purl), expected, "{purl}");
        }
    }
}
