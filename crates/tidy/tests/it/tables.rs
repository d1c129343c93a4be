//! One kind is one folder, one thing is one file, one line registers it, one folder tests it.

use std::fs;
use std::path::Path;

use crate::{root, text};

/// A kind of thing: the folder with its files, the file with its table, the table's constant,
/// the folder of fixtures (a folder or file per thing), and the page that lists it.
struct Kind {
    folder: &'static str,
    table_file: &'static str,
    table: &'static str,
    fixtures: Option<&'static str>,
    page: Option<&'static str>,
    /// Files in the folder that are shared by several things and are none themselves.
    shared: &'static [&'static str],
}

const KINDS: &[Kind] = &[
    Kind {
        folder: "crates/detect/src/namespace",
        table_file: "crates/detect/src/detector.rs",
        table: "DETECTORS",
        fixtures: Some("crates/detect/tests/data"),
        page: None,
        shared: &[],
    },
    Kind {
        folder: "crates/detect/src/repository",
        table_file: "crates/detect/src/detector.rs",
        table: "DETECTORS",
        fixtures: Some("crates/detect/tests/data"),
        page: None,
        shared: &[],
    },
    Kind {
        folder: "crates/detect/src/package",
        table_file: "crates/detect/src/detector.rs",
        table: "DETECTORS",
        fixtures: Some("crates/detect/tests/data"),
        page: None,
        shared: &[],
    },
    Kind {
        folder: "crates/feeds/src/source",
        table_file: "crates/feeds/src/lib.rs",
        table: "FEEDS",
        fixtures: Some("crates/feeds/tests/data"),
        page: Some("docs/feeds.md"),
        shared: &[],
    },
    Kind {
        folder: "crates/report/src/format",
        table_file: "crates/report/src/format.rs",
        table: "FORMATS",
        fixtures: None,
        page: Some("docs/report.md"),
        // A template is made of a file that the user names, so no table can hold it.
        shared: &["template"],
    },
    Kind {
        folder: "crates/image/src/source",
        table_file: "crates/image/src/source.rs",
        table: "SOURCES",
        fixtures: None,
        page: None,
        shared: &["archive", "daemon", "storage"],
    },
];

#[test]
fn every_thing_is_registered_and_has_a_fixture_and_a_line_in_its_page() {
    let mut wrong = Vec::new();
    for kind in KINDS {
        let table = table(&text(kind.table_file), kind.table);
        let page = kind.page.map(text);
        for name in things(kind.folder) {
            if kind.shared.contains(&name.as_str()) {
                continue;
            }
            if !table.contains(&format!("{name}::")) {
                wrong.push(format!(
                    "{}/{name}.rs is not in {}",
                    kind.folder, kind.table
                ));
            }
            if let Some(fixtures) = kind.fixtures
                && !root().join(fixtures).join(&name).is_dir()
                && !root().join(fixtures).join(name.replace('_', "-")).is_dir()
            {
                wrong.push(format!(
                    "{}/{name}.rs has no fixture folder {fixtures}/{name}",
                    kind.folder
                ));
            }
            if let (Some(page), Some(file)) = (&page, kind.page)
                && !page.contains(&format!("`{name}`"))
                && !page.contains(&format!("`{}`", name.replace('_', "-")))
            {
                wrong.push(format!("{file} has no line about `{name}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The text of the table of this name, up to its end.
fn table(file: &str, name: &str) -> String {
    let start = file
        .find(&format!("const {name}:"))
        .unwrap_or_else(|| panic!("no table {name}"));
    let rest = &file[start..];
    rest[..rest.find("];").unwrap_or(rest.len())].to_owned()
}

/// Names of the Rust files directly in a folder.
fn things(folder: &str) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(root().join(folder))
        .unwrap_or_else(|error| panic!("{folder}: {error}"))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter_map(|path: std::path::PathBuf| {
            path.file_stem()
                .and_then(|stem| Path::new(stem).to_str().map(str::to_owned))
        })
        .collect();
    names.sort();
    names
}
