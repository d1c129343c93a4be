//! Text inside Markdown, in a cell of a table too.
//!
//! It stands in a code span, the only place where neither markup nor entities nor the forges' own
//! marks (`@name`, `#1`, bare addresses) mean anything. A code span ends at a backtick and a cell at a
//! bar, whatever stands before them; no rule of escaping holds for both in every renderer, so these
//! two are made visible as a terminal would show a control character.

/// The text as a code span; nothing for nothing.
pub(crate) fn code(text: &str) -> String {
    let visible = super::text(text, true)
        .replace('`', "\\x60")
        .replace('|', "\\x7c");
    match visible.trim() {
        "" => String::new(),
        visible => format!("`{visible}`"),
    }
}

/// A link with the text as its label, or the text alone where the address is not to be trusted.
pub(crate) fn link(text: &str, address: Option<&str>) -> String {
    let label = code(text);
    match address.and_then(super::link) {
        Some(address) if !label.is_empty() => format!("[{label}](<{address}>)"),
        _ => label,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_code_span() {
        assert_eq!(code("a`|b\n# c"), "`a\\x60\\x7cb\\n# c`");
        assert_eq!(code(" "), "");
        assert_eq!(link("x", Some("javascript:alert(1)")), "`x`");
        assert_eq!(link("x", Some("https://a.example/(b)")), "`x`");
        assert_eq!(
            link("x]", Some("https://a.example/b")),
            "[`x]`](<https://a.example/b>)"
        );
    }
}
