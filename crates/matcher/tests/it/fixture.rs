//! Images and advisories made by hand.

use std::sync::Arc;

use pellucid_matcher::{MatchOptions, Matched, Source, Sources, find};
use pellucid_model::{
    Advisory, Affected, Image, Inventory, Location, NameKind, Namespace, Package, PackageEntry,
    PackageKind, SourcePackage, Status,
};
use pellucid_snapshot::{Builder, Meta, Snapshot};
use pellucid_version::Range;

/// 2024-07-01.
pub(crate) const TODAY: i64 = 19_905;

pub(crate) const OPTIONS: MatchOptions = MatchOptions {
    hidden: false,
    undetermined: false,
    today: TODAY,
};

pub(crate) fn affected(package: &str, range: Range) -> Affected {
    Affected {
        namespace: Namespace::from("debian:12"),
        package: package.to_owned(),
        name_kind: NameKind::Source,
        status: Status::Affected,
        ranges: vec![range],
        versions: Vec::new(),
        severity: None,
        arches: Vec::new(),
        module: None,
        cpes: Vec::new(),
        note: None,
    }
}

pub(crate) fn with_status(package: &str, status: Status) -> Affected {
    let ranges = Vec::new();
    Affected {
        status,
        ranges,
        ..affected(package, Range::all())
    }
}

pub(crate) fn advisory(id: &str, affected: Vec<Affected>) -> Advisory {
    Advisory {
        affected,
        ..Advisory::new(id)
    }
}

/// A snapshot that one thread reads: its file is gone, and only what is open of it stays.
pub(crate) fn snapshot(feed: &str, advisories: &[Advisory]) -> Arc<Snapshot> {
    let directory = tempfile::tempdir().unwrap();
    snapshot_in(directory.path(), feed, advisories)
}

/// A snapshot in a folder, where several threads can open it.
pub(crate) fn snapshot_in(
    directory: &std::path::Path,
    feed: &str,
    advisories: &[Advisory],
) -> Arc<Snapshot> {
    snapshot_with(directory, feed, advisories, &[])
}

/// One that knows too what packages of `debian:12` were built from.
pub(crate) fn snapshot_with(
    directory: &std::path::Path,
    feed: &str,
    advisories: &[Advisory],
    built_from: &[(&str, &str)],
) -> Arc<Snapshot> {
    let meta = Meta {
        key: feed.to_owned(),
        feed: feed.to_owned(),
        as_of: Some(1),
    };
    let mut builder = Builder::create(directory.join("a"), meta).unwrap();
    for advisory in advisories {
        builder.add(advisory).unwrap();
    }
    for (binary, source) in built_from {
        let namespace = Namespace::from("debian:12");
        builder.built_from(&namespace, binary, source).unwrap();
    }
    let built = builder.finish().unwrap();
    Arc::new(Snapshot::open(built.path, built.digest).unwrap())
}

/// Sources of `debian:12`, by rank.
pub(crate) fn sources(snapshots: &[Arc<Snapshot>]) -> Sources {
    let mut sources = Sources::new();
    for snapshot in snapshots {
        let namespace = Namespace::from("debian:12");
        let source = Source {
            snapshot: Arc::clone(snapshot),
            namespace: namespace.clone(),
            fetched_at: 2,
        };
        sources.add(namespace, source);
    }
    sources
}

pub(crate) fn entry(package: Package) -> PackageEntry {
    PackageEntry {
        namespace: Some(Namespace::from("debian:12")),
        package,
        locations: vec![Location {
            layer: 0,
            path: "var/lib/dpkg/status".to_owned(),
        }],
        hidden: false,
        owner: None,
        detector: "dpkg".to_owned(),
    }
}

pub(crate) fn deb(name: &str, version: &str) -> Package {
    Package::new(PackageKind::Deb, name, version)
}

pub(crate) fn deb_of(name: &str, version: &str, source: &str, source_version: &str) -> Package {
    let version_of_source = Some(source_version.to_owned());
    let source = SourcePackage {
        name: source.to_owned(),
        version: version_of_source,
    };
    Package {
        source: Some(source),
        ..deb(name, version)
    }
}

pub(crate) fn inventory(packages: Vec<PackageEntry>) -> Inventory {
    Inventory {
        image: Image {
            reference: "dir:/".to_owned(),
            id: None,
            digest: None,
            tags: Vec::new(),
            platform: None,
            created: None,
            cpe: None,
            layers: Vec::new(),
        },
        distributions: Vec::new(),
        packages,
        repositories: None,
        warnings: Vec::new(),
    }
}

/// Matches one package against one feed's advisories.
pub(crate) fn matched(package: Package, advisories: &[Advisory]) -> Matched {
    matched_with(package, advisories, OPTIONS)
}

pub(crate) fn matched_with(
    package: Package,
    advisories: &[Advisory],
    options: MatchOptions,
) -> Matched {
    let sources = sources(&[snapshot("debian", advisories)]);
    find(&inventory(vec![entry(package)]), &sources, &options).unwrap()
}

/// Ids found, joined.
pub(crate) fn ids(matched: &Matched) -> String {
    let ids: Vec<&str> = matched
        .findings
        .iter()
        .map(|finding| finding.id.as_str())
        .collect();
    ids.join(" ")
}
