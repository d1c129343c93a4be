//! What the feeds of RPM distributions have in common: words of severity, versions, lists of
//! architectures, CVE identifiers.

use pellucid_model::{Severity, Status};
use pellucid_version::{Lower, Range, Scheme, Upper};

/// The severity of a word that Red Hat and its kin use; `None` for a word nobody knows.
///
/// `None`, `N/A` and nothing at all are Unknown: the vendor has not rated it.
pub(crate) fn severity(word: &str) -> Option<Severity> {
    const WORDS: &[(&str, Severity)] = &[
        ("", Severity::Unknown),
        ("none", Severity::Unknown),
        ("n/a", Severity::Unknown),
        ("unknown", Severity::Unknown),
        ("unspecified", Severity::Unknown),
        ("low", Severity::Low),
        ("moderate", Severity::Medium),
        ("medium", Severity::Medium),
        ("important", Severity::High),
        ("high", Severity::High),
        ("critical", Severity::Critical),
        ("urgent", Severity::Critical),
    ];
    let word = word.trim();
    WORDS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(word))
        .map(|(_, severity)| *severity)
}

/// The state in which Red Hat leaves a component without a fix.
pub(crate) fn state(words: &str) -> Status {
    match words.trim().to_ascii_lowercase().as_str() {
        "will not fix" => Status::WillNotFix,
        "out of support scope" => Status::EndOfLife,
        "fix deferred" => Status::Deferred,
        "under investigation" => Status::UnderInvestigation,
        "not affected" => Status::NotAffected,
        _ => Status::Affected,
    }
}

/// `epoch:version-release` without an epoch of zero, or `None` if it is no version.
pub(crate) fn evr(text: &str) -> Option<&str> {
    let text = text.trim();
    let text = text.strip_prefix("0:").unwrap_or(text);
    let text = text.strip_prefix("(none):").unwrap_or(text);
    Scheme::Rpm.is_valid(text).then_some(text)
}

/// The architectures of a pattern such as `(aarch64|x86_64)`; none for one that is no plain list.
pub(crate) fn arches(pattern: &str) -> Vec<String> {
    let list = pattern.trim().trim_start_matches('^').trim_end_matches('$');
    let list = list
        .strip_prefix('(')
        .and_then(|list| list.strip_suffix(')'))
        .unwrap_or(list);
    let plain = |arch: &str| {
        !arch.is_empty()
            && arch
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let mut arches: Vec<String> = list.split('|').map(str::to_owned).collect();
    if !arches.iter().all(|arch| plain(arch)) {
        return Vec::new();
    }
    arches.sort();
    arches.dedup();
    arches
}

/// The CVE identifier that a text begins or ends with (`CVE:00001:CVE-2023-2602`).
pub(crate) fn cve(text: &str) -> Option<&str> {
    let at = text.rfind("CVE-")?;
    let id = text.get(at..)?;
    let numbers = id.strip_prefix("CVE-")?;
    let end = numbers
        .find(|c: char| !c.is_ascii_digit() && c != '-')
        .unwrap_or(numbers.len());
    let (year, number) = numbers.get(..end)?.split_once('-')?;
    let good = year.len() == 4 && number.len() >= 4 && !number.contains('-');
    good.then(|| id.get(..end + "CVE-".len())).flatten()
}

/// Takes the epochs off that count as none, which some bulletins write.
pub(crate) fn drop_epoch_of_zero(range: &mut Range) {
    each_bound(range, |version| version.strip_prefix("0:"));
}

/// Takes the epochs off. Versions of source packages are compared without: openEuler's and Microsoft's
/// advisories have none, Rocky's only the last digit, and packages of one source may have others than it.
pub(crate) fn drop_epoch(range: &mut Range) {
    each_bound(range, without_epoch);
}

/// The version behind an epoch, if there is one.
pub(crate) fn without_epoch(version: &str) -> Option<&str> {
    let (epoch, rest) = version.split_once(':')?;
    let is_number = !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(rest)
}

fn each_bound(range: &mut Range, part: impl Fn(&str) -> Option<&str>) {
    let lower = match &mut range.lower {
        Lower::Inclusive(version) | Lower::Exclusive(version) => Some(version),
        Lower::Beginning => None,
    };
    let upper = match &mut range.upper {
        Upper::Before(version) | Upper::Through(version) | Upper::Below(version) => Some(version),
        Upper::Open => None,
    };
    for version in lower.into_iter().chain(upper) {
        if let Some(rest) = part(version) {
            *version = rest.to_owned();
        }
    }
}

/// The module streams that a bulletin's title names (`Moderate: idm:DL1 and idm:client security
/// update`), without the component of one that may stand behind it (`httpd:2.4/mod_http2`).
pub(crate) fn streams_of(title: &str) -> Vec<&str> {
    let plain = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte))
    };
    let mut streams: Vec<&str> = title
        .split_ascii_whitespace()
        .map(|word| word.trim_matches([',', ';']))
        .map(|word| word.split_once('/').map_or(word, |(stream, _)| stream))
        .filter(|word| {
            word.split_once(':')
                .is_some_and(|(name, stream)| plain(name) && plain(stream))
        })
        .collect();
    streams.sort_unstable();
    streams.dedup();
    streams
}

/// Whether a version's release says that it was built as part of a module.
pub(crate) fn is_modular(evr: &str) -> bool {
    evr.contains(".module+el") || evr.contains(".module_el")
}

/// What of a modular build's version every rebuild of the same source has, before and behind the build
/// (`2.1.29-12` and `2` of `2.1.29-12.module+el8.5.0+717+27fd1ba7.2`).
pub(crate) fn source_of_build(evr: &str) -> Option<(&str, &str)> {
    let (version, build) = evr.split_once(".module")?;
    let (_, last) = build.rsplit_once('+')?;
    Some((version, last.split_once('.').map_or("", |(_, rest)| rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_patterns_and_titles_are_read() {
        assert_eq!(severity(" IMPORTANT "), Some(Severity::High));
        assert_eq!(severity("N/A"), Some(Severity::Unknown));
        assert_eq!(severity("dire"), None);
        assert_eq!(arches("(x86_64|aarch64)"), ["aarch64", "x86_64"]);
        assert_eq!(arches("x86_64"), ["x86_64"]);
        assert_eq!(arches(".*"), [""; 0]);
        assert_eq!(cve("CVE:00001:CVE-2023-2602"), Some("CVE-2023-2602"));
        assert_eq!(cve("Mitre CVE-2004-2771"), Some("CVE-2004-2771"));
        assert_eq!(cve("CVE-20-1"), None);
        assert_eq!(evr("0:1.2-3"), Some("1.2-3"));
        assert_eq!(evr("1:1.2-3"), Some("1:1.2-3"));
        assert_eq!(evr(""), None);
        assert_eq!(
            source_of_build("3:2.1.29-12.module+el8.5.0+717+27fd1ba7.2"),
            Some(("3:2.1.29-12", "2"))
        );
        assert_eq!(
            source_of_build("1.0.1-2.module_el8.6.0+3048+383bc947"),
            Some(("1.0.1-2", ""))
        );
        assert_eq!(source_of_build("1.0.1-2.el8"), None);
        for (title, streams) in [
            (
                "Important: container-tools:rhel8 security and bug fix update",
                &["container-tools:rhel8"][..],
            ),
            ("Moderate: 389-ds:1.4 security update", &["389-ds:1.4"]),
            (
                "Important: httpd:2.4/mod_http2 security update",
                &["httpd:2.4"],
            ),
            (
                "Moderate: virt:rhel and virt-devel:rhel security, bug fix, and enhancement update",
                &["virt-devel:rhel", "virt:rhel"],
            ),
            ("Important: bcel security update", &[]),
            ("Important: a/b:c security update", &[]),
        ] {
            assert_eq!(streams_of(title), streams, "{title}");
        }
    }
}
