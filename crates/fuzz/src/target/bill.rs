//! A bill of materials in place of an image, and purls.

use pellucid_matcher::Purl;
use pellucid_model::{Inventory, Package, PackageKind};
use pellucid_report::{Report, Style, Tool};

/// Reads a list. What was read has a layer for every place, and is read back from our own lists.
pub(crate) fn run(data: &[u8]) {
    let Ok(inventory) = pellucid_detect::read_bill("list", data) else {
        return;
    };
    whole(&inventory);
    let (packages, distributions) = (inventory.packages.len(), inventory.distributions.len());
    for format in ["cyclonedx", "spdx-json"] {
        let again = written(inventory.clone(), format)
            .and_then(|list| pellucid_detect::read_bill("list", &list).ok());
        assert!(
            again.is_some(),
            "{packages} packages of {distributions} distributions, as {format}"
        );
    }
}

fn whole(inventory: &Inventory) {
    let layers = inventory.image.layers.len();
    for entry in &inventory.packages {
        assert!(!entry.package.name.is_empty(), "a package has a name");
        assert!(!entry.locations.is_empty(), "a package is somewhere");
        for place in &entry.locations {
            assert!(place.layer < layers, "a layer that is not there");
        }
    }
}

/// Reads purls. Each that is read is written as one that a rule may name, and that reads the same.
pub(crate) fn run_purls(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let _ = Purl::new(text);
    let Ok(inventory) = pellucid_detect::read_purls("list", text) else {
        return;
    };
    whole(&inventory);
    for entry in inventory.packages.iter().take(100) {
        let purl = entry.purl();
        let rule = Purl::new(&purl);
        assert!(
            rule.is_ok_and(|rule| rule.is_of(entry)),
            "{purl} is no purl of its own package"
        );
        let again = pellucid_detect::read_purls("list", &purl).ok();
        let again = again.and_then(|again| again.packages.into_iter().next());
        // Names that an ecosystem takes for one are one, and some kinds are written in lower case; so are
        // versions of Python's, which PEP 440 takes for one in any case.
        let shown = |package: &Package| {
            let name = package.kind.normalise(&package.name).to_lowercase();
            let version = match package.kind {
                PackageKind::Pypi => package.version.to_lowercase(),
                _ => package.version.clone(),
            };
            (name, version)
        };
        let again = again.map(|again| shown(&again.package));
        let own = shown(&entry.package);
        assert_eq!(again, Some(own), "{purl}");
    }
}

fn written(inventory: Inventory, format: &str) -> Option<Vec<u8>> {
    let tool = Tool {
        version: "0.1.0".to_owned(),
        commit: "unknown".to_owned(),
    };
    let report = Report::new(tool, inventory, None, Vec::new());
    let mut list = Vec::new();
    let format = pellucid_report::format(format)?;
    format.write(&report, &Style::default(), &mut list).ok()?;
    Some(list)
}

/// Our own lists of the archives that [`super::archive`] begins with.
fn own(format: &str) -> Vec<Vec<u8>> {
    let archives = super::archive::docker();
    let inventories = archives
        .iter()
        .filter_map(|archive| super::archive::inventory(archive));
    inventories
        .filter_map(|inventory| written(inventory, format))
        .collect()
}

/// Ours, and what syft and Trivy write.
pub(crate) fn cyclonedx() -> Vec<Vec<u8>> {
    let mut seeds = own("cyclonedx");
    seeds.push(
        br#"{"bomFormat": "CycloneDX", "specVersion": "1.5", "metadata": {"component": {"type": "container", "name": "web",
"version": "sha256:0000000000000000000000000000000000000000000000000000000000000000",
"properties": [{"name": "aquasecurity:trivy:ImageID", "value": "sha256:1111111111111111111111111111111111111111111111111111111111111111"}]}},
"components": [{"type": "operating-system", "name": "debian", "version": "12", "properties": [{"name": "syft:distro:id", "value": "debian"}]},
{"type": "library", "name": "libssl3", "version": "3.0.11", "purl": "pkg:deb/debian/libssl3@3.0.11?arch=amd64&upstream=openssl%403.0.11&distro=debian-12",
"properties": [{"name": "syft:location:0:path", "value": "/var/lib/dpkg/status"}, {"name": "syft:metadata:source", "value": "openssl"}],
"components": [{"type": "library", "name": "a", "version": "1", "purl": "pkg:npm/%40x/a@1"}]}]}"#
            .to_vec(),
    );
    seeds
}

/// Ours.
pub(crate) fn spdx() -> Vec<Vec<u8>> {
    own("spdx-json")
}

/// What syft writes.
pub(crate) fn syft() -> Vec<Vec<u8>> {
    vec![
        br#"{"artifacts": [{"name": "libssl3", "version": "3.0.11", "type": "deb", "purl": "pkg:deb/debian/libssl3@3.0.11?arch=amd64&distro=debian-12",
"locations": [{"path": "/var/lib/dpkg/status", "layerID": "sha256:0000000000000000000000000000000000000000000000000000000000000000"}],
"metadata": {"source": "openssl", "sourceVersion": "3.0.11"}}],
"distro": {"id": "debian", "versionID": "12", "idLike": ["x"]},
"source": {"name": "web", "metadata": {"imageID": "sha256:1111111111111111111111111111111111111111111111111111111111111111",
"layers": [{"digest": "sha256:0000000000000000000000000000000000000000000000000000000000000000", "size": 1}]}},
"descriptor": {"name": "syft"}}"#
            .to_vec(),
    ]
}

/// A purl of each shape.
pub(crate) fn purls() -> Vec<Vec<u8>> {
    [
        "pkg:deb/debian/curl@7.88.1-10?arch=arm64&distro=debian-12",
        "pkg:rpm/redhat/bash@5.1.8-6.el9?epoch=1&arch=x86_64&rpmmod=a:b&upstream=bash-5.1.8-6.el9.src.rpm",
        "pkg:apk/alpine/musl@1.2.4-r2?distro=alpine-3.19",
        "pkg:npm/%40angular/core@17.0.1",
        "pkg:maven/org.apache/log4j@2.14.1?type=jar#sub/path",
        "pkg:golang/github.com/a/b/v2@v2.1.0%2Bincompatible\npkg:pypi/Flask_x@1",
        "# nothing\npkg:cargo/serde@1.0.0\npkg:nuget/Newtonsoft.Json@13.0.1",
    ]
    .iter()
    .map(|purl| purl.as_bytes().to_vec())
    .collect()
}
