//! Whether one statement of an advisory holds for an installed package.
//!
//! Names: a distribution's advisories speak of source packages (Debian, Alpine, Azure Linux) or of
//! binary ones (most RPM errata), and say which; the source's version is compared with the one, the
//! package's own with the other. Modular RPMs: a statement about a module stream holds for packages
//! of that stream alone, and one without a stream never for a modular package. Ebuilds: a statement about
//! a slot holds for packages of that slot and for those of which it is not known, one without a slot
//! for all. Oracle's Ksplice and FIPS
//! builds are compared with versions of their own flavour alone.
//!
//! Not here: which products a statement is for (`products`).

use std::borrow::Cow;

use pellucid_model::{Affected, NameKind, Package, PackageKind, Status};
use pellucid_version::{InvalidVersion, Range, Upper, Version};

/// The name and version of an installed package that advisories of one kind of name are asked about.
pub(crate) struct Subject<'a> {
    pub(crate) kind: NameKind,
    pub(crate) name: Cow<'a, str>,
    /// The version as shown.
    pub(crate) version: &'a str,
    /// The version as compared.
    pub(crate) parsed: Result<Version, InvalidVersion>,
}

/// What a statement means for the installed version.
pub(crate) enum Verdict {
    /// Nothing: it is of another architecture, module or version.
    Silent,
    /// The package is not affected.
    NotAffected,
    /// The version is affected.
    Affected {
        /// The range it lies in, in words.
        range: String,
        /// First version that is not affected.
        fixed: Option<String>,
        /// Whether the range ends at the last affected version, without naming a fix.
        ends: bool,
    },
}

/// A bound of the statement, or the installed version, cannot be placed in the order.
pub(crate) struct Unplaced(pub(crate) InvalidVersion);

/// What to ask about a package: its source and itself, and the sources that others know it to be built from, of
/// which its own version is taken for theirs.
pub(crate) fn subjects(package: &Package, built_from: Vec<String>) -> Vec<Subject<'_>> {
    let others = built_from
        .into_iter()
        .map(|name| (NameKind::Source, Cow::Owned(name), source_version(package)));
    [
        (
            NameKind::Source,
            package.kind.normalise(package.source_name()),
            source_version(package),
        ),
        (
            NameKind::Binary,
            package.kind.normalise(&package.name),
            package.version.as_str(),
        ),
    ]
    .into_iter()
    .chain(others)
    .map(|(kind, name, version)| Subject {
        kind,
        name,
        parsed: package.kind.scheme().parse(&compared(package, version)),
        version,
    })
    .collect()
}

/// The source's version, as statements about sources are compared with it. That of a source RPM is without epoch,
/// as its file's name has none and as feeds state versions of source RPMs: upstreams leave the epoch off or
/// get it wrong, and packages may have another than their source.
pub fn source_version(package: &Package) -> &str {
    let version = package.source_version();
    match version.split_once(':') {
        Some((_, rest)) if package.kind == PackageKind::Rpm => rest,
        _ => version,
    }
}

/// A version of a package as it is compared with those of advisories, which may leave something off or write it
/// another way.
pub fn compared<'a>(package: &Package, version: &'a str) -> Cow<'a, str> {
    match package.kind {
        PackageKind::Rpm => without_dist_tag(version).into(),
        PackageKind::Generic => as_bitnami_writes(version),
        PackageKind::Bitnami if JAVA.contains(&&*package.kind.normalise(&package.name)) => {
            eight(version)
        }
        _ => version.into(),
    }
}

/// Bitnami's components that are a Java.
const JAVA: &[&str] = &["java", "java-min", "jre"];

/// Bitnami's component of Java 8 is `1.8.345-2`, and its advisories are about `8.0.345`.
fn eight(version: &str) -> Cow<'_, str> {
    match version.strip_prefix("1.8.") {
        Some(update) => format!("8.0.{}", update.strip_prefix("0_").unwrap_or(update)).into(),
        None => version.into(),
    }
}

/// Microsoft's advisories leave the distribution's tag off (`2.6.7-3` for `2.6.7-3.azl3`), which
/// matters where a range ends at the last affected version.
fn without_dist_tag(version: &str) -> &str {
    let tag = |tag: &str| {
        let digits = tag.strip_prefix("azl").or_else(|| tag.strip_prefix("cm"));
        digits
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|d| d.is_ascii_digit()))
    };
    match version.rsplit_once('.') {
        Some((rest, last)) if tag(last) => rest,
        _ => version,
    }
}

/// A version as a program has it, in the form of Bitnami's advisories, which have three numbers: `8.0.392` for
/// Java's `1.8.0_392`, `3.12.0-rc1` for Python's `3.12.0rc1`, `17.0.4` for `17.0.4.1`.
fn as_bitnami_writes(version: &str) -> Cow<'_, str> {
    let old_java = version.strip_prefix("1.").and_then(|rest| {
        let (release, update) = rest.split_once(".0_")?;
        Some(format!("{release}.0.{update}").into())
    });
    if let Some(old_java) = old_java {
        return old_java;
    }
    let is_number = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let end = version.bytes().take_while(|byte| is_number(byte)).count();
    let (numbers, rest) = version.split_at_checked(end).unwrap_or((version, ""));
    let three = numbers.match_indices('.').nth(2).map(|(at, _)| at);
    let numbers = three.map_or(numbers, |at| numbers.get(..at).unwrap_or(numbers));
    match rest {
        "" => numbers.into(),
        rest if rest.starts_with(|first: char| first.is_ascii_alphabetic()) => {
            format!("{numbers}-{rest}").into()
        }
        rest => format!("{numbers}{rest}").into(),
    }
}

/// What a statement found under the subject's name means for the package.
pub(crate) fn judge(
    affected: &Affected,
    package: &Package,
    subject: &Subject<'_>,
) -> Result<Verdict, Unplaced> {
    if affected.name_kind != subject.kind || !arch_holds(affected, package) {
        return Ok(Verdict::Silent);
    }
    let (stated, installed) = (affected.module.as_deref(), package.module.as_deref());
    let holds = match package.kind {
        PackageKind::Ebuild => slot_holds(stated, installed),
        _ => stream(stated) == stream(installed),
    };
    if !holds {
        return Ok(Verdict::Silent);
    }
    if affected.status == Status::NotAffected && affected.ranges.is_empty() {
        return Ok(Verdict::NotAffected);
    }
    let verdict = if affected.ranges.is_empty() && affected.versions.is_empty() {
        // Affected as far as is known, and no version is said to be free of it.
        Verdict::Affected {
            range: words(&Range::all()),
            fixed: None,
            ends: false,
        }
    } else {
        lies_in(affected, subject)?
    };
    Ok(match verdict {
        Verdict::Affected { .. } if affected.status == Status::NotAffected => Verdict::NotAffected,
        verdict => verdict,
    })
}

fn arch_holds(affected: &Affected, package: &Package) -> bool {
    let neutral = |arch: &str| matches!(arch, "noarch" | "all" | "any");
    let Some(arch) = package.arch.as_deref().filter(|arch| !neutral(arch)) else {
        return true;
    };
    affected.arches.is_empty()
        || affected
            .arches
            .iter()
            .any(|own| own == arch || neutral(own))
}

/// Name and stream of a modularity label: `php:7.4` of `php:7.4:8010020190322:9edba152`.
fn stream(label: Option<&str>) -> Option<(&str, Option<&str>)> {
    let mut parts = label?.split(':');
    let name = parts.next().filter(|name| !name.is_empty())?;
    Some((name, parts.next()))
}

/// Whether a statement about slots (`8.2`, `0/esr78`, `!8.2 8.3`) is about a package's slot.
fn slot_holds(stated: Option<&str>, installed: Option<&str>) -> bool {
    fn parts(slot: &str) -> (&str, Option<&str>) {
        match slot.split_once('/') {
            Some((slot, sub_slot)) => (slot, Some(sub_slot)),
            None => (slot, None),
        }
    }
    let (Some(stated), Some(installed)) = (stated, installed) else {
        return true;
    };
    let (own, own_sub) = parts(installed);
    let is_own = |slot: &str| {
        let (slot, sub_slot) = parts(slot);
        slot == own && sub_slot.is_none_or(|sub_slot| sub_slot == own_sub.unwrap_or(own))
    };
    match stated.strip_prefix('!') {
        Some(others) => !others.split(' ').any(is_own),
        None => is_own(stated),
    }
}

/// Compares the version with the ranges, then with the versions listed one by one.
fn lies_in(affected: &Affected, subject: &Subject<'_>) -> Result<Verdict, Unplaced> {
    // What holds for every version needs no order.
    if affected.ranges.contains(&Range::all()) {
        return Ok(Verdict::Affected {
            range: words(&Range::all()),
            fixed: None,
            ends: false,
        });
    }
    if affected
        .versions
        .iter()
        .any(|version| version == subject.version)
    {
        return within(affected, subject).or_else(|_| Ok(listed(subject.version)));
    }
    within(affected, subject)
}

fn within(affected: &Affected, subject: &Subject<'_>) -> Result<Verdict, Unplaced> {
    let version = subject
        .parsed
        .as_ref()
        .map_err(|invalid| Unplaced(invalid.clone()))?;
    let mut unplaced = None;
    let mut around: Option<&Range> = None;
    let own = flavour(subject.version);
    for range in &affected.ranges {
        if range.fixed().is_some_and(|fixed| flavour(fixed) != own) {
            continue;
        }
        match range.contains(version) {
            Ok(true) if around.is_none_or(|other| outlasts(range, other, version)) => {
                around = Some(range);
            }
            Ok(_) => {}
            Err(invalid) => unplaced = Some(invalid),
        }
    }
    if let Some(range) = around {
        let fixed = range
            .fixed()
            .and_then(|fixed| first_free(affected, fixed, version));
        let ends = matches!(range.upper, Upper::Through(_) | Upper::Below(_));
        return Ok(Verdict::Affected {
            range: words(range),
            fixed,
            ends,
        });
    }
    if affected
        .versions
        .iter()
        .any(|own| version.compare_text(own).is_ok_and(|o| o.is_eq()))
    {
        return Ok(listed(subject.version));
    }
    match unplaced {
        Some(invalid) => Err(Unplaced(invalid)),
        None => Ok(Verdict::Silent),
    }
}

/// Whether the installed build has the fix that was made for the minor release it was built for, its own:
/// `7.76.1-23.el9_2.4` has it, though another statement names `7.76.1-26.el9_3.2`, which was made for a
/// later one.
pub(crate) fn has_fix_of(own: &str, affected: &Affected, subject: &Subject<'_>) -> bool {
    let Ok(version) = &subject.parsed else {
        return false;
    };
    let mut fixes = affected.ranges.iter().filter_map(Range::fixed);
    fixes.any(|fixed| {
        minor(fixed) == Some(own) && version.compare_text(fixed).is_ok_and(|order| order.is_ge())
    })
}

/// Whether every fix of a statement was made for some minor release.
pub(crate) fn is_fixed_in_a_minor(affected: &Affected) -> bool {
    let mut fixes = affected.ranges.iter().map(Range::fixed);
    fixes.all(|fixed| fixed.and_then(minor).is_some())
}

/// The minor release that a build of RHEL's is for: `el9_2` of `7.76.1-23.el9_2.4`.
pub(crate) fn minor(version: &str) -> Option<&str> {
    let (_, release) = version.rsplit_once('-')?;
    release.split('.').find(|part| {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let numbers = part
            .strip_prefix("el")
            .and_then(|rest| rest.split_once('_'));
        numbers.is_some_and(|(major, minor)| digits(major) && digits(minor))
    })
}

/// What sets a build apart from the plain one of the same version: `2.34-60.0.3.ksplice1.el9_2`,
/// `10:3.6.16-8.el8_8.3_fips`.
fn flavour(version: &str) -> &'static str {
    let is = |mark| version.contains(mark);
    match (is(".ksplice"), is("_fips")) {
        (true, _) => "ksplice",
        (_, true) => "fips",
        _ => "",
    }
}

/// Of two ranges around the version, whether the first ends later.
fn outlasts(range: &Range, other: &Range, version: &Version) -> bool {
    match (range.fixed(), other.fixed()) {
        (Some(fixed), Some(other)) => version
            .scheme()
            .parse(fixed)
            .and_then(|fixed| fixed.compare_text(other))
            .is_ok_and(|order| order.is_gt()),
        (None, Some(_)) => true,
        (_, None) => false,
    }
}

/// The fixed version, unless another range of the statement takes it in again.
fn first_free(affected: &Affected, fixed: &str, version: &Version) -> Option<String> {
    let mut free = fixed;
    // No real advisory chains more ranges than that; a hostile one shall not cost their square.
    for _ in 0..affected.ranges.len().min(32) {
        let Ok(candidate) = version.scheme().parse(free) else {
            break;
        };
        let again = affected
            .ranges
            .iter()
            .find(|range| range.contains(&candidate).is_ok_and(|yes| yes));
        match again {
            None => break,
            Some(range) => free = range.fixed()?,
        }
    }
    Some(free.to_owned())
}

fn listed(version: &str) -> Verdict {
    Verdict::Affected {
        range: format!("= {version}"),
        fixed: None,
        ends: true,
    }
}

fn words(range: &Range) -> String {
    if *range == Range::all() {
        "all versions".to_owned()
    } else {
        range.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_programs_are_read_as_bitnami_writes_them() {
        for (own, theirs) in [
            ("1.8.0_392", "8.0.392"),
            ("17.0.9", "17.0.9"),
            ("17.0.4.1", "17.0.4"),
            ("17.0.9+9", "17.0.9+9"),
            ("21", "21"),
            ("16.1", "16.1"),
            ("3.12.0rc1", "3.12.0-rc1"),
            ("8.1.0RC1", "8.1.0-RC1"),
            ("2.4.0-dev", "2.4.0-dev"),
            ("3.2.0.beta2-dev", "3.2.0-beta2-dev"),
            ("", ""),
        ] {
            assert_eq!(as_bitnami_writes(own), theirs);
            let parsed = PackageKind::Generic.scheme().parse(theirs);
            assert_eq!(parsed.is_ok(), !own.is_empty(), "{own}");
        }
    }

    #[test]
    fn a_component_of_java_8_is_read_as_bitnami_s_advisories_write_it() {
        for (name, own, theirs) in [
            ("java", "1.8.345-2", "8.0.345-2"),
            ("java-min", "1.8.302", "8.0.302"),
            ("JRE", "1.8.0_362-0", "8.0.362-0"),
            ("java", "17.0.4-1", "17.0.4-1"),
            ("java", "1.80.1", "1.80.1"),
            ("redis", "1.8.345-2", "1.8.345-2"),
        ] {
            let package = Package::new(PackageKind::Bitnami, name, own);
            assert_eq!(compared(&package, own), theirs);
        }
    }

    #[test]
    fn a_statement_about_a_slot_is_about_that_slot() {
        for (stated, installed, expected) in [
            (None, Some("0"), true),
            (Some("8.2"), None, true),
            (Some("!8.2"), None, true),
            (Some("8.2"), Some("8.2"), true),
            (Some("8.2"), Some("8.2/1"), true),
            (Some("8.2"), Some("8.20"), false),
            (Some("0/esr78"), Some("0/esr78"), true),
            (Some("0/esr78"), Some("0/78"), false),
            // Without a sub-slot the slot is its own.
            (Some("0/esr78"), Some("0"), false),
            (Some("6/6"), Some("6"), true),
            (Some("!8.2 8.3"), Some("8.3/x"), false),
            (Some("!8.2 8.3"), Some("8.1"), true),
        ] {
            assert_eq!(
                slot_holds(stated, installed),
                expected,
                "{stated:?} {installed:?}"
            );
        }
    }
}
