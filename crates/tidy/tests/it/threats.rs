//! The page of threats names tests that are there.

use crate::{rust_files, text};

#[test]
fn every_test_that_the_page_of_threats_names_exists() {
    let code: Vec<String> = rust_files("crates")
        .into_iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let page = text("docs/threats.md");
    let rows = page.lines().filter(|line| line.starts_with("| "));
    let mut named = 0;
    for row in rows.skip(1) {
        let tests = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        for test in tests.split('`').filter(|part| !part.trim().is_empty()) {
            named += 1;
            let declaration = format!("fn {test}(");
            assert!(
                code.iter().any(|file| file.contains(&declaration)),
                "docs/threats.md names a test that is not there: {test}"
            );
        }
    }
    assert!(named > 30, "the table could not be read");
}
