//! Lock files that are JSON.

use std::collections::BTreeMap;

use pellucid_model::PackageKind;
use serde::Deserialize;

use crate::DetectError;
use crate::detector::{DetectFile, Detected};
use crate::json::document;
use crate::package::named;
use crate::package::php::Listed;

type Map<T> = BTreeMap<String, T>;

/// npm's `package-lock.json`: a flat list by path since version 2, a tree in version 1.
pub(super) fn package_lock(
    file: &DetectFile<'_>,
    kind: PackageKind,
    out: &mut Detected,
) -> Result<(), DetectError> {
    #[derive(Deserialize)]
    struct Lock {
        #[serde(default)]
        packages: Map<Placed>,
        #[serde(default)]
        dependencies: Map<Node>,
    }
    #[derive(Deserialize)]
    struct Placed {
        name: Option<String>,
        version: Option<String>,
        #[serde(default)]
        link: bool,
    }
    // As deep as the JSON reader goes: 128 levels, of which a node takes two.
    #[derive(Deserialize)]
    struct Node {
        version: Option<String>,
        #[serde(default)]
        dependencies: Map<Self>,
    }
    fn walk(nodes: &Map<Node>, kind: PackageKind, out: &mut Detected) -> Result<(), DetectError> {
        for (name, node) in nodes {
            let version = node.version.as_deref().unwrap_or_default();
            // `npm:other@1.0.0` is another package under this name.
            let (name, version) = version
                .strip_prefix("npm:")
                .and_then(|alias| alias.rsplit_once('@'))
                .unwrap_or((name, version));
            if version.starts_with(|first: char| first.is_ascii_digit()) {
                named(out, kind, name, version, None)?;
            }
            walk(&node.dependencies, kind, out)?;
        }
        Ok(())
    }
    let lock: Lock = document(file.body)?;
    if lock.packages.is_empty() {
        return walk(&lock.dependencies, kind, out);
    }
    for (path, placed) in &lock.packages {
        let Some((_, folder)) = path.rsplit_once("node_modules/") else {
            continue;
        };
        if let (false, Some(version)) = (placed.link, &placed.version) {
            let name = placed.name.as_deref().unwrap_or(folder);
            named(out, kind, name, version, None)?;
        }
    }
    Ok(())
}

/// Pipenv's `Pipfile.lock`.
pub(super) fn pipfile(
    file: &DetectFile<'_>,
    kind: PackageKind,
    out: &mut Detected,
) -> Result<(), DetectError> {
    #[derive(Deserialize)]
    struct Lock {
        #[serde(default)]
        default: Map<Pin>,
        #[serde(default)]
        develop: Map<Pin>,
    }
    #[derive(Deserialize)]
    struct Pin {
        version: Option<String>,
    }
    let lock: Lock = document(file.body)?;
    for (name, pin) in lock.default.iter().chain(&lock.develop) {
        if let Some(version) = pin
            .version
            .as_deref()
            .and_then(|pin| pin.strip_prefix("=="))
        {
            named(out, kind, name, version, None)?;
        }
    }
    Ok(())
}

/// Composer's `composer.lock`.
pub(super) fn composer(
    file: &DetectFile<'_>,
    kind: PackageKind,
    out: &mut Detected,
) -> Result<(), DetectError> {
    #[derive(Deserialize)]
    struct Lock {
        packages: Vec<Listed>,
        #[serde(default, rename = "packages-dev")]
        development: Option<Vec<Listed>>,
    }
    let lock: Lock = document(file.body)?;
    for package in lock
        .packages
        .iter()
        .chain(lock.development.iter().flatten())
    {
        named(out, kind, &package.name, &package.version, None)?;
    }
    Ok(())
}

/// NuGet's `packages.lock.json`: packages by target framework.
pub(super) fn nuget(
    file: &DetectFile<'_>,
    kind: PackageKind,
    out: &mut Detected,
) -> Result<(), DetectError> {
    #[derive(Deserialize)]
    struct Lock {
        #[serde(default)]
        dependencies: Map<Map<Resolved>>,
    }
    #[derive(Deserialize)]
    struct Resolved {
        resolved: Option<String>,
    }
    let lock: Lock = document(file.body)?;
    for (name, package) in lock.dependencies.values().flatten() {
        // Projects of the same solution have no version.
        if let Some(version) = &package.resolved {
            named(out, kind, name, version, None)?;
        }
    }
    Ok(())
}

/// Swift's `Package.resolved`. A package is its repository: `github.com/apple/swift-nio`.
pub(super) fn swift(
    file: &DetectFile<'_>,
    kind: PackageKind,
    out: &mut Detected,
) -> Result<(), DetectError> {
    #[derive(Deserialize)]
    struct Resolved {
        #[serde(default)]
        pins: Vec<Pin>,
        object: Option<Object>,
    }
    #[derive(Deserialize)]
    struct Object {
        pins: Vec<Pin>,
    }
    #[derive(Deserialize)]
    struct Pin {
        #[serde(alias = "repositoryURL")]
        location: String,
        state: State,
    }
    #[derive(Deserialize)]
    struct State {
        version: Option<String>,
    }
    let resolved: Resolved = document(file.body)?;
    let old = resolved.object.map(|object| object.pins);
    for pin in resolved.pins.iter().chain(old.iter().flatten()) {
        let name = pin
            .location
            .split_once("://")
            .map_or(pin.location.as_str(), |(_, rest)| rest);
        let name = name.strip_prefix("git@").unwrap_or(name);
        let name = name.strip_suffix(".git").unwrap_or(name).replace(':', "/");
        if let Some(version) = &pin.state.version {
            named(out, kind, &name, version, None)?;
        }
    }
    Ok(())
}

/// Conan's `conan.lock`: references `name/version@user/channel#revision%time`.
pub(super) fn conan(
    file: &DetectFile<'_>,
    kind: PackageKind,
    out: &mut Detected,
) -> Result<(), DetectError> {
    #[derive(Deserialize)]
    struct Lock {
        #[serde(default)]
        requires: Vec<String>,
        #[serde(default)]
        build_requires: Vec<String>,
        #[serde(default)]
        python_requires: Vec<String>,
        graph_lock: Option<Graph>,
    }
    #[derive(Deserialize)]
    struct Graph {
        nodes: Map<Node>,
    }
    #[derive(Deserialize)]
    struct Node {
        #[serde(rename = "ref")]
        reference: Option<String>,
    }
    let lock: Lock = document(file.body)?;
    let nodes = lock.graph_lock.map(|graph| graph.nodes);
    let references = lock
        .requires
        .iter()
        .chain(&lock.build_requires)
        .chain(&lock.python_requires)
        .chain(
            nodes
                .iter()
                .flat_map(Map::values)
                .filter_map(|node| node.reference.as_ref()),
        );
    for reference in references {
        let Some((name, rest)) = reference.split_once('/') else {
            continue;
        };
        let version = rest.split(['@', '#', '%']).next().unwrap_or_default();
        named(out, kind, name, version, None)?;
    }
    Ok(())
}

/// R's `renv.lock`.
pub(super) fn renv(
    file: &DetectFile<'_>,
    kind: PackageKind,
    out: &mut Detected,
) -> Result<(), DetectError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Lock {
        packages: Map<Pin>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Pin {
        version: String,
    }
    let lock: Lock = document(file.body)?;
    for (name, pin) in &lock.packages {
        named(out, kind, name, &pin.version, None)?;
    }
    Ok(())
}
