//! What other feeds add to findings by their CVE.

use std::sync::Arc;

use pellucid_matcher::{Matched, find};
use pellucid_model::{Advisory, Cvss, Epss, Fraction, Kev, Severity};
use pellucid_snapshot::Snapshot;
use pellucid_version::Range;

use crate::fixture::{OPTIONS, advisory, affected, deb, entry, inventory, snapshot, sources};

const VECTOR: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";

fn kev(cve: &str, date_added: &str, ransomware: bool) -> Advisory {
    let mut advisory = Advisory::new(cve);
    advisory.kev = Some(Kev {
        cve: cve.to_owned(),
        date_added: date_added.to_owned(),
        due_date: None,
        ransomware,
        required_action: Some("Update.".to_owned()),
    });
    advisory
}

fn epss(cve: &str, score: f64) -> Advisory {
    let mut advisory = Advisory::new(cve);
    advisory.epss = Some(Epss {
        cve: cve.to_owned(),
        score: Fraction::new(score).unwrap(),
        percentile: Fraction::new(0.5).unwrap(),
    });
    advisory
}

fn scored(cve: &str) -> Advisory {
    let mut advisory = Advisory::new(cve);
    advisory.severity = Severity::Critical;
    advisory.description = "NVD's words.".to_owned();
    advisory.cwes = vec!["CWE-79".to_owned()];
    advisory.cvss = vec![Cvss {
        source: "nvd@nist.gov".to_owned(),
        vector: VECTOR.to_owned(),
    }];
    advisory
}

fn matched(advisories: &[Advisory], enriching: &[Arc<Snapshot>]) -> Matched {
    let mut sources = sources(&[snapshot("debian", advisories)]);
    for snapshot in enriching {
        sources.enrich_with(Arc::clone(snapshot), 7);
    }
    find(&inventory(vec![entry(deb("a", "1"))]), &sources, &OPTIONS).unwrap()
}

fn all() -> [Arc<Snapshot>; 3] {
    [
        snapshot(
            "cisa-kev",
            &[
                kev("CVE-2024-1", "2024-05-05", false),
                kev("CVE-2024-2", "2024-01-01", false),
                kev("CVE-2024-3", "2024-03-03", true),
            ],
        ),
        snapshot(
            "epss",
            &[
                epss("CVE-2024-1", 0.1),
                epss("CVE-2024-2", 0.9),
                epss("CVE-2024-9", 0.5),
            ],
        ),
        snapshot("nvd", &[scored("CVE-2024-1"), scored("CVE-2024-2")]),
    ]
}

#[test]
fn a_finding_gets_what_is_known_of_its_cve_and_keeps_what_its_vendor_says() {
    let silent = advisory("CVE-2024-1", vec![affected("a", Range::all())]);
    let spoken = Advisory {
        severity: Severity::Low,
        description: "The vendor's words.".to_owned(),
        ..advisory("CVE-2024-2", vec![affected("a", Range::all())])
    };
    let nobody = advisory("CVE-2024-4", vec![affected("a", Range::all())]);
    let matched = matched(&[silent, spoken, nobody], &all());
    let [one, two, four] = matched.findings.as_slice() else {
        panic!("{:?}", matched.findings);
    };
    assert_eq!(
        (one.severity, one.severity_source.as_str()),
        (Severity::Critical, "nvd")
    );
    assert_eq!(one.description, "NVD's words.");
    assert_eq!(one.cvss.first().unwrap().vector, VECTOR);
    assert_eq!(one.cwes, ["CWE-79"]);
    assert_eq!(one.kev.as_ref().unwrap().date_added, "2024-05-05");
    assert_eq!(one.epss.as_ref().unwrap().score.value(), 0.1);
    assert_eq!(
        (two.severity, two.severity_source.as_str()),
        (Severity::Low, "debian")
    );
    assert_eq!(two.description, "The vendor's words.");
    assert_eq!(two.cvss.len(), 1);
    assert_eq!((&four.kev, &four.epss), (&None, &None));
    assert!(four.cvss.is_empty());
    let asked: Vec<&str> = matched
        .enrichment
        .iter()
        .map(|one| one.key.as_str())
        .collect();
    assert_eq!(asked, ["cisa-kev", "epss", "nvd"]);
}

#[test]
fn a_bulletin_is_shown_with_the_worst_of_its_vulnerabilities_but_without_their_scores() {
    let mut bulletin = advisory("DSA-1", vec![affected("a", Range::all())]);
    bulletin.related = ["CVE-2024-1", "CVE-2024-2", "CVE-2024-3"]
        .map(str::to_owned)
        .into();
    let matched = matched(&[bulletin], &all());
    let finding = matched.findings.first().unwrap();
    assert_eq!(finding.id, "DSA-1");
    // Ransomware goes before an earlier date.
    assert_eq!(finding.kev.as_ref().unwrap().cve, "CVE-2024-3");
    assert_eq!(finding.epss.as_ref().unwrap().cve, "CVE-2024-2");
    assert!(finding.cvss.is_empty());
    assert_eq!(finding.severity, Severity::Unknown);
}

#[test]
fn a_vulnerability_that_only_such_feeds_know_is_no_finding() {
    let matched = matched(
        &[advisory("CVE-2024-5", vec![affected("b", Range::all())])],
        &all(),
    );
    assert!(matched.findings.is_empty());
}
