//! Ubuntu: Canonical's OSV records, one a CVE, all in one archive.
//!
//! Names are of source packages. A release's ecosystem is `Ubuntu:22.04:LTS`, and beside it stands
//! `Ubuntu:Pro:22.04:LTS`, whose fixes need a subscription (`format/pro.rs`). A range without an end
//! is not fixed; packages that are not affected are not listed. `binaries` names what was built from a
//! source: for packages of which nothing else says what they were built from, and, where these have
//! versions of their own (`dmsetup` of `lvm2`), to speak of them by those.
//!
//! Not here: USN records, which repeat the CVEs' fixes; FIPS, real-time and other flavours that are
//! archives of their own; the VEX documents, which say the same of each binary package.

use std::collections::BTreeMap;

use pellucid_model::{Advisory, Affected, Cvss, NameKind, Namespace, Status};
use pellucid_version::{Lower, Range, Scheme};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::format::json::Text;
use crate::format::osv::{self, AffectedPackage, Record};
use crate::format::pro::{self, Said, Standing};
use crate::format::{date, rpm, whole};
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// `https://ubuntu.com/security`.
pub(crate) struct Ubuntu;

const URL: &str = "https://security-metadata.canonical.com/osv/osv-all.tar.xz";
pub(crate) const PAGE: &str = "https://ubuntu.com/security/";

/// All records together have some 3 GB: each lists the versions of every kernel flavour.
const LIMIT: u64 = 64 << 30;
const RECORD_LIMIT: u64 = 64 << 20;
/// Most links that are kept of a record.
const LINKS: usize = 20;
/// Longest name of a binary package that is kept, in bytes.
const NAME: usize = 256;

impl Feed for Ubuntu {
    fn name(&self) -> &'static str {
        "ubuntu"
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        answer(self.name(), namespace)
    }

    fn plan(&self, key: &str, _state: &FeedState<'_>) -> Result<Plan, FeedError> {
        whole::plan(self.name(), key, || {
            Request::archive("osv-all.tar", URL, LIMIT, RECORD_LIMIT)
        })
    }

    fn wants_member(&self, _request: &Request, member: &str) -> bool {
        let name = member.rsplit('/').next().unwrap_or_default();
        name.starts_with("UBUNTU-CVE-") && name.ends_with(".json")
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        let record = osv::record(file)?;
        let Some(id) = record
            .id
            .strip_prefix("UBUNTU-")
            .filter(|id| rpm::cve(id) == Some(id))
        else {
            out.bad_record(&record.id, "its id is not a CVE of Ubuntu's");
            return Ok(());
        };
        if record.withdrawn.is_some() {
            out.left_out(id, "withdrawn");
            return Ok(());
        }
        let advisory = advisory(id, &record, out);
        if advisory.affected.is_empty() {
            out.left_out(id, "no package of a release that is followed");
        } else {
            out.advisory(advisory);
        }
        Ok(())
    }
}

/// The answer of one of Ubuntu's feeds: a release is `24.04`.
pub(crate) fn answer(key: &str, namespace: &Namespace) -> Option<Answer> {
    namespace
        .release()
        .filter(|release| namespace.distribution() == "ubuntu" && is_release(release))?;
    Some(Answer {
        key: key.to_owned(),
        namespace: namespace.clone(),
    })
}

fn is_release(text: &str) -> bool {
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.')
        .is_some_and(|(year, month)| digits(year) && digits(month))
}

fn advisory(id: &str, record: &Record<'_>, out: &mut dyn AdvisorySink) -> Advisory {
    let mut advisory = Advisory::new(id);
    advisory.description = record
        .details
        .as_deref()
        .map(|text| text.trim().to_owned())
        .unwrap_or_default();
    advisory.published = record.published.as_deref().and_then(date::seconds);
    advisory.modified = record.modified.as_deref().and_then(date::seconds);
    for scored in record.severity.iter().flatten() {
        if &*scored.kind == "Ubuntu" {
            match pro::severity(&scored.score) {
                Some(severity) => advisory.severity = severity,
                None => out.bad_record(id, &format!("unknown priority {:?}", scored.score.0)),
            }
            advisory.severity_word = Some(scored.score.to_string());
        } else if scored.score.starts_with("CVSS:") && advisory.cvss.len() < 8 {
            let cvss = Cvss {
                source: "ubuntu".to_owned(),
                vector: scored.score.to_string(),
            };
            if !advisory.cvss.contains(&cvss) {
                advisory.cvss.push(cvss);
            }
        }
    }
    advisory.links.push(format!("{PAGE}{id}"));
    for reference in record.references.iter().flatten() {
        let url = &*reference.url;
        if url.starts_with("https://")
            && advisory.links.len() < LINKS
            && advisory.links.iter().all(|known| known != url)
        {
            advisory.links.push(url.to_owned());
        }
    }
    let mut standings: BTreeMap<Subject<'_>, (Standing, Option<String>)> = BTreeMap::new();
    for package in record.affected.iter().flatten() {
        let Some(name) = &package.package else {
            continue;
        };
        let Some((release, is_pro)) = archive_of(&name.ecosystem) else {
            continue;
        };
        let said = match said(package) {
            Ok(said) => said,
            Err(reason) => {
                out.bad_record(id, &format!("{}: {reason}", name.name));
                continue;
            }
        };
        let specific = osv::specific::<Specific<'_>>(package.ecosystem_specific);
        let priority = specific
            .as_ref()
            .and_then(|it| it.ubuntu_priority.as_deref());
        let mut say = |kind, name, said| {
            let (standing, own) = standings.entry((release, name, kind)).or_default();
            if is_pro {
                standing.pro(said, pocket_of(package));
            } else {
                standing.standard(said);
            }
            *own = own.take().or_else(|| priority.map(str::to_owned));
        };
        let namespace = Namespace::release_of("ubuntu", release);
        for binary in binaries(&name.name, specific.as_ref()) {
            if has_version(package, &said, &binary.version) {
                out.built_from(&namespace, &binary.name, &name.name);
            } else if let Some(said) = in_own_version(&said, &binary.version) {
                say(NameKind::Binary, binary.name, said);
            }
        }
        say(NameKind::Source, name.name.clone(), said);
    }
    for ((release, package, kind), (standing, priority)) in standings {
        let severity = priority
            .and_then(|word| pro::severity(&word))
            .filter(|severity| *severity != advisory.severity);
        let namespace = Namespace::release_of("ubuntu", release);
        let affected = standing.affected(namespace, &package, severity);
        advisory.affected.extend(affected.map(|affected| Affected {
            name_kind: kind,
            ..affected
        }));
    }
    advisory
}

/// What a statement is about: a release, a package, and whether that is a source.
type Subject<'a> = (&'a str, Text<'a>, NameKind);

/// What the records say in Ubuntu's own words.
#[derive(Deserialize)]
struct Specific<'a> {
    #[serde(borrow)]
    ubuntu_priority: Option<Text<'a>>,
    /// What was built from the version that has the fix, or from the newest where none has.
    #[serde(borrow)]
    binaries: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Binary<'a> {
    #[serde(borrow, rename = "binary_name")]
    name: Text<'a>,
    #[serde(borrow, rename = "binary_version")]
    version: Text<'a>,
}

/// The binary packages of a source. Not a kernel's: there are hundreds for each of its versions, whose
/// names have the version in them, and nobody installs them without their sources' names. Nor those with
/// nothing but symbols for debuggers.
fn binaries<'a>(source: &str, specific: Option<&Specific<'a>>) -> Vec<Binary<'a>> {
    let all = specific
        .filter(|_| !source.starts_with("linux"))
        .and_then(|it| osv::specific::<Vec<Binary<'_>>>(it.binaries));
    let mut all = all.unwrap_or_default();
    all.retain(|binary| {
        (1..=NAME).contains(&binary.name.len()) && !binary.name.ends_with("-dbgsym")
    });
    all
}

/// Whether a version is one of the source's: the first with the fix, or one that is affected.
fn has_version(package: &AffectedPackage<'_>, said: &Said, version: &str) -> bool {
    let mut affected = package.versions.iter().flatten();
    said.ranges
        .iter()
        .any(|range| range.fixed() == Some(version))
        || affected.any(|affected| **affected == *version)
}

/// What is said of a source, of a binary package whose versions are numbered in another way.
fn in_own_version(said: &Said, version: &str) -> Option<Said> {
    let [range] = &*said.ranges else {
        return None;
    };
    let is_whole = range.lower == Lower::Beginning;
    let own = match range.fixed() {
        Some(_) => Range::before(version.to_owned()),
        None => Range::all(),
    };
    is_whole.then(|| Said {
        ranges: vec![own],
        ..said.clone()
    })
}

/// The release of an ecosystem, and whether it is Pro's archive: `Ubuntu:22.04:LTS`,
/// `Ubuntu:Pro:22.04:LTS`. None for other archives (`Ubuntu:Pro:FIPS:22.04:LTS`).
fn archive_of(ecosystem: &str) -> Option<(&str, bool)> {
    let rest = ecosystem.strip_prefix("Ubuntu:")?;
    let (is_pro, rest) = match rest.strip_prefix("Pro:") {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let release = match rest.split_once(':') {
        None => rest,
        Some((release, "LTS")) => release,
        Some(_) => return None,
    };
    is_release(release).then_some((release, is_pro))
}

fn said(package: &AffectedPackage<'_>) -> Result<Said, String> {
    let versions = osv::versions(package, Scheme::Dpkg)?;
    if versions.ranges.is_empty() {
        return Err("no range of versions".to_owned());
    }
    Ok(Said {
        status: Status::Affected,
        ranges: versions.ranges,
        note: None,
    })
}

/// The pocket in `pkg:deb/ubuntu/x?arch=source&distro=esm-apps/xenial`.
fn pocket_of<'a>(package: &'a AffectedPackage<'_>) -> &'a str {
    package
        .package
        .as_ref()
        .and_then(|name| name.purl.as_deref())
        .and_then(|purl| {
            purl.split(['?', '&'])
                .find_map(|one| one.strip_prefix("distro="))
        })
        .and_then(|distro| distro.split_once('/'))
        .map_or("esm", |(pocket, _)| pocket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_a_release_with_or_without_pro() {
        assert_eq!(archive_of("Ubuntu:22.04:LTS"), Some(("22.04", false)));
        assert_eq!(archive_of("Ubuntu:23.10"), Some(("23.10", false)));
        assert_eq!(archive_of("Ubuntu:Pro:16.04:LTS"), Some(("16.04", true)));
        for other in [
            "Ubuntu:Pro:FIPS-updates:18.04:LTS",
            "Ubuntu:Pro:24.04:LTS:Realtime:Kernel",
            "Ubuntu:22.04:LTS:for:NVIDIA:BlueField",
            "Ubuntu",
            "Debian:12",
        ] {
            assert_eq!(archive_of(other), None, "{other}");
        }
    }
}
