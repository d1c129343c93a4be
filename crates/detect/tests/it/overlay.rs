//! Layers laid over each other: by example, and against a model that keeps the whole tree.

mod model;

use pellucid_detect::{DetectError, DetectOptions};
use pellucid_model::PackageKind;

use crate::layers::{Op, file, inventory, inventory_with, packages, status, warnings};

const STATUS: &str = "var/lib/dpkg/status";
const DEBIAN: &str = "ID=debian\nVERSION_ID=\"12\"\n";

fn shown(layers: &[Vec<Op>]) -> Vec<String> {
    packages(&inventory(layers).unwrap())
}

#[test]
fn a_package_keeps_the_layer_that_brought_its_version() {
    let layers = [
        vec![
            file("etc/os-release", DEBIAN),
            file(STATUS, status(&["a 1", "b 1"])),
        ],
        vec![file("other", "x")],
        vec![file(STATUS, status(&["a 1", "b 2", "c 1"]))],
        vec![file(STATUS, status(&["a 1", "b 2"]))],
        vec![file(STATUS, status(&["a 1", "b 2", "c 1"]))],
    ];
    assert_eq!(shown(&layers), ["a 1 @0", "b 2 @2", "c 1 @4"]);
    let hidden = DetectOptions {
        hidden: true,
        ..DetectOptions::default()
    };
    let inventory = inventory_with(&layers[..4], &hidden).unwrap();
    assert_eq!(
        packages(&inventory),
        ["a 1 @0", "b 1 @0 hidden", "b 2 @2", "c 1 @2 hidden"]
    );
    assert_eq!(
        inventory.packages[0].namespace.as_ref().unwrap().as_str(),
        "debian:12"
    );
    assert_eq!(inventory.packages[0].path(), Some(STATUS));
}

#[test]
fn a_removed_database_takes_its_packages_along() {
    let base = vec![
        file("etc/os-release", DEBIAN),
        file(STATUS, status(&["a 1"])),
    ];
    for removal in [
        Op::White(STATUS),
        Op::White("var/lib"),
        Op::Opaque("var/lib/dpkg"),
        Op::Opaque(""),
        file("var", "no folder"),
        Op::Device(STATUS),
        Op::Link("var/lib", "/nowhere"),
        Op::Folder(STATUS),
    ] {
        let mut layers = vec![base.clone(), vec![removal.clone()]];
        assert_eq!(shown(&layers), [""; 0], "{removal:?}");
        let hidden = DetectOptions {
            hidden: true,
            ..DetectOptions::default()
        };
        let with = inventory_with(&layers, &hidden).unwrap();
        assert_eq!(packages(&with), ["a 1 @0 hidden"], "{removal:?}");
        // What comes back is of the layer that brought it back.
        layers.push(vec![
            Op::Folder("var"),
            Op::Folder("var/lib"),
            Op::Folder("var/lib/dpkg"),
            file(STATUS, status(&["a 1"])),
        ]);
        assert_eq!(shown(&layers), ["a 1 @2"], "{removal:?}");
    }
}

#[test]
fn whiteouts_spare_their_own_layer_and_namesakes() {
    assert_eq!(
        shown(&[
            vec![file(STATUS, status(&["a 1"]))],
            vec![
                file(STATUS, status(&["a 2"])),
                Op::White(STATUS),
                Op::Opaque("var/lib"),
                Op::White("var/lib/dpkg"),
            ],
            vec![
                Op::White("var/li"),
                Op::White("var/lib/dpkg/statu"),
                Op::White("var/lib/x/y")
            ],
        ]),
        ["a 2 @1"]
    );
}

#[test]
fn the_last_of_several_entries_counts() {
    let first = status(&["a 1"]);
    let layers = [vec![
        file(STATUS, first),
        file(STATUS, ""),
        file(STATUS, status(&["a 3", "b 1"])),
    ]];
    assert_eq!(shown(&layers), ["a 3 @0", "b 1 @0"]);
}

#[test]
fn links_of_lower_layers_are_followed() {
    let apk = |packages: &[&str]| {
        let mut text = String::new();
        for package in packages {
            let (name, version) = package.split_once(' ').unwrap();
            text.push_str(&format!("P:{name}\nV:{version}\n\n"));
        }
        text
    };
    // usr-merge: the same file under its old and its new name.
    let mut layers = vec![
        vec![
            Op::Link("lib", "usr/lib"),
            file("usr/lib/apk/db/installed", apk(&["a 1", "b 1"])),
        ],
        vec![file("lib/apk/db/installed", apk(&["a 1", "b 2"]))],
    ];
    let inventory = inventory(&layers).unwrap();
    assert_eq!(packages(&inventory), ["a 1 @0", "b 2 @1"]);
    assert_eq!(
        inventory.packages[0].path(),
        Some("usr/lib/apk/db/installed")
    );
    assert_eq!(inventory.packages[0].locations.len(), 1);
    layers.push(vec![Op::White("lib/apk/db/installed")]);
    assert_eq!(shown(&layers), [""; 0]);
    // A whiteout of the link's own name removes the link only.
    layers.pop();
    layers.push(vec![Op::White("lib")]);
    assert_eq!(shown(&layers), ["a 1 @0", "b 2 @1"]);
}

#[test]
fn databases_behind_links_are_found_in_a_second_pass() {
    let both = ["a 1 @0", "b 1 @1"];
    let layers = |link: Vec<Op>, path: &'static str| {
        let mut base = vec![file(path, status(&["a 1"]))];
        base.extend(link);
        vec![base, vec![file(path, status(&["a 1", "b 1"]))]]
    };
    for (link, path) in [
        (vec![Op::Link(STATUS, "/opt/status")], "opt/status"),
        (vec![Op::Link(STATUS, "../../../opt/status")], "opt/status"),
        (
            vec![
                Op::Link(STATUS, "../../../../../../../opt/x"),
                Op::Link("opt/x", "y"),
            ],
            "opt/y",
        ),
        (
            vec![Op::Link("var/lib", "../opt"), Op::Link("opt/dpkg", "/d")],
            "d/status",
        ),
        (
            vec![Op::Link("var", "v"), Op::Link("v", "w")],
            "w/lib/dpkg/status",
        ),
        (vec![Op::Link("var/lib/dpkg/status.d", "/d")], "d/base"),
    ] {
        assert_eq!(shown(&layers(link.clone(), path)), both, "{link:?}");
    }
    // And the other way round: a known file written by another name.
    assert_eq!(
        shown(&[
            vec![
                Op::Link("alias", "var/lib/dpkg"),
                file(STATUS, status(&["a 1"]))
            ],
            vec![file("alias/status", status(&["a 1", "b 1"]))],
        ]),
        both
    );
}

#[test]
fn hard_links_keep_their_file() {
    let base = || file("opt/old", status(&["a 1"]));
    assert_eq!(
        shown(&[vec![base(), Op::Hard(STATUS, "opt/old")]]),
        ["a 1 @0"]
    );
    assert_eq!(
        shown(&[
            vec![base()],
            vec![Op::Hard(STATUS, "opt/old")],
            vec![Op::White("opt/old")]
        ]),
        ["a 1 @1"]
    );
    let kept = vec![file(STATUS, status(&["a 1"])), Op::Hard("opt/kept", STATUS)];
    assert_eq!(shown(&[kept.clone(), vec![Op::White(STATUS)]]), [""; 0]);
    assert_eq!(
        shown(&[
            kept,
            vec![Op::White(STATUS)],
            vec![Op::Hard(STATUS, "opt/kept")]
        ]),
        ["a 1 @2"]
    );
}

#[test]
fn loops_end_and_are_said() {
    let inventory = inventory(&[vec![
        file("etc/os-release", DEBIAN),
        Op::Link(STATUS, "status-old"),
        Op::Link("var/lib/dpkg/status-old", "status"),
        Op::Link("usr/lib/a", "."),
        Op::Link("lib", "lib"),
        file("lib/apk/db/installed", "P:a\nV:1\n"),
        Op::Link("etc/alpine-release", "/not/there"),
        Op::Hard("a", "b"),
        Op::Hard("b", "a"),
        Op::Hard("c", "c"),
    ]])
    .unwrap();
    assert_eq!(packages(&inventory), [""; 0]);
    assert_eq!(
        warnings(&inventory).into_iter().collect::<Vec<_>>(),
        [("BadLink".into(), 3), ("NoDatabase".into(), 1)]
    );
}

#[test]
fn a_database_that_is_seen_must_be_readable() {
    let junk = || file("var/lib/rpm/rpmdb.sqlite", vec![7; 5000]);
    let good = || file(STATUS, status(&["a 1"]));
    match inventory(&[vec![good()], vec![junk()]]) {
        Err(DetectError::Database { layer: 1, path, .. }) => {
            assert_eq!(path, "var/lib/rpm/rpmdb.sqlite");
        }
        other => panic!("{other:?}"),
    }
    // Nobody sees what an upper layer removed.
    let layers = [vec![good(), junk()], vec![Op::White("var/lib/rpm")]];
    assert_eq!(shown(&layers), ["a 1 @0"]);
    assert!(inventory(&[vec![file(STATUS, [0xff; 300])]]).is_err());
}

#[test]
fn without_a_database_nobody_knows_the_packages() {
    const LIST: &str = "var/lib/dpkg/info/a.list";
    let release = || file("etc/os-release", DEBIAN);
    let is_said = |layers: &[Vec<Op>]| {
        let inventory = inventory(layers).unwrap();
        warnings(&inventory).contains_key("NoDatabase")
    };
    assert!(is_said(&[vec![release()]]));
    // What a package owns is not which package it is.
    assert!(is_said(&[vec![release(), file(LIST, "/usr/bin/a\n")]]));
    let there = vec![release(), file(STATUS, status(&["a 1"]))];
    assert!(!is_said(std::slice::from_ref(&there)));
    assert!(is_said(&[there, vec![Op::White("var/lib/dpkg")]]));
    // An empty database is one, and so are a package's own record and a list.
    assert!(!is_said(&[vec![release(), file(STATUS, "")]]));
    let record = file("var/lib/dpkg/status.d/a", status(&["a 1"]));
    assert!(!is_said(&[vec![release(), record]]));
    // No distribution, nothing to know.
    assert!(!is_said(&[vec![file("app", "x")]]));
}

#[test]
fn two_databases_of_one_package_are_one_package() {
    let inventory = inventory(&[
        vec![file(STATUS, status(&["a 1", "b 1"]))],
        vec![file("var/lib/dpkg/status.d/a", "Package: a\nVersion: 1\n")],
    ])
    .unwrap();
    assert_eq!(packages(&inventory), ["a 1 @0", "b 1 @0"]);
    let places: Vec<_> = inventory.packages[0]
        .locations
        .iter()
        .map(|at| at.layer)
        .collect();
    assert_eq!(places, [0, 1]);
}

#[test]
fn what_would_take_too_much_memory_is_refused() {
    // More packages than any distribution has.
    let many = file(STATUS, "Package: a\nVersion: 1\n\n".repeat(300_001));
    match inventory(&[vec![many]]) {
        Err(DetectError::Database { reason, .. }) => assert!(reason.contains("300000"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_path_that_leads_through_links_again_and_again_ends() {
    // Each name is 40 links long, and each link twice as long as the one before.
    let mut layer = vec![file("etc/os-release", DEBIAN), Op::Link("l0", "etc")];
    let names: Vec<&'static str> = (0..60).map(|at| &*format!("l{at}").leak()).collect();
    for pair in names.windows(2) {
        let target = format!("{0}/../{0}/../{0}", pair[0]).leak();
        layer.push(Op::Link(pair[1], target));
    }
    for name in &names {
        layer.push(file(format!("{name}/os-release").leak(), "ID=evil\n"));
    }
    let inventory = inventory(&[layer]).unwrap();
    // The first few names are within 40 links.
    assert_eq!(inventory.distributions[0].namespace.as_str(), "evil");
}

#[test]
fn an_upstream_s_product_is_listed_as_a_program_is() {
    let list = "Package: mongodb-org-server\nStatus: install ok installed\nVersion: 7.0.2\n";
    let layers = [vec![file("var/lib/dpkg/status", list)]];
    let kinds = |languages| {
        let options = DetectOptions {
            languages,
            ..DetectOptions::default()
        };
        let inventory = inventory_with(&layers, &options).unwrap();
        let kinds = inventory.packages.iter().map(|entry| entry.package.kind);
        kinds.collect::<Vec<_>>()
    };
    assert_eq!(kinds(true), [PackageKind::Deb, PackageKind::Generic]);
    assert_eq!(kinds(false), [PackageKind::Deb]);
}
