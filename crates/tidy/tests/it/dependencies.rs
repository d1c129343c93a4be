//! Data flows one way: a crate may use only the crates to its left.

use std::collections::BTreeSet;

use crate::{root, text};

/// Each crate and the crates it may depend on, as `ARCHITECTURE.md` draws them.
const ALLOWED: &[(&str, &[&str])] = &[
    ("version", &[]),
    ("model", &["version"]),
    ("inflate", &[]),
    ("image", &["model", "inflate"]),
    ("detect", &["version", "model", "inflate", "image"]),
    ("feeds", &["version", "model"]),
    ("snapshot", &["version", "model"]),
    ("matcher", &["version", "model", "snapshot"]),
    ("report", &["version", "model"]),
    ("store", &["version", "model"]),
    (
        "updater",
        &["version", "model", "inflate", "feeds", "snapshot"],
    ),
    ("notify", &["version", "model", "store"]),
    (
        "server",
        &[
            "version", "model", "inflate", "image", "detect", "feeds", "snapshot", "matcher",
            "report", "store", "updater", "notify", "sandbox",
        ],
    ),
    (
        "cli",
        &[
            "version", "model", "image", "detect", "feeds", "snapshot", "matcher", "report",
            "store", "updater", "notify", "sandbox", "server",
        ],
    ),
    (
        "testkit",
        &["version", "model", "image", "detect", "feeds", "snapshot"],
    ),
    (
        "fuzz",
        &[
            "version", "model", "inflate", "image", "detect", "feeds", "snapshot", "matcher",
            "notify", "report", "server", "store", "testkit", "updater",
        ],
    ),
    ("sandbox", &[]),
    ("tidy", &[]),
];

/// Crates that compute and nothing else: no sockets, no runtime.
const PURE: &[&str] = &[
    "version", "model", "inflate", "detect", "feeds", "snapshot", "matcher", "report",
];
const IMPURE: &[&str] = &["tokio", "reqwest", "hyper", "axum", "tokio-postgres"];

#[test]
fn every_crate_depends_only_to_its_left() {
    let mut wrong = Vec::new();
    for (name, dependencies) in crates() {
        let Some((_, allowed)) = ALLOWED.iter().find(|(of, _)| *of == name) else {
            wrong.push(format!("crates/{name} is not in the table of this test"));
            continue;
        };
        for dependency in dependencies {
            match dependency.strip_prefix("pellucid-") {
                Some(own) if !allowed.contains(&own) => {
                    wrong.push(format!("crates/{name} depends on crates/{own}"));
                }
                None if PURE.contains(&name.as_str()) && IMPURE.contains(&dependency.as_str()) => {
                    wrong.push(format!("crates/{name} is pure but depends on {dependency}"));
                }
                _ => {}
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "see ARCHITECTURE.md, \"Who may depend on whom\":\n{}",
        wrong.join("\n")
    );
}

/// The fuzzer is a workspace of its own, whose lock file nobody else's build renews.
#[test]
fn the_fuzzer_s_lock_file_knows_what_crates_depend_on() {
    let lock = text("fuzz/Cargo.lock");
    let packages: Vec<&str> = lock.split("[[package]]").collect();
    let mut missing = Vec::new();
    let mut known = 0;
    for (name, dependencies) in crates() {
        let own = format!("\nname = \"pellucid-{name}\"\n");
        let Some(package) = packages.iter().find(|package| package.starts_with(&own)) else {
            continue;
        };
        known += 1;
        let has = |dependency: &String| {
            let ends = [format!("\"{dependency}\""), format!("\"{dependency} ")];
            ends.iter().any(|end| package.contains(end))
        };
        let other = dependencies.iter().filter(|dependency| !has(dependency));
        missing.extend(other.map(|dependency| format!("{dependency} of crates/{name}")));
    }
    assert!(known > 5, "no crate is found in it");
    assert!(
        missing.is_empty(),
        "`cargo update --workspace` in fuzz/ adds:\n{}",
        missing.join("\n")
    );
}

/// Every crate's folder name and its `[dependencies]` (not those of its tests).
fn crates() -> Vec<(String, BTreeSet<String>)> {
    let mut crates = Vec::new();
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let manifest = text(format!("crates/{name}/Cargo.toml"));
        let mut section = "";
        let mut dependencies = BTreeSet::new();
        for line in manifest.lines() {
            if line.starts_with('[') {
                section = line;
            } else if section == "[dependencies]"
                && let Some(end) = line.find(['.', ' ', '='])
            {
                dependencies.insert(line.split_at(end).0.to_owned());
            }
        }
        crates.push((name, dependencies));
    }
    crates.sort();
    crates
}
