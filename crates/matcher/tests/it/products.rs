//! Statements for some products of a vendor: which count for an image.

use std::sync::Arc;

use pellucid_matcher::{Matched, Source, Sources, find};
use pellucid_model::{
    Advisory, Affected, Distribution, Inventory, NameKind, Namespace, Package, PackageEntry,
    PackageKind, Repository, Status,
};
use pellucid_snapshot::Snapshot;
use pellucid_version::Range;

use crate::fixture::{OPTIONS, advisory, affected, entry, ids, inventory, snapshot, with_status};

const MAIN: &str = "cpe:/o:redhat:enterprise_linux:8::baseos";
const EUS: &str = "cpe:/o:redhat:rhel_eus:8.6::baseos";
const EXTRAS: &str = "cpe:/a:redhat:rhel_extras_other:8";
const LAYERED: &str = "cpe:/a:redhat:made:1::el8";

fn said(fixed: &str, cpes: &[&str]) -> Affected {
    for_products(affected("made", Range::before(fixed)), cpes)
}

fn for_products(affected: Affected, cpes: &[&str]) -> Affected {
    Affected {
        namespace: Namespace::from("rhel:8"),
        name_kind: NameKind::Binary,
        cpes: cpes.iter().map(|cpe| (*cpe).to_owned()).collect(),
        ..affected
    }
}

/// One CVE a product, all fixed in 2.
fn advisories() -> Vec<Advisory> {
    vec![
        advisory("CVE-1-MAIN", vec![said("2", &[MAIN])]),
        advisory("CVE-2-EUS", vec![said("2", &[EUS])]),
        advisory("CVE-3-EXTRAS", vec![said("2", &[EXTRAS])]),
        advisory("CVE-4-LAYERED", vec![said("2", &[LAYERED])]),
        advisory("CVE-5-ANY", vec![said("2", &[])]),
    ]
}

/// What Red Hat says of its repositories.
fn known() -> Arc<Snapshot> {
    let products: [(&str, &[&str]); 4] = [
        ("main-rpms", &[MAIN]),
        ("eus-rpms", &[EUS, "cpe:/o:redhat:rhel_eus:8.4::baseos"]),
        ("extras-rpms", &[EXTRAS]),
        ("made-rpms", &[LAYERED]),
    ];
    let advisories = products.map(|(name, cpes)| {
        let statement = Affected {
            namespace: Namespace::from("redhat-repositories"),
            package: name.to_owned(),
            ..for_products(with_status(name, Status::NotAffected), cpes)
        };
        advisory(name, vec![statement])
    });
    snapshot("redhat-repositories", &advisories)
}

fn source(snapshot: Arc<Snapshot>, namespace: &str) -> Source {
    Source {
        snapshot,
        namespace: Namespace::from(namespace),
        fetched_at: 2,
    }
}

/// An image with one package of the version 1 that says this of its repositories.
fn image(repositories: Option<&[&str]>) -> Inventory {
    let package = PackageEntry {
        namespace: Some(Namespace::from("centos:8")),
        ..entry(Package::new(PackageKind::Rpm, "made", "1"))
    };
    let mut inventory = inventory(vec![package]);
    inventory.repositories = repositories.map(|names| {
        let repositories = names.iter().map(|name| Repository {
            name: (*name).to_owned(),
            path: "root/buildinfo/content_manifests/a.json".to_owned(),
            layer: 0,
        });
        repositories.collect()
    });
    inventory
}

fn matched(advisories: &[Advisory], repositories: Option<&[&str]>, is_known: bool) -> Matched {
    let namespace = Namespace::from("centos:8");
    let mut sources = Sources::new();
    sources.add(
        namespace.clone(),
        source(snapshot("redhat", advisories), "rhel:8"),
    );
    if is_known {
        sources.with_repositories(namespace, source(known(), "redhat-repositories"));
    }
    find(&image(repositories), &sources, &OPTIONS).unwrap()
}

fn note(matched: &Matched) -> &str {
    matched.coverage.first().unwrap().note.as_deref().unwrap()
}

const ALL: &str = "CVE-1-MAIN CVE-2-EUS CVE-3-EXTRAS CVE-4-LAYERED CVE-5-ANY";

#[test]
fn the_products_of_the_image_s_repositories_count() {
    let check = |repositories: &[&str], expected: &str| {
        let matched = matched(&advisories(), Some(repositories), true);
        assert_eq!(ids(&matched), expected, "{repositories:?}");
        let [coverage] = matched.coverage.as_slice() else {
            panic!("{:?}", matched.coverage);
        };
        let keys: Vec<&str> = coverage
            .snapshots
            .iter()
            .map(|one| one.key.as_str())
            .collect();
        assert_eq!(keys, ["redhat", "redhat-repositories"]);
    };
    check(&["main-rpms"], "CVE-1-MAIN CVE-5-ANY");
    check(&["eus-rpms"], "CVE-2-EUS CVE-5-ANY");
    check(
        &["extras-rpms", "main-rpms"],
        "CVE-1-MAIN CVE-3-EXTRAS CVE-5-ANY",
    );
    check(&["made-rpms"], "CVE-4-LAYERED CVE-5-ANY");
}

#[test]
fn an_image_that_tells_no_repositories_has_those_of_the_release() {
    let matched = matched(&advisories(), Some(&[]), true);
    assert_eq!(ids(&matched), "CVE-1-MAIN CVE-3-EXTRAS CVE-5-ANY");
    assert!(
        note(&matched).contains("extended update streams and layered products are left out"),
        "{}",
        note(&matched)
    );
}

#[test]
fn the_product_that_an_image_says_it_is_counts_where_it_tells_no_repositories() {
    let own = "cpe:/a:redhat:made:1::el8";
    // Nobody has to know a product's repositories.
    let of_product = matched(&advisories(), Some(&[own]), false);
    let expected = "CVE-1-MAIN CVE-3-EXTRAS CVE-4-LAYERED CVE-5-ANY";
    assert_eq!(ids(&of_product), expected);
    let told = note(&of_product);
    assert!(told.contains(&format!("but for those of {own}")), "{told}");
    let other = matched(&advisories(), Some(&["cpe:/a:other:made:1"]), true);
    assert_eq!(ids(&other), "CVE-1-MAIN CVE-3-EXTRAS CVE-5-ANY");
    let both = matched(&advisories(), Some(&[own, "eus-rpms"]), true);
    assert_eq!(ids(&both), "CVE-2-EUS CVE-5-ANY");
}

#[test]
fn repositories_of_a_history_add_products_and_take_none_away() {
    let found = |repositories: &[&str], is_known: bool| {
        let matched = matched(&advisories(), Some(repositories), is_known);
        let keys: Vec<&str> = matched.coverage[0]
            .snapshots
            .iter()
            .map(|one| one.key.as_str())
            .collect();
        (ids(&matched), keys.join(" "), note(&matched).to_owned())
    };
    const RELEASE: &str = "CVE-1-MAIN CVE-3-EXTRAS CVE-5-ANY";
    // Beside no manifest: the release, and what the history's repositories are part of.
    let (ids, keys, note) = found(&["history:eus-rpms"], true);
    assert_eq!(ids, "CVE-1-MAIN CVE-2-EUS CVE-3-EXTRAS CVE-5-ANY");
    assert_eq!(keys, "redhat redhat-repositories");
    assert!(note.contains(EUS), "{note}");
    // A record of one of the release's repositories is none of all of them.
    let (ids, _, note) = found(&["history:extras-rpms"], true);
    assert_eq!(ids, RELEASE);
    assert!(!note.contains("but for those of"), "{note}");
    // Anybody's repository, and no data of repositories.
    assert_eq!(found(&["history:epel"], true).0, RELEASE);
    let (ids, keys, _) = found(&["history:eus-rpms"], false);
    assert_eq!((ids.as_str(), keys.as_str()), (RELEASE, "redhat"));
}

#[test]
fn a_history_beside_manifests_adds_to_them() {
    let found = |repositories: &[&str]| {
        let matched = matched(&advisories(), Some(repositories), true);
        (ids(&matched), matched.coverage[0].note.is_some())
    };
    let (alone, _) = found(&["main-rpms"]);
    assert_eq!(alone, "CVE-1-MAIN CVE-5-ANY");
    let (ids, _) = found(&["history:made-rpms", "main-rpms"]);
    assert_eq!(ids, "CVE-1-MAIN CVE-4-LAYERED CVE-5-ANY");
    let unknown = found(&["history:epel", "main-rpms"]);
    assert_eq!(unknown, found(&["main-rpms"]));
}

#[test]
fn nothing_is_left_out_because_something_is_not_known() {
    let check = |repositories: Option<&[&str]>, is_known: bool, says: &str| {
        let matched = matched(&advisories(), repositories, is_known);
        assert_eq!(ids(&matched), ALL, "{repositories:?}");
        assert!(note(&matched).contains(says), "{}", note(&matched));
    };
    check(None, true, "nothing tells the repositories");
    check(Some(&["main-rpms"]), false, "nothing tells which products");
    check(
        Some(&["main-rpms", "other-rpms"]),
        true,
        "redhat-repositories does not know the repositories other-rpms",
    );
}

#[test]
fn a_fix_of_one_stream_is_no_fix_of_another() {
    let streams = [advisory(
        "CVE-1",
        vec![said("0.9", &[EUS]), said("3", &[MAIN, LAYERED])],
    )];
    // The stream's own fix is older than what is installed.
    assert_eq!(ids(&matched(&streams, Some(&["eus-rpms"]), true)), "");
    let of_main = matched(&streams, Some(&["main-rpms"]), true);
    let [finding] = of_main.findings.as_slice() else {
        panic!("{:?}", of_main.findings);
    };
    assert_eq!(finding.fixed_version.as_deref(), Some("3"));
    let [reason] = finding.reasons.as_slice() else {
        panic!("{:?}", finding.reasons);
    };
    assert_eq!(reason.products, [MAIN]);
}

#[test]
fn of_update_streams_that_of_the_image_s_minor_release_counts() {
    let older = "cpe:/o:redhat:rhel_eus:8.4::baseos";
    let advisories = [
        advisory("CVE-1-OLDER", vec![said("2", &[older])]),
        advisory("CVE-2-OWN", vec![said("2", &[EUS])]),
    ];
    let namespace = Namespace::from("centos:8");
    let mut sources = Sources::new();
    sources.add(
        namespace.clone(),
        source(snapshot("redhat", &advisories), "rhel:8"),
    );
    sources.with_repositories(namespace.clone(), source(known(), "redhat-repositories"));
    let found = |minor: &str| {
        let mut image = image(Some(&["eus-rpms"]));
        image.distributions = vec![Distribution {
            namespace: namespace.clone(),
            id: "centos".to_owned(),
            version_id: Some(minor.to_owned()),
            codename: None,
            pretty_name: None,
            id_like: Vec::new(),
            cpe: None,
            path: "etc/os-release".to_owned(),
            layer: 0,
        }];
        ids(&find(&image, &sources, &OPTIONS).unwrap())
    };
    assert_eq!(found("8.6"), "CVE-2-OWN");
    assert_eq!(found("8.4"), "CVE-1-OLDER");
    // Of neither: nothing is left out.
    assert_eq!(found("8.9"), "CVE-1-OLDER CVE-2-OWN");
}

#[test]
fn a_build_with_the_fix_of_its_own_minor_release_is_free() {
    let fixes = |fixes: &[&str]| {
        let statements = fixes.iter().map(|fixed| said(fixed, &[MAIN]));
        vec![advisory("CVE-1", statements.collect())]
    };
    let found = |version: &str, advisories: &[Advisory]| {
        let mut image = image(Some(&["main-rpms"]));
        image.packages[0].package.version = version.to_owned();
        let mut sources = Sources::new();
        let namespace = Namespace::from("centos:8");
        sources.add(
            namespace.clone(),
            source(snapshot("redhat", advisories), "rhel:8"),
        );
        sources.with_repositories(namespace, source(known(), "redhat-repositories"));
        find(&image, &sources, &OPTIONS).unwrap().findings.len()
    };
    let both = fixes(&["7.76.1-23.el8_2.4", "7.76.1-26.el8_3.2"]);
    assert_eq!(found("7.76.1-23.el8_2.4", &both), 0);
    assert_eq!(found("7.76.1-23.el8_2.5", &both), 0);
    assert_eq!(found("7.76.1-23.el8_2.1", &both), 1);
    assert_eq!(found("7.76.1-25.el8_3.1", &both), 1);
    assert_eq!(found("7.76.1-24.el8", &both), 1);
    // The release's own fix is for every minor.
    assert_eq!(
        found(
            "7.76.1-23.el8_2.4",
            &fixes(&["7.76.1-23.el8_2.4", "7.76.1-27.el8"])
        ),
        1
    );
}

#[test]
fn what_the_release_has_no_fix_for_is_open_in_its_update_streams_too() {
    let whole = "cpe:/o:redhat:enterprise_linux:8";
    let said = |id: &str, affected, cpes: &[&str]| advisory(id, vec![for_products(affected, cpes)]);
    let advisories = [
        said("CVE-1", affected("made", Range::all()), &[whole]),
        said("CVE-2", with_status("made", Status::WillNotFix), &[whole]),
        said("CVE-3", affected("made", Range::before("2")), &[whole]),
        said("CVE-4", affected("made", Range::all()), &[MAIN]),
        said(
            "CVE-5",
            affected("made", Range::all()),
            &["cpe:/o:redhat:enterprise_linux:9"],
        ),
    ];
    let found = |repositories: &[&str]| ids(&matched(&advisories, Some(repositories), true));
    assert_eq!(found(&["eus-rpms"]), "CVE-1 CVE-2");
    assert_eq!(found(&["made-rpms"]), "");
    assert_eq!(found(&["main-rpms"]), "CVE-1 CVE-2 CVE-3 CVE-4");
}

#[test]
fn not_affected_answers_for_the_products_that_the_image_is_of() {
    let denied = |cpes: &[&str]| for_products(with_status("made", Status::NotAffected), cpes);
    let advisories = [advisory(
        "CVE-1",
        vec![said("2", &[MAIN, EUS]), denied(&[MAIN])],
    )];
    let found = |repositories: &[&str]| ids(&matched(&advisories, Some(repositories), true));
    assert_eq!(found(&["main-rpms"]), "");
    assert_eq!(found(&["eus-rpms"]), "CVE-1");
    assert_eq!(found(&["main-rpms", "eus-rpms"]), "CVE-1");
}
