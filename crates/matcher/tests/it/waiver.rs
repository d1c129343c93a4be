//! Ignore rules and VEX: what suppresses a finding, and what does not.

use pellucid_matcher::{Pattern, Place, Purl, Scene, Vex, Waived, Waiver, rate, suppress};
use pellucid_model::{Advisory, Cvss, Digest, Finding, Inventory, Severity};
use pellucid_version::Range;

use crate::fixture::{TODAY, advisory, affected, deb, entry, inventory, matched};

fn image() -> Inventory {
    let mut inventory = inventory(vec![entry(deb("a", "1"))]);
    inventory.image.tags = vec!["registry.test:5000/shop/web:1.0".into()];
    inventory.image.digest = Some(Digest::Sha256([0xab; 32]));
    inventory
}

fn findings() -> Vec<Finding> {
    let known = Advisory {
        aliases: vec!["GHSA-1".into()],
        ..advisory("CVE-2024-1", vec![affected("a", Range::before("2"))])
    };
    matched(deb("a", "1"), &[known]).findings
}

fn scene(inventory: &Inventory, base_layers: Option<usize>) -> Scene<'_> {
    Scene {
        inventory,
        base_layers,
        today: TODAY,
    }
}

fn waived(waiver: Waiver) -> Waived {
    suppress(findings(), &[waiver], &[], &scene(&image(), None))
}

fn pattern(text: &str) -> Option<Pattern> {
    Some(Pattern::new(text).unwrap())
}

#[test]
fn a_rule_suppresses_what_all_its_conditions_hold_for_and_says_so_else() {
    let check = |waiver: Waiver, suppresses: bool| {
        let words = waiver.words();
        let waived = waived(waiver);
        assert_eq!(waived.suppressed.len(), usize::from(suppresses), "{words}");
        assert_eq!(waived.findings.len(), usize::from(!suppresses), "{words}");
        // One that met nothing is told of, one that did is not.
        assert_eq!(waived.warnings.len(), usize::from(!suppresses), "{words}");
    };
    let rule = Waiver::default;
    check(
        Waiver {
            id: pattern("CVE-2024-1"),
            ..rule()
        },
        true,
    );
    check(
        Waiver {
            id: pattern("GHSA-1"),
            ..rule()
        },
        true,
    );
    check(
        Waiver {
            id: pattern("CVE-2024-*"),
            package: pattern("a"),
            ..rule()
        },
        true,
    );
    check(
        Waiver {
            id: pattern("CVE-2024-1"),
            package: pattern("b"),
            ..rule()
        },
        false,
    );
    check(
        Waiver {
            paths: vec![Pattern::new("var/lib/**").unwrap()],
            ..rule()
        },
        true,
    );
    check(
        Waiver {
            paths: vec![Pattern::new("opt/**").unwrap()],
            ..rule()
        },
        false,
    );
    check(
        Waiver {
            layer: Some(Place::Number(0)),
            ..rule()
        },
        true,
    );
    check(
        Waiver {
            layer: Some(Place::Number(1)),
            ..rule()
        },
        false,
    );
    // No base image is known, so a rule about one holds for nothing, in either way.
    check(
        Waiver {
            layer: Some(Place::Base),
            ..rule()
        },
        false,
    );
    check(
        Waiver {
            layer: Some(Place::Own),
            ..rule()
        },
        false,
    );
    check(
        Waiver {
            version: Some("1".into()),
            ..rule()
        },
        true,
    );
    check(
        Waiver {
            version: Some("2".into()),
            ..rule()
        },
        false,
    );
    let purl = |text: &str| Waiver {
        purls: vec![Purl::new(text).unwrap()],
        ..rule()
    };
    check(purl("pkg:deb/debian/a"), true);
    check(purl("pkg:deb/debian/a@1?distro=debian-12"), true);
    check(purl("pkg:deb/debian/a@2"), false);
    check(purl("pkg:deb/ubuntu/a"), false);
    check(purl("pkg:deb/debian/a?distro=debian-11"), false);
    check(purl("pkg:rpm/debian/a"), false);
}

#[test]
fn a_rule_ends_after_its_day_and_then_says_so() {
    let rule = |day| Waiver {
        id: pattern("CVE-2024-1"),
        expires: Some((day, "2024-07-01".into())),
        origin: "pellucid.yaml".into(),
        ..Waiver::default()
    };
    assert_eq!(waived(rule(TODAY)).suppressed.len(), 1);
    let late = waived(rule(TODAY - 1));
    assert_eq!(late.findings.len(), 1);
    assert_eq!(
        late.warnings[0].message,
        "pellucid.yaml: the ignore rule (id CVE-2024-1) held until 2024-07-01 and does no longer"
    );
}

#[test]
fn a_rule_about_another_image_is_no_fault_of_this_one() {
    let rule = |image: &str| Waiver {
        id: pattern("CVE-2024-1"),
        images: vec![Pattern::new(image).unwrap()],
        ..Waiver::default()
    };
    assert_eq!(
        waived(rule("registry.test:5000/shop/web")).suppressed.len(),
        1
    );
    assert_eq!(waived(rule("**/web:1.0")).suppressed.len(), 1);
    let other = waived(rule("ubuntu"));
    assert_eq!((other.findings.len(), other.warnings.len()), (1, 0));
}

#[test]
fn many_useless_rules_do_not_drown_the_report() {
    let rules: Vec<Waiver> = (0..500)
        .map(|number| Waiver {
            id: pattern(&format!("CVE-1999-{number}")),
            origin: "x".into(),
            ..Waiver::default()
        })
        .collect();
    let waived = suppress(findings(), &rules, &[], &scene(&image(), None));
    assert_eq!(waived.warnings.len(), 21);
    assert!(waived.warnings[20].message.starts_with("x: 480 more"));
}

/// What documents, each as it is written, make of the finding: the status that suppresses it.
fn vex(documents: &[&str]) -> Option<String> {
    let documents: Vec<Vex> = documents
        .iter()
        .map(|json| Vex::read("vex.json", json.as_bytes()).unwrap())
        .collect();
    let inventory = image();
    let waived = suppress(findings(), &[], &documents, &scene(&inventory, None));
    assert_eq!(waived.findings.len() + waived.suppressed.len(), 1);
    waived.suppressed.first()?.by.status.clone()
}

const DIGEST: &str = "sha256%3Aabababababababababababababababababababababababababababababababab";

fn openvex(status: &str, time: &str, product: &str, parts: &str) -> String {
    format!(
        r#"{{"@context": "https://openvex.dev/ns/v0.2.0", "timestamp": "{time}", "statements": [{{
            "vulnerability": {{"name": "GHSA-1"}}, "status": "{status}",
            "justification": "vulnerable_code_not_present",
            "products": [{{"@id": "{product}", "subcomponents": [{parts}]}}]}}]}}"#
    )
}

#[test]
fn openvex_is_applied_by_product() {
    let check = |product: &str, parts: &str, applies: bool| {
        let json = openvex("not_affected", "2024-01-01T00:00:00Z", product, parts);
        assert_eq!(vex(&[&json]).is_some(), applies, "{product} {parts}");
    };
    let image = format!("pkg:oci/web@{DIGEST}");
    let part = r#"{"@id": "pkg:deb/debian/a@1"}"#;
    check(&image, part, true);
    check(&image, "", true);
    check(&image, r#"{"@id": "pkg:deb/debian/b"}"#, false);
    // A part that has no purl is not all of the image.
    check(&image, r#"{"@id": "https://example.com/b"}"#, false);
    check("pkg:oci/web@sha256%3A00", part, false);
    check(
        "pkg:oci/web?repository_url=registry.test:5000/shop",
        part,
        true,
    );
    check("pkg:oci/web?repository_url=docker.io/library", part, false);
    check("pkg:docker/web@1.0", "", true);
    check("pkg:docker/web@2.0", "", false);
    check("pkg:deb/debian/a", "", true);
    check("pkg:deb/debian/b", "", false);
    check(&DIGEST.replace("%3A", ":"), "", true);
}

#[test]
fn of_several_statements_the_latest_decides() {
    let says = |status: &str, time: &str| openvex(status, time, "pkg:deb/debian/a", "");
    let (early, late) = ("2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z");
    let fixed = Some("fixed".to_owned());
    assert_eq!(vex(&[&says("fixed", early)]), fixed);
    assert_eq!(vex(&[&says("affected", late)]), None);
    assert_eq!(vex(&[&says("affected", late), &says("fixed", early)]), None);
    assert_eq!(
        vex(&[&says("affected", early), &says("fixed", late)]),
        fixed
    );
    assert_eq!(
        vex(&[&says("fixed", early), &says("under_investigation", late)]),
        None
    );
    // Times are points in time, however they are written.
    let before_noon = says("fixed", "2024-01-01T11:30:00Z");
    let at_noon = says("affected", "2024-01-01T14:00:00+02:00");
    assert_eq!(vex(&[&at_noon, &before_noon]), None);
    let precise = says("fixed", "2024-01-01T11:30:00.5Z");
    let plain = says("affected", "2024-01-01T11:30:00Z");
    assert_eq!(vex(&[&precise, &plain]), fixed);
    assert_eq!(vex(&[&plain, &precise]), fixed);
}

#[test]
fn without_times_the_statement_that_stands_last_decides() {
    let statement = |id: &str, status: &str| {
        format!(
            r#"{{"vulnerability": {{"name": "{id}"}}, "status": "{status}",
                "products": [{{"@id": "pkg:deb/debian/a"}}]}}"#
        )
    };
    let document = |statements: &[String]| {
        let statements = statements.join(",");
        format!(r#"{{"@context": "https://openvex.dev/ns/v0.2.0", "statements": [{statements}]}}"#)
    };
    // Whichever of its names each has.
    let both = |first: &str, second: &str| {
        let first = statement(first, "not_affected");
        let second = statement(second, "affected");
        (
            document(&[first.clone(), second.clone()]),
            document(&[second, first]),
        )
    };
    for (first, second) in [("GHSA-1", "CVE-2024-1"), ("CVE-2024-1", "GHSA-1")] {
        let (affected_last, affected_first) = both(first, second);
        assert_eq!(vex(&[&affected_last]), None, "{first} {second}");
        assert!(vex(&[&affected_first]).is_some(), "{first} {second}");
    }
    let one = document(&[statement("GHSA-1", "affected")]);
    let other = document(&[statement("CVE-2024-1", "not_affected")]);
    assert!(vex(&[&one, &other]).is_some());
    assert_eq!(vex(&[&other, &one]), None);
}

#[test]
fn a_time_that_is_none_is_older_than_others_and_told() {
    let vague = openvex("fixed", "last week", "pkg:deb/debian/a", "");
    let dated = openvex("affected", "2024-01-01T00:00:00Z", "pkg:deb/debian/a", "");
    assert_eq!(vex(&[&dated, &vague]), None);
    let documents = [Vex::read("x", vague.as_bytes()).unwrap()];
    let inventory = image();
    let waived = suppress(findings(), &[], &documents, &scene(&inventory, None));
    assert_eq!(waived.suppressed.len(), 1);
    let told = &waived.warnings[0].message;
    assert!(
        told.starts_with("x: 1 statements have a time that is none"),
        "{told}"
    );
}

#[test]
fn cyclonedx_is_applied_by_component_and_link() {
    let check = |reference: &str, state: &str, applies: bool| {
        let json = format!(
            r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [
                {{"bom-ref": "c1", "type": "library", "name": "a", "purl": "pkg:deb/debian/a@1"}}],
                "vulnerabilities": [{{"id": "CVE-2024-1", "analysis": {{"state": "{state}"}},
                "affects": [{{"ref": "{reference}"}}]}}]}}"#
        );
        assert_eq!(vex(&[&json]).is_some(), applies, "{reference} {state}");
    };
    check("c1", "not_affected", true);
    check("c1", "false_positive", true);
    check("c1", "resolved", true);
    check("c1", "exploitable", false);
    check("c1", "in_triage", false);
    check("pkg:deb/debian/a@1", "not_affected", true);
    check(
        "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#pkg:deb%2Fdebian%2Fa@1",
        "not_affected",
        true,
    );
    check("c2", "not_affected", false);
}

#[test]
fn cyclonedx_is_applied_to_the_versions_that_it_calls_unaffected() {
    let document = |state: &str, versions: &str| {
        format!(
            r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6", "vulnerabilities": [{{"id": "CVE-2024-1",
                "analysis": {{"state": "{state}"}},
                "affects": [{{"ref": "pkg:deb/debian/a", "versions": [{versions}]}}]}}]}}"#
        )
    };
    let check = |versions: &str, applies: bool| {
        let says = document("not_affected", versions);
        assert_eq!(vex(&[&says]).is_some(), applies, "{versions}");
    };
    check("", true);
    check(r#"{"version": "1", "status": "unaffected"}"#, true);
    check(r#"{"version": "2", "status": "unaffected"}"#, false);
    check(r#"{"version": "1", "status": "affected"}"#, false);
    check(r#"{"version": "1"}"#, false);
    check(r#"{"version": "1", "status": "unknown"}"#, false);
    check(r#"{"range": "vers:deb/<2", "status": "unaffected"}"#, false);
    check(
        r#"{"version": "0"}, {"version": "1", "status": "unaffected"}"#,
        true,
    );
    let unusable = |state: &str, versions: &str| {
        let vex = Vex::read("x", document(state, versions).as_bytes()).unwrap();
        vex.unusable
    };
    let range = r#"{"range": "vers:deb/<2", "status": "unaffected"}"#;
    assert_eq!(unusable("not_affected", range), 1);
    assert_eq!(unusable("not_affected", r#"{"version": "1"}"#), 0);
    // What takes a statement back need not be told for which version.
    assert_eq!(unusable("exploitable", range), 0);
    let not_affected = document(
        "not_affected",
        r#"{"version": "1", "status": "unaffected"}"#,
    );
    let exploitable = document("exploitable", r#"{"version": "1"}"#);
    assert_eq!(vex(&[&not_affected, &exploitable]), None);
}

#[test]
fn csaf_is_applied_by_product_and_relationship() {
    let document = |whole: &str, part: &str, state: &str| {
        format!(
            r#"{{"document": {{"csaf_version": "2.0", "tracking": {{"current_release_date": "2024-01-01T00:00:00Z"}}}},
            "product_tree": {{"branches": [{{"branches": [
                {{"product": {{"product_id": "W", "name": "w", "product_identification_helper": {whole}}}}},
                {{"product": {{"product_id": "P", "name": "p", "product_identification_helper": {{"purl": "{part}"}}}}}}]}}],
              "relationships": [{{"product_reference": "P", "relates_to_product_reference": "W",
                "full_product_name": {{"product_id": "W:P", "name": "x"}}}}]}},
            "vulnerabilities": [{{"cve": "CVE-2024-1", "product_status": {{"{state}": ["W:P"]}},
              "flags": [{{"label": "component_not_present", "product_ids": ["W:P"]}}]}}]}}"#
        )
    };
    let check = |whole: &str, part: &str, state: &str, applies: bool| {
        assert_eq!(
            vex(&[&document(whole, part, state)]).is_some(),
            applies,
            "{whole} {part} {state}"
        );
    };
    let ours = format!(r#"{{"purl": "pkg:oci/web@{DIGEST}"}}"#);
    check(&ours, "pkg:deb/debian/a", "known_not_affected", true);
    check(&ours, "pkg:deb/debian/a", "fixed", true);
    check(&ours, "pkg:deb/debian/a", "known_affected", false);
    check(&ours, "pkg:deb/debian/b", "known_not_affected", false);
    let cpe = r#"{"cpe": "cpe:/o:redhat:enterprise_linux:8"}"#;
    check(cpe, "pkg:deb/debian/a@1", "known_not_affected", true);
    // A name without a version under a product that cannot be compared could be anybody's.
    check(cpe, "pkg:deb/debian/a", "known_not_affected", false);
}

#[test]
fn what_is_no_vex_is_an_error_and_what_names_nothing_is_told() {
    for wrong in [
        "{",
        "{}",
        r#"{"@context": "https://openvex.dev/ns", "statements": [{"vulnerability": "CVE-1", "status": "maybe"}]}"#,
        r#"{"document": {"csaf_version": "2.0"}}"#,
    ] {
        assert!(Vex::read("x", wrong.as_bytes()).is_err(), "{wrong}");
    }
    let json = openvex("fixed", "", "https://example.com/product", "");
    let document = Vex::read("x", json.as_bytes()).unwrap();
    let inventory = image();
    let waived = suppress(findings(), &[], &[document], &scene(&inventory, None));
    assert_eq!((waived.findings.len(), waived.warnings.len()), (1, 1));
}

#[test]
fn the_severity_of_a_named_source_holds_where_it_has_one() {
    let rated = |source: &str| {
        let mut findings = findings();
        findings[0].cvss = vec![Cvss {
            source: "nvd@nist.gov".into(),
            vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H".into(),
        }];
        rate(&mut findings, &[source.to_owned()]);
        findings[0].severity
    };
    assert_eq!(rated("nvd"), Severity::Critical);
    assert_eq!(rated("vendor"), Severity::Unknown);
    assert_eq!(rated("redhat"), Severity::Unknown);
}

/// Findings of the package `a`: a bulletin of two CVEs.
fn bulletin() -> Vec<Finding> {
    let bulletin = Advisory {
        related: vec!["CVE-2024-1".into(), "CVE-2024-2".into()],
        ..advisory("ALAS-2024-1", vec![affected("a", Range::before("2"))])
    };
    matched(deb("a", "1"), &[bulletin]).findings
}

fn of_bulletin(rules: &[&str], documents: &[&str]) -> Waived {
    let rules: Vec<Waiver> = rules
        .iter()
        .map(|id| Waiver {
            id: pattern(id),
            origin: "pellucid.yaml".into(),
            ..Waiver::default()
        })
        .collect();
    let documents: Vec<Vex> = documents
        .iter()
        .map(|json| Vex::read("vex.json", json.as_bytes()).unwrap())
        .collect();
    suppress(bulletin(), &rules, &documents, &scene(&image(), None))
}

/// A document about the package `a`.
fn vex_about(id: &str, status: &str, time: &str) -> String {
    openvex(status, time, "pkg:deb/debian/a", "").replace("GHSA-1", id)
}

#[test]
fn a_bulletin_goes_when_its_name_or_each_of_its_cves_is_answered_for() {
    let goes = |rules: &[&str], documents: &[&str]| {
        let waived = of_bulletin(rules, documents);
        assert_eq!(waived.findings.len() + waived.suppressed.len(), 1);
        waived.suppressed.len() == 1
    };
    assert!(goes(&["ALAS-2024-1"], &[]));
    assert!(goes(&["CVE-2024-*"], &[]));
    assert!(goes(&["CVE-2024-2", "CVE-2024-1"], &[]));
    assert!(!goes(&["CVE-2024-1"], &[]));
    assert!(!goes(&["CVE-2024-2", "CVE-2024-3"], &[]));
    let day = "2024-01-01T00:00:00Z";
    let first = vex_about("CVE-2024-1", "not_affected", day);
    let second = vex_about("CVE-2024-2", "fixed", day);
    let all = vex_about("ALAS-2024-1", "not_affected", day);
    let open = vex_about("CVE-2024-2", "affected", "2024-02-01T00:00:00Z");
    assert!(goes(&[], &[&first, &second]));
    assert!(goes(&[], &[&all]));
    assert!(!goes(&[], &[&first]));
    assert!(!goes(&[], &[&first, &second, &open]));
    // What is said of one CVE later than of all holds for that one.
    assert!(!goes(&[], &[&all, &open]));
    assert!(goes(&["CVE-2024-1"], &[&second]));
    assert!(goes(&["CVE-2024-2"], &[&first]));
    assert!(!goes(&["CVE-2024-2"], &[&second]));
}

#[test]
fn what_suppresses_a_bulletin_says_for_which_cves() {
    let second = vex_about("CVE-2024-2", "fixed", "2024-01-01T00:00:00Z");
    let waived = of_bulletin(&["CVE-2024-1"], &[&second]);
    let one = &waived.suppressed[0];
    assert_eq!(one.by.vulnerabilities, ["CVE-2024-1"]);
    assert_eq!(one.by.origin, "pellucid.yaml");
    assert_eq!(one.and_by[0].vulnerabilities, ["CVE-2024-2"]);
    assert_eq!(one.and_by[0].origin, "vex.json");
    assert_eq!(waived.warnings.len(), 0);
    let whole = of_bulletin(&["ALAS-2024-1"], &[]);
    assert!(whole.suppressed[0].by.vulnerabilities.is_empty());
    // A rule without an id answers for everything.
    let rule = Waiver {
        package: pattern("a"),
        ..Waiver::default()
    };
    let all = suppress(bulletin(), &[rule], &[], &scene(&image(), None));
    let answered = &all.suppressed[0].by.vulnerabilities;
    assert_eq!(*answered, ["CVE-2024-1", "CVE-2024-2"]);
}

#[test]
fn a_bulletin_of_which_a_part_is_answered_for_stays_and_says_why() {
    let waived = of_bulletin(&["CVE-2024-1"], &[]);
    let messages: Vec<&str> = waived
        .warnings
        .iter()
        .map(|warning| warning.message.as_str())
        .collect();
    assert_eq!(
        messages,
        [
            "pellucid.yaml: the bulletin ALAS-2024-1 in a is answered for as to CVE-2024-1, but not as \
          to CVE-2024-2; it stays"
        ]
    );
}
