//! Stored features as the inventory that the matcher takes.

use pellucid_model::{Inventory, Namespace, PackageEntry, Repository};
use pellucid_store::{Feature, Repositories};

use crate::process;

/// The features, in their order. All that came from repositories came from the same ones: so it is in a
/// layer, and who matches others puts those together that share them.
pub(super) fn of<'a>(features: impl Iterator<Item = &'a Feature>) -> Inventory {
    let mut set = None;
    let packages = features.map(|feature| {
        set = set.or(feature.repositories.as_deref());
        entry(feature)
    });
    let packages = packages.collect();
    Inventory {
        packages,
        ..without_packages(set)
    }
}

/// A stored feature as a package of an inventory.
pub(super) fn entry(feature: &Feature) -> PackageEntry {
    let (package, detector) = process::listed(&feature.package);
    PackageEntry {
        namespace: Some(Namespace::new(feature.namespace.name.as_str())),
        package,
        locations: Vec::new(),
        hidden: false,
        owner: None,
        detector: detector.to_owned(),
    }
}

/// An inventory of which only the repositories are known.
pub(super) fn without_packages(repositories: Option<&Repositories>) -> Inventory {
    let repositories = repositories.map(|set| {
        let names = set.names().iter();
        let repositories = names.map(|name| Repository {
            name: name.clone(),
            path: String::new(),
            layer: 0,
        });
        repositories.collect()
    });
    Inventory {
        image: process::image(Vec::new()),
        distributions: Vec::new(),
        packages: Vec::new(),
        repositories,
        warnings: Vec::new(),
    }
}
