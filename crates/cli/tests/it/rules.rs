//! `pellucid.yaml`, ignore files, VEX, base images: what a scan makes of them.

use pellucid_testkit::Mirror;

use crate::bench::{Bench, TRACKER, debian};

/// A scan as JSON that ended so, and what it says on standard error.
fn json(bench: &Bench, arguments: &[&str], status: i32) -> serde_json::Value {
    let run = bench.scan(&[&["-f", "json"], arguments].concat());
    assert_eq!(run.status, status, "{}", run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

fn ids(list: &serde_json::Value) -> Vec<&str> {
    let list = list.as_array().unwrap().iter();
    list.map(|one| {
        one["id"]
            .as_str()
            .or(one["finding"]["id"].as_str())
            .unwrap()
    })
    .collect()
}

#[test]
fn the_file_is_found_upward_and_its_rules_hold() {
    let bench = Bench::new();
    bench.file(
        "pellucid.yaml",
        "fail:\n  - severity: high\n    fixable: true\nignore:\n  - id: CVE-2005-2541\n    package: tar\n    \
         reason: by design\n    expires: 2999-01-01\n  - id: CVE-1999-0001\n    reason: gone\n",
    );
    let report = json(&bench, &[], 1);
    assert_eq!(ids(&report["findings"]), ["CVE-2024-0001"]);
    assert_eq!(ids(&report["suppressed"]), ["CVE-2005-2541"]);
    assert_eq!(report["suppressed"][0]["by"]["reason"], "by design");
    assert_eq!(report["gate"]["rules"][0]["rule"], "high, fixable");
    let warning = report["warnings"][0]["message"].as_str().unwrap();
    assert_eq!(
        warning,
        "pellucid.yaml: the ignore rule (id CVE-1999-0001) met no finding"
    );
    // From a folder below, and not where it is refused or options say otherwise.
    std::fs::create_dir(bench.path("below")).unwrap();
    let mut command = bench.command(&["scan", "../image.tar", "--mirror", "../mirror"]);
    let output = command.current_dir(bench.path("below")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(ids(&json(&bench, &["--no-config"], 0)["findings"]).len(), 2);
    json(&bench, &["--fail-on", "critical"], 0);
    // The table tells it shortly, and on request each and why.
    let table = bench.scan(&[]).stdout;
    assert!(
        table.contains("1 suppressed finding; --show-suppressed"),
        "{table}"
    );
    // Rows have no place for a count, so it is said beside them.
    let silent = "1 suppressed finding is not in the csv; --show-suppressed";
    let rows = bench.scan(&["-f", "csv"]);
    assert!(!rows.stdout.contains("CVE-2005-2541"), "{}", rows.stdout);
    assert!(rows.stderr.contains(silent), "{}", rows.stderr);
    let rows = bench.scan(&["-f", "csv", "--show-suppressed"]);
    assert!(rows.stdout.contains("CVE-2005-2541"), "{}", rows.stdout);
    assert!(!rows.stderr.contains("suppressed"), "{}", rows.stderr);
    let table = bench.scan(&["--show-suppressed"]).stdout;
    assert!(
        table.contains(
            "ignored by pellucid.yaml (id CVE-2005-2541, package tar): by design; until 2999-01-01"
        ),
        "{table}"
    );
}

#[test]
fn an_option_about_the_file_is_stronger_than_its_variable() {
    let bench = Bench::new();
    bench.file("strict.yaml", "fail:\n  - severity: high\n");
    bench.file("pellucid.yaml", "fail:\n  - severity: critical\n");
    let status = |variable: &str, arguments: &[&str]| {
        let scan = ["scan", "image.tar", "--mirror", "mirror"];
        let mut command = bench.command(&[&scan[..], arguments].concat());
        let output = command.env("PELLUCID_CONFIG", variable).output().unwrap();
        output.status.code().unwrap()
    };
    assert_eq!(status("strict.yaml", &[]), 1);
    assert_eq!(status("", &[]), 0);
    assert_eq!(status("strict.yaml", &["--no-config"]), 0);
    assert_eq!(status("strict.yaml", &["--config", "pellucid.yaml"]), 0);
    assert_eq!(status("none.yaml", &[]), 2);
    bench
        .scan(&["--config", "strict.yaml", "--no-config"])
        .failed(2);
}

#[test]
fn a_rule_whose_data_is_not_there_is_not_a_gate_that_held() {
    let bench = Bench::new();
    bench.file("pellucid.yaml", "fail:\n  - kev: true\n  - epss: 0.5\n");
    let report = json(&bench, &[], 4);
    let warnings = report["warnings"].as_array().unwrap();
    for feed in ["cisa-kev", "epss"] {
        let told = format!("there is no data of {feed}");
        let mut messages = warnings.iter().map(|one| one["message"].as_str().unwrap());
        assert!(
            messages.any(|message| message.contains(&told)),
            "{feed}: {warnings:?}"
        );
    }
    json(&bench, &["--allow-uncovered"], 0);
}

/// Of two findings one has no severity, and its package a fix.
fn unrated() -> Bench {
    let bench = Bench::new();
    let tracker = TRACKER.replace("\"urgency\": \"high\"", "\"urgency\": \"not yet assigned\"");
    Mirror::new(bench.path("mirror")).debian(&tracker);
    bench
}

#[test]
fn a_gate_by_severity_does_not_pass_where_nobody_gave_one() {
    let bench = unrated();
    let report = json(&bench, &["--fail-on", "high"], 4);
    assert_eq!(report["gate"]["undecided"], 1);
    let warning = report["warnings"][0]["message"].as_str().unwrap();
    assert!(
        warning.starts_with("the fail rule \"high\" does not judge 1 finding without a severity"),
        "{warning}"
    );
    assert!(warning.contains("db update nvd"), "{warning}");
    let table = bench.scan(&["--fail-on", "high"]).ended(4);
    assert!(table.contains("1 finding could not be judged"), "{table}");
    json(&bench, &["--fail-on", "cvss>=7"], 4);
    json(&bench, &["--fail-on", "high,fixable", "--only-fixed"], 4);
    // Neither would a filter for severities by which the finding is left out.
    json(&bench, &["--severity", "high", "--exit-code", "1"], 4);
    json(&bench, &["--fail-on", "high", "--severity", "high"], 4);
    // Reached, or not asked for.
    json(&bench, &["--fail-on", "high", "--fail-on", "unknown"], 1);
    json(&bench, &["--fail-on", "low"], 1);
    json(&bench, &["--fail-on", "high", "--allow-uncovered"], 0);
    json(&bench, &["--fail-on", "malware"], 0);
    json(&bench, &[], 0);
    bench.file(
        "pellucid.yaml",
        "ignore:\n  - id: CVE-2024-0001\n    reason: not ours\n",
    );
    json(&bench, &["--fail-on", "high"], 0);
}

#[test]
fn what_nvd_has_no_severity_of_either_is_a_warning_and_no_status() {
    let bench = unrated();
    let nvd = |metrics: &str| {
        let of = |id, metrics| {
            format!(
                r#"{{"cve": {{"id": "{id}", "vulnStatus": "Analyzed", "descriptions": [], "metrics": {metrics}}}}}"#
            )
        };
        let records = [of("CVE-2024-0001", metrics), of("CVE-2002-0001", "{}")].join(",");
        Mirror::new(bench.path("mirror")).file(
            "nvd.nist.gov/feeds/json/cve/2.0/nvdcve-2.0-2002.json.gz",
            format!(r#"{{"vulnerabilities": [{records}]}}"#),
        );
        bench
            .run(&["db", "update", "nvd", "--mirror", "mirror"])
            .ended(0);
    };
    nvd("{}");
    let report = json(&bench, &["--fail-on", "high"], 0);
    let warning = report["warnings"][0]["message"].as_str().unwrap();
    assert!(warning.contains("nvd has none either"), "{warning}");
    nvd(
        r#"{"cvssMetricV31": [{"source": "nvd@nist.gov", "type": "Primary", "cvssData":
            {"vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}}]}"#,
    );
    let report = json(&bench, &["--fail-on", "high"], 1);
    assert_eq!(report["warnings"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_file_that_cannot_be_is_an_error_that_helps() {
    let bench = Bench::new();
    let wrong = |yaml: &str, says: &str| {
        bench.file("pellucid.yaml", yaml);
        let told = bench.scan(&[]).failed(2);
        assert!(told.contains(says), "{told}");
    };
    wrong("ignor:\n  - id: x\n", "did you mean `ignore`?");
    wrong("fail:\n  - severty: high\n", "did you mean `severity`?");
    wrong(
        "ignore:\n  - id: CVE-1\n",
        "ignore, number 1: it has no reason",
    );
    wrong("ignore:\n  - reason: x\n", "would ignore everything");
    wrong("fail:\n  - epss: 2\n", "from 0 to 1");
    wrong(
        "fail:\n  - severity: high\n    severity: critical\n",
        "severity",
    );
    let told = bench.scan(&["--fail-on", "high,critical"]).failed(2);
    assert!(told.contains("say the lowest alone"), "{told}");
    wrong("vex: [none.json]\n", "cannot use the VEX document");
}

#[test]
fn settings_are_printed_with_where_they_come_from() {
    let bench = Bench::new();
    bench.file("pellucid.yaml", "only-fixed: true\n");
    let printed = bench.run(&["config", "print", "--origin"]).ended(0);
    assert!(
        printed.contains("only-fixed: true # pellucid.yaml\n"),
        "{printed}"
    );
    assert!(
        printed.contains("undetermined: false # default\n"),
        "{printed}"
    );
}

#[test]
fn flags_of_other_scanners_mean_the_same() {
    let bench = Bench::new();
    assert_eq!(bench.scan(&["--exit-code", "10"]).status, 10);
    assert_eq!(
        bench
            .scan(&["--exit-code", "10", "--severity", "CRITICAL"])
            .status,
        0
    );
    let fixed = json(&bench, &["--ignore-unfixed", "--exit-code", "0"], 0);
    assert_eq!(ids(&fixed["findings"]), ["CVE-2024-0001"]);
    bench.file(".trivyignore", "CVE-2005-2541\n");
    let run = bench.scan(&[]);
    assert!(
        run.stderr.contains("--ignore-file .trivyignore"),
        "{}",
        run.stderr
    );
    let ignored = json(&bench, &["--ignorefile", ".trivyignore"], 0);
    assert_eq!(ids(&ignored["suppressed"]), ["CVE-2005-2541"]);
    // One that the file of rules names holds, from wherever that is.
    std::fs::create_dir(bench.path("below")).unwrap();
    bench.file("below/rules.yaml", "ignore-files: [../.trivyignore]\n");
    let named = bench.scan(&["--config", "below/rules.yaml"]).ended(0);
    assert!(named.contains("1 suppressed finding"), "{named}");
}

#[test]
fn what_is_ignored_goes_out_as_vex_and_comes_in_again() {
    let bench = Bench::new();
    bench.file(
        "pellucid.yaml",
        "ignore:\n  - id: CVE-2005-2541\n    reason: tar is not run\n    justification: \
         vulnerable_code_not_in_execute_path\n  - id: CVE-2024-0001\n    reason: accepted\n",
    );
    let outputs = ["-o", "openvex=vex.json", "-o", "cyclonedx=bom.json"];
    let report = json(&bench, &outputs, 0);
    assert_eq!(ids(&report["findings"]).len(), 0);
    let again = json(&bench, &["--no-config", "--vex", "bom.json"], 0);
    assert_eq!(ids(&again["findings"]), ["CVE-2024-0001"]);
    assert_eq!(ids(&again["suppressed"]), ["CVE-2005-2541"]);
    let again = json(&bench, &["--no-config", "--vex", "vex.json"], 0);
    // A risk that is taken is no statement that there is none.
    assert_eq!(ids(&again["findings"]), ["CVE-2024-0001"]);
    assert_eq!(ids(&again["suppressed"]), ["CVE-2005-2541"]);
    assert_eq!(again["suppressed"][0]["by"]["kind"], "vex");
    let explained = bench.run(&[
        "explain",
        "CVE-2005-2541",
        "tar",
        "image.tar",
        "--no-config",
        "--vex",
        "vex.json",
        "--mirror",
        "mirror",
    ]);
    assert!(
        explained.stdout.contains("suppressed: vex.json says not_affected: vulnerable_code_not_in_execute_path, tar is not run"),
        "{}",
        explained.stdout
    );
}

#[test]
fn a_difference_that_a_rule_makes_is_laid_to_the_policy() {
    let bench = Bench::new();
    bench.scan(&["-f", "json", "-o", "old.json"]).ended(0);
    bench.file(
        "ignore.yaml",
        "ignore:\n  - id: CVE-2005-2541\n    reason: x\n",
    );
    bench
        .scan(&["--config", "ignore.yaml", "-f", "json", "-o", "new.json"])
        .ended(0);
    let diff = bench
        .run(&["diff", "old.json", "new.json", "-f", "json"])
        .ended(0);
    let diff: serde_json::Value = serde_json::from_str(&diff).unwrap();
    assert_eq!(diff["findings"][0]["cause"], "policy");
}

#[test]
fn the_base_image_is_recognised_among_those_scanned_before() {
    let bench = Bench::new();
    let own = || pellucid_testkit::LayerBuilder::new().file("app/main", "x");
    bench.file("base.tar", debian().docker_archive());
    bench.file("app.tar", debian().layer(own()).docker_archive());
    let scan = |arguments: &[&str]| {
        let common = ["scan", "app.tar", "--mirror", "mirror", "-f", "json"];
        let run = bench.run(&[&common, arguments].concat());
        assert_eq!(run.status, 0, "{}", run.stderr);
        serde_json::from_str::<serde_json::Value>(&run.stdout).unwrap()
    };
    assert!(scan(&[]).get("base").is_none());
    assert_eq!(scan(&["--base", "base.tar"])["base"]["layers"], 2);
    bench
        .run(&["scan", "base.tar", "--mirror", "mirror"])
        .ended(0);
    let report = scan(&[]);
    assert_eq!(
        (
            report["base"]["layers"].as_u64(),
            report["base"]["detected"].as_bool()
        ),
        (Some(2), Some(true))
    );
    assert_eq!(scan(&["--ignore-base"])["left_out"], 2);
    assert_eq!(scan(&["--only-base"])["left_out"], 0);
    let plan = bench
        .run(&["scan", "app.tar", "--mirror", "mirror", "-f", "plan"])
        .ended(0);
    assert!(plan.contains("update the base image"), "{plan}");
    let told = bench
        .run(&[
            "scan", "base.tar", "--mirror", "mirror", "--base", "app.tar",
        ])
        .failed(2);
    assert!(told.contains("was not built on app.tar"), "{told}");
}

#[test]
fn what_is_skipped_is_told() {
    let bench = Bench::new();
    bench.file("pellucid.yaml", "skip-paths: [\"/var/lib/dpkg/**\"]\n");
    let report = json(&bench, &["--allow-uncovered"], 0);
    assert_eq!(ids(&report["findings"]).len(), 0);
    assert_eq!(report["warnings"][0]["kind"], "policy");
}
