//! Names that would take over a terminal, a log or a build.

use pellucid_report::{Base, FORMATS, Format as _, Report, Style, Template, read_json};

use crate::sample::{shown, suppressed};

/// Payloads seen in the wild, or meant for what reads reports: terminals, logs of build services,
/// browsers, readers of XML, spreadsheets, forges, templates.
pub(crate) const PAYLOADS: &[&str] = &[
    "\x1b[2J\x1b[H",
    "\x1b]0;title\x07",
    "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x1bP+q544e\x1b\\",
    "\x1b[6n",
    "\x1bc",
    "\x1b(0",
    "\u{9b}31m",
    "\u{9d}0;t\u{9c}",
    "\u{90}q\u{9c}",
    "\r\nCritical  forged  1  0  upgrade",
    "a\rb",
    "a\tb\u{b}c\u{c}",
    "\u{b}\u{c}\u{85}\u{2028}\u{2029}next",
    "\u{202e}gnp.exe",
    "\u{202d}\u{202c}",
    "\u{2066}\u{2069}\u{200f}\u{61c}",
    "zero\u{200b}\u{200d}\u{feff}\u{2060}width",
    "tag\u{e0041}\u{e007f}",
    "private\u{e000}\u{10fffd}",
    "\u{fffe}\u{ffff}\u{fdd0}",
    "\u{5d0}\u{5d1}12",
    "\u{627}\u{644}/etc",
    "e\u{301}\u{302}\u{303}\u{304}",
    "\u{3164}\u{ffa0}\u{115f}",
    "soft\u{ad}hyphen",
    "\u{2800}\u{2800}braille",
    "\0\x08\x08\x08\x7f",
    "\0",
    "\n::set-env name=PATH::x",
    "::error file=a::b",
    "::add-mask::x",
    "  ::warning::x",
    "::stop-commands::token",
    "##vso[task.setvariable]x",
    "a ##vso[task.complete result=Succeeded]",
    "##[error]x",
    "###[group]",
    "##teamcity[x]",
    "section_start:1:x\r\x1b[0K",
    "\x1b[0Ksection_end:1:x\r\x1b[0K",
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "<!--<script>",
    "--><script>alert(1)</script>",
    "--!><img src=x onerror=alert(1)>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><script href=data:,alert(1)>",
    "<math><mtext></p><img src=x>",
    "\"><img src=x onerror=alert(1)>",
    "'><img src=x onerror=alert(1)>",
    "`><img src=x onerror=alert(1)>",
    "\" onmouseover=\"alert(1)",
    "' onfocus='alert(1)' autofocus='",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "https://a.example/\" onclick=\"alert(1)",
    "https://a.example/'><script>",
    "https://a.example/ x",
    "http://a.example/\n::error::x",
    "<iframe src=javascript:alert(1)>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content=0>",
    "<link rel=stylesheet href=//evil.example>",
    "<form action=//evil.example><input>",
    "<details open ontoggle=alert(1)>",
    "<template><style>",
    "<noscript><p title=\"</noscript><img>\">",
    "<xmp><plaintext>",
    "</td></tr></table><h1>forged</h1>",
    "</details></section>",
    "&lt;script&gt;",
    "&#60;script&#62;",
    "&amp;&quot;&apos;",
    "]]><x/><![CDATA[",
    "<?xml version=\"1.0\"?><!DOCTYPE x>",
    "<!ENTITY x SYSTEM \"file:///etc/passwd\">",
    "</failure></testcase><testcase name=\"x\"/>",
    "\"/><error/>",
    "=cmd|' /C calc'!A0",
    "=HYPERLINK(\"https://evil.example\",\"x\")",
    "+1+1",
    "-2+3",
    "@SUM(1+1)",
    "\t=1+1",
    "\r=1+1",
    " =1+1",
    "\u{ff1d}1+1",
    "\"=1+1",
    "a\",\"=1+1",
    "a\"\r\n\"=1+1",
    "a,b;c\td",
    "a | b | c |",
    "a \\| b \\\\| c",
    "`code`",
    "``` \n# heading",
    "`a`` b ``` c",
    "**bold** _it_ ~~no~~",
    "[x](javascript:alert(1))",
    "![x](https://evil.example/pixel)",
    "<https://evil.example>",
    "www.evil.example",
    "@octocat #1 GH-1",
    "\n\n# forged heading",
    "> quote\n- list\n1. list",
    "| a | b |\n|---|---|",
    "---\n===\n***",
    "$$\\href{javascript:alert(1)}{x}$$",
    "\\",
    "\\`\\|\\<",
    "{{ 7 * 7 }}",
    "{% include '/etc/passwd' %}",
    "{# comment #}",
    "${7*7}#{7*7}<%= 7 %>",
    "%s%n%x",
    "../../etc/passwd",
    "file:///etc/passwd",
    "\",\"severity\":\"low",
    "\\u0022,\\u003cscript\\u003e",
    "x\u{feff}\u{fffd}",
    "$(touch /tmp/x);`id`",
];

#[test]
fn no_text_of_an_image_or_feed_reaches_the_terminal_raw() {
    // Those for terminals and logs come first; the others are below in one style.
    for payload in PAYLOADS.iter().take(42) {
        let report = poisoned(payload);
        let mut packages = report.clone();
        packages.assessment = None;
        for report in [&report, &packages] {
            for style in styles() {
                harmless(&shown(report, "table", style), payload);
            }
            let json = shown(report, "json", Style::default());
            assert!(!json.chars().any(is_raw), "{payload:?}\n{json}");
        }
        let json = shown(&packages, "json", Style::default());
        let back = read_json(json.as_bytes()).unwrap();
        assert_eq!(back.inventory, packages.inventory);
    }
}

/// The report with the payload wherever an image or a feed has its say.
pub(crate) fn poisoned(payload: &str) -> Report {
    let mut report = suppressed();
    report.inventory.image.reference.push_str(payload);
    for layer in &mut report.inventory.image.layers {
        layer.created_by = Some(payload.to_owned());
    }
    for entry in &mut report.inventory.packages {
        entry.package.name = payload.to_owned();
        entry.package.version = payload.to_owned();
        entry.namespace = Some(payload.into());
        if let Some(source) = &mut entry.package.source {
            source.name = payload.to_owned();
        }
        for location in &mut entry.locations {
            location.path = payload.to_owned();
        }
    }
    for distribution in &mut report.inventory.distributions {
        distribution.namespace = payload.into();
    }
    for warning in &mut report.warnings {
        warning.message = payload.to_owned();
        warning.path = Some(payload.to_owned());
    }
    let assessment = report.assessment.as_mut().unwrap();
    for finding in &mut assessment.findings {
        finding.id = payload.to_owned();
        finding.title = Some(payload.to_owned());
        finding.fixed_version = finding.fixed_version.as_ref().map(|_| payload.to_owned());
        finding.aliases = vec![payload.to_owned()];
        finding.related = vec![payload.to_owned()];
        finding.links = vec![payload.to_owned()];
        for reason in &mut finding.reasons {
            reason.feed = payload.to_owned();
            reason.name = payload.to_owned();
            reason.range = payload.to_owned();
            reason.note = Some(payload.to_owned());
        }
    }
    for one in &mut assessment.suppressed {
        one.finding.id = payload.to_owned();
        one.by.origin = payload.to_owned();
        one.by.rule = payload.to_owned();
        one.by.reason = Some(payload.to_owned());
        one.by.vulnerabilities = vec![payload.to_owned()];
        one.and_by = vec![one.by.clone()];
    }
    if let Some(gate) = &mut assessment.gate {
        gate.rules[0].rule = payload.to_owned();
    }
    assessment.base = Some(Base {
        name: payload.to_owned(),
        layers: 1,
        is_detected: false,
    });
    for coverage in &mut assessment.coverage {
        coverage.note = Some(payload.to_owned());
        coverage.namespace = Some(payload.into());
    }
    report
}

fn styles() -> impl Iterator<Item = Style> {
    [None, Some(40), Some(41)].into_iter().flat_map(|width| {
        [false, true].into_iter().flat_map(move |unicode| {
            [false, true].map(|detail| Style {
                width,
                unicode,
                detail,
                suppressed: detail,
                ..Style::default()
            })
        })
    })
}

/// Everything that a format can tell.
const EVERY: Style = Style {
    width: None,
    color: false,
    unicode: false,
    detail: false,
    suppressed: true,
    time: None,
};

fn harmless(text: &str, payload: &str) {
    assert!(!text.chars().any(is_raw), "{payload:?}\n{text}");
    assert!(!text.contains("##"), "{text}");
    assert!(
        !text.lines().any(|line| line.trim_start().starts_with("::")),
        "{text}"
    );
    assert!(
        !text
            .lines()
            .any(|line| line.starts_with("Critical  forged")),
        "{text}"
    );
}

fn is_raw(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c,
            '\u{5d0}'..='\u{5ea}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Formats in which a text could end its place: what is left when all text is taken out must not
/// depend on the text.
#[test]
fn no_text_changes_the_structure_of_a_page_or_list() {
    let both = |payload: &str| {
        let report = poisoned(payload);
        let mut packages = report.clone();
        packages.assessment = None;
        [report, packages]
    };
    let expected = both("x").map(|benign| {
        let skeleton =
            |(format, skeleton): &(&str, Skeleton)| skeleton(&shown(&benign, format, EVERY));
        SKELETONS.iter().map(skeleton).collect::<Vec<_>>()
    });
    for payload in PAYLOADS {
        for (report, expected) in both(payload).iter().zip(&expected) {
            for ((format, skeleton), expected) in SKELETONS.iter().zip(expected) {
                let text = shown(report, format, EVERY);
                assert_eq!(&skeleton(&text), expected, "{format} {payload:?}\n{text}");
            }
        }
    }
}

#[test]
fn no_format_lets_a_text_through_raw() {
    assert!(PAYLOADS.len() >= 120, "{}", PAYLOADS.len());
    for payload in PAYLOADS {
        let report = poisoned(payload);
        let mut packages = report.clone();
        packages.assessment = None;
        for report in [&report, &packages] {
            for format in FORMATS {
                let text = shown(report, format.name(), EVERY);
                let text = match format.name() {
                    // The tabs at the start of lines are ours.
                    "clair-text" => text.replace("\n\t", "\n"),
                    "csv" => text.replace("\r\n", "\n"),
                    // Style and script are ours.
                    "html" => text.split_once("<body>").unwrap().1.to_owned(),
                    _ => text,
                };
                let heading = format.name() == "markdown";
                harmless(
                    &if heading {
                        text.replace("\n## ", "\n")
                    } else {
                        text
                    },
                    payload,
                );
            }
            let gitlab = report.assessment.is_some().then_some("gitlab");
            for format in ["json", "sarif", "cyclonedx", "spdx-json"]
                .into_iter()
                .chain(gitlab)
            {
                let text = shown(report, format, Style::default());
                let value: serde_json::Value = serde_json::from_str(&text).unwrap();
                assert!(
                    value.to_string().contains(&quoted(payload)),
                    "{format} {payload:?}"
                );
            }
        }
        for (file, source) in [
            ("a.html", "<p>{{ image.reference }}</p>"),
            ("a.txt", "{{ packages[0].name }}"),
        ] {
            let mut out = Vec::new();
            let template = Template::new(file, source).unwrap();
            template
                .write(&report, &Style::default(), &mut out)
                .unwrap();
            let text = String::from_utf8(out).unwrap();
            harmless(&text, payload);
            let tags = if file == "a.html" {
                2
            } else {
                payload.matches('<').count()
            };
            assert_eq!(text.matches('<').count(), tags, "{text}");
        }
    }
}

/// The payload inside a string of JSON, as `serde_json` prints it.
fn quoted(payload: &str) -> String {
    serde_json::Value::from(payload)
        .to_string()
        .trim_matches('"')
        .to_owned()
}

type Skeleton = fn(&str) -> String;

const SKELETONS: &[(&str, Skeleton)] = &[
    ("html", tags),
    ("junit", tags),
    ("csv", commas),
    ("markdown", outside_code),
];

/// Every tag with the names of its attributes, without text and without values.
fn tags(text: &str) -> String {
    let text = text.split_once("<body>").map_or(text, |(_, body)| body);
    let mut tags = String::new();
    let mut place = ' ';
    for c in text.chars() {
        // A blank stands for text, an angle for inside a tag, a quote for inside a value.
        let next = match (place, c) {
            (' ', '<') => '<',
            ('<', '>') => ' ',
            ('<', '"') => '"',
            ('"', '"') => '<',
            (place, _) => place,
        };
        if place == '<' || next == '<' {
            tags.push(c);
        }
        place = next;
    }
    assert_eq!(place, ' ', "{text}");
    tags
}

/// How many cells each record has, as RFC 4180 reads them; no cell is a formula.
fn commas(text: &str) -> String {
    let mut shape = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        rest = rest.strip_prefix('"').unwrap();
        let mut cell = String::new();
        loop {
            let (before, after) = rest.split_once('"').unwrap();
            cell.push_str(before);
            match after.strip_prefix('"') {
                Some(after) => {
                    cell.push('"');
                    rest = after;
                }
                None => {
                    rest = after;
                    break;
                }
            }
        }
        assert!(
            !cell
                .trim_start()
                .starts_with(['=', '+', '-', '@', '\u{ff1d}']),
            "{cell}"
        );
        shape.push(if rest.starts_with(',') { ',' } else { '\n' });
        rest = rest
            .strip_prefix(',')
            .or_else(|| rest.strip_prefix("\r\n"))
            .unwrap();
    }
    shape
}

/// What stands outside code spans.
fn outside_code(text: &str) -> String {
    for line in text.lines().filter(|line| line.starts_with('|')) {
        let bars = line.matches('|').count();
        assert!(bars == 5 || bars == 6, "{line}");
    }
    text.split('`').step_by(2).collect()
}
