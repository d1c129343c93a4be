//! What is in a range, and how it reads.

use pellucid_version::{Lower, Range, Scheme, Upper, parse_requirement};

fn contains(scheme: Scheme, range: &Range, version: &str) -> bool {
    range.contains(&scheme.parse(version).unwrap()).unwrap()
}

#[test]
fn bounds_are_in_the_range_as_they_say() {
    let half_open = Range {
        lower: Lower::Inclusive("1.0-1".into()),
        upper: Upper::Before("2.0-1".into()),
    };
    let inverse = Range {
        lower: Lower::Exclusive("1.0-1".into()),
        upper: Upper::Through("2.0-1".into()),
    };
    for (version, in_first, in_second) in [
        ("0.9-1", false, false),
        ("1.0-1", true, false),
        ("1.5-1", true, true),
        ("2.0-1", false, true),
        ("2.0-2", false, false),
    ] {
        assert_eq!(
            contains(Scheme::Dpkg, &half_open, version),
            in_first,
            "{version}"
        );
        assert_eq!(
            contains(Scheme::Dpkg, &inverse, version),
            in_second,
            "{version}"
        );
    }
    assert!(contains(Scheme::Dpkg, &Range::all(), "0"));
    assert_eq!(half_open.fixed(), Some("2.0-1"));
    assert_eq!(inverse.fixed(), None, "the last affected version is no fix");
}

#[test]
fn a_broken_bound_is_an_error_and_not_a_no() {
    let version = Scheme::Semver.parse("1.0.0").unwrap();
    let range = Range {
        lower: Lower::Inclusive("2.0.0".into()),
        upper: Upper::Before("?".into()),
    };
    assert_eq!(&*range.contains(&version).unwrap_err().text, "?");
    // Sorted before everything, it would say that nothing is affected.
    let version = Scheme::Pep440.parse("8.1").unwrap();
    assert!(Range::before("8.3.0-11.1").contains(&version).is_err());
}

#[test]
fn resolvers_read_bounds_otherwise_than_the_plain_order() {
    let through = |bound: &str| Range {
        lower: Lower::Beginning,
        upper: Upper::Through(bound.to_owned()),
    };
    assert!(contains(Scheme::Pep440, &through("1.0"), "1.0+local"));
    assert!(!contains(Scheme::Pep440, &through("1.0+a"), "1.0+local"));
    let from = |bound: &str| Range {
        lower: Lower::Inclusive(bound.to_owned()),
        upper: Upper::Open,
    };
    assert!(contains(Scheme::Composer, &from("4.0"), "v4.0.0-beta1"));
    assert!(contains(Scheme::Composer, &from("4.0"), "4.0.0"));
    assert!(!contains(Scheme::Composer, &from("4.0"), "3.9.9"));
    assert!(!contains(Scheme::Composer, &from("4.0-RC1"), "4.0.0-beta1"));
    assert!(contains(Scheme::Composer, &through("1.2"), "1.2.0"));
    assert!(!contains(Scheme::Composer, &Range::before("1.2.0"), "1.2"));
    assert!(contains(
        Scheme::Composer,
        &Range::before("1.2"),
        "1.2.0-beta1"
    ));
    assert!(!contains(
        Scheme::Composer,
        &Range::before("1.2"),
        "1.2.0-patch1"
    ));
}

#[test]
fn a_branch_is_after_the_versions_of_its_number() {
    let is_in = |requirement: &str, version: &str| {
        let ranges = parse_requirement(Scheme::Composer, requirement).unwrap();
        let mut ranges = ranges.iter();
        ranges.any(|range| contains(Scheme::Composer, range, version))
    };
    for branch in ["2.x-dev", "v2.x-dev", "2.*-dev", "2.X.x-dev", "2.xdev"] {
        assert!(!is_in("< 2.5.3", branch), "{branch}");
        assert!(is_in(">= 2.0, < 3.0", branch), "{branch}");
        assert!(is_in(">= 2.9.9", branch), "{branch}");
    }
    assert!(is_in("< 2.2", "2.1.x-dev"));
    assert!(!is_in("< 2.1.7", "2.1.x-dev"));
    // A version in development is before its release, and a wildcard without it is no version.
    assert!(is_in("< 2.0", "2.0-dev"));
    assert!(is_in("< 2.0.0", "2-dev"));
    assert!(is_in("<= 2.x-dev", "2.7.1"));
}

#[test]
fn a_revision_is_a_build_of_what_a_bound_names() {
    let is_in = |requirement: &str, version: &str| {
        let ranges = parse_requirement(Scheme::Bitnami, requirement).unwrap();
        let mut ranges = ranges.iter();
        ranges.any(|range| contains(Scheme::Bitnami, range, version))
    };
    for (requirement, inside, outside) in [
        ("< 12.3.0", "12.2.9-7", "12.3.0-1"),
        (">= 12.0.0", "12.0.0-1", "11.9.9-1"),
        ("<= 1.2.3", "1.2.3-4", "1.2.4-0"),
        ("> 1.2.3", "1.2.4-0", "1.2.3-4"),
        ("= 1.2.3", "1.2.3-4", "1.2.4-4"),
        ("< 1.81.0-1", "1.81.0-0", "1.81.0-1"),
        ("<= 11.0.15-1", "11.0.15-1", "11.0.15-2"),
        // As advisories begin what they copied from Go's.
        (">= 1.19.0-0", "1.19.0", "1.18.9-5"),
        ("<= 2.6.0-rc1", "2.6.0-rc1-3", "2.6.0-rc2"),
        ("< 2.6.0", "2.6.0-rc1", "2.6.0"),
    ] {
        assert!(is_in(requirement, inside), "{inside} in {requirement}");
        assert!(!is_in(requirement, outside), "{outside} in {requirement}");
    }
}

#[test]
fn ranges_read_like_requirements() {
    let through = Range {
        lower: Lower::Exclusive("1".into()),
        upper: Upper::Through("2".into()),
    };
    assert_eq!(through.to_string(), "> 1, <= 2");
    assert_eq!(Range::all().to_string(), "*");
    assert_eq!(Range::before("2").to_string(), "< 2");
    assert_eq!(Range::exactly("2").to_string(), "= 2");
    let open = Range {
        lower: Lower::Inclusive("1".into()),
        upper: Upper::Open,
    };
    assert_eq!(open.to_string(), ">= 1");
}
