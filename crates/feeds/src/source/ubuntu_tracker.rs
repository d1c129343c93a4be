//! Ubuntu's CVE tracker as Clair 2 read it: a text file a CVE, in `active/` and `retired/`.
//!
//! Fields with continuation lines that begin with a blank, then a line a release and package:
//! `jammy_curl: released (7.81.0-1ubuntu1.14)`. Names are of source packages. Pockets of Ubuntu Pro
//! (`esm-infra/xenial`, `trusty/esm`) are joined with the standard archive's line (`format/pro.rs`).
//!
//! `ubuntu` has the same statements, so this is only followed on request. The archive is Launchpad's of the git repository; a mirror's list may name the repository itself.
//!
//! Not here: `devel`, which means another release every half-year; `upstream`, phones, snaps, FIPS;
//! CVEs in `ignored/`.

use std::collections::BTreeMap;

use pellucid_model::{Advisory, Cvss, Namespace, Severity, Status};
use pellucid_version::{Range, Scheme};

use super::ubuntu;
use crate::format::pro::{self, Said, Standing};
use crate::format::{date, rpm, whole};
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// `https://launchpad.net/ubuntu-cve-tracker`.
pub(crate) struct UbuntuTracker;

const URL: &str =
    "https://git.launchpad.net/ubuntu-cve-tracker/snapshot/ubuntu-cve-tracker-master.tar.gz";
const REPOSITORY: &str = "git://git.launchpad.net/ubuntu-cve-tracker";

/// The work tree has some 500 MB.
const LIMIT: u64 = 8 << 30;
const FILE_LIMIT: u64 = 8 << 20;
/// Most links that are kept of a file.
const LINKS: usize = 20;

/// Releases by code name; what is not here and not passed over below is counted as left out.
const RELEASES: &[(&str, &str)] = &[
    ("artful", "17.10"),
    ("bionic", "18.04"),
    ("cosmic", "18.10"),
    ("dapper", "6.06"),
    ("disco", "19.04"),
    ("edgy", "6.10"),
    ("eoan", "19.10"),
    ("feisty", "7.04"),
    ("focal", "20.04"),
    ("groovy", "20.10"),
    ("gutsy", "7.10"),
    ("hardy", "8.04"),
    ("hirsute", "21.04"),
    ("impish", "21.10"),
    ("intrepid", "8.10"),
    ("jammy", "22.04"),
    ("jaunty", "9.04"),
    ("karmic", "9.10"),
    ("kinetic", "22.10"),
    ("lucid", "10.04"),
    ("lunar", "23.04"),
    ("mantic", "23.10"),
    ("maverick", "10.10"),
    ("natty", "11.04"),
    ("noble", "24.04"),
    ("oneiric", "11.10"),
    ("oracular", "24.10"),
    ("plucky", "25.04"),
    ("precise", "12.04"),
    ("quantal", "12.10"),
    ("questing", "25.10"),
    ("raring", "13.04"),
    ("resolute", "26.04"),
    ("saucy", "13.10"),
    ("trusty", "14.04"),
    ("utopic", "14.10"),
    ("vivid", "15.04"),
    ("wily", "15.10"),
    ("xenial", "16.04"),
    ("yakkety", "16.10"),
    ("zesty", "17.04"),
];

/// Words before an underscore that are no release of the archive.
const NO_RELEASE: &[&str] = &[
    "upstream",
    "devel",
    "product",
    "snap",
    "Patches",
    "Tags",
    "Priority",
    "Assigned-to",
    "Discovered-by",
    "CVSS",
];

impl Feed for UbuntuTracker {
    fn name(&self) -> &'static str {
        "ubuntu-tracker"
    }

    fn on_request(&self) -> bool {
        true
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        ubuntu::answer(self.name(), namespace)
    }

    fn plan(&self, key: &str, _state: &FeedState<'_>) -> Result<Plan, FeedError> {
        whole::plan(self.name(), key, || {
            let mut request = Request::archive("tracker.tar", URL, LIMIT, FILE_LIMIT);
            request.alternatives = vec![REPOSITORY.to_owned()];
            request
        })
    }

    fn wants_member(&self, _request: &Request, member: &str) -> bool {
        let mut parts = member.rsplit('/');
        let name = parts.next().unwrap_or_default();
        let folder = parts.next().unwrap_or_default();
        name.starts_with("CVE-") && matches!(folder, "active" | "retired")
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        let name = || file.name().to_owned();
        let body = file.body.trim_ascii_end();
        if body.is_empty() {
            return Err(FeedError::Empty { file: name() });
        }
        if body.trim_ascii_start().starts_with(b"<") {
            return Err(FeedError::WebPage { file: name() });
        }
        let text = std::str::from_utf8(body).map_err(|source| FeedError::NotText {
            file: name(),
            source,
        })?;
        let entry = Entry::read(text);
        let Some(id) = entry.id.filter(|id| id.starts_with("CVE-")) else {
            return Err(FeedError::NoRecords { file: name() });
        };
        if rpm::cve(id) != Some(id) {
            // `CVE-2009-NNN2`: the name changes when a CVE is assigned.
            out.left_out(id, "without a CVE");
            return Ok(());
        }
        let advisory = entry.advisory(id, out);
        if advisory.affected.is_empty() {
            out.left_out(id, "no package of a release that is followed");
        } else {
            out.advisory(advisory);
        }
        Ok(())
    }
}

/// A file, taken apart.
#[derive(Default)]
struct Entry<'a> {
    id: Option<&'a str>,
    published: Option<i64>,
    description: String,
    references: Vec<&'a str>,
    /// Who scored, and the vector.
    cvss: Vec<(&'a str, &'a str)>,
    priority: Option<&'a str>,
    priorities: BTreeMap<&'a str, &'a str>,
    /// Release or pocket, package, and what is said.
    lines: Vec<(&'a str, &'a str, &'a str)>,
}

impl<'a> Entry<'a> {
    fn read(text: &'a str) -> Self {
        let mut entry = Self::default();
        let mut field = "";
        for line in text.lines() {
            if line.starts_with([' ', '\t']) {
                entry.continued(field, line.trim());
                continue;
            }
            let Some((key, value)) = line.split_once(':') else {
                continue;
            };
            let value = value.trim();
            field = key;
            match key {
                "Candidate" => entry.id = Some(value),
                "PublicDate" => entry.published = date::seconds(value).or(entry.published),
                "Priority" => entry.priority = value.split([' ', '\t', '(']).next(),
                "Description" => entry.description.push_str(value),
                _ => {
                    let Some((first, package)) = key.split_once('_') else {
                        continue;
                    };
                    if first == "Priority" {
                        let word = value.split([' ', '\t', '(']).next().unwrap_or_default();
                        entry.priorities.insert(package, word);
                    } else if !NO_RELEASE.contains(&first) {
                        entry.lines.push((first, package.trim(), value));
                    }
                }
            }
        }
        entry
    }

    fn continued(&mut self, field: &str, text: &'a str) {
        match field {
            "Description" => {
                if !self.description.is_empty() {
                    self.description.push(' ');
                }
                self.description.push_str(text);
            }
            "References" if text.starts_with("https://") || text.starts_with("http://") => {
                self.references.push(text);
            }
            "CVSS" => {
                if let Some((who, vector)) = text.split_once(':') {
                    let vector = vector.split_ascii_whitespace().next().unwrap_or_default();
                    self.cvss.push((who.trim(), vector));
                }
            }
            _ => {}
        }
    }

    fn advisory(self, id: &str, out: &mut dyn AdvisorySink) -> Advisory {
        let mut advisory = Advisory::new(id);
        let mut rated = |word: &str| {
            pro::severity(word).unwrap_or_else(|| {
                out.bad_record(id, &format!("unknown priority {word:?}"));
                Severity::Unknown
            })
        };
        advisory.severity = self.priority.map_or(Severity::Unknown, &mut rated);
        let priorities: BTreeMap<&str, Severity> = self
            .priorities
            .iter()
            .map(|(package, word)| (*package, rated(word)))
            .collect();
        advisory.severity_word = self.priority.map(str::to_owned);
        advisory.description = self.description;
        advisory.published = self.published;
        for (who, vector) in self.cvss.iter().take(8) {
            if vector.starts_with("CVSS:") {
                advisory.cvss.push(Cvss {
                    source: if *who == "nvd" { "nvd@nist.gov" } else { who }.to_owned(),
                    vector: (*vector).to_owned(),
                });
            }
        }
        advisory.links.push(format!("{}{id}", ubuntu::PAGE));
        for url in self.references.iter().take(LINKS) {
            if advisory.links.iter().all(|known| known != url) {
                advisory.links.push((*url).to_owned());
            }
        }
        let mut standings: BTreeMap<(&str, &str), Standing> = BTreeMap::new();
        let mut unknown = false;
        for (place, package, words) in &self.lines {
            let (codename, pocket) = match archive_of(place) {
                Archive::Of(codename, pocket) => (codename, pocket),
                Archive::Other => continue,
                Archive::Unknown => {
                    unknown = true;
                    continue;
                }
            };
            match said(words) {
                Ok(None) => {}
                Ok(Some(said)) => {
                    let standing = standings.entry((codename, package)).or_default();
                    match pocket {
                        Some(pocket) => standing.pro(said, pocket),
                        None => standing.standard(said),
                    }
                }
                Err(reason) => out.bad_record(id, &format!("{place}_{package}: {reason}")),
            }
        }
        if unknown {
            out.left_out(id, "a release that is not known");
        }
        for ((release, package), standing) in standings {
            let severity = priorities
                .get(package)
                .copied()
                .filter(|severity| *severity != advisory.severity);
            let namespace = Namespace::release_of("ubuntu", release);
            advisory
                .affected
                .extend(standing.affected(namespace, package, severity));
        }
        advisory
    }
}

/// What stands before the underscore.
enum Archive<'a> {
    /// A release's number, and the pocket if it is one of Pro's.
    Of(&'static str, Option<&'a str>),
    /// Phones, FIPS and others that are no archive of containers.
    Other,
    Unknown,
}

fn archive_of(place: &str) -> Archive<'_> {
    let number = |name: &str| {
        let at = RELEASES.binary_search_by(|(known, _)| (*known).cmp(name));
        Some(RELEASES.get(at.ok()?)?.1)
    };
    let of = match place.split_once('/') {
        None => number(place).map(|release| Archive::Of(release, None)),
        Some((
            pocket @ ("esm-infra" | "esm-apps" | "esm-infra-legacy" | "esm-apps-legacy"),
            name,
        )) => number(name).map(|release| Archive::Of(release, Some(pocket))),
        Some((name, "esm")) => number(name).map(|release| Archive::Of(release, Some("esm"))),
        Some(_) => Some(Archive::Other),
    };
    of.unwrap_or(Archive::Unknown)
}

/// What a line says: `released (1.2-3)`, `ignored (end of life)`. `None` where the release does not
/// have the package.
fn said(words: &str) -> Result<Option<Said>, String> {
    let end = words
        .find(|c: char| c.is_whitespace() || c == '(' || c == '[')
        .unwrap_or(words.len());
    let (word, rest) = words.split_at(end);
    let rest = rest.trim().trim_start_matches(['(', '[']);
    let rest = rest.split([')', ']']).next().unwrap_or_default().trim();
    let note = (!rest.is_empty()).then(|| rest.to_owned());
    let status = match word {
        "DNE" => return Ok(None),
        "released" => {
            return match version_of(rest) {
                Some(version) => Ok(Some(Said {
                    status: Status::Affected,
                    ranges: vec![Range::before(version)],
                    note: None,
                })),
                None => Err("released without a version".to_owned()),
            };
        }
        "not-affected" => Status::NotAffected,
        "needs-triage" => Status::UnderInvestigation,
        "needed" | "active" | "in-progress" | "pending" => Status::Affected,
        "deferred" => Status::Deferred,
        "ignored" if is_end_of_life(rest) => Status::EndOfLife,
        "ignored" => Status::WillNotFix,
        other => return Err(format!("unknown status {other:?}")),
    };
    let note = match word {
        "pending" => note.map(|version| format!("fix pending: {version}")),
        _ => note,
    };
    Ok(Some(Said::open(status, note)))
}

fn is_end_of_life(reason: &str) -> bool {
    [
        "end of life",
        "end-of-life",
        "standard support",
        "kernel support",
    ]
    .iter()
    .any(|words| reason.contains(words))
}

/// The highest version that a note names.
fn version_of(note: &str) -> Option<&str> {
    note.split(|c: char| c == ',' || c.is_whitespace())
        .filter(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .filter(|word| Scheme::Dpkg.is_valid(word))
        .reduce(|a, b| match Scheme::Dpkg.compare(a, b) {
            Ok(std::cmp::Ordering::Less) => b,
            _ => a,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_names_are_sorted_and_places_are_told_apart() {
        assert!(RELEASES.is_sorted());
        let check = |place: &str| match archive_of(place) {
            Archive::Of(release, pocket) => format!("{release} {}", pocket.unwrap_or("-")),
            Archive::Other => "other".to_owned(),
            Archive::Unknown => "unknown".to_owned(),
        };
        assert_eq!(check("jammy"), "22.04 -");
        assert_eq!(check("trusty/esm"), "14.04 esm");
        assert_eq!(check("esm-infra/xenial"), "16.04 esm-infra");
        assert_eq!(check("vivid/ubuntu-core"), "other");
        assert_eq!(check("zealous"), "unknown");
    }

    #[test]
    fn of_several_versions_the_highest_counts() {
        assert_eq!(version_of("1.2-3, 1.10-1"), Some("1.10-1"));
        assert_eq!(version_of("2.0.0.15-0ubuntu1 "), Some("2.0.0.15-0ubuntu1"));
        assert_eq!(version_of("see USN"), None);
    }
}
