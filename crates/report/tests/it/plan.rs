//! The plan's order: what is known to be exploited, what is likely to be, what is severe, what is much.

use pellucid_model::{Epss, FixState, Fraction, Kev, Severity};
use pellucid_report::{Base, Report, Style};

use crate::sample::{finding, package, report, shown};

/// A report on packages of these names, each with one fixed finding of a severity, exploited or not,
/// of a likelihood in percent.
fn of(packages: &[(&str, Severity, bool, u32)]) -> Report {
    let mut report = report();
    report.inventory.packages = packages
        .iter()
        .map(|(name, ..)| package(name, "1", None, 1))
        .collect();
    let findings = packages.iter().enumerate();
    let findings = findings.map(|(index, (name, severity, exploited, percent))| {
        let id = format!("CVE-2024-000{index}");
        let mut finding = finding(index, &id, *severity, FixState::Fixed, Some("2"));
        finding.reasons[0].name = (*name).to_owned();
        finding.reasons[0].version = "1".to_owned();
        finding.kev = exploited.then(|| Kev {
            cve: id.clone(),
            date_added: "2024-02-01".into(),
            due_date: None,
            ransomware: false,
            required_action: None,
        });
        finding.epss = (*percent > 0).then(|| Epss {
            cve: id,
            score: Fraction::from_millionths(percent * 10_000).unwrap(),
            percentile: Fraction::default(),
        });
        finding
    });
    let findings = findings.collect();
    let assessment = report.assessment.as_mut().unwrap();
    assessment.findings = findings;
    assessment.gate = None;
    assessment.left_out = 0;
    report
}

/// What the plan's lines upgrade, in order.
fn order(report: &Report) -> Vec<String> {
    let plan = shown(report, "plan", Style::default());
    let steps = plan.lines().filter_map(|line| line.split_once(". "));
    let steps = steps.filter(|(number, _)| number.parse::<u32>().is_ok());
    steps
        .map(|(_, step)| step.split(" 1 to ").next().unwrap().to_owned())
        .collect()
}

#[test]
fn attackers_interest_goes_before_severity() {
    use Severity::{Critical, High, Low, Medium};
    let report = of(&[
        ("critical", Critical, false, 0),
        ("unlikely", Critical, false, 9),
        ("likely", Low, false, 10),
        ("likelier-and-worse", Medium, false, 90),
        ("exploited", Low, true, 0),
        ("exploited-and-likely", Low, true, 50),
        ("high", High, false, 0),
    ]);
    assert_eq!(
        order(&report),
        [
            "upgrade exploited-and-likely",
            "upgrade exploited",
            "upgrade likelier-and-worse",
            "upgrade likely",
            "upgrade critical",
            "upgrade unlikely",
            "upgrade high",
        ]
    );
    let plan = shown(&report, "plan", Style::default());
    assert!(
        plan.contains("1 known to be exploited; EPSS up to 50.0 %"),
        "{plan}"
    );
}

#[test]
fn what_closes_more_goes_first_and_the_base_image_is_one_action() {
    let mut report = of(&[
        ("one", Severity::High, false, 0),
        ("two", Severity::High, false, 0),
        ("two", Severity::High, false, 0),
        ("below", Severity::Low, true, 0),
        ("beneath", Severity::Low, false, 0),
    ]);
    assert_eq!(
        order(&report),
        [
            "upgrade below",
            "upgrade two",
            "upgrade one",
            "upgrade beneath"
        ]
    );
    for entry in &mut report.inventory.packages[3..] {
        entry.locations[0].layer = 0;
    }
    let assessment = report.assessment.as_mut().unwrap();
    assessment.base = Some(Base {
        name: "base:12".into(),
        layers: 1,
        is_detected: false,
    });
    let steps = order(&report);
    assert_eq!(steps.len(), 3, "{steps:?}");
    assert!(
        steps[0]
            .starts_with("update the base image base:12 to a build that has below 2, beneath 2"),
        "{steps:?}"
    );
    assert_eq!(steps[1..], ["upgrade two", "upgrade one"]);
}

#[test]
fn a_malicious_package_is_removed_before_all_else_and_no_version_is_a_fix_of_it() {
    let mut report = of(&[
        ("exploited", Severity::Critical, true, 90),
        ("malice", Severity::Critical, false, 0),
    ]);
    report.assessment.as_mut().unwrap().findings[1].malware = true;
    for entry in &mut report.inventory.packages {
        entry.locations[0].layer = 0;
    }
    report.assessment.as_mut().unwrap().base = Some(Base {
        name: "base:12".into(),
        layers: 1,
        is_detected: false,
    });
    let steps = order(&report);
    assert!(
        steps[0].starts_with("remove malice 1: it is malicious"),
        "{steps:?}"
    );
    assert!(steps[1].starts_with("update the base image"), "{steps:?}");
    for (format, words) in [
        ("table", "remove malice: it is malicious"),
        ("markdown", "**remove it**: it is malicious"),
        ("gitlab", "Remove malice: it is malicious"),
        ("sarif", "Remove malice: it is malicious"),
    ] {
        let text = shown(&report, format, Style::default());
        assert!(
            text.contains(words) && !text.contains("malice to 2"),
            "{text}"
        );
    }
}
