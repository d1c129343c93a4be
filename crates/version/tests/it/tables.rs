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
        let file = folder.join(scheme.name()).join("order.txt");
        if file.exists() {
            wrong.extend(disagreements(scheme, &file));
        }
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
        if !matches!(op, "<" | "=" | ">") || a.starts_with("//") {
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
