//! What is asked of a database is written down, never put together: texts of callers are parameters.

use crate::{root, rust_files};

#[test]
fn no_statement_is_put_together() {
    let verbs = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WHERE "];
    let mut wrong = Vec::new();
    for path in rust_files("crates") {
        let is_source = path.components().any(|part| part.as_os_str() == "src");
        let own = ["store", "server", "notify", "snapshot"];
        let asks = own
            .iter()
            .any(|name| path.starts_with(root().join("crates").join(name)));
        if !is_source || !asks {
            continue;
        }
        let content = std::fs::read_to_string(&path).unwrap();
        for (number, line) in content.lines().enumerate() {
            let made = line.contains("format!(") || line.contains("push_str(");
            if made && verbs.iter().any(|verb| line.contains(verb)) {
                wrong.push(format!(
                    "{}:{}: {}",
                    path.display(),
                    number + 1,
                    line.trim()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "statements are put together: {wrong:#?}");
}
