//! What belongs together, what cancels what, and which statement decides.

use pellucid_matcher::{MatchOptions, find};
use pellucid_model::{Advisory, Affected, Cvss, FixState, Owner, Severity, Status};
use pellucid_version::Range;

use crate::fixture::{
    OPTIONS, advisory, affected, deb, deb_of, entry, ids, inventory, matched, snapshot,
    snapshot_in, sources, with_status,
};

fn aliased(id: &str, aliases: &[&str], fixed: &str) -> Advisory {
    Advisory {
        aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
        ..advisory(id, vec![affected("a", Range::before(fixed))])
    }
}

fn related(id: &str, related: &[&str]) -> Advisory {
    Advisory {
        related: related.iter().map(|alias| (*alias).to_owned()).collect(),
        ..advisory(id, vec![affected("a", Range::before("2"))])
    }
}

#[test]
fn the_cve_is_shown_where_there_is_exactly_one() {
    let shown = |advisory: Advisory| ids(&matched(deb("a", "1"), &[advisory]));
    assert_eq!(shown(aliased("CVE-1", &["CVE-2"], "2")), "CVE-1");
    assert_eq!(
        shown(aliased("GHSA-1", &["CVE-1", "PYSEC-1"], "2")),
        "CVE-1"
    );
    assert_eq!(shown(aliased("GHSA-1", &["CVE-1", "CVE-2"], "2")), "GHSA-1");
    assert_eq!(shown(related("ALAS-1", &["CVE-1"])), "CVE-1");
    assert_eq!(shown(related("ALAS-1", &["CVE-1", "CVE-2"])), "ALAS-1");
    let bulletin = matched(deb("a", "1"), &[related("ALAS-1", &["CVE-1", "CVE-2"])]);
    assert_eq!(bulletin.findings[0].related, ["CVE-1", "CVE-2"]);
    assert!(bulletin.findings[0].aliases.is_empty());
    let claimed = aliased("GHSA-1", &["CVE-1", "CVE-2", "PYSEC-1"], "2");
    let claimed = matched(deb("a", "1"), &[claimed]);
    assert_eq!(claimed.findings[0].related, ["CVE-1", "CVE-2"]);
    assert_eq!(claimed.findings[0].aliases, ["PYSEC-1"]);
}

#[test]
fn advisories_of_one_vulnerability_are_one_finding() {
    let advisories = [
        aliased("GHSA-1", &["CVE-1"], "2"),
        aliased("PYSEC-1", &["CVE-1", "GHSA-1"], "3"),
        aliased("PYSEC-2", &["GHSA-2"], "2"),
        aliased("GHSA-2", &[], "2"),
        aliased("GHSA-3", &["CVE-3", "CVE-4"], "2"),
        aliased("CVE-3", &[], "2"),
        aliased("CVE-4", &[], "2"),
    ];
    let matched = matched(deb("a", "1"), &advisories);
    assert_eq!(ids(&matched), "CVE-1 CVE-3 CVE-4 GHSA-2 GHSA-3");
    let first = &matched.findings[0];
    assert_eq!(first.aliases, ["GHSA-1", "PYSEC-1"]);
    // Nothing below 3 is free of all that is said.
    assert_eq!(first.fixed_version.as_deref(), Some("3"));
    let ranges: Vec<&str> = first
        .reasons
        .iter()
        .map(|reason| reason.range.as_str())
        .collect();
    assert_eq!(ranges, ["< 3", "< 2"]);
}

#[test]
fn not_affected_cancels_what_others_say() {
    let vendor = snapshot(
        "vendor",
        &[advisory(
            "CVE-1",
            vec![with_status("a", Status::NotAffected)],
        )],
    );
    let other = snapshot(
        "other",
        &[
            aliased("GHSA-1", &["CVE-1"], "2"),
            aliased("GHSA-2", &["CVE-2"], "2"),
        ],
    );
    let inventory = inventory(vec![entry(deb("a", "1"))]);
    for order in [[&vendor, &other], [&other, &vendor]] {
        let sources = sources(&order.map(Clone::clone));
        assert_eq!(ids(&find(&inventory, &sources, &OPTIONS).unwrap()), "CVE-2");
    }
}

#[test]
fn not_affected_in_one_product_says_nothing_of_another() {
    let of = |cpe: &str, status| Affected {
        cpes: vec![cpe.to_owned()],
        ..with_status("a", status)
    };
    let says = |denied: &str| {
        let both = vec![
            of("cpe:/a:one", Status::Affected),
            of(denied, Status::NotAffected),
        ];
        ids(&matched(deb("a", "1"), &[advisory("CVE-1", both)]))
    };
    assert_eq!(says("cpe:/a:two"), "CVE-1");
    assert_eq!(says("cpe:/a:one"), "");
}

#[test]
fn the_first_source_decides_and_the_others_fill_gaps() {
    let vendor = Advisory {
        severity: Severity::Low,
        severity_word: Some("minor".to_owned()),
        links: vec!["https://vendor.example/CVE-1".to_owned()],
        ..aliased("CVE-1", &[], "2")
    };
    let other = Advisory {
        severity: Severity::Critical,
        title: Some("Title".to_owned()),
        description: "Text.".to_owned(),
        cvss: vec![Cvss {
            source: "nvd".to_owned(),
            vector: "CVSS:3.1/x".to_owned(),
        }],
        links: vec!["https://other.example".to_owned()],
        ..aliased("GHSA-1", &["CVE-1"], "3")
    };
    let inventory = inventory(vec![entry(deb("a", "1"))]);
    let first = |vendor: Advisory| {
        let sources = sources(&[
            snapshot("vendor", &[vendor]),
            snapshot("other", std::slice::from_ref(&other)),
        ]);
        find(&inventory, &sources, &OPTIONS)
            .unwrap()
            .findings
            .remove(0)
    };
    let finding = first(vendor.clone());
    assert_eq!(
        (finding.severity, finding.severity_word.as_deref()),
        (Severity::Low, Some("minor"))
    );
    assert_eq!(finding.severity_source, "vendor");
    assert_eq!(finding.fixed_version.as_deref(), Some("2"));
    assert_eq!(finding.title.as_deref(), Some("Title"));
    assert_eq!(finding.description, "Text.");
    assert_eq!(
        finding.links,
        ["https://vendor.example/CVE-1", "https://other.example"]
    );
    assert_eq!(finding.cvss.len(), 1);
    let feeds: Vec<&str> = finding
        .reasons
        .iter()
        .map(|reason| reason.feed.as_str())
        .collect();
    assert_eq!(feeds, ["vendor", "other"]);
    // A vendor that has not looked yet does not hide what others found.
    let unknown = Advisory {
        severity: Severity::Unknown,
        severity_word: None,
        ..vendor.clone()
    };
    let finding = first(unknown);
    assert_eq!(
        (finding.severity, finding.severity_source.as_str()),
        (Severity::Critical, "other")
    );
    // What is said of the package goes before what is said of the vulnerability.
    let mut own = vendor;
    own.affected[0].severity = Some(Severity::Medium);
    let finding = first(own);
    assert_eq!(
        (finding.severity, finding.severity_word),
        (Severity::Medium, None)
    );
}

#[test]
fn of_one_source_the_statement_with_a_fix_decides() {
    let both = vec![
        affected("a", Range::all()),
        affected("a", Range::before("1.10")),
        affected("a", Range::before("1.9")),
    ];
    let matched = matched(deb("a", "1"), &[advisory("CVE-1", both)]);
    let finding = &matched.findings[0];
    assert_eq!(
        (finding.fix_state, finding.fixed_version.as_deref()),
        (FixState::Fixed, Some("1.10"))
    );
    assert_eq!(finding.reasons.len(), 3);
}

#[test]
fn hidden_and_owned_packages() {
    let sources = sources(&[snapshot("debian", &[aliased("CVE-1", &[], "2")])]);
    let hidden = pellucid_model::PackageEntry {
        hidden: true,
        ..entry(deb("a", "1"))
    };
    // `2` is the fixed version.
    let python = entry(deb_of("python3-a", "2", "a", "2"));
    let owner = Some(Owner {
        name: python.package.name.clone(),
        version: python.package.version.clone(),
    });
    let owned = pellucid_model::PackageEntry {
        owner,
        ..entry(deb("a", "1"))
    };
    let inventory = inventory(vec![hidden, owned, python]);
    assert!(
        find(&inventory, &sources, &OPTIONS)
            .unwrap()
            .findings
            .is_empty()
    );
    let options = MatchOptions {
        hidden: true,
        ..OPTIONS
    };
    let matched = find(&inventory, &sources, &options).unwrap();
    let packages: Vec<usize> = matched
        .findings
        .iter()
        .map(|finding| finding.package)
        .collect();
    assert_eq!(
        packages,
        [0],
        "the distribution's advisories decide about the other"
    );
}

#[test]
fn findings_are_sorted_and_say_where_they_are_from() {
    let advisories = [aliased("CVE-2", &[], "2"), aliased("CVE-10", &[], "2")];
    let snapshot = snapshot("debian", &advisories);
    let sources = sources(std::slice::from_ref(&snapshot));
    let inventory = inventory(vec![entry(deb("a", "1.0")), entry(deb("a", "1.1"))]);
    let matched = find(&inventory, &sources, &OPTIONS).unwrap();
    let order: Vec<_> = matched
        .findings
        .iter()
        .map(|f| (f.package, f.id.as_str()))
        .collect();
    assert_eq!(
        order,
        [(0, "CVE-10"), (0, "CVE-2"), (1, "CVE-10"), (1, "CVE-2")]
    );
    let reason = &matched.findings[3].reasons[0];
    assert_eq!(
        (reason.name.as_str(), reason.version.as_str()),
        ("a", "1.1")
    );
    assert_eq!(reason.snapshot, snapshot.digest());
    assert_eq!(matched, find(&inventory, &sources, &OPTIONS).unwrap());
}

#[test]
fn every_advisorys_severity_is_told_and_the_first_known_one_counts() {
    let rated = |id: &str, severity, malware| Advisory {
        severity,
        malware,
        ..aliased(id, &["CVE-1"], "2")
    };
    let matched = matched(
        deb("a", "1"),
        &[
            rated("A-1", Severity::Unknown, false),
            rated("B-1", Severity::High, false),
            rated("C-1", Severity::Medium, true),
        ],
    );
    let finding = &matched.findings[0];
    let told: Vec<(&str, Severity)> = finding
        .ratings
        .iter()
        .map(|rating| (rating.advisory.as_str(), rating.severity))
        .collect();
    assert_eq!(
        told,
        [
            ("A-1", Severity::Unknown),
            ("B-1", Severity::High),
            ("C-1", Severity::Medium)
        ]
    );
    assert_eq!(finding.severity, Severity::High);
    assert!(finding.malware);
}

#[test]
fn many_packages_are_matched_as_few_are() {
    let names: Vec<String> = (0..1300).map(|number| format!("p{number:04}")).collect();
    // One advisory of every third package, one of them all, one that cannot be compared with any.
    let all = |range: Range| names.iter().map(move |name| affected(name, range.clone()));
    let mut advisories: Vec<Advisory> = names
        .iter()
        .step_by(3)
        .map(|name| Advisory {
            description: format!("about {name}"),
            ..advisory(
                &format!("CVE-{name}"),
                vec![affected(name, Range::before("2"))],
            )
        })
        .collect();
    advisories.push(Advisory {
        links: vec!["https://a.example".to_owned()],
        ..advisory("CVE-all", all(Range::before("3")).collect())
    });
    advisories.push(advisory("CVE-odd", all(Range::before("a b")).collect()));
    let directory = tempfile::tempdir().unwrap();
    let sources = sources(&[snapshot_in(directory.path(), "debian", &advisories)]);
    let packages: Vec<_> = names.iter().map(|name| entry(deb(name, "1"))).collect();
    let many = find(&inventory(packages.clone()), &sources, &OPTIONS).unwrap();
    assert_eq!(many.findings.len(), 1300 + 434);
    assert_eq!(many.warnings.len(), 1300);
    let mut findings = Vec::new();
    let mut warnings = Vec::new();
    for (number, few) in packages.chunks(100).enumerate() {
        let few = find(&inventory(few.to_vec()), &sources, &OPTIONS).unwrap();
        findings.extend(few.findings.into_iter().map(|mut finding| {
            finding.package += number * 100;
            finding
        }));
        warnings.extend(few.warnings);
    }
    assert_eq!(many.findings, findings);
    assert_eq!(many.warnings, warnings);
}
