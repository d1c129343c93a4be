//! Text inside HTML and XML: contents of elements and of quoted attributes.
//!
//! What a terminal must not see raw, a page or a log of XML must not either, and XML 1.0 has no way
//! at all to write most control characters: so it is made visible first. Quotes and backticks too
//! become references, for attributes in any quotes.

/// The text as element content or attribute value.
pub(crate) fn text(text: &str) -> String {
    let visible = super::text(text, true);
    let mut escaped = String::with_capacity(visible.len() + 16);
    for c in visible.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '`' => escaped.push_str("&#96;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_letter_is_left_that_opens_or_closes_anything() {
        assert_eq!(
            super::text("<script>alert('\"`&')</script>]]>\u{1b}\u{ffff}"),
            "&lt;script&gt;alert(&#39;&quot;&#96;&amp;&#39;)&lt;/script&gt;]]&gt;\\x1b\\u{ffff}",
        );
    }
}
