//! A report with one of everything.

use std::collections::BTreeSet;

use pellucid_model::*;
use pellucid_report::{Assessment, FORMATS, Gate, GateRule, Report, Style, Tool};

pub(crate) fn digest(byte: u8) -> Digest {
    Digest::Sha256([byte; 32])
}

pub(crate) fn package(
    name: &str,
    version: &str,
    source: Option<&str>,
    layer: usize,
) -> PackageEntry {
    PackageEntry {
        namespace: Some("debian:12".into()),
        package: Package {
            arch: Some("amd64".into()),
            source: source.map(|name| SourcePackage {
                name: name.into(),
                version: None,
            }),
            ..Package::new(PackageKind::Deb, name, version)
        },
        locations: vec![Location {
            layer,
            path: "var/lib/dpkg/status".into(),
        }],
        hidden: false,
        owner: None,
        detector: "dpkg".into(),
    }
}

pub(crate) fn finding(
    package: usize,
    id: &str,
    severity: Severity,
    fix: FixState,
    fixed: Option<&str>,
) -> Finding {
    Finding {
        package,
        id: id.into(),
        aliases: Vec::new(),
        related: Vec::new(),
        severity,
        severity_word: None,
        severity_source: "debian".into(),
        fix_state: fix,
        fixed_version: fixed.map(Into::into),
        title: None,
        description: format!("What {id} is about."),
        cvss: Vec::new(),
        cwes: Vec::new(),
        links: vec![format!("https://security-tracker.debian.org/tracker/{id}")],
        published: None,
        ratings: Vec::new(),
        malware: false,
        kev: None,
        epss: None,
        reasons: vec![Reason {
            feed: "debian".into(),
            snapshot: digest(0xcc),
            name_kind: NameKind::Source,
            name: "openssl".into(),
            version: "3.0.11-1~deb12u1".into(),
            range: fixed.map_or("all versions".into(), |fixed| format!("< {fixed}")),
            status: Status::Affected,
            products: Vec::new(),
            note: None,
        }],
    }
}

fn inventory() -> Inventory {
    let mut requests = package("requests", "2.30.0", None, 1);
    requests.namespace = Some("pypi".into());
    requests.package.kind = PackageKind::Pypi;
    requests.package.arch = None;
    requests.detector = "python".into();
    let mut gone = package("wget", "1.21.3-1", None, 0);
    gone.hidden = true;
    let layer = |byte: u8, created_by: &str| Layer {
        digest: Some(digest(byte)),
        diff_id: Some(digest(byte + 1)),
        digest_state: DigestState::Verified,
        size: 1000,
        created_by: Some(created_by.into()),
    };
    Inventory {
        image: Image {
            reference: "docker-archive:webshop.tar".into(),
            id: Some(digest(0xaa)),
            digest: None,
            tags: vec!["webshop:1.0".into()],
            platform: Some("linux/amd64".parse().unwrap()),
            created: Some("2025-01-01T00:00:00Z".into()),
            cpe: None,
            layers: vec![
                layer(0x10, "/bin/sh -c #(nop) ADD file:1 in / "),
                layer(
                    0x20,
                    "RUN apt-get update \\\n    && apt-get install -y openssl",
                ),
            ],
        },
        distributions: vec![Distribution {
            namespace: "debian:12".into(),
            id: "debian".into(),
            version_id: Some("12".into()),
            codename: Some("bookworm".into()),
            pretty_name: Some("Debian GNU/Linux 12 (bookworm)".into()),
            id_like: Vec::new(),
            cpe: None,
            path: "usr/lib/os-release".into(),
            layer: 0,
        }],
        packages: vec![
            package("libssl3", "3.0.11-1~deb12u1", Some("openssl"), 0),
            package("openssl", "3.0.11-1~deb12u1", None, 1),
            package("tar", "1.34+dfsg-1.2", None, 0),
            gone,
            requests,
        ],
        repositories: None,
        warnings: vec![Warning::of_file(
            WarningKind::BadRecord,
            "var/lib/dpkg/status",
            Some(812),
            "package \"x\" has no version",
        )],
    }
}

pub(crate) fn report() -> Report {
    let fixed = FixState::Fixed;
    let mut findings = vec![
        finding(
            2,
            "CVE-2005-2541",
            Severity::Negligible,
            FixState::WontFix,
            None,
        ),
        finding(
            3,
            "CVE-2024-38428",
            Severity::Critical,
            FixState::NotFixed,
            None,
        ),
        finding(2, "CVE-2022-48303", Severity::Low, FixState::Deferred, None),
    ];
    for index in [0, 1] {
        // The later fix has the lower text: the order of versions decides, not of letters.
        findings.push(finding(
            index,
            "CVE-2023-5363",
            Severity::High,
            fixed,
            Some("3.0.9-1"),
        ));
        findings.push(finding(
            index,
            "CVE-2024-0727",
            Severity::Medium,
            fixed,
            Some("3.0.15-1~deb12u1"),
        ));
    }
    if let Some(finding) = findings.last_mut() {
        finding.aliases = vec!["DSA-1".into()];
        finding.title = Some("NULL dereference\nin PKCS12".into());
        finding.cvss = vec![Cvss {
            source: "nvd@nist.gov".into(),
            vector: "CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:N/I:N/A:H".into(),
        }];
        finding.cwes = vec!["CWE-476".into()];
        finding.kev = Some(Kev {
            cve: "CVE-2024-0727".into(),
            date_added: "2024-02-01".into(),
            due_date: Some("2024-02-22".into()),
            ransomware: true,
            required_action: Some("Apply updates.".into()),
        });
        finding.epss = Some(Epss {
            cve: "CVE-2024-0727".into(),
            score: Fraction::from_millionths(943_210).unwrap_or_default(),
            percentile: Fraction::from_millionths(999_120).unwrap_or_default(),
        });
        finding.published = Some(1_706_227_200);
        finding.severity_word = Some("medium**".into());
        if let Some(reason) = finding.reasons.first_mut() {
            reason.note = Some("Minor issue".into());
        }
    }
    let coverage = vec![
        Coverage {
            namespace: Some("debian:12".into()),
            packages: 4,
            snapshots: vec![SnapshotRef {
                key: "debian".into(),
                digest: digest(0xcc),
                as_of: Some(1_739_318_400),
                fetched_at: 1_739_400_000,
            }],
            note: None,
            end_of_life: Some(EndOfLife {
                date: "2026-06-10".into(),
                past: true,
                source: "https://wiki.debian.org/LTS".into(),
            }),
        },
        Coverage {
            namespace: Some("pypi".into()),
            packages: 1,
            snapshots: Vec::new(),
            note: Some("no advisory data is loaded for it".into()),
            end_of_life: None,
        },
    ];
    let stale = Warning {
        kind: WarningKind::StaleData,
        layer: None,
        path: None,
        line: None,
        message: "debian could not be updated".into(),
    };
    Report::new(
        Tool {
            version: "0.1.0".into(),
            commit: "abcdef0".into(),
        },
        inventory(),
        Some(Assessment {
            enrichment: vec![SnapshotRef {
                key: "cisa-kev".into(),
                digest: digest(0xdd),
                as_of: Some(1_706_745_600),
                fetched_at: 1_706_745_600,
            }],
            findings,
            coverage,
            left_to_owners: BTreeSet::new(),
            left_out: 3,
            gate: Some(Gate {
                rules: vec![GateRule {
                    rule: "high".into(),
                    reached_by: 3,
                }],
                reaching: [
                    (0, "CVE-2023-5363"),
                    (1, "CVE-2023-5363"),
                    (3, "CVE-2024-38428"),
                ]
                .map(|(package, id)| (package, id.to_owned()))
                .into(),
                namespaces: 0,
                undecided: 0,
            }),
            suppressed: Vec::new(),
            base: None,
        }),
        vec![stale],
    )
}

/// The same, with a finding that an ignore rule answers for.
pub(crate) fn suppressed() -> Report {
    let mut report = report();
    if let Some(assessment) = &mut report.assessment {
        let place = assessment
            .findings
            .iter()
            .position(|finding| finding.id == "CVE-2005-2541");
        assessment.suppressed = vec![Suppressed {
            finding: assessment.findings.remove(place.unwrap()),
            by: Suppression {
                kind: SuppressionKind::Ignored,
                origin: "pellucid.yaml".into(),
                rule: "id CVE-2005-2541".into(),
                status: Some("not_affected".into()),
                justification: Some("vulnerable_code_not_in_execute_path".into()),
                reason: Some("tar is not run".into()),
                expires: Some("2999-01-01".into()),
                vulnerabilities: Vec::new(),
            },
            and_by: Vec::new(),
        }];
    }
    report
}

/// The same where the finding is a bulletin of two CVEs that different rules answer for.
pub(crate) fn suppressed_bulletin() -> Report {
    let mut report = suppressed();
    for one in report
        .assessment
        .iter_mut()
        .flat_map(|all| &mut all.suppressed)
    {
        one.finding.id = "ALAS-2024-1".into();
        one.finding.aliases = vec!["ALAS2-2024-1".into()];
        one.finding.related = vec!["CVE-2024-11".into(), "CVE-2024-12".into()];
        one.by.vulnerabilities = vec!["CVE-2024-11".into()];
        one.and_by.push(Suppression {
            rule: "id CVE-2024-12".into(),
            status: None,
            justification: None,
            reason: Some("the risk is small".into()),
            expires: None,
            vulnerabilities: vec!["CVE-2024-12".into()],
            ..one.by.clone()
        });
    }
    report
}

/// The same image without advisories.
pub(crate) fn packages() -> Report {
    Report::new(report().tool, inventory(), None, Vec::new())
}

pub(crate) fn shown(report: &Report, format: &str, style: Style) -> String {
    let format = FORMATS.iter().find(|known| known.name() == format).unwrap();
    let mut out = Vec::new();
    format.write(report, &style, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}
