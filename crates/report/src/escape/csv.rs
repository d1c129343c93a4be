//! Cells of comma-separated values that a spreadsheet will not run.
//!
//! RFC 4180 quotes; on top of it, a cell that a spreadsheet would take for a formula gets an
//! apostrophe before it (OWASP, "CSV Injection"). That changes the value: what must read back exactly
//! is for `json`.

/// The text as a quoted cell.
pub(crate) fn cell(text: &str) -> String {
    let visible = super::text(text, true);
    let starts = |c: char| {
        matches!(
            c,
            '=' | '+' | '-' | '@' | '\\' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}'
        )
    };
    let guard = if visible.trim_start().starts_with(starts) {
        "'"
    } else {
        ""
    };
    format!("\"{guard}{}\"", visible.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn formulas_stay_text() {
        assert_eq!(cell("=cmd|' /C calc'!A0"), "\"'=cmd|' /C calc'!A0\"");
        assert_eq!(cell(" @SUM(1)"), "\"' @SUM(1)\"");
        assert_eq!(cell("\t=1"), "\"'\\t=1\"");
        assert_eq!(cell("a\"b,\r\nc"), "\"a\"\"b,\\r\\nc\"");
        assert_eq!(cell("1.2-3"), "\"1.2-3\"");
    }
}
