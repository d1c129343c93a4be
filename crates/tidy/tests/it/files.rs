//! Files say one thing, say what it is, and speak of the project alone.

use crate::{root, rust_files, text};

#[test]
fn every_source_file_opens_with_what_it_is_for() {
    let bare: Vec<_> = rust_files("crates")
        .into_iter()
        .filter(|path| path.components().any(|part| part.as_os_str() == "src"))
        .filter(|path| !std::fs::read_to_string(path).unwrap().starts_with("//!"))
        .collect();
    assert!(bare.is_empty(), "no module doc at the top: {bare:#?}");
}

#[test]
fn no_file_has_grown_a_second_idea() {
    // Over this many lines a file wants to be two. Tests inside the file count.
    const LINES: usize = 900;
    let long: Vec<_> = rust_files("crates")
        .into_iter()
        .map(|path| {
            (
                std::fs::read_to_string(&path).unwrap().lines().count(),
                path,
            )
        })
        .filter(|(lines, _)| *lines > LINES)
        .collect();
    assert!(
        long.is_empty(),
        "split these files (over {LINES} lines): {long:#?}"
    );
}

#[test]
fn nothing_names_a_folder_of_one_machine() {
    let places = ["/work/", "/root/", "/home/"].map(|place| format!("\"{place}"));
    let mut wrong = Vec::new();
    for path in rust_files("crates") {
        let content = std::fs::read_to_string(&path).unwrap();
        if path.ends_with("tidy/tests/it/files.rs") {
            continue;
        }
        for (number, line) in content.lines().enumerate() {
            if places.iter().any(|place| line.contains(place.as_str())) {
                wrong.push(format!("{}:{}: {line}", path.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_crate_stands_in_the_code_map() {
    let map = text("ARCHITECTURE.md");
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            map.contains(&format!("`{name}/`")),
            "ARCHITECTURE.md does not say what crates/{name} is"
        );
    }
}
