//! A bill of materials in place of an image: CycloneDX, SPDX and syft's own format, in JSON, and
//! lists of purls.
//!
//! What such a list says of distribution, source package, layer and file is kept, because advisories
//! match by it: our own lists carry all of it under `pellucid:`, those of syft and Trivy what their
//! properties and purls hold. A component counts by its purl; one without is counted and said so.
//!
//! Not read: XML, tag-value, YAML, SPDX 3, attestations around a list; the error says which it is.

mod cyclonedx;
mod properties;
mod spdx;
mod syft;

use std::collections::BTreeMap;

use pellucid_model::{
    Digest, DigestState, Distribution, Image, Inventory, Layer, Location, Namespace, PackageEntry,
    Release, Repository, Warning, WarningKind,
};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::package::product;
use crate::purl::Purl;

/// Warnings about single components that are kept; the others are counted.
const WARNINGS: usize = 100;

/// Why a list cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BillError {
    /// It is not the JSON that it should be.
    #[error("the bill of materials is not readable")]
    Json(#[source] serde_json::Error),
    /// A list in a form that we do not read.
    #[error("it is {form}, which is not read")]
    Form {
        /// Which form.
        form: &'static str,
    },
    /// It is JSON of another kind.
    #[error(
        "neither CycloneDX, SPDX 2 nor syft's own JSON: there is no bomFormat, no spdxVersion and no \
         artifacts"
    )]
    Unknown,
    /// A version of a format that we do not read.
    #[error("{format} {version} is not supported")]
    Version {
        /// Which format.
        format: &'static str,
        /// As it says.
        version: String,
    },
    /// It would take more memory than its size shows.
    #[error("the bill of materials holds {count} {what}, and no more than {most} are read")]
    TooMany {
        /// Objects, elements of lists and objects, or packages.
        what: &'static str,
        /// How many there are, about.
        count: usize,
        /// How many are read of one of its size.
        most: usize,
    },
    /// It holds nothing that could be looked up.
    #[error("the bill of materials names no package by a purl")]
    Empty,
}

/// What tells formats apart.
#[derive(Deserialize)]
struct Head {
    #[serde(default, rename = "bomFormat")]
    bom_format: Option<String>,
    #[serde(default, rename = "spdxVersion")]
    spdx_version: Option<String>,
    #[serde(default)]
    artifacts: Option<IgnoredAny>,
    /// JSON-LD has it, and so SPDX from 3 on.
    #[serde(default, rename = "@context")]
    context: Option<IgnoredAny>,
    /// in-toto's statements.
    #[serde(default, rename = "predicateType")]
    predicate_type: Option<IgnoredAny>,
    /// DSSE's envelopes around them.
    #[serde(default, rename = "payloadType")]
    payload_type: Option<IgnoredAny>,
}

/// Bytes at the beginning that tell a form.
const BEGINNING: usize = 4096;

/// Objects that are read of any list, and of one of any size. Each takes some hundred bytes, and of those that
/// tools write there are not many that are shorter than [`LEAST`].
const OBJECTS: std::ops::RangeInclusive<usize> = 1_000_000..=4_000_000;

/// Bytes that an object of a larger list has at least, on average.
const LEAST: usize = 32;

/// Elements that are read of a list, whatever they are.
const ELEMENTS: usize = 32_000_000;

/// Packages that are read of a list. Of images they are fewer.
const PACKAGES: usize = 1_000_000;

/// Refuses what would take much more memory than it has bytes, by what every object and element has.
fn weigh(json: &[u8]) -> Result<(), BillError> {
    let count = |wanted| memchr::memchr_iter(wanted, json).count();
    let objects = (json.len() / LEAST).clamp(*OBJECTS.start(), *OBJECTS.end());
    for (what, byte, most) in [("objects", b'{', objects), ("elements", b',', ELEMENTS)] {
        let count = count(byte);
        if count > most {
            return Err(BillError::TooMany { what, count, most });
        }
    }
    Ok(())
}

/// The form of a list that is not JSON.
fn other_form(text: &[u8]) -> Option<&'static str> {
    let start = String::from_utf8_lossy(text.get(..BEGINNING).unwrap_or(text)).to_lowercase();
    if start.trim_start().starts_with('<') {
        return Some(match () {
            () if start.contains("cyclonedx.org") => "CycloneDX in XML",
            () if start.contains("spdx.org") => "SPDX in RDF",
            () => "XML or HTML",
        });
    }
    let mut lines = text
        .get(..BEGINNING)
        .unwrap_or(text)
        .split(|byte| *byte == b'\n');
    lines.find_map(|line| {
        if line.starts_with(b"SPDXVersion:") {
            Some("SPDX in tag-value form")
        } else if line.starts_with(b"spdxVersion:") {
            Some("SPDX in YAML")
        } else {
            None
        }
    })
}

/// Reads a bill of materials; `reference` is what the caller calls it.
///
/// # Errors
/// When it is none that we know, or names nothing.
pub fn read_bill(reference: &str, json: &[u8]) -> Result<Inventory, BillError> {
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    if let Some(form) = other_form(json) {
        return Err(BillError::Form { form });
    }
    weigh(json)?;
    let head: Head = serde_json::from_slice(json).map_err(BillError::Json)?;
    let mut bill = Bill::new(reference);
    match head {
        Head {
            bom_format: Some(format),
            ..
        } if format == "CycloneDX" => cyclonedx::read(json, &mut bill)?,
        Head {
            spdx_version: Some(version),
            ..
        } => {
            if !version.starts_with("SPDX-2.") {
                return Err(BillError::Version {
                    format: "SPDX",
                    version: version.chars().take(40).collect(),
                });
            }
            spdx::read(json, &mut bill)?;
        }
        Head {
            artifacts: Some(_), ..
        } => syft::read(json, &mut bill)?,
        Head {
            context: Some(_), ..
        } => return Err(BillError::Form { form: "SPDX 3" }),
        Head {
            predicate_type: Some(_),
            ..
        }
        | Head {
            payload_type: Some(_),
            ..
        } => {
            let form = "an attestation around a list";
            return Err(BillError::Form { form });
        }
        _ => return Err(BillError::Unknown),
    }
    bill.finish()
}

/// Reads purls, one a line; empty lines and what begins with `#` are passed over.
///
/// # Errors
/// When there is no purl.
pub fn read_purls(reference: &str, text: &str) -> Result<Inventory, BillError> {
    let mut bill = Bill::new(reference);
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match Purl::parse(line) {
            Some(purl) => bill.add(Component {
                purl: Some(purl),
                ..Component::default()
            }),
            None => bill.warn(
                Some(number as u64 + 1),
                format!("not a purl of a known type with a version: {line:.200}"),
            ),
        }
    }
    bill.finish()
}

/// A list being read.
struct Bill {
    image: Image,
    distributions: Vec<Distribution>,
    packages: Vec<PackageEntry>,
    repositories: Option<Vec<Repository>>,
    warnings: Vec<Warning>,
    more_warnings: u64,
    unnamed: u64,
    unread: u64,
    beyond: usize,
    layers: BTreeMap<Digest, usize>,
}

/// A component, as far as a format tells.
#[derive(Default)]
struct Component {
    purl: Option<Purl>,
    /// Whether it states a purl, be that one that can be read or not.
    has_purl: bool,
    properties: BTreeMap<String, String>,
    source: Option<pellucid_model::SourcePackage>,
    /// Files that prove it, with the layer's digest.
    locations: Vec<(Option<Digest>, String)>,
}

impl Bill {
    fn new(reference: &str) -> Self {
        Self {
            image: Image {
                reference: reference.to_owned(),
                id: None,
                digest: None,
                tags: Vec::new(),
                platform: None,
                created: None,
                cpe: None,
                layers: Vec::new(),
            },
            distributions: Vec::new(),
            packages: Vec::new(),
            repositories: None,
            warnings: Vec::new(),
            more_warnings: 0,
            unnamed: 0,
            unread: 0,
            beyond: 0,
            layers: BTreeMap::new(),
        }
    }

    fn warn(&mut self, line: Option<u64>, message: String) {
        if self.warnings.len() >= WARNINGS {
            self.more_warnings += 1;
            return;
        }
        self.warnings.push(Warning {
            kind: WarningKind::BadRecord,
            layer: None,
            path: None,
            line,
            message,
        });
    }

    /// The distribution that the list is of; the first decides.
    fn distribution(&mut self, release: Release, path: &str) {
        if let Some(namespace) = release.namespace() {
            self.distributions.push(Distribution {
                namespace,
                id: release.id,
                version_id: release.version,
                codename: release.codename,
                pretty_name: release.pretty,
                id_like: release.like,
                cpe: release.cpe,
                path: path.to_owned(),
                layer: 0,
            });
        }
    }

    /// What our own properties tell of the image.
    fn about_image(&mut self, values: &BTreeMap<String, String>) {
        properties::image(values, &mut self.image);
        self.repositories = properties::repositories(values);
        for (place, layer) in self.image.layers.iter().enumerate() {
            for digest in [layer.diff_id, layer.digest].into_iter().flatten() {
                self.layers.entry(digest).or_insert(place);
            }
        }
    }

    /// The place of the layer with this digest; a new one on top where it was not heard of.
    fn layer(&mut self, digest: Digest) -> usize {
        *self.layers.entry(digest).or_insert_with(|| {
            self.image.layers.push(unknown_layer(Some(digest)));
            self.image.layers.len() - 1
        })
    }

    /// Adds a component, or counts it where there are too many, which [`Self::finish`] then refuses.
    fn add(&mut self, component: Component) {
        if self.packages.len() >= PACKAGES {
            self.beyond += 1;
            return;
        }
        if let Some(entry) = properties::package(&component.properties) {
            self.packages.push(entry);
            return;
        }
        let Some(purl) = component.purl else {
            match component.has_purl {
                true => self.unread += 1,
                false => self.unnamed += 1,
            }
            return;
        };
        let namespace = match purl.package.kind.is_os() {
            true => purl.release.as_ref().and_then(Release::namespace),
            false => Some(Namespace::new(purl.package.ecosystem())),
        };
        let mut package = purl.package;
        if component.source.is_some() {
            package.source = component.source;
        }
        // A source package of the very same name and version says nothing.
        package.source = package.source.filter(|source| {
            source.name != package.name
                || source
                    .version
                    .as_ref()
                    .is_some_and(|own| *own != package.version)
        });
        let locations: Vec<Location> = component
            .locations
            .into_iter()
            .map(|(digest, path)| Location {
                layer: digest.map_or(0, |digest| self.layer(digest)),
                path: path.trim_start_matches('/').to_owned(),
            })
            .collect();
        // As in an image; a list of our own names both.
        let product = product(&package).map(|product| {
            let namespace = Namespace::new(product.ecosystem());
            (Some(namespace), product)
        });
        for (namespace, package) in std::iter::once((namespace, package)).chain(product) {
            self.packages.push(PackageEntry {
                namespace,
                package,
                locations: locations.clone(),
                hidden: false,
                owner: None,
                detector: "sbom".to_owned(),
            });
        }
    }

    fn finish(mut self) -> Result<Inventory, BillError> {
        if self.beyond > 0 {
            return Err(BillError::TooMany {
                what: "packages",
                count: PACKAGES + self.beyond,
                most: PACKAGES,
            });
        }
        if self.packages.is_empty() && self.distributions.is_empty() {
            return Err(BillError::Empty);
        }
        // Every place has a layer, though the list may know none.
        if self.image.layers.is_empty() {
            self.image.layers.push(unknown_layer(None));
        }
        let of = self
            .distributions
            .first()
            .map(|first| first.namespace.clone());
        for entry in &mut self.packages {
            if entry.namespace.is_none() && entry.package.kind.is_os() {
                entry.namespace.clone_from(&of);
            }
            entry.locations.dedup();
            entry
                .locations
                .retain(|place| place.layer < self.image.layers.len());
            if entry.locations.is_empty() {
                entry.locations.push(Location {
                    layer: 0,
                    path: String::new(),
                });
            }
        }
        if self.distributions.is_empty() {
            self.distributions_of_purls();
        }
        let key = |entry: &PackageEntry| {
            let detector = entry.detector.clone();
            (
                entry.package.clone(),
                entry.locations.clone(),
                detector,
                entry.hidden,
            )
        };
        self.packages.sort_by_cached_key(key);
        self.packages.dedup();
        if self.unnamed > 0 {
            let unnamed = self.unnamed;
            self.warn(
                None,
                format!("{unnamed} components have no purl and are not looked at"),
            );
        }
        if self.unread > 0 {
            let unread = self.unread;
            let message = format!(
                "{unread} components have a purl of a type that is not known, or without a version, and \
                 are not looked at"
            );
            self.warn(None, message);
        }
        if self.more_warnings > 0 {
            self.warnings.push(Warning {
                kind: WarningKind::BadRecord,
                layer: None,
                path: None,
                line: None,
                message: format!("{} more warnings about this list", self.more_warnings),
            });
        }
        self.warnings.sort();
        Ok(Inventory {
            image: self.image,
            distributions: self.distributions,
            packages: self.packages,
            repositories: self.repositories,
            warnings: self.warnings,
        })
    }

    /// What purls say of the distribution, where nothing else does.
    fn distributions_of_purls(&mut self) {
        let mut namespaces: Vec<&Namespace> = self
            .packages
            .iter()
            .filter(|entry| entry.package.kind.is_os())
            .filter_map(|entry| entry.namespace.as_ref())
            .collect();
        namespaces.sort();
        namespaces.dedup();
        self.distributions = namespaces
            .into_iter()
            .map(|namespace| Distribution {
                namespace: namespace.clone(),
                id: namespace.distribution().to_owned(),
                version_id: namespace.release().map(str::to_owned),
                codename: None,
                pretty_name: None,
                id_like: Vec::new(),
                cpe: None,
                path: String::new(),
                layer: 0,
            })
            .collect();
    }
}

fn unknown_layer(diff_id: Option<Digest>) -> Layer {
    Layer {
        digest: None,
        diff_id,
        digest_state: DigestState::Declared,
        size: 0,
        created_by: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_take_much_more_memory_than_it_has_bytes_is_refused() {
        let list = |name: &str, element: &str, count| {
            let elements = vec![element; count].join(",");
            format!(r#"{{"bomFormat":"CycloneDX","{name}":[{elements}]}}"#)
        };
        let weighed = |name, element, count| weigh(list(name, element, count).as_bytes());
        let tiny = list("components", "{}", 1_000_001);
        let said = read_bill("list", tiny.as_bytes()).unwrap_err().to_string();
        assert!(
            said.contains("1000002 objects, and no more than 1000000 are read"),
            "{said}"
        );
        assert!(weighed("components", "{}", 900_000).is_ok());
        // A larger list may hold more.
        let larger = r#"{"type":"library","name":"abcdef"}"#;
        assert!(weighed("components", larger, 1_100_000).is_ok());
        let said = weighed("other", "0", 33_000_000).unwrap_err().to_string();
        assert!(said.contains("elements"), "{said}");
    }

    #[test]
    fn more_packages_than_are_read_are_refused_and_not_left_out() {
        let component = || Component {
            purl: Purl::parse("pkg:npm/a@1"),
            ..Component::default()
        };
        let mut bill = Bill::new("list");
        bill.add(component());
        let one = bill.packages[0].clone();
        bill.packages.resize(PACKAGES, one);
        bill.add(component());
        let said = bill.finish().unwrap_err().to_string();
        assert!(
            said.contains("1000001 packages, and no more than 1000000"),
            "{said}"
        );
    }

    #[test]
    fn a_form_that_is_not_read_is_named() {
        let bom = r#"<?xml version="1.0"?><bom xmlns="http://cyclonedx.org/schema/bom/1.6"/>"#;
        let rdf = r#"<rdf:RDF xmlns:spdx="http://spdx.org/rdf/terms#">"#;
        let three =
            r#"{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": []}"#;
        for (text, wanted) in [
            (bom, "CycloneDX in XML"),
            (&format!("\u{feff}  {bom}"), "CycloneDX in XML"),
            (rdf, "SPDX in RDF"),
            ("<!doctype html>", "XML or HTML"),
            (
                "# a list\nSPDXVersion: SPDX-2.3\n",
                "SPDX in tag-value form",
            ),
            ("---\nspdxVersion: SPDX-2.3\n", "SPDX in YAML"),
            (three, "SPDX 3"),
            (
                r#"{"_type": "x", "predicateType": "y"}"#,
                "an attestation around a list",
            ),
            (
                r#"{"payloadType": "y", "payload": ""}"#,
                "an attestation around a list",
            ),
        ] {
            let error = read_bill("sbom:x", text.as_bytes())
                .unwrap_err()
                .to_string();
            assert_eq!(error, format!("it is {wanted}, which is not read"));
        }
        // A list that only quotes such words is none of them.
        let quoting = r#"{"artifacts": [{"name": "<x> SPDXVersion:"}]}"#;
        let error = read_bill("sbom:x", quoting.as_bytes()).unwrap_err();
        assert!(matches!(error, BillError::Empty));
    }

    /// Kind, name, version and source of each package, then the warnings.
    fn told(list: &str) -> Vec<String> {
        let inventory = read_bill("sbom:x", list.as_bytes()).unwrap();
        let packages = inventory.packages.iter().map(|entry| {
            let package = &entry.package;
            let namespace = entry.namespace.as_ref().map_or("-", Namespace::as_str);
            format!(
                "{namespace} {} {} from {} {}",
                package.name,
                package.version,
                package.source_name(),
                package.source_version()
            )
        });
        let warnings = inventory.warnings.iter().map(|one| one.message.clone());
        packages.chain(warnings).collect()
    }

    #[test]
    fn an_spdx_list_of_trivy_keeps_epochs_and_source_packages() {
        let list = r#"{"spdxVersion": "SPDX-2.3", "packages": [
            {"SPDXID": "SPDXRef-OS", "name": "debian", "versionInfo": "12.9", "primaryPackagePurpose": "OPERATING-SYSTEM"},
            {"SPDXID": "SPDXRef-A", "name": "package-lock.json", "primaryPackagePurpose": "APPLICATION", "sourceInfo": "package found in: /app"},
            {"SPDXID": "SPDXRef-1", "name": "libssl3", "versionInfo": "3.0.11-1~deb12u2", "sourceInfo": "built package from: openssl 3.0.11-1~deb12u2",
             "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12.9"}]},
            {"SPDXID": "SPDXRef-2", "name": "bind9-libs", "versionInfo": "1:9.18.33-1~deb12u2", "sourceInfo": "built package from: bind9 1:9.18.33-1~deb12u2",
             "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:deb/debian/bind9-libs@9.18.33-1~deb12u2?distro=debian-12.9&epoch=1"}]}]}"#;
        assert_eq!(
            told(list),
            [
                "debian:12 bind9-libs 1:9.18.33-1~deb12u2 from bind9 1:9.18.33-1~deb12u2",
                "debian:12 libssl3 3.0.11-1~deb12u2 from openssl 3.0.11-1~deb12u2",
            ]
        );
    }

    #[test]
    fn a_package_that_upstream_makes_is_its_product_too() {
        let list = r#"{"bomFormat": "CycloneDX", "components": [{"type": "library", "name": "mongodb-org-server",
            "purl": "pkg:deb/ubuntu/mongodb-org-server@4.4.1?distro=ubuntu-22.04"}]}"#;
        let of_list = [
            "bitnami mongodb 4.4.1 from mongodb 4.4.1",
            "ubuntu:22.04 mongodb-org-server 4.4.1 from mongodb-org-server 4.4.1",
        ];
        let mut told = told(list);
        told.sort();
        assert_eq!(told, of_list);
        let rpm = "pkg:rpm/redhat/mongodb-org-server@4.4.1-1.el8?distro=rhel-8";
        let inventory = read_purls("purl:x", rpm).unwrap();
        let names = inventory.packages.iter().map(|entry| {
            let package = &entry.package;
            format!("{} {}", package.name, package.version)
        });
        let mut names: Vec<String> = names.collect();
        names.sort();
        assert_eq!(names, ["mongodb 4.4.1", "mongodb-org-server 4.4.1-1.el8"]);
    }

    #[test]
    fn a_component_that_cannot_be_looked_up_is_counted_whatever_the_form() {
        let spdx = r#"{"spdxVersion": "SPDX-2.3", "documentDescribes": ["SPDXRef-own"], "packages": [
            {"SPDXID": "SPDXRef-own", "name": "own", "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:oci/own@1"}]},
            {"SPDXID": "SPDXRef-1", "name": "lodash", "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:npm/lodash@4.17.15"}]},
            {"SPDXID": "SPDXRef-2", "name": "playwright", "versionInfo": "1.40.0", "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:npm/playwright"}]},
            {"SPDXID": "SPDXRef-3", "name": "a", "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:npm/a"}]},
            {"SPDXID": "SPDXRef-4", "name": "x", "versionInfo": "1", "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:cocoapods/x@1"}]},
            {"SPDXID": "SPDXRef-5", "name": "bare", "versionInfo": "1"}]}"#;
        let cyclonedx = r#"{"bomFormat": "CycloneDX", "components": [
            {"type": "library", "name": "lodash", "purl": "pkg:npm/lodash@4.17.15"},
            {"type": "library", "name": "playwright", "version": "1.40.0", "purl": "pkg:npm/playwright"},
            {"type": "library", "name": "a", "purl": "pkg:npm/a"},
            {"type": "library", "name": "x", "purl": "pkg:cocoapods/x@1"},
            {"type": "library", "name": "bare", "version": "1"}]}"#;
        let syft = r#"{"artifacts": [
            {"name": "lodash", "version": "4.17.15", "purl": "pkg:npm/lodash@4.17.15"},
            {"name": "playwright", "version": "1.40.0", "purl": "pkg:npm/playwright"},
            {"name": "a", "version": "", "purl": "pkg:npm/a"},
            {"name": "x", "version": "1", "purl": "pkg:cocoapods/x@1"},
            {"name": "bare", "version": "1", "purl": ""}]}"#;
        for list in [spdx, cyclonedx, syft] {
            assert_eq!(
                told(list),
                [
                    "npm lodash 4.17.15 from lodash 4.17.15",
                    "npm playwright 1.40.0 from playwright 1.40.0",
                    "1 components have no purl and are not looked at",
                    "2 components have a purl of a type that is not known, or without a version, and are not \
                     looked at",
                ]
            );
        }
    }
}
