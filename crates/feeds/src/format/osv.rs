//! The OSV record (schema 1.x), which many databases publish.
//!
//! `affected[]` names a package and gives ranges of *events* and a list of single versions; a version
//! is affected if either has it. Events count in the order of versions, not of the document;
//! `introduced: "0"` is before everything, `last_affected` is inclusive and no fix. GitHub puts the
//! end of a range that has neither into `database_specific.last_known_affected_version_range`.
//! Ranges of type GIT are commits and say nothing of versions. `related` and `upstream` are not
//! aliases.
//!
//! Not here: what each publisher means by its own fields (`osv_packages.rs`, `osv_distribution.rs`,
//! `source/ubuntu.rs`).

use pellucid_version::{Lower, Range, Scheme, Upper};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::json::{self, Text};
use crate::{FeedError, Fetched};

/// One record.
#[derive(Deserialize)]
pub(crate) struct Record<'a> {
    #[serde(borrow)]
    pub(crate) id: Text<'a>,
    #[serde(borrow)]
    pub(crate) modified: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) published: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) withdrawn: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) aliases: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    pub(crate) related: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    pub(crate) upstream: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    pub(crate) summary: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) details: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) severity: Option<Vec<Scored<'a>>>,
    #[serde(borrow)]
    pub(crate) affected: Option<Vec<AffectedPackage<'a>>>,
    #[serde(borrow)]
    pub(crate) references: Option<Vec<Reference<'a>>>,
    #[serde(borrow)]
    pub(crate) database_specific: Option<&'a RawValue>,
}

/// A CVSS vector, or a publisher's own word.
#[derive(Deserialize)]
pub(crate) struct Scored<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Text<'a>,
    #[serde(borrow)]
    pub(crate) score: Text<'a>,
}

#[derive(Deserialize)]
pub(crate) struct Reference<'a> {
    #[serde(borrow)]
    pub(crate) url: Text<'a>,
}

/// A package and its versions.
#[derive(Deserialize)]
pub(crate) struct AffectedPackage<'a> {
    #[serde(borrow)]
    pub(crate) package: Option<PackageName<'a>>,
    #[serde(borrow)]
    pub(crate) ranges: Option<Vec<EventRange<'a>>>,
    #[serde(borrow)]
    pub(crate) versions: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    pub(crate) severity: Option<Vec<Scored<'a>>>,
    #[serde(borrow)]
    pub(crate) ecosystem_specific: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) database_specific: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(crate) struct PackageName<'a> {
    #[serde(borrow)]
    pub(crate) ecosystem: Text<'a>,
    #[serde(borrow)]
    pub(crate) name: Text<'a>,
    #[serde(borrow)]
    pub(crate) purl: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(crate) struct EventRange<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Text<'a>,
    #[serde(borrow)]
    pub(crate) events: Option<Vec<Event<'a>>>,
}

#[derive(Deserialize)]
pub(crate) struct Event<'a> {
    #[serde(borrow)]
    introduced: Option<Text<'a>>,
    #[serde(borrow)]
    fixed: Option<Text<'a>>,
    #[serde(borrow)]
    last_affected: Option<Text<'a>>,
    #[serde(borrow)]
    limit: Option<Text<'a>>,
}

/// Reads the record that a file is.
///
/// # Errors
/// The file is no record.
pub(crate) fn record<'a>(file: &Fetched<'a>) -> Result<Record<'a>, FeedError> {
    json::document(file)
}

/// A publisher's own object, if it has the shape that is looked for.
pub(crate) fn specific<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

/// What an affected package says of versions.
pub(crate) struct Versions {
    pub(crate) ranges: Vec<Range>,
    /// Versions that no range has.
    pub(crate) listed: Vec<String>,
    /// Ranges of commits, which were passed over.
    pub(crate) commits: usize,
}

/// The affected versions of a package.
///
/// # Errors
/// A bound is no version, with what is wrong with it.
pub(crate) fn versions(affected: &AffectedPackage<'_>, scheme: Scheme) -> Result<Versions, String> {
    let known_end = || {
        #[derive(Deserialize)]
        struct Specific {
            last_known_affected_version_range: Option<String>,
        }
        let specific: Specific = specific(affected.database_specific)?;
        upper(&specific.last_known_affected_version_range?)
    };
    let mut versions = Versions {
        ranges: Vec::new(),
        listed: Vec::new(),
        commits: 0,
    };
    for range in affected.ranges.iter().flatten() {
        if &*range.kind == "GIT" {
            versions.commits += 1;
            continue;
        }
        let events = range.events.as_deref().unwrap_or_default();
        for mut range in intervals(events, scheme)? {
            if range.upper == Upper::Open
                && let Some(end) = known_end()
            {
                range.upper = end;
            }
            if !versions.ranges.contains(&range) {
                versions.ranges.push(range);
            }
        }
    }
    for version in affected.versions.iter().flatten() {
        let covered = scheme.parse(version).is_ok_and(|version| {
            versions
                .ranges
                .iter()
                .any(|range| range.contains(&version).is_ok_and(|yes| yes))
        });
        if !covered {
            versions.listed.push(version.0.clone().into_owned());
        }
    }
    versions.listed.sort_unstable();
    versions.listed.dedup();
    Ok(versions)
}

/// What the Go project's records say beside ranges, in versions that are none of Go's modules: tags
/// of a program that is not released as a module. `None` if there is no such thing, or a bound is no
/// version.
///
/// A build that knows no tag has a pseudo-version (`0.0.0-20240109…`), which stands below all of them
/// and tells nothing: it is affected if any version is.
pub(crate) fn custom_ranges(affected: &AffectedPackage<'_>, scheme: Scheme) -> Option<Vec<Range>> {
    #[derive(Deserialize)]
    struct Specific<'a> {
        #[serde(borrow)]
        custom_ranges: Vec<EventRange<'a>>,
    }
    let specific: Specific<'_> = specific(affected.ecosystem_specific)?;
    let mut ranges = Vec::new();
    for range in &specific.custom_ranges {
        let events = range.events.as_deref().unwrap_or_default();
        ranges.extend(intervals(events, scheme).ok()?);
    }
    if ranges.is_empty() {
        return None;
    }
    if ranges.iter().all(|range| range.lower != Lower::Beginning) {
        ranges.push(Range {
            lower: Lower::Beginning,
            upper: Upper::Through("0.0.0".to_owned()),
        });
    }
    ranges.sort();
    ranges.dedup();
    Some(ranges)
}

/// `<= 1.2` or `< 1.2`, of which GitHub says that no version is patched.
fn upper(text: &str) -> Option<Upper> {
    let text = text.trim();
    if let Some(last) = text.strip_prefix("<=") {
        return Some(Upper::Through(last.trim().to_owned()));
    }
    let end = text.strip_prefix('<')?.trim();
    (!end.is_empty()).then(|| Upper::Below(end.to_owned()))
}

#[derive(Clone, Copy)]
enum Turn {
    Introduced,
    Fixed,
    Last,
}

/// The intervals that events mark off.
fn intervals(events: &[Event<'_>], scheme: Scheme) -> Result<Vec<Range>, String> {
    let mut turns: Vec<(&str, Turn)> = Vec::with_capacity(events.len());
    for event in events {
        let fields = [
            (&event.introduced, Turn::Introduced),
            (&event.fixed, Turn::Fixed),
            (&event.last_affected, Turn::Last),
            (&event.limit, Turn::Fixed),
        ];
        for (version, turn) in fields {
            match version.as_deref().map(str::trim) {
                None => {}
                // No limit, and the beginning of everything: neither is a version.
                Some("*") if event.limit.is_some() => {}
                Some("0") if matches!(turn, Turn::Introduced) => turns.push(("", turn)),
                Some(version) => {
                    scheme
                        .parse(version)
                        .map_err(|invalid| invalid.to_string())?;
                    turns.push((version, turn));
                }
            }
        }
    }
    // Stable: what stands at one version keeps the document's order.
    turns.sort_by(|(a, _), (b, _)| match (a.is_empty(), b.is_empty()) {
        (false, false) => scheme.compare(a, b).unwrap_or(std::cmp::Ordering::Equal),
        (a, b) => b.cmp(&a),
    });
    let mut ranges = Vec::new();
    let mut open: Option<Lower> = None;
    for (version, turn) in turns {
        match (turn, open.take()) {
            (Turn::Introduced, None) if version.is_empty() => open = Some(Lower::Beginning),
            (Turn::Introduced, None) => open = Some(Lower::Inclusive(version.to_owned())),
            (Turn::Introduced, lower) => open = lower,
            (Turn::Fixed, Some(lower)) => ranges.push(Range {
                lower,
                upper: Upper::Before(version.to_owned()),
            }),
            (Turn::Last, Some(lower)) => ranges.push(Range {
                lower,
                upper: Upper::Through(version.to_owned()),
            }),
            (Turn::Fixed | Turn::Last, None) => {}
        }
    }
    if let Some(lower) = open {
        ranges.push(Range {
            lower,
            upper: Upper::Open,
        });
    }
    Ok(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_count_in_the_order_of_versions() {
        let check = |events: &str, expected: &[&str]| {
            let events: Vec<Event<'_>> = serde_json::from_str(events).unwrap();
            let ranges: Vec<_> = intervals(&events, Scheme::Semver)
                .unwrap()
                .iter()
                .map(ToString::to_string)
                .collect();
            assert_eq!(ranges, expected);
        };
        check(r#"[{"introduced":"0"}]"#, &["*"]);
        check(r#"[{"introduced":"0"},{"fixed":"1.2.0"}]"#, &["< 1.2.0"]);
        check(
            r#"[{"fixed":"2.1.0"},{"introduced":"2.0.0"},{"fixed":"1.2.0"},{"introduced":"0"}]"#,
            &["< 1.2.0", ">= 2.0.0, < 2.1.0"],
        );
        check(
            r#"[{"introduced":"1.0.0"},{"last_affected":"1.0.0"}]"#,
            &["= 1.0.0"],
        );
        check(
            r#"[{"introduced":"0"},{"fixed":"1.0.0"},{"introduced":"1.0.0"},{"limit":"*"}]"#,
            &["< 1.0.0", ">= 1.0.0"],
        );
        check(r#"[{"fixed":"1.0.0"}]"#, &[]);
        check(r#"[{"introduced":"0","fixed":"1.0.0"}]"#, &["< 1.0.0"]);
    }

    #[test]
    fn a_list_keeps_only_what_no_range_has_and_an_end_may_stand_aside() {
        let read = |text: &str| {
            let affected: AffectedPackage<'_> = serde_json::from_str(text).unwrap();
            let versions = versions(&affected, Scheme::Pep440).unwrap();
            let ranges = versions.ranges.iter().map(ToString::to_string);
            (
                ranges.collect::<Vec<_>>(),
                versions.listed,
                versions.commits,
            )
        };
        let (ranges, listed, commits) = read(
            r#"{"ranges":[{"type":"GIT","repo":"x","events":[{"introduced":"0"}]},
                {"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1.10"}]}],
                "versions":["1.9","1.10","0.1","2.0"]}"#,
        );
        assert_eq!((ranges, commits), (vec!["< 1.10".to_owned()], 1));
        assert_eq!(listed, ["1.10", "2.0"]);
        let (ranges, ..) = read(
            r#"{"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"1.0"}]}],
                "database_specific":{"last_known_affected_version_range":"<= 1.4"}}"#,
        );
        assert_eq!(ranges, [">= 1.0, <= 1.4"]);
    }

    #[test]
    fn versions_of_a_program_that_is_no_module_stand_aside() {
        let check = |ranges: &str, expected: Option<&[&str]>| {
            let text = format!(r#"{{"ecosystem_specific":{{"custom_ranges":{ranges}}}}}"#);
            let affected: AffectedPackage<'_> = serde_json::from_str(&text).unwrap();
            let found = custom_ranges(&affected, Scheme::Go).map(|ranges| {
                let shown = ranges.iter().map(ToString::to_string);
                shown.collect::<Vec<_>>()
            });
            let expected = expected.map(|ranges| ranges.iter().map(ToString::to_string).collect());
            assert_eq!(found, expected, "{ranges}");
        };
        check(
            r#"[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1.9.0"}]}]"#,
            Some(&["< 1.9.0"]),
        );
        check(
            r#"[{"type":"ECOSYSTEM","events":[{"introduced":"1.2.0"},{"fixed":"1.9.0"}]}]"#,
            Some(&["<= 0.0.0", ">= 1.2.0, < 1.9.0"]),
        );
        check(
            r#"[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"edge-24.6.2"}]}]"#,
            None,
        );
        check("[]", None);
        check("null", None);
    }
}
