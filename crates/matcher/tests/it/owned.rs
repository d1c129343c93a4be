//! Packages of languages that a distribution's package owns: whose advisories decide.

use std::sync::Arc;

use pellucid_matcher::{Source, Sources, find};
use pellucid_model::{
    Affected, NameKind, Namespace, Owner, Package, PackageEntry, PackageKind, Status,
};
use pellucid_snapshot::Snapshot;
use pellucid_version::Range;

use crate::fixture::{
    OPTIONS, advisory, affected, deb, deb_of, entry, ids, inventory, snapshot, with_status,
};

/// Sources of these namespaces, each under its own name.
fn sources(all: &[(&str, Arc<Snapshot>)]) -> Sources {
    let mut sources = Sources::new();
    for (namespace, snapshot) in all {
        let namespace = Namespace::from(*namespace);
        let source = Source {
            snapshot: Arc::clone(snapshot),
            namespace: namespace.clone(),
            fetched_at: 2,
        };
        sources.add(namespace, source);
    }
    sources
}

fn of(namespace: &str, affected: Affected) -> Affected {
    let namespace = Namespace::from(namespace);
    Affected {
        namespace,
        ..affected
    }
}

/// `log4j`, affected by `CVE-J`, in a file of this package.
fn archive(name: &str, version: &str) -> PackageEntry {
    PackageEntry {
        namespace: Some(Namespace::from("maven")),
        package: Package::new(PackageKind::Maven, "log4j", "1"),
        owner: Some(Owner {
            name: name.to_owned(),
            version: version.to_owned(),
        }),
        ..entry(deb("a", "1"))
    }
}

/// What is found where this package owns `log4j` and a distribution's data says this; how many
/// packages of Maven were matched, and whether one was left to its owner.
fn found(
    namespace: &str,
    owner: Package,
    is_there: bool,
    says: Vec<Affected>,
) -> (String, usize, bool) {
    let maven = of("maven", affected("log4j", Range::all()));
    let maven = snapshot("osv/maven", &[advisory("CVE-J", vec![maven])]);
    let other = of(namespace, affected("other", Range::all()));
    let says = std::iter::once(other).chain(says).collect();
    let own = snapshot("own", &[advisory("CVE-D", says)]);
    let mut packages = vec![archive(&owner.name, &owner.version)];
    if is_there {
        packages.push(PackageEntry {
            namespace: Some(Namespace::from(namespace)),
            ..entry(owner)
        });
    }
    let sources = sources(&[(namespace, own), ("maven", maven)]);
    let matched = find(&inventory(packages), &sources, &OPTIONS).unwrap();
    let maven = Some(Namespace::from("maven"));
    let counted = matched.coverage.iter().find(|one| one.namespace == maven);
    (
        ids(&matched),
        counted.map_or(0, |one| one.packages),
        matched.left_to_owners.contains(&0),
    )
}

fn own() -> (String, usize, bool) {
    (String::new(), 0, true)
}

fn ecosystem() -> (String, usize, bool) {
    ("CVE-J".to_owned(), 1, false)
}

#[test]
fn the_distribution_decides_only_where_it_speaks_of_the_owner() {
    let found = |owner, says| found("debian:12", owner, true, says);
    let fixed = |name| vec![affected(name, Range::before("2"))];
    let of_debian = || deb_of("liblog4j-java", "2", "apache-log4j", "2");
    assert_eq!(found(of_debian(), fixed("apache-log4j")), own());
    let fine = with_status("apache-log4j", Status::NotAffected);
    assert_eq!(found(of_debian(), vec![fine]), own());
    // A vendor's package, and one of the distribution's that never had an advisory.
    assert_eq!(found(deb("elasticsearch", "7"), Vec::new()), ecosystem());
    assert_eq!(found(of_debian(), Vec::new()), ecosystem());
    // Said of another release, or of a source package of the binary's name.
    let elsewhere = of("debian:11", affected("elasticsearch", Range::all()));
    assert_eq!(
        found(deb("elasticsearch", "7"), vec![elsewhere]),
        ecosystem()
    );
    assert_eq!(found(of_debian(), fixed("liblog4j-java")), ecosystem());
    let binary = Affected {
        name_kind: NameKind::Binary,
        ..affected("liblog4j-java", Range::before("2"))
    };
    assert_eq!(found(of_debian(), vec![binary]), own());
}

#[test]
fn a_debian_package_that_others_built_is_not_the_distribution_s() {
    let found = |version| {
        let says = vec![affected("nginx", Range::before("1.22.1-9+deb12u1"))];
        found("debian:12", deb("nginx", version), true, says)
    };
    assert_eq!(found("1.22.1-9+deb12u1"), own());
    assert_eq!(found("1.25.3-1~bookworm"), ecosystem());
}

#[test]
fn an_rpm_of_another_vendor_is_not_the_distribution_s() {
    let found = |namespace: &str, vendor: Option<&str>| {
        let owner = Package {
            vendor: vendor.map(str::to_owned),
            ..Package::new(PackageKind::Rpm, "dotnet", "2-1")
        };
        let says = of(namespace, affected("dotnet", Range::before("1")));
        found(namespace, owner, true, vec![says])
    };
    assert_eq!(found("rhel:9", Some("Red Hat, Inc.")), own());
    assert_eq!(found("rhel:9", None), own());
    assert_eq!(found("rhel:9", Some("Microsoft Corporation")), ecosystem());
    assert_eq!(
        found("azurelinux:3.0", Some("Microsoft Corporation")),
        own()
    );
    let suse = Some("SUSE LLC <https://www.suse.com/>");
    assert_eq!(found("sles:15.6", suse), own());
    assert_eq!(found("amzn:2023", Some("Elasticsearch")), ecosystem());
    // Nobody knows how this one calls itself.
    assert_eq!(found("bottlerocket", Some("Somebody")), own());
}

#[test]
fn a_program_is_left_to_a_distribution_without_advisories() {
    let program = || PackageEntry {
        namespace: Some(Namespace::from("bitnami")),
        package: Package::new(PackageKind::Generic, "httpd", "2.4.25"),
        ..archive("apache2-bin", "2.4.25-3+deb9u13")
    };
    let found = |namespace: &str, version: &str, known: &str| {
        let httpd = Affected {
            name_kind: NameKind::Binary,
            ..of("bitnami", affected("apache", Range::all()))
        };
        let bitnami = snapshot("osv/Bitnami", &[advisory("CVE-B", vec![httpd])]);
        let other = of(known, affected("other", Range::all()));
        let own = snapshot("debian", &[advisory("CVE-D", vec![other])]);
        let file = PackageEntry {
            owner: Some(Owner {
                name: "apache2-bin".to_owned(),
                version: version.to_owned(),
            }),
            ..program()
        };
        let owner = PackageEntry {
            namespace: Some(Namespace::from(namespace)),
            ..entry(deb("apache2-bin", version))
        };
        let sources = sources(&[(namespace, own), ("bitnami", bitnami)]);
        ids(&find(&inventory(vec![file, owner]), &sources, &OPTIONS).unwrap())
    };
    assert_eq!(found("debian:9", "2.4.25-3+deb9u13", "debian:12"), "");
    // Advisories are at hand that do not speak of it, or it is somebody else's.
    assert_eq!(found("debian:9", "2.4.25-3+deb9u13", "debian:9"), "CVE-B");
    assert_eq!(found("debian:9", "2.4.58-1~stretch", "debian:12"), "CVE-B");
}

#[test]
fn an_owner_whose_distribution_is_not_known_decides_nothing() {
    let says = || vec![affected("apache-log4j", Range::before("2"))];
    let owner = || deb("apache-log4j", "2");
    assert_eq!(found("debian:12", owner(), false, says()), ecosystem());
    let mut packages = vec![archive("apache-log4j", "2"), entry(owner())];
    packages[1].namespace = None;
    let maven = of("maven", affected("log4j", Range::all()));
    let maven = snapshot("osv/maven", &[advisory("CVE-J", vec![maven])]);
    let sources = sources(&[("maven", maven)]);
    let matched = find(&inventory(packages), &sources, &OPTIONS).unwrap();
    assert_eq!(ids(&matched), "CVE-J");
}
