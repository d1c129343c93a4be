//! What is asked of a database is written down, never put together: texts of callers are parameters.

use crate::{root, rust_files};

/// What a statement has in it.
const VERBS: &[&str] = &["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WHERE "];

/// Numbers of the lines where a text with a statement in it is put together: the verb stands in the arguments
/// of the call, on whichever line.
fn put_together(code: &str) -> Vec<usize> {
    let makers = [
        "format!(",
        "format_args!(",
        "push_str(",
        "write!(",
        "concat(",
    ];
    let mut found = Vec::new();
    for maker in makers {
        for (at, _) in code.match_indices(maker) {
            let arguments = arguments(code.get(at + maker.len()..).unwrap_or_default());
            if VERBS.iter().any(|verb| arguments.contains(verb)) {
                found.push(1 + code.get(..at).unwrap_or_default().matches('\n').count());
            }
        }
    }
    found.sort_unstable();
    found
}

/// What stands before the parenthesis that closes a call; parentheses in texts do not count.
fn arguments(code: &str) -> &str {
    let (mut depth, mut in_text, mut escaped) = (1, false, false);
    for (at, letter) in code.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            '(' if !in_text => depth += 1,
            ')' if !in_text => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return code.get(..at).unwrap_or_default();
        }
    }
    code
}

#[test]
fn no_statement_is_put_together() {
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
        for line in put_together(&content) {
            wrong.push(format!("{}:{line}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "statements are put together: {wrong:#?}");
}

#[test]
fn a_statement_over_several_lines_is_seen() {
    for code in [
        r#"let sql = format!("SELECT a FROM b WHERE c = {d}");"#,
        "let sql = format!(\n    \"SELECT a FROM b WHERE c = {}\",\n    d\n);",
        "sql.push_str(\n    &more(\"(\"),\n    \" WHERE c\",\n)",
        "write!(\n    sql,\n    \"DELETE FROM {table}\"\n)",
    ] {
        assert_eq!(put_together(code), [1], "{code}");
    }
    for code in [
        "query(\n    \"SELECT a FROM b WHERE c = ?1\",\n    &[format!(\"{d}\")],\n)",
        "let a = format!(\"{b})\"); query(\"SELECT a\")",
    ] {
        assert!(put_together(code).is_empty(), "{code}");
    }
}
