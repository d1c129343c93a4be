//! Templates of the user's own.

use pellucid_report::{Format as _, Style, Template, TemplateError};

use crate::sample::report;

fn rendered(file: &str, source: &str) -> std::io::Result<String> {
    let mut out = Vec::new();
    let template = Template::new(file, source).unwrap();
    template.write(&report(), &Style::default(), &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn a_template_sees_the_report_as_json_has_it() {
    let source = "{% for finding in findings if finding.severity == 'high' %}\
                  {{ finding.id }} {{ packages[finding.package].name }} {{ finding.fixed_version }}\n\
                  {% endfor %}{{ summary.vulnerabilities }} in {{ image.reference }}\n";
    assert_eq!(
        rendered("a.txt", source).unwrap(),
        "CVE-2023-5363 libssl3 3.0.9-1\nCVE-2023-5363 openssl 3.0.9-1\n\
         5 in docker-archive:webshop.tar\n",
    );
    assert_eq!(
        rendered("a.html", "{{ '<b>' }}{{ '<b>'|safe }}").unwrap(),
        "&lt;b&gt;<b>"
    );
    assert_eq!(
        rendered("a.csv.j2", "{{ '=1' }},{{ nothing }}").unwrap(),
        "\"'=1\","
    );
    assert_eq!(rendered("a.txt", "{{ '<b>'|html }}").unwrap(), "&lt;b&gt;");
}

#[test]
fn a_template_reaches_nothing_else_and_ends() {
    for source in [
        "{% include 'a' %}",
        "{% extends '/etc/passwd' %}",
        "{% import 'a' as b %}",
        "{{",
    ] {
        assert!(
            matches!(Template::new("a", source), Err(TemplateError::Syntax(_))),
            "{source}"
        );
    }
    let endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";
    assert!(rendered("a", endless).is_err());
    assert!(rendered("a", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}").is_err());
    assert!(rendered("a", "{{ getenv('HOME') }}").is_err());
    let large = "x".repeat((1 << 20) + 1);
    assert!(matches!(
        Template::new("a", &large),
        Err(TemplateError::TooLarge)
    ));
}
