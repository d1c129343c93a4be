//! One inventory of an image's several platforms.
//!
//! A layer that several have stands there once, and so does a package that several have: with every
//! place where it is.

use std::collections::BTreeMap;

use pellucid_model::{Distribution, Inventory, PackageEntry, Warning, WarningKind};

/// Joins what is in the images of one index; nothing where there is none.
pub fn merge(mut inventories: Vec<Inventory>) -> Option<Inventory> {
    if inventories.len() < 2 {
        return inventories.pop();
    }
    let mut all = inventories.into_iter();
    let mut merged = all.next()?;
    let mut notes = vec![note(
        &merged,
        &(0..merged.image.layers.len()).collect::<Vec<_>>(),
    )];
    let mut packages: BTreeMap<PackageEntry, Vec<_>> = BTreeMap::new();
    let mut add = |entries: Vec<PackageEntry>| {
        for mut entry in entries {
            let locations = std::mem::take(&mut entry.locations);
            let places = packages.entry(entry).or_default();
            for location in locations {
                if !places.contains(&location) {
                    places.push(location);
                }
            }
        }
    };
    add(std::mem::take(&mut merged.packages));
    for mut other in all {
        let places: Vec<usize> = other
            .image
            .layers
            .iter()
            .map(|layer| {
                let same = merged.image.layers.iter().position(|known| {
                    known.digest == layer.digest
                        && known.diff_id == layer.diff_id
                        && layer.diff_id.is_some()
                });
                same.unwrap_or_else(|| {
                    merged.image.layers.push(layer.clone());
                    merged.image.layers.len() - 1
                })
            })
            .collect();
        let place = |layer: usize| places.get(layer).copied().unwrap_or_default();
        notes.push(note(&other, &places));
        for location in other
            .packages
            .iter_mut()
            .flat_map(|entry| &mut entry.locations)
        {
            location.layer = place(location.layer);
        }
        add(other.packages);
        for mut distribution in other.distributions {
            distribution.layer = place(distribution.layer);
            let is_known = |known: &Distribution| {
                known.namespace == distribution.namespace && known.path == distribution.path
            };
            if !merged.distributions.iter().any(is_known) {
                merged.distributions.push(distribution);
            }
        }
        let repositories = other.repositories.into_iter().flatten();
        for mut repository in repositories {
            repository.layer = place(repository.layer);
            let known = merged.repositories.get_or_insert_default();
            if known.iter().all(|one| one.name != repository.name) {
                known.push(repository);
            }
        }
        merged
            .warnings
            .extend(other.warnings.into_iter().map(|mut warning| {
                warning.layer = warning.layer.map(place);
                warning
            }));
    }
    merged.packages = packages
        .into_iter()
        .map(|(entry, locations)| PackageEntry { locations, ..entry })
        .collect();
    merged.packages.sort_by(|a, b| {
        let key = |entry: &PackageEntry| (entry.package.kind.name(), entry.package.name.clone());
        key(a).cmp(&key(b)).then_with(|| a.cmp(b))
    });
    if let Some(repositories) = &mut merged.repositories {
        repositories.sort();
    }
    // What holds for one platform is said of none.
    merged.image.id = None;
    merged.image.digest = None;
    merged.image.platform = None;
    merged.image.created = None;
    merged.warnings.push(Warning {
        kind: WarningKind::Image,
        layer: None,
        path: None,
        line: None,
        message: format!("one report over several platforms: {}", notes.join("; ")),
    });
    merged.warnings.sort();
    merged.warnings.dedup();
    Some(merged)
}

/// Which layers are whose.
fn note(inventory: &Inventory, layers: &[usize]) -> String {
    let platform = inventory.image.platform.as_ref();
    let platform = platform.map_or_else(|| "unknown".to_owned(), ToString::to_string);
    let layers: Vec<_> = layers.iter().map(ToString::to_string).collect();
    format!("{platform} has layers {}", layers.join(" "))
}
