//! Advisories made by hand and by chance, and snapshots of them.

use std::path::Path;
use std::sync::Arc;

use pellucid_model::{
    Advisory, Affected, Cvss, Epss, Fraction, Kev, NameKind, Namespace, Severity, Status,
};
use pellucid_snapshot::{Builder, Built, Meta, Snapshot};
use pellucid_version::{Lower, Range, Upper};
use proptest::prelude::*;

pub(crate) fn meta() -> Meta {
    Meta {
        key: "debian".to_owned(),
        feed: "debian".to_owned(),
        as_of: Some(1_739_318_400),
    }
}

pub(crate) fn affected(namespace: &str, package: &str, fixed: &str) -> Affected {
    Affected {
        namespace: Namespace::new(namespace),
        package: package.to_owned(),
        name_kind: NameKind::Source,
        status: Status::Affected,
        ranges: vec![Range::before(fixed)],
        versions: Vec::new(),
        severity: None,
        arches: Vec::new(),
        module: None,
        cpes: Vec::new(),
        note: None,
    }
}

pub(crate) fn advisory(id: &str, affected: Vec<Affected>) -> Advisory {
    Advisory {
        affected,
        ..Advisory::new(id)
    }
}

pub(crate) fn build(path: &Path, advisories: &[Advisory]) -> Built {
    let mut builder = Builder::create(path, meta()).unwrap();
    for advisory in advisories {
        builder.add(advisory).unwrap();
    }
    builder.finish().unwrap()
}

pub(crate) fn open(built: &Built) -> Arc<Snapshot> {
    Arc::new(Snapshot::open(&built.path, built.digest).unwrap())
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]{1,2}",
        "[0-9]\\.[0-9]",
        Just("a\0b".to_owned()),
        Just("ünï".to_owned())
    ]
}

fn any_range() -> impl Strategy<Value = Range> {
    let lower = prop_oneof![
        Just(Lower::Beginning),
        word().prop_map(Lower::Inclusive),
        word().prop_map(Lower::Exclusive)
    ];
    let upper = prop_oneof![
        Just(Upper::Open),
        word().prop_map(Upper::Before),
        word().prop_map(Upper::Through)
    ];
    (lower, upper).prop_map(|(lower, upper)| Range { lower, upper })
}

pub(crate) fn any_severity() -> impl Strategy<Value = Severity> {
    prop::sample::select(Severity::ALL.to_vec())
}

fn any_affected() -> impl Strategy<Value = Affected> {
    let status = prop::sample::select(vec![
        Status::Affected,
        Status::NotAffected,
        Status::UnderInvestigation,
        Status::WillNotFix,
        Status::Deferred,
        Status::EndOfLife,
    ]);
    let words = || prop::collection::vec(word(), 0..3);
    let name = || prop_oneof![3 => word(), 1 => Just("openssl".to_owned())];
    (
        (
            prop::sample::select(vec!["debian:11", "debian:12", "alpine:v3.20"]),
            name(),
        ),
        (any::<bool>(), status, prop::option::of(any_severity())),
        (prop::collection::vec(any_range(), 0..3), words(), words()),
        (prop::option::of(word()), words(), prop::option::of(word())),
    )
        .prop_map(
            |(
                (namespace, package),
                (binary, status, severity),
                (ranges, versions, arches),
                (module, cpes, note),
            )| Affected {
                namespace: Namespace::new(namespace),
                package,
                name_kind: if binary {
                    NameKind::Binary
                } else {
                    NameKind::Source
                },
                status,
                ranges,
                versions,
                severity,
                arches,
                module,
                cpes,
                note,
            },
        )
}

/// Advisories whose ids often collide.
pub(crate) fn any_advisory() -> impl Strategy<Value = Advisory> {
    let words = || prop::collection::vec(word(), 0..3);
    (
        (
            "CVE-2024-[0-9]{1,2}",
            words(),
            words(),
            prop::option::of(word()),
            ".{0,60}",
        ),
        (any_severity(), prop::option::of(word()), words(), words()),
        (
            prop::option::of(any::<i64>()),
            prop::option::of(any::<i64>()),
            any::<bool>(),
        ),
        (
            prop::option::of(word()),
            prop::option::of(0..=1_000_000_u32),
        ),
        prop::collection::vec(any_affected(), 0..6),
    )
        .prop_map(
            |(
                (id, mut aliases, mut related, title, description),
                (severity, severity_word, cwes, links),
                (published, modified, malware),
                (exploited, likely),
                affected,
            )| {
                for list in [&mut aliases, &mut related] {
                    list.sort();
                    list.dedup();
                }
                let cvss = links
                    .iter()
                    .map(|link| Cvss {
                        source: "nvd".to_owned(),
                        vector: link.clone(),
                    })
                    .collect();
                let kev = exploited.map(|word| Kev {
                    cve: id.clone(),
                    date_added: "2024-01-02".to_owned(),
                    due_date: severity_word.clone(),
                    ransomware: malware,
                    required_action: Some(word),
                });
                let epss = likely.map(|millionths| Epss {
                    cve: id.clone(),
                    score: Fraction::from_millionths(millionths).unwrap(),
                    percentile: Fraction::from_millionths(1_000_000 - millionths).unwrap(),
                });
                Advisory {
                    kev,
                    epss,
                    id,
                    aliases,
                    related,
                    title,
                    description,
                    severity,
                    severity_word,
                    cvss,
                    cwes,
                    links,
                    published,
                    modified,
                    malware,
                    affected,
                }
            },
        )
}
