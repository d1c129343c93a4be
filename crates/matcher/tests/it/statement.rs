//! Whether a statement holds for a package: names, versions, architectures, modules, status.

use pellucid_matcher::MatchOptions;
use pellucid_model::{
    Affected, FixState, NameKind, Package, PackageKind, SourcePackage, Status, WarningKind,
};
use pellucid_version::{Lower, Range, Upper};

use crate::fixture::{
    OPTIONS, advisory, affected, deb, deb_of, ids, matched, matched_with, with_status,
};

fn hits(package: Package, affected: Affected) -> bool {
    let matched = matched(package, &[advisory("CVE-1", vec![affected])]);
    assert!(matched.warnings.is_empty(), "{:?}", matched.warnings);
    !matched.findings.is_empty()
}

fn rpm(name: &str, version: &str) -> Package {
    Package {
        arch: Some("x86_64".to_owned()),
        ..Package::new(PackageKind::Rpm, name, version)
    }
}

fn between(lower: Lower, upper: Upper) -> Range {
    Range { lower, upper }
}

#[test]
fn the_name_kind_says_which_name_and_version_are_compared() {
    // gcc-12-base 12.2.0-14 of source gcc-12; a binary rebuilt alone has its own version.
    let package = || deb_of("libfoo1", "5:2.0-1+b1", "foo", "2.0-1");
    let of = |name: &str, kind, fixed: &str| Affected {
        name_kind: kind,
        ..affected(name, Range::before(fixed))
    };
    assert!(hits(package(), of("foo", NameKind::Source, "2.0-2")));
    assert!(!hits(package(), of("foo", NameKind::Source, "2.0-1")));
    assert!(!hits(package(), of("libfoo1", NameKind::Source, "9:9")));
    assert!(hits(package(), of("libfoo1", NameKind::Binary, "5:2.0-2")));
    assert!(!hits(package(), of("libfoo1", NameKind::Binary, "2.0-2")));
    assert!(!hits(package(), of("foo", NameKind::Binary, "9:9")));
    // Without a source of its own the package is its own source.
    assert!(hits(
        deb("bash", "5.1-1"),
        of("bash", NameKind::Source, "5.1-2")
    ));
    assert!(hits(
        deb("bash", "5.1-1"),
        of("bash", NameKind::Binary, "5.1-2")
    ));
}

#[test]
fn versions_are_compared_as_the_package_kind_orders_them() {
    let fixed = |version: &str| affected("a", Range::before(version));
    assert!(hits(deb("a", "1.0~rc1"), fixed("1.0")));
    assert!(!hits(deb("a", "1:0.1"), fixed("9")));
    let binary = |version: &str| Affected {
        name_kind: NameKind::Binary,
        ..fixed(version)
    };
    // No epoch is epoch 0.
    assert!(hits(rpm("a", "1.0-1.el9"), binary("0:1.0-2.el9")));
    assert!(!hits(rpm("a", "1:1.0-1.el9"), binary("0:1.0-2.el9")));
    let apk = Package::new(PackageKind::Apk, "a", "1.0_rc1-r0");
    assert!(hits(apk, fixed("1.0-r0")));
}

#[test]
fn java_8_is_found_as_a_component_and_as_a_program() {
    let said = || Affected {
        name_kind: NameKind::Binary,
        ranges: vec![
            Range::before("1.8.0"),
            between(
                Lower::Inclusive("1.9.0".to_owned()),
                Upper::Before("8.0.351".to_owned()),
            ),
        ],
        ..affected("java", Range::all())
    };
    let component = |version| Package::new(PackageKind::Bitnami, "java", version);
    assert!(hits(component("1.8.345-2"), said()));
    assert!(!hits(component("1.8.351-0"), said()));
    assert!(!hits(component("17.0.4-1"), said()));
    let program = |version| Package::new(PackageKind::Generic, "openjdk", version);
    assert!(hits(program("1.8.0_345"), said()));
    assert!(!hits(program("1.8.0_351"), said()));
}

#[test]
fn every_shape_of_range() {
    let one = |text: &str| text.to_owned();
    let cases = [
        (Range::all(), "1", true),
        (Range::before("2"), "2", false),
        (
            between(Lower::Inclusive(one("2")), Upper::Before(one("3"))),
            "2",
            true,
        ),
        (
            between(Lower::Inclusive(one("2")), Upper::Before(one("3"))),
            "1",
            false,
        ),
        (between(Lower::Exclusive(one("2")), Upper::Open), "2", false),
        (
            between(Lower::Beginning, Upper::Through(one("2"))),
            "2",
            true,
        ),
        (
            between(Lower::Beginning, Upper::Through(one("2"))),
            "2.1",
            false,
        ),
    ];
    for (range, version, expected) in cases {
        assert_eq!(
            hits(deb("a", version), affected("a", range.clone())),
            expected,
            "{range:?}"
        );
    }
    let listed = Affected {
        ranges: Vec::new(),
        versions: vec!["1.0".to_owned(), "1.5".to_owned()],
        ..affected("a", Range::all())
    };
    assert!(hits(deb("a", "1.5"), listed.clone()));
    assert!(
        hits(deb("a", "0:1.5"), listed.clone()),
        "equal in the order, other in text"
    );
    assert!(!hits(deb("a", "1.6"), listed));
    assert!(
        hits(deb("a", "1"), with_status("a", Status::Affected)),
        "affected as far as known"
    );
}

#[test]
fn the_fix_is_where_the_ranges_end() {
    let two = Affected {
        ranges: vec![
            Range::before("1.5"),
            between(
                Lower::Inclusive("2.0".to_owned()),
                Upper::Before("2.5".to_owned()),
            ),
        ],
        ..affected("a", Range::all())
    };
    let fix = |version: &str, affected: &Affected| {
        let matched = matched(
            deb("a", version),
            &[advisory("CVE-1", vec![affected.clone()])],
        );
        let finding = &matched.findings[0];
        (
            finding.fix_state,
            finding.fixed_version.clone(),
            finding.reasons[0].range.clone(),
        )
    };
    let fixed =
        |version: &str, range: &str| (FixState::Fixed, Some(version.to_owned()), range.to_owned());
    assert_eq!(fix("1.0", &two), fixed("1.5", "< 1.5"));
    assert_eq!(fix("2.1", &two), fixed("2.5", ">= 2.0, < 2.5"));
    // A fix that lies in the next range is none.
    let joined = Affected {
        ranges: vec![Range::before("2.0"), two.ranges[1].clone()],
        ..two
    };
    assert_eq!(fix("1.0", &joined).1.as_deref(), Some("2.5"));
    let open = affected("a", Range::all());
    assert_eq!(
        fix("1.0", &open),
        (FixState::NotFixed, None, "all versions".to_owned())
    );
    let last = affected(
        "a",
        between(Lower::Beginning, Upper::Through("2".to_owned())),
    );
    assert_eq!(
        fix("1.0", &last),
        (FixState::Unknown, None, "<= 2".to_owned())
    );
    let below = affected("a", between(Lower::Beginning, Upper::Below("2".to_owned())));
    assert_eq!(
        fix("1.0", &below),
        (FixState::Unknown, None, "< 2".to_owned())
    );
    for (status, expected) in [
        (Status::WillNotFix, FixState::WontFix),
        (Status::EndOfLife, FixState::WontFix),
        (Status::Deferred, FixState::Deferred),
    ] {
        assert_eq!(fix("1.0", &with_status("a", status)).0, expected);
    }
}

#[test]
fn what_is_under_investigation_is_shown_on_request() {
    let advisories = [advisory(
        "CVE-1",
        vec![with_status("a", Status::UnderInvestigation)],
    )];
    assert!(matched(deb("a", "1"), &advisories).findings.is_empty());
    let options = MatchOptions {
        undetermined: true,
        ..OPTIONS
    };
    let matched = matched_with(deb("a", "1"), &advisories, options);
    assert_eq!(matched.findings[0].fix_state, FixState::Unknown);
}

#[test]
fn an_architecture_must_fit() {
    let only = |arches: &[&str]| Affected {
        arches: arches.iter().map(|arch| (*arch).to_owned()).collect(),
        name_kind: NameKind::Binary,
        ..affected("a", Range::all())
    };
    assert!(hits(rpm("a", "1-1"), only(&["aarch64", "x86_64"])));
    assert!(hits(rpm("a", "1-1"), only(&["noarch"])));
    assert!(!hits(rpm("a", "1-1"), only(&["aarch64"])));
    let neutral = Package {
        arch: Some("noarch".to_owned()),
        ..rpm("a", "1-1")
    };
    assert!(hits(neutral, only(&["aarch64"])));
    assert!(hits(
        Package {
            arch: None,
            ..rpm("a", "1-1")
        },
        only(&["aarch64"])
    ));
}

#[test]
fn a_module_stream_must_be_the_same() {
    let of = |module: Option<&str>| Affected {
        module: module.map(str::to_owned),
        name_kind: NameKind::Binary,
        ..affected("php", Range::before("8"))
    };
    let installed = |label: Option<&str>| Package {
        module: label.map(str::to_owned),
        ..rpm("php", "7.4-1")
    };
    let label = Some("php:7.4:8010020190322:9edba152");
    assert!(hits(installed(label), of(Some("php:7.4"))));
    assert!(!hits(installed(label), of(Some("php:7.3"))));
    assert!(!hits(installed(label), of(None)));
    assert!(!hits(installed(None), of(Some("php:7.4"))));
    assert!(hits(installed(None), of(None)));
}

#[test]
fn versions_of_source_rpms_are_compared_without_epoch() {
    let source = |version: Option<&str>| {
        Some(SourcePackage {
            name: "a".to_owned(),
            version: version.map(str::to_owned),
        })
    };
    // With the source's own version, with the same one, and one that has none of its source's epoch.
    for (version, of_source) in [
        ("1:1.0-1", Some("1.0-1")),
        ("1:1.0-1", None),
        ("3.4-1", Some("1.0-1")),
    ] {
        let package = Package {
            source: source(of_source),
            ..rpm("a-libs", version)
        };
        assert!(
            hits(package.clone(), affected("a", Range::before("1.0-2"))),
            "{version}"
        );
        assert!(
            !hits(package, affected("a", Range::before("1.0-1"))),
            "{version}"
        );
    }
}

#[test]
fn microsofts_tag_is_not_compared() {
    let last = affected(
        "a",
        between(Lower::Beginning, Upper::Through("2.6.7-3".to_owned())),
    );
    assert!(hits(rpm("a", "2.6.7-3.azl3"), last.clone()));
    assert!(hits(rpm("a", "2.6.7-3.cm2"), last.clone()));
    assert!(!hits(rpm("a", "2.6.7-3.el9"), last.clone()));
    assert!(!hits(rpm("a", "2.6.7-4.azl3"), last));
}

#[test]
fn names_of_languages_are_compared_in_their_normal_form() {
    let pypi = Package::new(PackageKind::Pypi, "Ruamel.Yaml__clib", "0.1");
    assert!(hits(
        pypi,
        affected("ruamel-yaml-clib", Range::before("0.2"))
    ));
    let npm = Package::new(PackageKind::Npm, "JSONStream", "1.0.0");
    assert!(!hits(npm, affected("jsonstream", Range::before("2.0.0"))));
}

#[test]
fn what_cannot_be_placed_is_a_warning_and_never_silence() {
    let advisories = [
        advisory("CVE-1", vec![affected("a", Range::before("1"))]),
        advisory("CVE-2", vec![affected("a", Range::before("2"))]),
        advisory("CVE-3", vec![affected("a", Range::all())]),
        advisory("CVE-4", vec![affected("a", Range::before("9 9"))]),
    ];
    let bad = matched(deb("a", "not a version"), &advisories);
    assert_eq!(ids(&bad), "CVE-3", "it holds for every version");
    assert_eq!(
        bad.warnings.len(),
        1,
        "once for the package: {:?}",
        bad.warnings
    );
    assert_eq!(bad.warnings[0].kind, WarningKind::BadVersion);
    assert_eq!(bad.warnings[0].path.as_deref(), Some("var/lib/dpkg/status"));
    assert!(bad.warnings[0].message.contains("\"not a version\" of a"));
    let good = matched(deb("a", "1.5"), &advisories);
    assert_eq!(ids(&good), "CVE-2 CVE-3");
    assert_eq!(good.warnings.len(), 1);
    assert!(
        good.warnings[0].message.contains("CVE-4"),
        "{:?}",
        good.warnings
    );
    // Nothing is said about this one, so that nothing is missed.
    assert!(
        matched(deb("b", "not a version"), &advisories)
            .warnings
            .is_empty()
    );
}

#[test]
fn a_flavour_is_compared_with_its_own_kind() {
    let check = |installed: &str, fixed: &str, expected: bool| {
        let hit = hits(rpm("a", installed), affected("a", Range::before(fixed)));
        assert_eq!(hit, expected, "{installed} before {fixed}");
    };
    check("2:2.34-1.ksplice1.el9", "2:2.34-2.ksplice1.el9", true);
    check("2:2.34-1.ksplice1.el9", "2.34-2.el9", false);
    check("2.34-1.el9", "2:2.34-2.ksplice1.el9", false);
    check("2.34-1.el9", "10:2.34-2.el9_fips", false);
    check("10:2.34-1.el9_fips", "10:2.34-2.el9_fips", true);
}
