//! SPDX 2.3 in JSON: what is in the image.
//!
//! SPDX 2.3 has no place for vulnerabilities, so there are none: this is a list of packages. What
//! decides which advisories match and has no field is an annotation on the package, in JSON; suppressed
//! findings, where each is asked for, are annotations of reviews. The
//! creation time is demanded; the caller gives it. Identifiers are counted, because SPDX allows only
//! letters, digits, dots and dashes in them.
//!
//! Source: ISO/IEC 5962 and SPDX specification 2.3.

use std::collections::BTreeMap;
use std::io;

use pellucid_model::PackageEntry;
use serde_json::{Map, Value, json};

use super::json::printer;
use crate::format::{Format, Style, set, time};
use crate::property::{self, Properties};
use crate::{Report, fingerprint, verdict};

/// SPDX.
pub(crate) struct Spdx;

impl Format for Spdx {
    fn name(&self) -> &'static str {
        "spdx-json"
    }

    fn tells_coverage(&self) -> bool {
        false
    }

    fn write(&self, report: &Report, style: &Style, out: &mut dyn io::Write) -> io::Result<()> {
        let inventory = &report.inventory;
        let image = &inventory.image;
        let created = time(report, style)
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string();
        let annotator = format!("Tool: pellucid-{}", report.tool.version);
        let annotation = |kind: &str, comment: String| {
            json!({
                "annotationDate": created,
                "annotationType": kind,
                "annotator": annotator,
                "comment": comment,
            })
        };
        let facts = |properties: &Properties| {
            let values: Map<String, Value> = properties
                .iter()
                .map(|(name, value)| (name.clone(), json!(value)))
                .collect();
            annotation("OTHER", Value::Object(values).to_string())
        };
        let mut reviews: BTreeMap<usize, Vec<Value>> = BTreeMap::new();
        for (one, _) in verdict::suppressed(report)
            .into_iter()
            .filter(|_| style.suppressed)
        {
            let why = verdict::suppression(one);
            let comment = format!("{} is suppressed: {why}", one.finding.id);
            let reviews = reviews.entry(one.finding.package).or_default();
            reviews.push(annotation("REVIEW", comment));
        }
        let name = image.tags.first().unwrap_or(&image.reference);
        let mut container = undeclared("SPDXRef-Image", name);
        set(&mut container, "primaryPackagePurpose", json!("CONTAINER"));
        set(
            &mut container,
            "annotations",
            json!([facts(&property::image(inventory))]),
        );
        if let Some(digest) = image.digest.or(image.id) {
            set(&mut container, "versionInfo", json!(digest.to_string()));
        }
        let mut packages = vec![container];
        let mut relationships = vec![relationship(
            "SPDXRef-DOCUMENT",
            "DESCRIBES",
            "SPDXRef-Image",
        )];
        for (number, distribution) in inventory.distributions.iter().enumerate() {
            let id = format!("SPDXRef-Distribution-{number}");
            let mut package = undeclared(&id, &distribution.id);
            set(
                &mut package,
                "primaryPackagePurpose",
                json!("OPERATING-SYSTEM"),
            );
            set(
                &mut package,
                "sourceInfo",
                json!(format!("from {}", distribution.path)),
            );
            set(
                &mut package,
                "annotations",
                json!([facts(&vec![(
                    "pellucid:distribution:namespace".to_owned(),
                    distribution.namespace.as_str().to_owned(),
                )])]),
            );
            if let Some(version) = &distribution.version_id {
                set(&mut package, "versionInfo", json!(version));
            }
            relationships.push(relationship("SPDXRef-Image", "CONTAINS", &id));
            packages.push(package);
        }
        for (number, entry) in inventory.packages.iter().enumerate() {
            let id = format!("SPDXRef-Package-{number}");
            let mut package = package(&id, entry);
            let mut annotations = vec![facts(&property::package(entry, inventory))];
            annotations.extend(reviews.remove(&number).unwrap_or_default());
            set(&mut package, "annotations", json!(annotations));
            relationships.push(relationship("SPDXRef-Image", "CONTAINS", &id));
            packages.push(package);
        }
        let mut document = json!({
            "spdxVersion": "SPDX-2.3",
            "dataLicense": "CC0-1.0",
            "SPDXID": "SPDXRef-DOCUMENT",
            "name": name,
            "creationInfo": {"created": created, "creators": [annotator]},
            "packages": packages,
            "relationships": relationships,
        });
        let unique = fingerprint::uuid(&fingerprint::of(&[&document.to_string()]));
        set(
            &mut document,
            "documentNamespace",
            json!(format!("https://spdx.org/spdxdocs/pellucid-{unique}")),
        );
        printer::print(&document, out)
    }
}

fn package(id: &str, entry: &PackageEntry) -> Value {
    let mut package = undeclared(id, &entry.package.name);
    set(&mut package, "versionInfo", json!(entry.package.version));
    set(
        &mut package,
        "externalRefs",
        json!([{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": entry.purl(),
        }]),
    );
    if let Some(path) = entry.path() {
        set(&mut package, "sourceInfo", json!(format!("from {path}")));
    }
    if let Some(vendor) = entry
        .package
        .vendor
        .as_ref()
        .filter(|vendor| !vendor.trim().is_empty())
    {
        set(
            &mut package,
            "supplier",
            json!(format!("Organization: {vendor}")),
        );
    }
    package
}

/// A package of which nothing is claimed but its name.
fn undeclared(id: &str, name: &str) -> Value {
    json!({
        "SPDXID": id,
        "name": if name.is_empty() { "unnamed" } else { name },
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "supplier": "NOASSERTION",
    })
}

fn relationship(from: &str, kind: &str, to: &str) -> Value {
    json!({"spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to})
}
