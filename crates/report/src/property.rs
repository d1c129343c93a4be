//! Facts that a software bill of materials has no field for, as named values.
//!
//! Namespace, source package, layer and file decide which advisories match: a list without them, read
//! back, would find less. Names start with `pellucid:`.

use std::collections::BTreeSet;

use pellucid_model::{Finding, Inventory, PackageEntry};

/// Names and values, in a fixed order.
pub(crate) type Properties = Vec<(String, String)>;

/// What is known of a package.
pub(crate) fn package(entry: &PackageEntry, inventory: &Inventory) -> Properties {
    let package = &entry.package;
    let mut properties = List::default();
    properties.push("package:kind", Some(package.kind.name()));
    properties.push("package:name", Some(&package.name));
    properties.push(
        "package:namespace",
        entry.namespace.as_ref().map(|name| name.as_str()),
    );
    properties.push("package:arch", package.arch.as_deref());
    properties.push(
        "package:source",
        package.source.as_ref().map(|source| source.name.as_str()),
    );
    let source_version = package
        .source
        .as_ref()
        .and_then(|source| source.version.as_deref());
    properties.push("package:sourceVersion", source_version);
    properties.push("package:module", package.module.as_deref());
    properties.push("package:vendor", package.vendor.as_deref());
    properties.push("package:hidden", entry.hidden.then_some("true"));
    properties.push(
        "package:owner",
        entry.owner.as_ref().map(|owner| owner.name.as_str()),
    );
    let owner_version = entry.owner.as_ref().map(|owner| owner.version.as_str());
    properties.push("package:ownerVersion", owner_version);
    properties.push("package:detector", Some(&entry.detector));
    for (number, location) in entry.locations.iter().enumerate() {
        properties.push(&format!("location:{number}:path"), Some(&location.path));
        properties.push(
            &format!("location:{number}:layer"),
            Some(&location.layer.to_string()),
        );
        let layer = inventory.image.layers.get(location.layer);
        let digest = layer.and_then(|layer| layer.digest.or(layer.diff_id));
        let digest = digest.map(|digest| digest.to_string());
        properties.push(&format!("location:{number}:layerDigest"), digest.as_deref());
    }
    properties.0
}

/// What is known of a vulnerability's exploitation, and whether it is malware.
pub(crate) fn exploitation(finding: &Finding) -> Properties {
    let mut properties = List::default();
    properties.push("malware", finding.malware.then_some("true"));
    if let Some(kev) = &finding.kev {
        properties.push("kev:cve", Some(&kev.cve));
        properties.push("kev:dateAdded", Some(&kev.date_added));
        properties.push("kev:dueDate", kev.due_date.as_deref());
        properties.push("kev:ransomware", kev.ransomware.then_some("true"));
    }
    if let Some(epss) = &finding.epss {
        properties.push("epss:cve", Some(&epss.cve));
        properties.push("epss:score", Some(&epss.score.value().to_string()));
        properties.push(
            "epss:percentile",
            Some(&epss.percentile.value().to_string()),
        );
    }
    properties.0
}

/// The CVEs of a bulletin that are not said otherwise.
pub(crate) fn related(finding: &Finding, said: &[&String]) -> Properties {
    let said: BTreeSet<&String> = said.iter().copied().collect();
    let mut properties = List::default();
    let unsaid = finding.related.iter().filter(|id| !said.contains(id));
    for (number, id) in unsaid.enumerate() {
        properties.push(&format!("related:{number}"), Some(id));
    }
    properties.0
}

/// What is known of an image, its layers and the repositories of its packages.
pub(crate) fn image(inventory: &Inventory) -> Properties {
    let image = &inventory.image;
    let text = |digest: Option<pellucid_model::Digest>| digest.map(|digest| digest.to_string());
    let mut properties = List::default();
    properties.push("image:reference", Some(&image.reference));
    properties.push("image:id", text(image.id).as_deref());
    properties.push("image:digest", text(image.digest).as_deref());
    let platform = image.platform.as_ref().map(ToString::to_string);
    properties.push("image:platform", platform.as_deref());
    properties.push("image:created", image.created.as_deref());
    for (number, tag) in image.tags.iter().enumerate() {
        properties.push(&format!("image:tag:{number}"), Some(tag));
    }
    for (number, layer) in image.layers.iter().enumerate() {
        let mut push = |name: &str, value: Option<&str>| {
            properties.push(&format!("layer:{number}:{name}"), value);
        };
        push("digest", text(layer.digest).as_deref());
        push("diffId", text(layer.diff_id).as_deref());
        push(
            "digestState",
            Some(match layer.digest_state {
                pellucid_model::DigestState::Verified => "verified",
                pellucid_model::DigestState::Declared => "declared",
            }),
        );
        push("size", Some(&layer.size.to_string()));
        push("createdBy", layer.created_by.as_deref());
    }
    let count = inventory.repositories.as_ref().map(Vec::len);
    let count = count.map(|count| count.to_string());
    properties.push("image:repositories", count.as_deref());
    for (number, repository) in inventory.repositories.iter().flatten().enumerate() {
        let mut push = |name: &str, value: &str| {
            properties.push(&format!("repository:{number}:{name}"), Some(value));
        };
        push("name", &repository.name);
        push("path", &repository.path);
        push("layer", &repository.layer.to_string());
    }
    properties.0
}

#[derive(Default)]
struct List(Properties);

impl List {
    fn push(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.0.push((format!("pellucid:{name}"), value.to_owned()));
        }
    }
}
