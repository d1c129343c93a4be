//! `--memory` holds, or is refused before it is broken.

use std::fmt::Write as _;

use pellucid_testkit::{ImageBuilder, LayerBuilder};

use crate::bench::{Bench, OS_RELEASE};

/// A Debian image with so many packages.
fn packages(count: usize) -> ImageBuilder {
    let mut status = String::new();
    for number in 0..count {
        write!(
            status,
            "Package: package-{number}\nStatus: install ok installed\nArchitecture: amd64\n\
             Source: source-{number}\nVersion: 1.{number}-1\n\n"
        )
        .unwrap();
    }
    ImageBuilder::new().layer(
        LayerBuilder::new()
            .file("etc/os-release", OS_RELEASE)
            .file("var/lib/dpkg/status", status),
    )
}

/// A bill of materials with so many components.
fn bill(count: usize) -> String {
    let components: Vec<String> = (0..count)
        .map(|number| {
            format!(r#"{{"type":"library","purl":"pkg:npm/package-{number}@1.0.{number}"}}"#)
        })
        .collect();
    let components = components.join(",");
    format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{components}]}}"#)
}

const MIB: u64 = 1 << 20;

/// Runs with so many mebibytes, which it never has more of; what it says on standard error where they
/// are too little.
fn within(bench: &Bench, mib: u64, arguments: &[&str]) -> Option<String> {
    let size = format!("{mib}M");
    let (run, peak) = bench.measured(arguments, &[("PELLUCID_MEMORY", &size)]);
    let told = format!("{arguments:?} with {size}, at most {peak}: {}", run.stderr);
    assert!(peak <= mib * MIB, "{told}");
    match run.status {
        0 => None,
        3 => {
            assert_eq!(run.stdout, "");
            let refused = format!("--memory {mib}MiB is too little for this image");
            assert!(run.stderr.contains(&refused), "{told}");
            assert!(run.stderr.contains("\nhint: give it more"), "{told}");
            Some(run.stderr)
        }
        _ => panic!("{told}"),
    }
}

#[test]
fn a_long_list_of_packages_is_read_within_the_memory_or_refused() {
    let bench = Bench::new();
    let read = ["packages", "image.tar", "--format", "json"];
    bench.image(packages(150_000));
    // The budget or the watch, whichever is first: a debug build takes some of the budget itself.
    assert!(within(&bench, 64, &read).is_some());
    // Whether these suffice is not promised; that they do, or are said to be too little, is.
    within(&bench, 256, &read);
    assert_eq!(within(&bench, 1024, &read), None);
    bench.image(packages(5_000));
    assert_eq!(within(&bench, 96, &read), None);
}

#[test]
fn a_bill_of_materials_is_read_within_the_memory_or_refused_whoever_reads_it() {
    let bench = Bench::new();
    bench.file("small.json", bill(100));
    // Some eight megabytes, that become more than a hundred, and more than is begun with.
    bench.file("large.json", bill(130_000));
    bench.file("huge.json", bill(400_000));
    for (large, cause) in [
        ("large.json", ", which took "),
        ("huge.json", "it is larger than "),
    ] {
        for arguments in [
            &["packages", large, "-f", "json"][..],
            &["packages", large, "-o", "json=report.json"],
            &["scan", large, "--offline"],
            &["explain", "CVE-2024-0001", "package-1", large, "--offline"],
            &["diff", "small.json", large, "--offline"],
            &["scan", "image.tar", "--base", large, "--offline"],
        ] {
            let told = within(&bench, 64, arguments).unwrap_or_else(|| panic!("{arguments:?}"));
            assert!(told.contains(cause), "{arguments:?}: {told}");
        }
    }
    let left = std::fs::read_dir(bench.folder()).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        !left
            .iter()
            .any(|name| name.to_string_lossy().contains("report")
                || name.to_string_lossy().starts_with(".pellucid-")),
        "{left:?}"
    );
    assert_eq!(within(&bench, 64, &["packages", "small.json"]), None);
}

#[test]
fn what_fetching_advisory_data_takes_is_not_counted() {
    let bench = Bench::new();
    let mut tracker = String::from("{\"openssl\":{");
    let description = "A flaw. ".repeat(40);
    for number in 0..60_000 {
        let comma = if number == 0 { "" } else { "," };
        write!(
            tracker,
            r#"{comma}"CVE-2024-{number:05}":{{"description":"{description}{number}","releases":{{"bookworm":{{"status":"resolved","urgency":"low","fixed_version":"1.{number}"}}}}}}"#
        )
        .unwrap();
    }
    tracker.push_str("}}");
    let place = "mirror/security-tracker.debian.org/tracker/data/json";
    std::fs::create_dir_all(bench.path(place).parent().unwrap()).unwrap();
    bench.file(place, tracker);
    bench.image(packages(10));
    let scan = ["scan", "image.tar", "--mirror", "mirror"];
    let (run, peak) = bench.measured(&scan, &[("PELLUCID_MEMORY", "64M")]);
    assert!(peak > 64 * MIB, "fetching took {peak} bytes");
    assert_eq!(run.status, 0, "{}", run.stderr);
}
