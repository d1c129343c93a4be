//! The table.

use pellucid_model::{FixState, Owner, PackageKind, Rating, Severity};
use pellucid_report::{Report, Style};

use crate::sample::{finding, package, packages, report, shown};

fn table(report: &Report, style: Style) -> String {
    shown(report, "table", style)
}

#[test]
fn everything_is_told_in_the_order_that_matters() {
    insta::assert_snapshot!("scan", table(&report(), Style::default()));
}

#[test]
fn details_name_layer_step_and_reason() {
    let style = Style {
        detail: true,
        unicode: true,
        width: Some(100),
        ..Style::default()
    };
    insta::assert_snapshot!("scan-detail", table(&report(), style));
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for width in [40, 60, 80, 100, 200] {
        for detail in [false, true] {
            let style = Style {
                width: Some(width),
                detail,
                ..Style::default()
            };
            let text = table(&report(), style);
            let widest = text.lines().map(str::len).max().unwrap();
            assert!(widest <= width, "{widest} > {width}:\n{text}");
        }
    }
    let style = Style {
        width: Some(60),
        ..Style::default()
    };
    insta::assert_snapshot!("scan-60", table(&report(), style));
}

#[test]
fn details_tell_what_a_package_brought_and_who_says_how_bad_it_is() {
    let mut report = report();
    let os = report.inventory.packages[0].clone();
    let mut module = package("Jinja2", "3.1.2", None, 0);
    module.package.kind = PackageKind::Pypi;
    module.namespace = Some("pypi".into());
    module.owner = Some(Owner {
        name: os.package.name.clone(),
        version: os.package.version.clone(),
    });
    module.locations[0].path = "usr/lib/python3/dist-packages/Jinja2.egg-info".into();
    report.inventory.packages.push(module);
    let rating = |advisory: &str, severity| Rating {
        feed: "osv".into(),
        advisory: advisory.into(),
        severity,
        word: None,
    };
    let mut found = finding(0, "CVE-2024-7", Severity::High, FixState::NotFixed, None);
    found.ratings = vec![
        rating("PYSEC-2024-7", Severity::Unknown),
        rating("GHSA-7", Severity::High),
        rating("BIT-7", Severity::Medium),
    ];
    let mut malware = finding(
        0,
        "MAL-2024-7",
        Severity::Critical,
        FixState::NotFixed,
        None,
    );
    malware.malware = true;
    let findings = &mut report.assessment.as_mut().unwrap().findings;
    *findings = vec![found, malware];
    let style = Style {
        detail: true,
        width: Some(200),
        ..Style::default()
    };
    let text = table(&report, style);
    for told in [
        "it brought pypi Jinja2 3.1.2, from usr/lib/python3/dist-packages/Jinja2.egg-info",
        "severity: High by GHSA-7 of osv, Medium by BIT-7 of osv; the first counts",
        "MAL-2024-7, malware: the package is to be removed",
        ": it is malicious",
    ] {
        assert!(text.contains(told), "{told}\n{text}");
    }
}

#[test]
fn packages_alone() {
    insta::assert_snapshot!("packages", table(&packages(), Style::default()));
    let style = Style {
        detail: true,
        ..Style::default()
    };
    insta::assert_snapshot!("packages-detail", table(&packages(), style));
}

#[test]
fn colours_change_no_letter() {
    let style = Style {
        color: true,
        ..Style::default()
    };
    let colored = table(&report(), style);
    let mut plain = String::new();
    for (number, part) in colored.split('\x1b').enumerate() {
        plain.push_str(if number == 0 {
            part
        } else {
            part.split_once('m').unwrap().1
        });
    }
    assert_ne!(colored, plain);
    assert_eq!(plain, table(&report(), Style::default()));
}

#[test]
fn nothing_found_is_said() {
    let mut report = report();
    if let Some(assessment) = report.assessment.as_mut() {
        assessment.findings.clear();
        assessment.gate = None;
    }
    let text = table(&report, Style::default());
    assert!(
        text.contains("No vulnerabilities to show; 3 findings left out"),
        "{text}"
    );
    assert!(text.contains("NOT COVERED pypi"), "{text}");
    if let Some(assessment) = report.assessment.as_mut() {
        assessment.left_out = 0;
    }
    let text = table(&report, Style::default());
    assert!(
        text.contains("\nNo answer for pypi: no advisory data\n"),
        "{text}"
    );
    assert!(
        text.contains("\nNo vulnerabilities found in debian:12\n"),
        "{text}"
    );
    if let Some(assessment) = report.assessment.as_mut() {
        assessment.coverage.reverse();
        assessment.coverage.truncate(1);
    }
    let text = table(&report, Style::default());
    assert!(!text.contains("No vulnerabilities"), "{text}");
    if let Some(assessment) = report.assessment.as_mut() {
        assessment.coverage.clear();
    }
    let text = table(&report, Style::default());
    assert!(!text.contains("No vulnerabilities"), "{text}");
    assert!(text.contains("No answer: nothing in this image"), "{text}");
}
