//! The inventory of an image, from what its files say after the last layer.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use pellucid_model::{
    Distribution, Image, Inventory, Location, Namespace, Owner, Package, PackageEntry, PackageKind,
    Repository, Warning, WarningKind,
};

use super::Laid;
use super::history::{Key, Unit};
use super::tree::{Content, NodeKind};
use crate::detector::{Class, DETECTORS, Detected, OwnedFiles, Trigger};
use crate::dispatch::{by_name, dispatch};
use crate::layer::Facts;
use crate::namespace::{Decided, Stated, decide};
use crate::path::{below, text};
use crate::repository::labels::is_cpe;
use crate::{DetectError, DetectOptions, RawPath};

pub(super) fn answer(
    image: &Image,
    laid: &mut Laid<'_>,
    is_short: bool,
    options: &DetectOptions,
) -> Result<Inventory, DetectError> {
    let mut warnings = links(laid);
    if is_short {
        warnings.push(Warning {
            kind: WarningKind::TooLarge,
            layer: None,
            path: None,
            line: None,
            message: "links lead to more files or folders than are looked at: packages at the others are \
                      missing"
                .to_owned(),
        });
    }
    let mut stated = Vec::new();
    let mut proofs = Proofs::new();
    let mut owned = Vec::new();
    let mut repositories = BTreeMap::new();
    let mut has_database = false;
    for (place, units) in &laid.history.visible {
        for unit in units {
            if !is_listed(unit.detector.class(), options) {
                continue;
            }
            let layer = unit.file.0 as usize;
            let Some(found) = found(laid, place, unit, &mut warnings)? else {
                continue;
            };
            has_database |= is_database(unit, found);
            warn(found, place, layer, &mut warnings);
            if let Some(release) = &found.release {
                stated.push(Stated {
                    detector: unit.detector.name(),
                    name: unit.name.clone(),
                    path: text(place.bytes()),
                    layer,
                    release,
                });
            }
            for name in &found.repositories {
                repositories
                    .entry(name)
                    .or_insert_with(|| (text(place.bytes()), layer));
            }
            // A package manager's list may tell of an upstream's product.
            let listed = |key: &Key<'_>| options.languages || key.package.kind.is_os();
            let keys = laid.history.keys(place, unit).into_iter();
            for key in keys.filter(listed) {
                proofs.entry(key).or_default().push((place.clone(), layer));
            }
            owned.extend(&found.owned);
        }
    }
    if let Some(cpe) = image.cpe.as_ref().filter(|cpe| is_cpe(cpe)) {
        let layer = image.layers.len().saturating_sub(1);
        let label = || ("label cpe".to_owned(), layer);
        repositories.entry(cpe).or_insert_with(label);
    }
    yield_to_others(&mut proofs);
    yield_to_components(&mut proofs);
    let decided = decide(stated);
    warnings.extend(
        decided
            .distributions
            .first()
            .filter(|_| !has_database)
            .map(without_database),
    );
    let owners = owners(laid, &proofs, &owned);
    let mut odd = None;
    let mut entries: BTreeMap<(&Package, &str, bool), Vec<Place<'_>>> = BTreeMap::new();
    for (key, places) in &proofs {
        let since = laid.history.since(key).unwrap_or_default();
        let locations = entries
            .entry((key.package, key.detector, false))
            .or_default();
        for (index, (place, layer)) in places.iter().enumerate() {
            let layer = if index == 0 { since } else { *layer };
            let path = text(place.bytes());
            let owner = owners.get(&path).filter(|_| !key.package.kind.is_os());
            locations.push((Location { layer, path }, owner));
        }
        if key.package.kind.is_os() && !decided.holds(key.package.kind) {
            odd.get_or_insert((key.package.kind, places));
        }
    }
    if options.hidden {
        for (key, gone) in &laid.history.gone {
            let wanted = by_name(key.detector).is_none_or(|one| is_listed(one.class(), options));
            if wanted && !proofs.contains_key(key) {
                let location = Location {
                    layer: gone.layer,
                    path: text(gone.place.bytes()),
                };
                entries
                    .entry((key.package, key.detector, true))
                    .or_default()
                    .push((location, gone.owner.as_ref()));
            }
        }
    }
    if let (Some((kind, places)), Some(first)) = (odd, decided.distributions.first()) {
        let path = places
            .first()
            .map_or_else(String::new, |(place, _)| text(place.bytes()));
        let message = format!(
            "{kind} packages in {}, which has none: no namespace",
            first.namespace
        );
        warnings.push(Warning::of_file(WarningKind::Conflict, path, None, message));
    }
    warnings.extend(decided.warnings.iter().cloned());
    let packages = assemble(entries, &decided);
    let repositories = repositories
        .into_iter()
        .map(|(name, (path, layer))| Repository {
            name: name.clone(),
            path,
            layer,
        });
    let repositories = decided
        .namespace(PackageKind::Rpm)
        .map(|_| repositories.collect());
    warnings.sort();
    warnings.dedup();
    Ok(Inventory {
        image: image.clone(),
        distributions: decided.distributions,
        packages,
        repositories,
        warnings,
    })
}

/// What proves each package of an image, and where.
type Proofs<'a> = BTreeMap<Key<'a>, Vec<(RawPath, usize)>>;

/// Leaves a package that two databases list to the one that says more of it.
fn yield_to_others<'a>(proofs: &mut Proofs<'a>) {
    let yielding: Vec<(&str, &str)> = DETECTORS
        .iter()
        .filter_map(|detector| Some((detector.name(), detector.yields_to()?)))
        .collect();
    let other = |detector: &str| {
        let mut rows = yielding.iter();
        rows.find_map(|(own, other)| (*own == detector).then_some(*other))
    };
    let others: BTreeSet<&str> = proofs
        .keys()
        .filter_map(|key| other(key.detector))
        .collect();
    let package = |key: &Key<'a>| (key.package.name.as_str(), key.package.version.as_str());
    let known: HashSet<(&str, (&str, &str))> = proofs
        .keys()
        .filter(|key| others.contains(key.detector))
        .map(|key| (key.detector, package(key)))
        .collect();
    proofs.retain(|key, _| {
        other(key.detector).is_none_or(|other| !known.contains(&(other, package(key))))
    });
}

/// Leaves a program of Bitnami's to the component that brought it.
fn yield_to_components(proofs: &mut Proofs<'_>) {
    let components: HashSet<String> = proofs
        .keys()
        .filter(|key| key.package.kind == PackageKind::Bitnami)
        .map(|key| match key.package.name.trim_end_matches("-min") {
            "jre" => "java".to_owned(),
            name => name.to_owned(),
        })
        .collect();
    proofs.retain(|key, _| {
        let place = key.place.as_ref().map(RawPath::bytes);
        key.package.kind != PackageKind::Generic
            || place.is_none_or(|place| below(place, b"opt/bitnami").is_none())
            || !components.contains(PackageKind::Generic.normalise(&key.package.name).as_ref())
    });
}

/// Whether packages that a detector of this class finds are asked for.
fn is_listed(class: Class, options: &DetectOptions) -> bool {
    match class {
        Class::Namespace | Class::Repository | Class::Database => true,
        Class::Language => options.languages,
        Class::Lock => options.languages && options.lock_files,
    }
}

/// What a file says; an error where no list of packages would be a right one.
fn found<'a>(
    laid: &Laid<'a>,
    place: &RawPath,
    unit: &Unit,
    warnings: &mut Vec<Warning>,
) -> Result<Option<&'a Detected>, DetectError> {
    let layer = unit.file.0 as usize;
    let path = text(place.bytes());
    let detector = unit.detector.name();
    let is_database = unit.detector.class() == Class::Database;
    let (kind, reason) = match laid.history.facts(unit) {
        Some(Facts::Found(found)) => return Ok(Some(found)),
        Some(Facts::Addition { .. }) => return Ok(None),
        Some(Facts::Unread(code)) => return Err(DetectError::unread(layer, *code)),
        Some(Facts::Failed(reason)) => (WarningKind::DetectorFailed, reason.clone()),
        Some(Facts::TooLarge(limit)) if is_database => {
            return Err(DetectError::TooLarge {
                detector: detector.to_owned(),
                path,
                layer,
                limit: *limit,
            });
        }
        Some(Facts::TooLarge(limit)) => (
            WarningKind::TooLarge,
            format!("larger than the limit of {limit} bytes"),
        ),
        Some(Facts::TooHeavy(limit)) if is_database => {
            return Err(DetectError::TooHeavy {
                detector: detector.to_owned(),
                path,
                layer,
                limit: *limit,
            });
        }
        Some(Facts::TooHeavy(limit)) => (
            WarningKind::TooLarge,
            format!("what it says needs more than the limit of {limit} bytes"),
        ),
        None => (
            WarningKind::BadLink,
            "reached through too many links".to_owned(),
        ),
    };
    if is_database {
        return Err(DetectError::Database {
            detector: detector.to_owned(),
            path,
            layer,
            reason,
        });
    }
    let mut warning = Warning::of_file(kind, path, None, format!("{detector}: {reason}"));
    warning.layer = Some(layer);
    warnings.push(warning);
    Ok(None)
}

fn warn(found: &Detected, place: &RawPath, layer: usize, warnings: &mut Vec<Warning>) {
    let of_file = |kind, line, message: String| {
        let mut warning = Warning::of_file(kind, text(place.bytes()), line, message);
        warning.layer = Some(layer);
        warning
    };
    for (kind, line, message) in &found.warnings {
        warnings.push(of_file(*kind, *line, message.clone()));
    }
    if found.more_warnings > 0 {
        let message = format!("{} more records could not be read", found.more_warnings);
        warnings.push(of_file(WarningKind::BadRecord, None, message));
    }
}

/// Whether a file is the database of a package manager or a package's record in one, and not only a list
/// of a package's files.
fn is_database(unit: &Unit, found: &Detected) -> bool {
    let is_at = |trigger: &Trigger| matches!(trigger, Trigger::Path(path) if path.as_bytes() == unit.name.bytes());
    unit.detector.class() == Class::Database
        && (!found.packages.is_empty() || unit.detector.triggers().iter().any(is_at))
}

/// Says that nobody knows what packages of its distribution the image has.
fn without_database(distribution: &Distribution) -> Warning {
    let namespace = &distribution.namespace;
    let message = format!("names {namespace}, but the image has no package database");
    let mut warning = Warning::of_file(WarningKind::NoDatabase, &*distribution.path, None, message);
    warning.layer = Some(distribution.layer);
    warning
}

/// Warnings about links that keep a detector from a file that it knows by its place.
fn links(laid: &mut Laid<'_>) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for (layer, path) in &laid.lost {
        let message = "its folder is reached through a circle of links";
        let mut warning = Warning::of_file(WarningKind::BadLink, text(path.bytes()), None, message);
        warning.layer = Some(*layer);
        warnings.push(warning);
    }
    for (root, _) in &dispatch().roots {
        let tree = &mut laid.tree;
        let is_link = tree
            .exactly(root)
            .and_then(|id| tree.kind(id))
            .is_some_and(|kind| matches!(kind, NodeKind::Link(_)));
        if !is_link || !super::folder_set(root).eq(&0) {
            continue;
        }
        let message = match tree.locate(root, true) {
            Err(_) => "a link that leads in a circle".to_owned(),
            Ok(_) if tree.file_at(root).is_some() => continue,
            Ok(place) => {
                format!(
                    "a link to {}, where the image has no file",
                    text(&tree.place_path(&place))
                )
            }
        };
        warnings.push(Warning::of_file(
            WarningKind::BadLink,
            text(root),
            None,
            message,
        ));
    }
    warnings
}

/// Packages of a distribution by the places of their files, as far as a language's package is
/// proved there.
fn owners(
    laid: &mut Laid<'_>,
    proofs: &Proofs<'_>,
    owned: &[&OwnedFiles],
) -> HashMap<String, Owner> {
    let proved: HashSet<&RawPath> = proofs.keys().filter_map(|key| key.place.as_ref()).collect();
    if proved.is_empty() {
        return HashMap::new();
    }
    let packages: Vec<&Package> = proofs
        .keys()
        .filter(|key| key.place.is_none())
        .map(|key| key.package)
        .collect();
    let (tree, history) = (&mut laid.tree, &laid.history);
    let owners = crate::ownership::owners(&proved, &packages, owned, |path| {
        let place = tree.locate(path, false).ok()?;
        let NodeKind::File(content) = tree.at(&place).and_then(|id| tree.kind(id))? else {
            return None;
        };
        let digests = history.digests(*content);
        Some((RawPath::new(&tree.place_path(&place)), digests))
    });
    // A file of several names has one owner: ostree keeps what packages own under names of its own too.
    let mut content = |path: &RawPath| {
        let place = tree.locate(path.bytes(), false).ok()?;
        match tree.at(&place).and_then(|id| tree.kind(id))? {
            NodeKind::File(content) => Some(*content),
            _ => None,
        }
    };
    let mut of_content: HashMap<Content, Owner> = HashMap::new();
    if owners.len() < proved.len() {
        for (path, owner) in &owners {
            of_content.extend(content(path).map(|content| (content, owner.clone())));
        }
    }
    let others = proved.iter().filter(|path| !owners.contains_key(**path));
    let others: Vec<(String, Owner)> = others
        .filter(|_| !of_content.is_empty())
        .filter_map(|path| Some((text(path.bytes()), of_content.get(&content(path)?)?.clone())))
        .collect();
    let named = owners.into_iter();
    let named = named.map(|(path, owner)| (text(path.bytes()), owner));
    named.chain(others).collect()
}

/// Where a package is, and the distribution's package whose file proves it there.
type Place<'a> = (Location, Option<&'a Owner>);

/// What proves a package in one place: where it is installed before where it is only listed.
type Proof<'a> = (bool, Location, &'a str);

fn assemble(
    entries: BTreeMap<(&Package, &str, bool), Vec<Place<'_>>>,
    decided: &Decided,
) -> Vec<PackageEntry> {
    // A language's package that two detectors found is one. Places with another owner are another
    // entry: it is matched in another way.
    let mut merged: BTreeMap<_, Vec<Proof<'_>>> = BTreeMap::new();
    for ((package, detector, hidden), locations) in entries {
        let is_os = package.kind.is_os();
        let apart = if is_os { detector } else { "" };
        let listed = by_name(detector).is_some_and(|one| one.class() == Class::Lock);
        for (location, owner) in locations {
            merged
                .entry((package, apart, hidden, owner))
                .or_default()
                .push((listed, location, detector));
        }
    }
    let mut packages = Vec::new();
    for ((package, _, hidden, owner), mut proofs) in merged {
        proofs.sort();
        let namespace = if package.kind.is_os() {
            decided.namespace(package.kind).cloned()
        } else {
            Some(Namespace::new(package.ecosystem()))
        };
        let detector = proofs.first().map_or("", |(_, _, detector)| detector);
        let mut locations: Vec<Location> = Vec::new();
        for (_, location, _) in &proofs {
            if locations.last() != Some(location) {
                locations.push(location.clone());
            }
        }
        packages.push(PackageEntry {
            namespace,
            package: package.clone(),
            locations,
            hidden,
            owner: owner.cloned(),
            detector: detector.to_owned(),
        });
    }
    packages.sort_by(|a, b| {
        (&a.package, &a.locations, &a.detector, a.hidden).cmp(&(
            &b.package,
            &b.locations,
            &b.detector,
            b.hidden,
        ))
    });
    packages
}
