//! Packages of languages whose files a distribution's package owns.

use pellucid_detect::DetectOptions;

use crate::layers::{Op, file, inventory, inventory_with, status};

const METADATA: &str = "Metadata-Version: 2.1\nName: urllib3\nVersion: 1.26.12\n";
const MD5: &str = "1cff3067e6aeee2cffb08197ab89f2fe";
const PROOF: &str = "usr/lib/python3/dist-packages/urllib3-1.26.12.dist-info/METADATA";
const DPKG: &str = "var/lib/dpkg/status";

/// `name version` of every language's package, with its owner.
fn owned(layers: &[Vec<Op>]) -> Vec<String> {
    let inventory = inventory(layers).unwrap();
    let languages = inventory
        .packages
        .iter()
        .filter(|entry| !entry.package.kind.is_os());
    languages
        .map(|entry| match &entry.owner {
            Some(owner) => format!("{} of {} {}", entry.package.name, owner.name, owner.version),
            None => entry.package.name.clone(),
        })
        .collect()
}

fn debian(lists: &[(&'static str, String)]) -> Vec<Op> {
    let mut layer = vec![file(DPKG, status(&["python3-urllib3 1.26.12-1"]))];
    layer.extend(lists.iter().map(|(path, list)| file(path, list)));
    layer.push(file(PROOF, METADATA));
    layer
}

const LIST: &str = "var/lib/dpkg/info/python3-urllib3.list";
const SUMS: &str = "var/lib/dpkg/info/python3-urllib3.md5sums";
const OWNED: &str = "urllib3 of python3-urllib3 1.26.12-1";

#[test]
fn a_file_of_two_names_has_one_owner() {
    const OTHER: &str = "srv/objects/urllib3-1.26.12.dist-info/METADATA";
    let layer = vec![
        file(DPKG, status(&["python3-urllib3 1.26.12-1"])),
        file(LIST, format!("/{PROOF}\n")),
        file(OTHER, METADATA),
        Op::Hard(PROOF, OTHER),
    ];
    assert_eq!(owned(&[layer]), [OWNED]);
}

#[test]
fn dpkg_owns_what_its_lists_name() {
    let list = format!("/.\n/usr\n/{PROOF}\n");
    let sums = format!("{MD5}  {PROOF}\n");
    let other = sums.replace(MD5, &"0".repeat(32));
    for lists in [
        vec![(LIST, list.clone())],
        vec![(SUMS, sums.clone())],
        vec![(LIST, list.clone()), (SUMS, sums.clone())],
    ] {
        assert_eq!(owned(&[debian(&lists)]), [OWNED], "{lists:?}");
    }
    for lists in [
        vec![],
        vec![(SUMS, other.clone())],
        vec![(LIST, list.clone()), (SUMS, other)],
        vec![(LIST, "/usr/lib/python3\n".to_owned())],
        vec![("var/lib/dpkg/info/removed.list", list.clone())],
    ] {
        assert_eq!(owned(&[debian(&lists)]), ["urllib3"], "{lists:?}");
    }
    // Distroless keeps a stanza and the sums of each package.
    let distroless = vec![
        file(
            "var/lib/dpkg/status.d/python3-urllib3",
            status(&["python3-urllib3 1.26.12-1"]),
        ),
        file("var/lib/dpkg/status.d/python3-urllib3.md5sums", &sums),
        file(PROOF, METADATA),
    ];
    assert_eq!(owned(&[distroless]), [OWNED]);
}

#[test]
fn what_somebody_else_s_package_put_into_opt_is_not_the_distribution_s() {
    const ADD_ON: &str = "opt/tool/lib/urllib3-1.26.12.dist-info/METADATA";
    let list = file(LIST, format!("/{ADD_ON}\n/{PROOF}\n"));
    let sums = file(SUMS, format!("{MD5}  {ADD_ON}\n"));
    let status = file(DPKG, status(&["python3-urllib3 1.26.12-1"]));
    for lists in [vec![list.clone()], vec![sums.clone()], vec![list, sums]] {
        let layer = [vec![status.clone(), file(ADD_ON, METADATA)], lists].concat();
        assert_eq!(owned(&[layer]), ["urllib3"]);
    }
}

#[test]
fn a_file_replaced_by_an_upper_layer_belongs_to_nobody() {
    let lists = [
        (LIST, format!("/{PROOF}\n")),
        (SUMS, format!("{MD5}  {PROOF}\n")),
    ];
    let replaced = vec![file(PROOF, METADATA.replace("1.26.12", "2.0.1"))];
    assert_eq!(owned(&[debian(&lists), replaced]), ["urllib3"]);
    let removed = vec![file(DPKG, "")];
    assert_eq!(owned(&[debian(&lists), removed]), ["urllib3"]);
    let touched = vec![file(PROOF, METADATA)];
    assert_eq!(owned(&[debian(&lists), touched]), [OWNED]);
}

#[test]
fn a_recorded_path_leads_through_links_of_folders() {
    let list = PROOF.replace("usr/lib/", "lib/");
    let mut layer = vec![Op::Link("lib", "usr/lib")];
    layer.extend(debian(&[(SUMS, format!("{MD5}  {list}\n"))]));
    assert_eq!(owned(&[layer]), [OWNED]);
    // A package that ships a link does not own what the link leads to.
    let link = "usr/share/alias/METADATA";
    let mut layer = vec![Op::Link(
        link,
        "/usr/lib/python3/dist-packages/urllib3-1.26.12.dist-info/METADATA",
    )];
    layer.extend(debian(&[(LIST, format!("/{link}\n"))]));
    assert_eq!(owned(&[layer]), ["urllib3"]);
}

#[test]
fn apk_pacman_and_portage_own_too() {
    let folder = PROOF.strip_suffix("/METADATA").unwrap();
    let record =
        |sum: &str| format!("P:py3-urllib3\nV:1.26.12-r0\nF:{folder}\nR:METADATA\nZ:{sum}\n\n");
    let alpine = |record: String| vec![file("lib/apk/db/installed", record), file(PROOF, METADATA)];
    assert_eq!(
        owned(&[alpine(record(SHA1))]),
        ["urllib3 of py3-urllib3 1.26.12-r0"]
    );
    let other = record("Q1Kcy+C2n9LXoHMLGlWnHmLUSZfx8=");
    assert_eq!(owned(&[alpine(other)]), ["urllib3"]);
    let arch = vec![
        file(
            "var/lib/pacman/local/python-urllib3-1.26.12-1/desc",
            "%NAME%\npython-urllib3\n\n%VERSION%\n1.26.12-1\n",
        ),
        file(
            "var/lib/pacman/local/python-urllib3-1.26.12-1/files",
            format!("%FILES%\nusr/\n{PROOF}\n"),
        ),
        file(PROOF, METADATA),
    ];
    assert_eq!(owned(&[arch]), ["urllib3 of python-urllib3 1.26.12-1"]);
    const PORTAGE: &str = "var/db/pkg/dev-python/urllib3-1.26.12-r1/CONTENTS";
    let gentoo = |md5: &str| {
        vec![
            file("var/db/pkg/dev-python/urllib3-1.26.12-r1/SLOT", "0\n"),
            file(
                PORTAGE,
                format!("dir /usr\nobj /{PROOF} {md5} 1712345678\n"),
            ),
            file(PROOF, METADATA),
        ]
    };
    let is_owned = ["urllib3 of dev-python/urllib3 1.26.12-r1"];
    assert_eq!(owned(&[gentoo(MD5)]), is_owned);
    assert_eq!(owned(&[gentoo(&"0".repeat(32))]), ["urllib3"]);
    let removed = vec![Op::White("var/db/pkg/dev-python/urllib3-1.26.12-r1")];
    assert_eq!(owned(&[gentoo(MD5), removed]), ["urllib3"]);
}

#[test]
fn a_package_that_is_gone_had_its_owner() {
    let options = DetectOptions {
        hidden: true,
        ..DetectOptions::default()
    };
    let gone = |layers: &[Vec<Op>]| -> Vec<String> {
        let inventory = inventory_with(layers, &options).unwrap();
        let hidden = inventory.packages.iter().filter(|entry| entry.hidden);
        let hidden = hidden.filter(|entry| !entry.package.kind.is_os());
        hidden
            .map(|entry| match &entry.owner {
                Some(owner) => format!("{} of {}", entry.package.name, owner.version),
                None => entry.package.name.clone(),
            })
            .collect()
    };
    let lists = [
        (LIST, format!("/{PROOF}\n")),
        (SUMS, format!("{MD5}  {PROOF}\n")),
    ];
    let below = debian(&lists);
    let removed = vec![
        file(DPKG, status(&["other 1"])),
        Op::White(LIST),
        Op::White(SUMS),
        Op::White("usr/lib/python3"),
    ];
    let owned = ["urllib3 of 1.26.12-1"];
    assert_eq!(gone(&[below.clone(), removed]), owned);
    // The database is the same layer's, and says something of the newer version.
    let upgraded = vec![
        file(DPKG, status(&["python3-urllib3 2.0.1-1"])),
        file(PROOF, METADATA.replace("1.26.12", "2.0.1")),
        file(SUMS, format!("{}  {PROOF}\n", "0".repeat(32))),
    ];
    assert_eq!(gone(&[below.clone(), upgraded]), owned);
    // A recorded path leads through a link of the layer below.
    let linked = [(
        SUMS,
        format!("{MD5}  {}\n", PROOF.replace("usr/lib/", "lib/")),
    )];
    let linked = [vec![Op::Link("lib", "usr/lib")], debian(&linked)].concat();
    assert_eq!(gone(&[linked, vec![Op::White(PROOF)]]), owned);
    // What was replaced before it went belonged to nobody.
    let replaced = vec![file(PROOF, METADATA.replace("1.26.12", "2.0.1"))];
    let layers = [below, replaced, vec![Op::White(PROOF)]];
    assert_eq!(gone(&layers), [owned[0], "urllib3"]);
}

#[test]
fn many_lists_of_one_name_take_time_in_line_with_their_number() {
    let mut installed = String::new();
    for number in 0..40_000 {
        installed.push_str(&format!(
            "P:a\nV:{number}\nA:{number:06}\nF:usr/share\nR:x.jar\n\n"
        ));
    }
    let folder = PROOF.strip_suffix("/METADATA").unwrap();
    installed.push_str(&format!(
        "P:a\nV:2\nA:last\nF:{folder}\nR:METADATA\nZ:{SHA1}\n\n"
    ));
    let layer = vec![
        file("lib/apk/db/installed", installed),
        file(PROOF, METADATA),
    ];
    assert_eq!(owned(&[layer]), ["urllib3 of a 2"]);
}

const SHA1: &str = "Q1PGffIQUyFO2hALYWwcpdZl3USCw=";

#[test]
fn a_package_seen_in_several_ways_is_one() {
    let lock = r#"{"lockfileVersion":3,"packages":{"":{},"node_modules/a":{"version":"1.0.0"},
        "node_modules/b":{"version":"2.0.0"}}}"#;
    let json = r#"{"name":"a","version":"1.0.0"}"#;
    let layers = [
        vec![file("srv/package-lock.json", lock)],
        vec![
            file("srv/node_modules/a/package.json", json),
            file("opt/node_modules/a/package.json", json),
        ],
    ];
    let locks = DetectOptions {
        lock_files: true,
        ..DetectOptions::default()
    };
    let shown = |options: &DetectOptions| -> Vec<_> {
        let inventory = inventory_with(&layers, options).unwrap();
        let entries = inventory.packages.iter();
        entries
            .map(|entry| {
                let paths: Vec<_> = entry
                    .locations
                    .iter()
                    .map(|one| one.path.as_str())
                    .collect();
                format!(
                    "{} by {}: {}",
                    entry.package.name,
                    entry.detector,
                    paths.join(" ")
                )
            })
            .collect()
    };
    assert_eq!(
        shown(&DetectOptions::default()),
        ["a by node: opt/node_modules/a/package.json srv/node_modules/a/package.json"]
    );
    assert_eq!(
        shown(&locks),
        [
            "a by node: opt/node_modules/a/package.json srv/node_modules/a/package.json srv/package-lock.json",
            "b by lock-file: srv/package-lock.json",
        ]
    );
}
