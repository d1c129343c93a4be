//! Every target on its seeds, on damaged copies of them, and on every input that once failed.
//!
//! A failure prints the input's number: `Mutator::new(0)` makes it again. A failing input that
//! libFuzzer finds becomes a file in `regressions/<target>/`.

use std::time::{Duration, Instant};

use pellucid_fuzz::{Mutator, targets};

/// Damaged inputs for each target.
const INPUTS: usize = 300;

/// Most bytes of a damaged input.
const BYTES: usize = 64 << 10;

/// Time that a target may take for all its damaged inputs; what is left after that is not tried, so
/// that a slow machine does not make a slow test. Each target gets at least its seeds.
const TIME: Duration = Duration::from_secs(2);

#[test]
fn no_target_is_without_seeds() {
    for target in targets() {
        assert!(!target.seeds().is_empty(), "{} has no seed", target.name);
    }
}

#[test]
fn seeds_and_damaged_seeds_are_read_or_refused() {
    let all = targets();
    let half = all.len() / 2;
    std::thread::scope(|scope| {
        let halves = all.split_at(half);
        for part in [halves.0, halves.1] {
            scope.spawn(move || {
                for target in part {
                    let seeds = target.seeds();
                    seeds.iter().for_each(|seed| target.run(seed));
                    let mut mutator = Mutator::new(0);
                    let start = Instant::now();
                    for number in 0..INPUTS {
                        if start.elapsed() > TIME {
                            break;
                        }
                        let input = mutator.next(&seeds, BYTES);
                        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                            target.run(&input);
                        }));
                        assert!(ran.is_ok(), "{} fails on input {number}", target.name);
                    }
                }
            });
        }
    });
}

/// Documents that are small and become large, or so deep that a reader runs out of stack.
fn explosions() -> Vec<Vec<u8>> {
    const DEEP: usize = 20_000;
    let xml: String = (1..12)
        .map(|level| {
            let before = format!("&e{};", level - 1).repeat(10);
            format!("<!ENTITY e{level} \"{before}\">")
        })
        .collect();
    let yaml: String = (1..12)
        .map(|level| {
            let before = format!("*a{}, ", level - 1).repeat(10);
            format!("a{level}: &a{level} [{before}]\n")
        })
        .collect();
    [
        format!("<?xml version=\"1.0\"?><!DOCTYPE d [<!ENTITY e0 \"x\">{xml}]><d>&e11;</d>"),
        format!("a0: &a0 [x]\n{yaml}"),
        "[".repeat(DEEP),
        "{\"a\":".repeat(DEEP),
        "<a>".repeat(DEEP),
        "- ".repeat(DEEP),
        "a = [".repeat(DEEP),
        "(".repeat(DEEP),
    ]
    .map(String::into_bytes)
    .to_vec()
}

#[test]
fn documents_that_explode_are_read_or_refused() {
    for target in targets() {
        let seeds = target.seeds();
        // Some targets have a line before the document that says what it is.
        let heads = seeds.iter().filter_map(|seed| {
            let end = seed.iter().position(|byte| *byte == b'\n')?;
            seed.get(..=end)
        });
        let mut heads: Vec<&[u8]> = heads.filter(|head| head.len() < 200).take(5).collect();
        heads.push(b"");
        for explosion in explosions() {
            for head in &heads {
                target.run(&[head, explosion.as_slice()].concat());
            }
        }
    }
}

/// Parsers that count levels stop early, and others see how long a document is: without its other shapes
/// and heads, this is cheap enough to be really deep.
#[test]
fn a_million_levels_are_read_or_refused() {
    const DEEP: usize = 1_000_000;
    let documents = ["[".repeat(DEEP), "{\"a\":".repeat(DEEP)];
    for target in targets() {
        for document in &documents {
            target.run(document.as_bytes());
        }
    }
}

/// What reads JSON into maps is not slower than linear, whatever the names are.
#[test]
fn a_million_names_are_read_or_refused() {
    let names: String = (0..1_000_000)
        .map(|name| format!(r#""{name}":0,"#))
        .collect();
    let documents = [
        (
            &["bill-cyclonedx", "vex-cyclonedx"][..],
            r#""bomFormat":"CycloneDX""#,
        ),
        (&["bill-spdx"], r#""spdxVersion":"SPDX-2.3""#),
        (&["bill-syft"], r#""artifacts":[]"#),
        (
            &["report-json", "vex-csaf", "vex-openvex"],
            r#""schema":"pellucid-report/1""#,
        ),
        (
            &["local-image-answer", "request-body", "registry-documents"],
            r#""Layer":{}"#,
        ),
        (&["detector-node"], r#""name":"a""#),
    ];
    let all = targets();
    for (wanted, last) in documents {
        let document = format!("{{{names}{last}}}");
        for name in wanted {
            let target = all.iter().find(|target| target.name == *name);
            target.unwrap().run(document.as_bytes());
        }
    }
}

#[test]
fn what_once_failed_is_read_or_refused() {
    let folder = pellucid_fuzz::root().join("crates/fuzz/regressions");
    for target in targets() {
        let cases = folder.join(&target.name);
        for case in std::fs::read_dir(cases).into_iter().flatten() {
            target.run(&std::fs::read(case.unwrap().path()).unwrap());
        }
    }
}

#[test]
fn every_regression_belongs_to_a_target() {
    let folder = pellucid_fuzz::root().join("crates/fuzz/regressions");
    let names: Vec<_> = targets().into_iter().map(|target| target.name).collect();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(names.contains(&name), "no target is called {name}");
    }
}
