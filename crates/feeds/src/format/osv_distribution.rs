//! A distribution's own records in the shape of OSV: one archive a distribution, a JSON document a
//! bulletin or a vulnerability.
//!
//! Source: OSV schema 1.7 and its list of ecosystems (`openEuler:24.03-LTS-SP1`, `Mageia:9`,
//! `Alpaquita:23`, `Echo`); archives of osv.dev. Names are of source packages. CVEs stand in `upstream`,
//! `related` or `aliases`, and in the record's own id where that is made of one (`BELL-CVE-2024-1234`). A
//! fix `"0"` says that the package never was affected.
//!
//! Not here: the rebuilds of RHEL, which name binary packages and modules (`osv_errata.rs`); a publisher's
//! packages of languages (`Echo:PyPI`).

use std::collections::{BTreeMap, BTreeSet};

use pellucid_model::{Advisory, Affected, NameKind, Namespace, Status};
use pellucid_version::{Lower, Range, Scheme, Upper};

use super::osv::{self, AffectedPackage, Record};
use super::osv_packages::{RECORD_LIMIT, describe};
use super::{rpm, whole};
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// What distinguishes one distribution from the other.
pub(crate) struct Distribution {
    /// Of the feed, its only snapshot, and the distribution in pellucid's namespaces.
    pub(crate) name: &'static str,
    /// What the ecosystem is called, before a colon and the release.
    pub(crate) ecosystems: &'static [&'static str],
    /// The archive of all records.
    pub(crate) url: &'static str,
    /// The order of its packages' versions.
    pub(crate) scheme: Scheme,
    /// What a release is called; `None` where the distribution has none.
    pub(crate) is_release: Option<fn(&str) -> bool>,
    /// What a record is about.
    pub(crate) subject: Subject,
    /// Whether a record may also be of an installed package's own name, beside its source's.
    pub(crate) own_names: bool,
}

/// What a record is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// An update, with whatever it fixes: it keeps its own id, CVEs are related.
    Bulletin,
    /// One vulnerability: where that is a CVE it is known by it.
    Vulnerability,
}

/// What a record says of one package in one release.
#[derive(Default)]
struct Said {
    ranges: Vec<Range>,
    versions: Vec<String>,
}

/// The largest archive has some 30 MB unpacked.
const LIMIT: u64 = 4 << 30;

impl Feed for Distribution {
    fn name(&self) -> &'static str {
        self.name
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        if namespace.distribution() != self.name {
            return None;
        }
        match self.is_release {
            None => Some(whole::answer(self.name, &Namespace::new(self.name))),
            Some(is_release) => {
                let known = namespace.release().is_some_and(is_release);
                known.then(|| whole::answer(self.name, namespace))
            }
        }
    }

    fn plan(&self, key: &str, _state: &FeedState<'_>) -> Result<Plan, FeedError> {
        whole::plan(self.name, key, || {
            Request::archive("all.zip", self.url, LIMIT, RECORD_LIMIT)
        })
    }

    fn wants_member(&self, _request: &Request, member: &str) -> bool {
        member.ends_with(".json")
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        let record = osv::record(file)?;
        let id = record.id.trim();
        if id.is_empty() {
            out.bad_record("", "a record without an id");
        } else if record.withdrawn.is_some() {
            out.left_out(id, "withdrawn");
        } else {
            let names_any = |package: &AffectedPackage<'_>| {
                let name = package.package.as_ref();
                name.is_some_and(|name| self.namespace(&name.ecosystem).is_some())
            };
            if !record.affected.iter().flatten().any(names_any) {
                out.left_out(id, "no package of the distribution");
                return Ok(());
            }
            let affected = self.affected(id, &record, out);
            // What could not be read was said of each package.
            if !affected.is_empty() {
                out.advisory(self.advisory(id, affected, &record));
            }
        }
        Ok(())
    }
}

impl Distribution {
    fn advisory(&self, id: &str, affected: Vec<Affected>, record: &Record<'_>) -> Advisory {
        let mut advisory = Advisory::new(id);
        advisory.affected = affected;
        describe(&mut advisory, record);
        let cves: BTreeSet<&str> = [&record.aliases, &record.upstream, &record.related]
            .into_iter()
            .flatten()
            .flatten()
            .map(|text| &**text)
            .chain([id])
            .filter_map(rpm::cve)
            .collect();
        match (self.subject, cves.first()) {
            (Subject::Vulnerability, Some(cve)) if cves.len() == 1 => {
                advisory.aliases.retain(|alias| alias != cve);
                advisory.aliases.insert(0, id.to_owned());
                advisory.id = (*cve).to_owned();
            }
            _ => {
                // One of several vectors is no one's in particular.
                if cves.len() > 1 {
                    advisory.cvss.clear();
                }
                advisory.aliases.retain(|alias| rpm::cve(alias).is_none());
                advisory.related = cves.into_iter().map(str::to_owned).collect();
            }
        }
        advisory
    }

    /// The statements about packages of this distribution. A package that is named several times in
    /// one release has the ranges of all.
    fn affected(&self, id: &str, record: &Record<'_>, out: &mut dyn AdvisorySink) -> Vec<Affected> {
        let mut said: BTreeMap<(Namespace, &str), Said> = BTreeMap::new();
        for package in record.affected.iter().flatten() {
            let Some(name) = &package.package else {
                continue;
            };
            let Some(namespace) = self.namespace(&name.ecosystem) else {
                continue;
            };
            match osv::versions(package, self.scheme) {
                Ok(versions) if versions.ranges.is_empty() && versions.listed.is_empty() => {
                    out.bad_record(id, &format!("{}: no affected versions", name.name));
                }
                Ok(versions) => {
                    let said = said.entry((namespace, &name.name)).or_default();
                    said.ranges.extend(versions.ranges);
                    said.versions.extend(versions.listed);
                }
                Err(reason) => out.bad_record(id, &format!("{}: {reason}", name.name)),
            }
        }
        let mut affected = Vec::new();
        for ((namespace, package), said) in said {
            let Said {
                mut ranges,
                mut versions,
            } = said;
            ranges.retain(|range| !is_empty(range));
            if self.scheme == Scheme::Rpm {
                ranges.iter_mut().for_each(rpm::drop_epoch);
                for version in &mut versions {
                    if let Some(rest) = rpm::without_epoch(version) {
                        *version = rest.to_owned();
                    }
                }
            }
            ranges.sort();
            ranges.dedup();
            versions.sort_unstable();
            versions.dedup();
            let status = if ranges.is_empty() && versions.is_empty() {
                Status::NotAffected
            } else {
                Status::Affected
            };
            let of_source = Affected {
                namespace,
                package: package.to_owned(),
                name_kind: NameKind::Source,
                status,
                ranges,
                versions,
                severity: None,
                arches: Vec::new(),
                module: None,
                cpes: Vec::new(),
                note: None,
            };
            if self.own_names {
                affected.push(Affected {
                    name_kind: NameKind::Binary,
                    ..of_source.clone()
                });
            }
            affected.push(of_source);
        }
        affected
    }

    /// The namespace of an ecosystem, if it is one of this distribution's.
    fn namespace(&self, ecosystem: &str) -> Option<Namespace> {
        let (name, release) = match ecosystem.split_once(':') {
            Some((name, release)) => (name, Some(release)),
            None => (ecosystem, None),
        };
        if !self.ecosystems.contains(&name) {
            return None;
        }
        match (self.is_release, release) {
            (None, None) => Some(Namespace::new(self.name)),
            (Some(is_release), Some(release)) if is_release(release) => {
                Some(Namespace::release_of(self.name, release))
            }
            _ => None,
        }
    }
}

/// Whether a range ends at `0`, before which there is nothing.
fn is_empty(range: &Range) -> bool {
    range.lower == Lower::Beginning && matches!(&range.upper, Upper::Before(end) if end == "0")
}

/// Whether a release is a number (`9`, `23`) or the word of one that goes on (`stream`).
pub(crate) fn is_number_or_stream(release: &str) -> bool {
    let is_number = !release.is_empty() && release.bytes().all(|byte| byte.is_ascii_digit());
    release == "stream" || is_number && release.len() < 6
}
