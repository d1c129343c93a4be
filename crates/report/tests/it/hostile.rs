//! Names that would take over a terminal, a log or a build.

use pellucid_report::{Style, read_json};

use crate::sample::{report, shown};

/// Payloads seen in the wild, or meant for what reads logs.
const PAYLOADS: &[&str] = &[
    "\x1b[2J\x1b[H",
    "\x1b]0;title\x07",
    "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "\x1b]52;c;ZXZpbA==\x07",
    "\u{9b}31m",
    "\u{9d}0;t\u{9c}",
    "\r\nCritical  forged  1  0  upgrade",
    "\u{b}\u{c}\u{85}\u{2028}\u{2029}next",
    "\u{202e}gnp.exe",
    "\u{2066}\u{2069}\u{200f}\u{61c}",
    "zero\u{200b}\u{200d}\u{feff}\u{2060}width",
    "tag\u{e0041}\u{e007f}",
    "\u{5d0}\u{5d1}12",
    "\n::set-env name=PATH::x",
    "::error file=a::b",
    "##vso[task.setvariable]x",
    "##teamcity[x]",
    "section_start:1:x\r\x1b[0K",
    "\0\x08\x08\x08\x7f",
];

#[test]
fn no_text_of_an_image_or_feed_reaches_the_terminal_raw() {
    for payload in PAYLOADS {
        let mut report = report();
        report.inventory.image.reference.push_str(payload);
        for layer in &mut report.inventory.image.layers {
            layer.created_by = Some((*payload).to_owned());
        }
        for entry in &mut report.inventory.packages {
            entry.package.name = (*payload).to_owned();
            entry.package.version = (*payload).to_owned();
            if let Some(source) = &mut entry.package.source {
                source.name = (*payload).to_owned();
            }
            for location in &mut entry.locations {
                location.path = (*payload).to_owned();
            }
        }
        for distribution in &mut report.inventory.distributions {
            distribution.namespace = (*payload).into();
        }
        for warning in &mut report.warnings {
            warning.message = (*payload).to_owned();
            warning.path = Some((*payload).to_owned());
        }
        let assessment = report.assessment.as_mut().unwrap();
        for finding in &mut assessment.findings {
            finding.id = (*payload).to_owned();
            finding.title = Some((*payload).to_owned());
            finding.fixed_version = finding
                .fixed_version
                .as_ref()
                .map(|_| (*payload).to_owned());
            finding.aliases = vec![(*payload).to_owned()];
            finding.links = vec![(*payload).to_owned()];
            for reason in &mut finding.reasons {
                reason.feed = (*payload).to_owned();
                reason.name = (*payload).to_owned();
                reason.range = (*payload).to_owned();
                reason.note = Some((*payload).to_owned());
            }
        }
        for coverage in &mut assessment.coverage {
            coverage.note = Some((*payload).to_owned());
            coverage.namespace = Some((*payload).into());
        }
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

fn styles() -> impl Iterator<Item = Style> {
    [None, Some(40), Some(41), Some(43), Some(80)]
        .into_iter()
        .flat_map(|width| {
            [false, true].into_iter().flat_map(move |unicode| {
                [false, true].map(|detail| Style {
                    width,
                    unicode,
                    detail,
                    color: false,
                })
            })
        })
}

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
