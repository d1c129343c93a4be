//! Tables of `A op B`: our own in `tests/data/<scheme>/`, and the shared ones where they exist.

use std::fs;
use std::path::{Path, PathBuf};

use pellucid_version::Scheme;

/// The shared tables, and the schemes that each must hold for.
const SHARED: &[(&str, Scheme)] = &[
    ("alpine-versions-generated.txt", Scheme::Apk),
    ("alpine-versions.txt", Scheme::Apk),
    ("debian-versions-generated.txt", Scheme::Dpkg),
    ("debian-versions.txt", Scheme::Dpkg),
    ("redhat-versions.txt", Scheme::Rpm),
    ("cran-versions-generated.txt", Scheme::Cran),
    ("cran-versions.txt", Scheme::Cran),
    ("hackage-versions.txt", Scheme::Hackage),
    ("maven-versions-generated.txt", Scheme::Maven),
    ("maven-versions.txt", Scheme::Maven),
    ("nuget-versions.txt", Scheme::Nuget),
    ("packagist-versions-generated.txt", Scheme::Composer),
    ("packagist-versions.txt", Scheme::Composer),
    ("pub-versions.txt", Scheme::Pub),
    ("pypi-versions-generated.txt", Scheme::Pep440),
    ("pypi-versions.txt", Scheme::Pep440),
    ("rubygems-versions-generated.txt", Scheme::Gem),
    ("rubygems-versions.txt", Scheme::Gem),
    ("semver-versions.txt", Scheme::Semver),
    ("semver-versions.txt", Scheme::Npm),
    ("semver-versions.txt", Scheme::Cargo),
    ("semver-versions.txt", Scheme::Hex),
    ("semver-versions.txt", Scheme::Go),
];

/// Lines of the shared tables that Maven 3.8 itself contradicts: they stem from an older release.
/// docs/version-orders.md holds its answers, and so does our own table.
const OUTDATED: &[&str] = &[
    "2.9.0-1 < 2.9.0.RC1",
    "1.2.57.sec10 < 1.2.57_noneautotype",
    "1.2.60.sec10 < 1.2.60_noneautotype",
    "1.2.67.sec10 < 1.2.67_noneautotype",
    "1.0.0rc0 < 1.0.beta8",
    "1.5.9.RC1 < 1.5.9-RC0",
    "1-1 = 1-ga-1",
];

#[test]
fn shared_tables_agree() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/versions");
    if !folder.is_dir() {
        println!("skipped: no shared version tables");
        return;
    }
    let wrong: Vec<_> = SHARED
        .iter()
        .flat_map(|(file, scheme)| disagreements(*scheme, &folder.join(file)))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} comparisons disagree:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn own_tables_agree() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut wrong = Vec::new();
    for &scheme in Scheme::ALL {
        wrong.extend(disagreements(
            scheme,
            &folder.join(scheme.name()).join("order.txt"),
        ));
    }
    assert!(
        wrong.is_empty(),
        "{} comparisons disagree:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// The lines `A op B` of a table that the scheme answers otherwise, either way round.
fn disagreements(scheme: Scheme, file: &PathBuf) -> Vec<String> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let mut wrong = Vec::new();
    for (number, line) in fs::read_to_string(file).unwrap().lines().enumerate() {
        let words: Vec<_> = line.split_whitespace().collect();
        let &[a, op, b] = words.as_slice() else {
            continue;
        };
        let outdated = scheme == Scheme::Maven && OUTDATED.contains(&line);
        if !matches!(op, "<" | "=" | ">") || a.starts_with("//") || outdated {
            continue;
        }
        let got = |a, b| {
            scheme
                .compare(a, b)
                .map_or_else(|e| e.to_string(), |o| sign(o).to_owned())
        };
        let (forth, back) = (got(a, b), got(b, a));
        let reversed = match op {
            "<" => ">",
            ">" => "<",
            _ => op,
        };
        if forth != op || back != reversed {
            wrong.push(format!(
                "{name}:{}: {line}: got {forth} and {back}",
                number + 1
            ));
        }
    }
    wrong
}

fn sign(order: std::cmp::Ordering) -> &'static str {
    match order {
        std::cmp::Ordering::Less => "<",
        std::cmp::Ordering::Equal => "=",
        std::cmp::Ordering::Greater => ">",
    }
}
