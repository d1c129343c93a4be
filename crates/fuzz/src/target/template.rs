//! A report's template.
//!
//! Read, never run: its steps and what it writes are bounded, a single value is not, so that a template
//! is as trusted as the command line. Its reader is not so excused.

use pellucid_report::Template;

/// Reads it under each escaping.
pub(crate) fn run(data: &[u8]) {
    if let Ok(source) = std::str::from_utf8(data) {
        for file in ["a.html", "a.md", "a.csv", "a.txt"] {
            drop(Template::new(file, source));
        }
    }
}

/// The example of the documentation by its parts, and nesting.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    [
        "{% for finding in findings %}{{ finding.id }} {{ finding.package.name|html }}\n{% endfor %}",
        "{% macro row(a, b=1) %}{{ a ~ b }}{% endmacro %}{% set x = [1, {\"a\": (2, 3)}] %}{{ row(x[0][1:], b=x|length) if x is defined else \"\\u00e9\" }}",
        "{# a #}{%- if a and not b or c in d -%}{{ -1.5e3 // 2 ** 3 }}{%- elif x %}{% raw %}{{ }}{% endraw %}{% endif %}",
        "{% autoescape false %}{% filter upper %}{{ a|safe }}{% endfilter %}{% endautoescape %}{% call(x) f() %}{% endcall %}",
    ]
    .iter()
    .map(|source| source.as_bytes().to_vec())
    .collect()
}
