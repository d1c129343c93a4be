//! Findings checked by hand against the real feeds: Debian's tracker of 2025-02-12 and Alpine's
//! secdb of 2025-01-04.
//!
//! The rows below were picked at random from the feeds and from findings on real images, looked up
//! in the feed's own file with a JSON tool, and written down with what that file says.

use std::collections::BTreeMap;

use pellucid_testkit::{ImageBuilder, LayerBuilder};
use serde_json::Value;

use crate::bench::{Bench, OS_RELEASE, status};
use crate::shared;

/// What the feed says of a source package in a version: the fixed version, `OPEN`, or nothing.
struct Checked {
    source: &'static str,
    installed: &'static str,
    id: &'static str,
    expected: Expected,
}

#[derive(Clone, Copy)]
enum Expected {
    Fixed(&'static str),
    Open,
    NotAffected,
}

const fn row(
    source: &'static str,
    installed: &'static str,
    id: &'static str,
    expected: Expected,
) -> Checked {
    Checked {
        source,
        installed,
        id,
        expected,
    }
}

use Expected::{Fixed, NotAffected, Open};

const DEBIAN: &[Checked] = &[
    row(
        "libxml2",
        "2.7.8.dfsg-2",
        "CVE-2011-1944",
        Fixed("2.7.8.dfsg-3"),
    ),
    row(
        "libxml2",
        "2.7.8.dfsg-2",
        "CVE-2022-2309",
        Fixed("2.9.14+dfsg-1.3~deb12u1"),
    ),
    row("curl", "7.83.1-2", "CVE-2022-32206", Fixed("7.84.0-1")),
    row("curl", "7.83.1-2", "CVE-2003-1605", NotAffected), // fixed in 7.10.7-1
    row(
        "curl",
        "7.83.1-2",
        "CVE-2024-8096",
        Fixed("7.88.1-10+deb12u8"),
    ),
    row("curl", "7.83.1-2", "CVE-2025-0167", Open),
    row("curl", "7.83.1-2", "CVE-2024-11053", Open),
    row("openssl", "3.0.15-1~deb12u1", "CVE-2019-1551", NotAffected), // fixed in 1.1.1e-1
    row("openssl", "3.0.15-1~deb12u1", "CVE-2024-9143", NotAffected), // fixed in this very version
    row("ruby3.1", "3.1.2-7", "CVE-2024-43398", Open),
    row("nginx", "1.22.1-9", "CVE-2013-0337", Open),
    row(
        "glibc",
        "2.36-9+deb12u5",
        "CVE-2024-2961",
        Fixed("2.36-9+deb12u6"),
    ),
    row("glibc", "2.36-9+deb12u5", "CVE-2023-4911", NotAffected), // fixed in deb12u3
    row("coreutils", "9.1-1", "CVE-2024-0684", NotAffected),      // fixed_version "0"
    row("pam", "1.5.2-6+deb12u1", "CVE-2024-10041", Open),
];

const ALPINE: &[Checked] = &[
    row("curl", "7.66.0-r0", "CVE-2021-22926", Fixed("7.67.0-r5")),
    row("curl", "7.66.0-r0", "CVE-2021-22945", Fixed("7.79.0-r0")),
    row(
        "nodejs",
        "12.20.1-r0",
        "CVE-2021-39134",
        Fixed("12.22.6-r0"),
    ),
    row("nodejs", "12.20.1-r0", "CVE-2020-8287", NotAffected), // fixed in this very version
    row(
        "busybox",
        "1.31.1-r9",
        "CVE-2021-42374",
        Fixed("1.31.1-r11"),
    ),
    row("busybox", "1.31.1-r9", "CVE-2021-42373", NotAffected), // under "0"
    row("openssl", "1.1.1d-r3", "CVE-2020-1967", Fixed("1.1.1g-r0")),
];

#[test]
fn debian_findings_are_what_the_tracker_says() {
    let Some(feeds) = shared::folder("feeds") else {
        return;
    };
    let packages: BTreeMap<_, _> = DEBIAN
        .iter()
        .map(|row| (row.source, row.installed))
        .collect();
    // Binary packages with names of their own, so that only the source's name can match.
    let names: Vec<_> = packages
        .keys()
        .map(|source| format!("{source}-binary"))
        .collect();
    let packages: Vec<_> = packages
        .iter()
        .zip(&names)
        .map(|((source, version), name)| (name.as_str(), *version, *source))
        .collect();
    let layer = LayerBuilder::new()
        .file("etc/os-release", OS_RELEASE)
        .file("var/lib/dpkg/status", status(&packages));
    check(DEBIAN, layer, &feeds);
}

#[test]
fn alpine_findings_are_what_secdb_says() {
    let Some(feeds) = shared::folder("feeds") else {
        return;
    };
    let packages: BTreeMap<_, _> = ALPINE
        .iter()
        .map(|row| (row.source, row.installed))
        .collect();
    let installed: String = packages
        .iter()
        .map(|(origin, version)| format!("P:{origin}-libs\nV:{version}\nA:x86_64\no:{origin}\n\n"))
        .collect();
    let layer = LayerBuilder::new()
        .file("etc/os-release", "ID=alpine\nVERSION_ID=3.11.3\n")
        .file("lib/apk/db/installed", installed);
    check(ALPINE, layer, &feeds);
}

/// Scans an image of one layer with the real feeds and compares each row.
fn check(rows: &[Checked], layer: LayerBuilder, feeds: &std::path::Path) {
    let bench = Bench::new();
    bench.image(ImageBuilder::new().layer(layer));
    let mirror = feeds.to_str().unwrap();
    let report = bench
        .run(&["scan", "image.tar", "--mirror", mirror, "--format", "json"])
        .ended(0);
    let report: Value = serde_json::from_str(&report).unwrap();
    let findings = report["findings"].as_array().unwrap();
    for row in rows {
        let found = findings
            .iter()
            .find(|finding| finding["id"] == row.id && finding["reasons"][0]["name"] == row.source);
        let fixed = found.map(|finding| finding["fixed_version"].as_str());
        let expected = match row.expected {
            NotAffected => None,
            Open => Some(None),
            Fixed(version) => Some(Some(version)),
        };
        assert_eq!(
            fixed, expected,
            "{} in {} {}",
            row.id, row.source, row.installed
        );
    }
}
