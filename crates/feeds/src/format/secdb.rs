//! The secdb document of Alpine and its cousins: which package version fixed which ids.
//!
//! `packages[].pkg.secfixes` maps a fixed version to ids, by origin (source) package. The version
//! `"0"` says that the package was never affected by them. One string may hold several ids: the CVEs
//! among them are vulnerabilities of their own, the rest are other names of the one CVE beside them.
//! An id under two versions was fixed badly at first: the higher version counts. Only fixed problems
//! are listed, and no severities.
//!
//! Not here: problems that have no fix yet, which these documents never name.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use pellucid_model::{Advisory, Affected, NameKind, Namespace, Status};
use pellucid_version::{Range, Scheme};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::json::{self, Members, Text};
use super::whole;
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// What differs from one distribution with a secdb to the next.
pub(crate) struct Secdb<'a> {
    /// Namespace of the document.
    pub(crate) namespace: &'a Namespace,
    /// What `distroversion` must say, where the distribution has releases.
    pub(crate) release: Option<&'a str>,
    /// Start of the page about an id.
    pub(crate) page: &'a str,
    /// Whether an entry may also be of an installed package's own name, beside its origin's.
    pub(crate) own_names: bool,
}

impl Secdb<'_> {
    /// Reads one document.
    pub(crate) fn parse(
        &self,
        file: &Fetched<'_>,
        out: &mut dyn AdvisorySink,
    ) -> Result<(), FeedError> {
        let document: Document<'_> = json::document(file)?;
        if let Some(expected) = self.release {
            let found = document.distroversion.as_deref().unwrap_or_default();
            if found != expected {
                return Err(FeedError::OtherSubject {
                    file: file.name().to_owned(),
                    found: found.chars().take(80).collect(),
                    expected: expected.to_owned(),
                });
            }
        }
        let mut advisories = BTreeMap::new();
        for raw in document.packages {
            match serde_json::from_str::<Entry<'_>>(raw.get()) {
                Ok(entry) => self.package(&entry.pkg, &mut advisories, out),
                Err(error) => {
                    let start: String = raw.get().chars().take(60).collect();
                    out.bad_record(&start, &error.to_string());
                }
            }
        }
        advisories
            .into_values()
            .for_each(|advisory| out.advisory(advisory));
        Ok(())
    }

    fn package(
        &self,
        package: &Pkg<'_>,
        advisories: &mut BTreeMap<String, Advisory>,
        out: &mut dyn AdvisorySink,
    ) {
        let name = package.name.trim();
        if name.is_empty() {
            out.bad_record("", "a package without a name");
            return;
        }
        for (id, fixes) in fixes_of(package, out) {
            let mut fixed: Vec<_> = fixes
                .versions
                .iter()
                .copied()
                .filter(|version| *version != "0")
                .collect();
            // Every text that got here is a version of the scheme.
            fixed.sort_by(|a, b| Scheme::Apk.compare(a, b).unwrap_or_else(|_| a.cmp(b)));
            fixed.dedup();
            let (status, ranges) = match fixed.pop() {
                Some(highest) => (Status::Affected, vec![Range::before(highest)]),
                None => (Status::NotAffected, Vec::new()),
            };
            let note = (!fixed.is_empty())
                .then(|| format!("also listed as fixed in {}", fixed.join(", ")));
            let advisory = advisories.entry(id.clone()).or_insert_with(|| {
                let mut advisory = Advisory::new(id.as_str());
                advisory.links.push(format!("{}{id}", self.page));
                advisory
            });
            join(&mut advisory.aliases, fixes.aliases);
            join(&mut advisory.related, fixes.related);
            let of_origin = Affected {
                namespace: self.namespace.clone(),
                package: name.to_owned(),
                name_kind: NameKind::Source,
                status,
                ranges,
                versions: Vec::new(),
                severity: None,
                arches: Vec::new(),
                module: None,
                cpes: Vec::new(),
                note,
            };
            if self.own_names {
                advisory.affected.push(Affected {
                    name_kind: NameKind::Binary,
                    ..of_origin.clone()
                });
            }
            advisory.affected.push(of_origin);
        }
    }
}

/// A distribution without releases, whose secdb is one document.
pub(crate) struct Rolling {
    /// Of the feed, its only snapshot and the namespace.
    pub(crate) name: &'static str,
    pub(crate) url: &'static str,
    /// Start of the page about an id.
    pub(crate) page: &'static str,
}

/// What the document is called in a plan.
pub(crate) const DOCUMENT: &str = "security.json";
/// The largest document has some 10 MB.
pub(crate) const ROLLING_LIMIT: u64 = 256 << 20;

impl Feed for Rolling {
    fn name(&self) -> &'static str {
        self.name
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        // MinimOS has a date as its release.
        (namespace.distribution() == self.name)
            .then(|| whole::answer(self.name, &Namespace::new(self.name)))
    }

    fn plan(&self, key: &str, _state: &FeedState<'_>) -> Result<Plan, FeedError> {
        whole::plan(self.name, key, || {
            Request::new(DOCUMENT, self.url, ROLLING_LIMIT)
        })
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        Secdb {
            namespace: &Namespace::new(self.name),
            release: None,
            page: self.page,
            own_names: true,
        }
        .parse(file, out)
    }
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    distroversion: Option<Text<'a>>,
    #[serde(borrow)]
    packages: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    pkg: Pkg<'a>,
}

#[derive(Deserialize)]
struct Pkg<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    secfixes: Option<Members<'a, Option<Vec<Text<'a>>>>>,
}

/// What a package says of one id.
#[derive(Default)]
struct Fixes<'a> {
    versions: BTreeSet<&'a str>,
    aliases: BTreeSet<String>,
    related: BTreeSet<String>,
}

/// The ids of a package, each with all versions it stands under.
fn fixes_of<'a>(package: &'a Pkg<'_>, out: &mut dyn AdvisorySink) -> BTreeMap<String, Fixes<'a>> {
    let mut fixes: BTreeMap<String, Fixes<'a>> = BTreeMap::new();
    let Some(Members(versions)) = &package.secfixes else {
        return fixes;
    };
    for (version, strings) in versions {
        let version = version.trim();
        if !Scheme::Apk.is_valid(version) {
            out.bad_record(&package.name, &format!("{version:?} is no version"));
            continue;
        }
        for string in strings.iter().flatten() {
            let ids = Ids::read(string);
            let (ids, other_names) = ids.split();
            if ids.is_empty() {
                out.bad_record(&package.name, &format!("no id in {:?}", string.0));
            }
            for id in ids {
                let entry = fixes.entry(id.clone()).or_default();
                entry.versions.insert(version);
                // Beside several CVEs another id names the group, not any one of them.
                let names = match ids {
                    [_] => &mut entry.aliases,
                    _ => &mut entry.related,
                };
                names.extend(other_names.iter().cloned());
            }
        }
    }
    fixes
}

/// The ids in one string: CVEs, and names that others gave.
#[derive(Default)]
struct Ids {
    cves: Vec<String>,
    others: Vec<String>,
}

impl Ids {
    /// Ids are divided by spaces; a bracket begins a remark.
    fn read(string: &str) -> Self {
        let mut ids = Self::default();
        let ids_only = string.split_once('(').map_or(string, |(before, _)| before);
        for word in ids_only.split_whitespace() {
            let word = word.trim_matches([',', ';', '.', ':']);
            let (list, id) = match cve(word) {
                Some(cve) => (&mut ids.cves, cve),
                None if is_id(word) => (&mut ids.others, Cow::Borrowed(word)),
                None => continue,
            };
            if !list.iter().any(|known| *known == id) {
                list.push(id.into_owned());
            }
        }
        ids
    }

    /// The ids that stand for vulnerabilities, and the other names: without a CVE the first id is
    /// the vulnerability's.
    fn split(&self) -> (&[String], &[String]) {
        if self.cves.is_empty() {
            self.others.split_at_checked(1).unwrap_or_default()
        } else {
            (&self.cves, &self.others)
        }
    }
}

/// The CVE that a word means: `CVE_2019-2426` and `CVE-2017-17434-1` are typing errors of upstream.
fn cve(word: &str) -> Option<Cow<'_, str>> {
    let rest = word.strip_prefix("CVE")?.strip_prefix(['-', '_'])?;
    let (year, number) = rest.split_once(['-', '_'])?;
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, _) = number.split_at_checked(digits(number))?;
    if year.len() != 4 || digits(year) != 4 || !(3..=19).contains(&number.len()) {
        return None;
    }
    let id = format!("CVE-{year}-{number}");
    Some(if id == word {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(id)
    })
}

/// Whether a word is an id of some kind: letters, digits and a hyphen, as all of them have. Only
/// GitHub's may be without a digit.
fn is_id(word: &str) -> bool {
    word.len() <= 80
        && word.contains('-')
        && (word.starts_with("GHSA-") || word.bytes().any(|byte| byte.is_ascii_digit()))
        && word
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphabetic())
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

/// Adds names to a sorted list.
fn join(list: &mut Vec<String>, names: BTreeSet<String>) {
    list.extend(names);
    list.sort();
    list.dedup();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_of_ids_is_taken_apart() {
        let check = |string: &str, cves: &[&str], others: &[&str]| {
            let ids = Ids::read(string);
            assert_eq!(
                (ids.cves, ids.others),
                (
                    cves.iter().map(|&id| id.to_owned()).collect(),
                    others.iter().map(|&id| id.to_owned()).collect(),
                ),
                "{string}"
            );
        };
        check(
            "CVE-2020-11740 CVE-2020-11741 XSA-313",
            &["CVE-2020-11740", "CVE-2020-11741"],
            &["XSA-313"],
        );
        check("CVE_2019-2426", &["CVE-2019-2426"], &[]);
        check("CVE-2017-17434-1", &["CVE-2017-17434"], &[]);
        check("CVE N/A ZBX-11023", &[], &["ZBX-11023"]);
        check(
            "CVE-2017-5753 XSA-254 XPTI (only on x86 since CVE-1999-0001)",
            &["CVE-2017-5753"],
            &["XSA-254"],
        );
        check(
            "CVE-2020-1, CVE-20200-11111 wnpa-sec-2017-18",
            &[],
            &["CVE-2020-1", "CVE-20200-11111", "wnpa-sec-2017-18"],
        );
        check("GHSA-jfhm-vxfg-xmpq", &[], &["GHSA-jfhm-vxfg-xmpq"]);
        check(" ", &[], &[]);
    }
}
