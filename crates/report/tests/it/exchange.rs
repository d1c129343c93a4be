//! Formats that other tools read, and text for people: what each must have.

use pellucid_report::{Report, Style};
use serde_json::Value;

use crate::sample::{packages, report, shown, suppressed, suppressed_bulletin};
use crate::schema;

fn json(report: &Report, format: &str) -> Value {
    json_with(report, format, Style::default())
}

fn json_with(report: &Report, format: &str, style: Style) -> Value {
    serde_json::from_str(&shown(report, format, style)).unwrap()
}

#[test]
fn text_formats_look_as_they_should() {
    for format in ["plan", "markdown", "csv", "junit", "clair-text"] {
        insta::assert_snapshot!(format, shown(&report(), format, Style::default()));
    }
}

#[test]
fn equal_reports_are_equal_bytes_and_no_format_asks_the_clock() {
    for format in pellucid_report::FORMATS {
        let first = shown(&report(), format.name(), Style::default());
        assert_eq!(first, shown(&report(), format.name(), Style::default()));
        assert!(!first.is_empty());
    }
    let style = Style {
        time: Some(1_700_000_000),
        ..Style::default()
    };
    for (format, time) in [
        ("spdx-json", "\"2023-11-14T22:13:20Z\""),
        ("gitlab", "\"2023-11-14T22:13:20\""),
    ] {
        assert!(shown(&report(), format, style).contains(time), "{format}");
        assert!(
            shown(&report(), format, Style::default()).contains("\"2025-01-01T00:00:00"),
            "{format}"
        );
    }
}

#[test]
fn what_other_tools_read_is_as_their_specifications_say() {
    let every = Style {
        suppressed: true,
        ..Style::default()
    };
    for format in ["sarif", "cyclonedx", "spdx-json", "gitlab", "openvex"] {
        let hostile = crate::hostile::PAYLOADS.iter().step_by(9);
        let hostile = hostile.map(|payload| crate::hostile::poisoned(payload));
        for report in [report(), packages(), suppressed(), suppressed_bulletin()]
            .into_iter()
            .chain(hostile)
        {
            schema::check_format(format, &shown(&report, format, every));
            schema::check_format(format, &shown(&report, format, Style::default()));
        }
    }
}

#[test]
fn what_is_too_long_for_gitlab_is_cut() {
    let mut report = report();
    for entry in &mut report.inventory.packages {
        entry.package.name = "x".repeat(8_000);
    }
    schema::check_format("gitlab", &shown(&report, "gitlab", Style::default()));
}

#[test]
fn a_suppressed_finding_is_told_wherever_it_has_a_place() {
    let report = suppressed();
    let every = Style {
        suppressed: true,
        ..Style::default()
    };
    for format in [
        "table",
        "markdown",
        "html",
        "csv",
        "sarif",
        "cyclonedx",
        "json",
        "junit",
        "gitlab",
        "spdx-json",
    ] {
        let text = shown(&report, format, every);
        assert!(text.contains("tar is not run"), "{format}\n{text}");
    }
    // Without being asked, every format for people says at least how many.
    for format in [
        "table",
        "markdown",
        "html",
        "clair-text",
        "plan",
        "sarif",
        "gitlab",
    ] {
        let text = shown(&report, format, Style::default());
        assert!(text.contains("1 finding suppressed"), "{format}\n{text}");
    }
    let sarif = json_with(&report, "sarif", every);
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert_eq!(
        results.last().unwrap()["suppressions"][0]["kind"],
        "external"
    );
    let bom = json(&report, "cyclonedx");
    let analysed = bom["vulnerabilities"].as_array().unwrap().last().unwrap();
    assert_eq!(analysed["analysis"]["state"], "not_affected");
    assert_eq!(analysed["analysis"]["justification"], "code_not_reachable");
    let version = &analysed["affects"][0]["versions"][0];
    assert_eq!(version["status"], "unaffected");
    let vex = json(&report, "openvex");
    assert_eq!(vex["statements"][0]["status"], "not_affected");
    // GitLab would take it for an open vulnerability.
    let gitlab = json_with(&report, "gitlab", every);
    let names = gitlab["vulnerabilities"].as_array().unwrap().iter();
    let mut names = names.map(|found| found["name"].to_string());
    assert!(names.all(|name| !name.contains("CVE-2005-2541")));
}

#[test]
fn warnings_are_told_by_the_formats_that_say_so() {
    let telling = pellucid_report::FORMATS
        .iter()
        .filter(|format| format.tells_warnings());
    let telling: Vec<&str> = telling.map(|format| format.name()).collect();
    assert_eq!(telling, ["table", "json", "html", "sarif", "gitlab"]);
    for format in telling {
        let text = shown(&report(), format, Style::default());
        for told in ["has no version", "debian could not be updated"] {
            assert!(text.contains(told), "{format}: {told}\n{text}");
        }
    }
    let mut report = report();
    let one = report.warnings[0].clone();
    report.warnings = vec![one; 1002];
    let gitlab = json(&report, "gitlab");
    let messages = gitlab["scan"]["messages"].as_array().unwrap();
    let last = messages.last().unwrap();
    assert_eq!(last["level"], "warn");
    let text = last["value"].as_str().unwrap();
    assert!(text.starts_with("2 more warnings"), "{text}");
}

#[test]
fn gitlab_is_told_where_no_advisory_was_asked() {
    // GitLab takes a list without vulnerabilities for one in which all are fixed.
    let gitlab = json(&packages(), "gitlab");
    assert_eq!(gitlab["scan"]["status"], "failure");
    let first = &gitlab["scan"]["messages"][0];
    assert_eq!(first["level"], "fatal");
    let text = first["value"].as_str().unwrap();
    assert!(text.contains("no advisory was asked"), "{text}");
    assert_eq!(json(&report(), "gitlab")["scan"]["status"], "success");
}

#[test]
fn a_suppressed_bulletin_goes_out_as_what_was_answered_for() {
    let mut report = suppressed_bulletin();
    let statements = |report: &Report| {
        let vex = json(report, "openvex");
        let statements = vex["statements"].as_array().unwrap().iter();
        let parts = statements.map(|one| {
            let vulnerability = one["vulnerability"].to_string();
            format!("{vulnerability} {}", one["status"].as_str().unwrap())
        });
        parts.collect::<Vec<_>>()
    };
    assert_eq!(
        statements(&report),
        [
            r#"{"name":"CVE-2024-11"} not_affected"#,
            r#"{"name":"CVE-2024-12"} affected"#
        ]
    );
    let analysed = |report: &Report| {
        let bom = json(report, "cyclonedx");
        bom["vulnerabilities"]
            .as_array()
            .unwrap()
            .last()
            .unwrap()
            .clone()
    };
    let bom = analysed(&report);
    // One risk that is taken stays one, whatever else is denied.
    assert_eq!(bom["analysis"]["state"], "exploitable");
    assert_eq!(bom["affects"][0]["versions"][0]["status"], "affected");
    let ids = |bom: &Value| {
        let references = bom["references"].as_array().unwrap().iter();
        let ids = references.map(|one| one["id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(ids(&bom), ["ALAS2-2024-1", "CVE-2024-11", "CVE-2024-12"]);
    let every = Style {
        suppressed: true,
        ..Style::default()
    };
    assert!(shown(&report, "csv", every).contains(
        "ignored by pellucid.yaml (id CVE-2005-2541) of CVE-2024-11: \
         vulnerable_code_not_in_execute_path, tar is not run; until 2999-01-01; ignored by \
         pellucid.yaml (id CVE-2024-12) of CVE-2024-12: the risk is small"
    ));
    // Who names the bulletin has not said which CVEs it has.
    let assessment = report.assessment.as_mut().unwrap();
    for one in &mut assessment.suppressed {
        one.and_by.clear();
        one.by.vulnerabilities.clear();
    }
    assert_eq!(
        statements(&report),
        [r#"{"aliases":["ALAS2-2024-1"],"name":"ALAS-2024-1"} not_affected"#]
    );
    let bom = analysed(&report);
    assert_eq!(ids(&bom), ["ALAS2-2024-1"]);
    assert!(
        bom["properties"].to_string().contains("CVE-2024-12"),
        "{bom}"
    );
}

#[test]
fn a_gate_that_could_not_judge_everything_says_so() {
    let mut report = report();
    let gate = report.assessment.as_mut().and_then(|all| all.gate.as_mut());
    let gate = gate.unwrap();
    gate.undecided = 2;
    gate.reaching.clear();
    gate.rules[0].reached_by = 0;
    for format in ["table", "markdown", "html"] {
        let text = shown(&report, format, Style::default());
        let told = "not reached; 2 findings could not be judged";
        assert!(text.contains(told), "{format}\n{text}");
    }
    let json = shown(&report, "json", Style::default());
    schema::check(&json);
    assert!(json.contains("\"undecided\": 2"), "{json}");
}

#[test]
fn the_cves_of_a_bulletin_are_told() {
    let mut report = report();
    let assessment = report.assessment.as_mut().unwrap();
    for finding in &mut assessment.findings {
        finding.related = vec!["CVE-2024-11".into(), "CVE-2024-12".into()];
    }
    for format in ["json", "sarif", "html", "cyclonedx", "gitlab"] {
        let text = shown(&report, format, Style::default());
        assert!(text.contains("CVE-2024-12"), "{format}\n{text}");
    }
    let detail = Style {
        detail: true,
        ..Style::default()
    };
    let table = shown(&report, "table", detail);
    assert!(table.contains("CVE-2024-11, CVE-2024-12)"), "{table}");
}

#[test]
fn sarif_is_as_code_scanning_wants_it() {
    let sarif = json(&report(), "sarif");
    let run = &sarif["runs"][0];
    assert_eq!(
        run["automationDetails"]["id"],
        "pellucid/webshop/linux-amd64/"
    );
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert_eq!((rules.len(), results.len()), (5, 7));
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(result["locations"][0]["physicalLocation"]["region"]["startLine"].is_u64());
    }
    assert_eq!(results[0]["ruleId"], "CVE-2024-38428");
    let severities: Vec<&str> = rules
        .iter()
        .map(|rule| rule["properties"]["security-severity"].as_str().unwrap())
        .collect();
    // The vector's 5.5 is a medium, as the vendor says, so it stands; the others have none.
    assert_eq!(severities, ["9.5", "8.0", "5.5", "2.0", "0.1"]);
    let notices = run["invocations"][0]["toolExecutionNotifications"]
        .as_array()
        .unwrap();
    assert_eq!(notices[0]["level"], "error");
    assert_eq!(
        notices[0]["message"]["text"],
        "No answer for pypi: no advisory data"
    );
}

#[test]
fn fingerprints_outlive_a_version_and_tell_findings_apart() {
    let prints = |report: &Report| {
        let sarif = json(report, "sarif");
        let results = sarif["runs"][0]["results"].as_array().unwrap();
        let print =
            |result: &Value| result["partialFingerprints"]["primaryLocationLineHash"].to_string();
        results
            .iter()
            .map(print)
            .collect::<std::collections::BTreeSet<_>>()
    };
    let before = prints(&report());
    assert_eq!(before.len(), 7);
    let mut later = report();
    for entry in &mut later.inventory.packages {
        entry.package.version.push_str("+later");
    }
    later.inventory.image.layers.remove(1);
    assert_eq!(prints(&later), before);
    let ids = json(&report(), "gitlab");
    let ids: std::collections::BTreeSet<_> = ids["vulnerabilities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| found["id"].to_string())
        .collect();
    assert_eq!(ids.len(), 7);
}

#[test]
fn cyclonedx_keeps_what_decides_which_advisories_match() {
    let bom = json(&report(), "cyclonedx");
    let components = bom["components"].as_array().unwrap();
    let property = |component: &Value, name: &str| {
        let properties = component["properties"].as_array().unwrap();
        properties
            .iter()
            .find(|property| property["name"] == name)
            .map(|property| property["value"].clone())
    };
    let libssl3 = components
        .iter()
        .find(|component| component["name"] == "libssl3")
        .unwrap();
    assert_eq!(
        property(libssl3, "pellucid:package:namespace").unwrap(),
        "debian:12"
    );
    assert_eq!(
        property(libssl3, "pellucid:package:source").unwrap(),
        "openssl"
    );
    assert_eq!(property(libssl3, "pellucid:location:0:layer").unwrap(), "0");
    let references: std::collections::BTreeSet<_> = components
        .iter()
        .map(|component| component["bom-ref"].as_str().unwrap())
        .collect();
    assert_eq!(references.len(), components.len());
    let vulnerabilities = bom["vulnerabilities"].as_array().unwrap();
    assert_eq!(vulnerabilities.len(), 5);
    for affected in vulnerabilities
        .iter()
        .flat_map(|found| found["affects"].as_array().unwrap())
    {
        assert!(
            references.contains(affected["ref"].as_str().unwrap()),
            "{affected}"
        );
    }
    assert!(
        json(&packages(), "cyclonedx")
            .get("vulnerabilities")
            .is_none()
    );
}

#[test]
fn silence_is_never_safety_in_any_format() {
    let mut report = report();
    let assessment = report.assessment.as_mut().unwrap();
    assessment.findings.clear();
    assessment.left_out = 0;
    assessment.gate = None;
    for coverage in &mut assessment.coverage {
        coverage.snapshots.clear();
    }
    for format in pellucid_report::FORMATS {
        let text = shown(&report, format.name(), Style::default());
        assert!(
            !text.contains("No vulnerabilities"),
            "{}\n{text}",
            format.name()
        );
        assert!(!text.contains("Success!"), "{}\n{text}", format.name());
        let says = ["No answer", "NOT COVERED", "\"covered\": false"];
        // SPDX has no place for it, and no findings either; OpenVEX tells the user's rules alone.
        assert!(
            ["spdx-json", "openvex"].contains(&format.name())
                || says.iter().any(|words| text.contains(words)),
            "{}\n{text}",
            format.name()
        );
    }
}

#[test]
fn a_comment_stays_under_the_forges_limit() {
    let mut report = report();
    let assessment = report.assessment.as_mut().unwrap();
    let first = assessment.findings.first().cloned().unwrap();
    assessment.findings = (0..5000)
        .map(|number| pellucid_model::Finding {
            id: format!("CVE-2024-{number:05}"),
            ..first.clone()
        })
        .collect();
    let text = shown(&report, "markdown", Style::default());
    assert!(text.len() < 65_000, "{}", text.len());
    assert!(text.contains("rows more do not fit here"), "{text}");
}

#[test]
fn a_page_loads_nothing_and_runs_only_its_own_script() {
    let page = shown(&report(), "html", Style::default());
    assert!(
        page.contains("default-src 'none'; script-src 'sha256-"),
        "{page}"
    );
    assert_eq!(page.matches("<script").count(), 1);
    for outside in ["src=\"", "@import", "url(", "<link", "unsafe-inline"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(
        page.contains("<p class=\"alarm\">No answer for pypi: no advisory data</p>"),
        "{page}"
    );
}
