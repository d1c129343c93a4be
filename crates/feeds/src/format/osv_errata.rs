//! Errata of the rebuilds of RHEL, in the shape of OSV: one JSON document a bulletin.
//!
//! Source: OSV schema 1.6; archives of osv.dev. Names are of binary packages with AlmaLinux and of
//! source packages with Rocky, CVEs stand in `related` (they are not aliases), the severity is the
//! first word of the summary, and the module streams are only in the summary, too
//! (`Important: php:7.4 security update`). Which of several streams a package is of is not said: what
//! is fixed in it is said of each. Colons in identifiers are in the members' names as well.
//!
//! Not here: architectures, which these documents do not tell; what is not fixed.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use pellucid_model::{Advisory, Affected, Cvss, NameKind, Namespace, Status};
use pellucid_version::{Lower, Scheme};

use super::osv::{self, AffectedPackage, Record};
use super::{date, rpm, whole};
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// What distinguishes one rebuild from the other.
pub(crate) struct Errata {
    /// The ecosystem, before the colon and the release.
    pub(crate) ecosystem: &'static str,
    /// The distribution in pellucid's namespaces, and the feed.
    pub(crate) distribution: &'static str,
    /// What the names are of.
    pub(crate) name_kind: NameKind,
    /// The archive of all bulletins.
    pub(crate) url: &'static str,
}

/// All documents together have some 60 MB.
const LIMIT: u64 = 4 << 30;
const MEMBER_LIMIT: u64 = 64 << 20;

impl Feed for Errata {
    fn name(&self) -> &'static str {
        self.distribution
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        // The first that was rebuilt is 8.
        whole::of_releases(self.name(), self.distribution, 8..=20, namespace)
    }

    fn plan(&self, key: &str, _state: &FeedState<'_>) -> Result<Plan, FeedError> {
        whole::plan(self.name(), key, || {
            Request::archive("all.zip", self.url, LIMIT, MEMBER_LIMIT)
        })
    }

    fn wants_member(&self, _request: &Request, member: &str) -> bool {
        member.ends_with(".json")
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        let document = osv::record(file)?;
        if document.withdrawn.is_some() {
            out.left_out(&document.id, "withdrawn");
            return Ok(());
        }
        // Its kernels' releases (`.el8_10.cloud.0.1`) sort above those of the standard build.
        if document.id.starts_with("RXSA-") {
            out.left_out(&document.id, "about a special interest group's build");
            return Ok(());
        }
        let advisory = self.advisory(&document, out);
        if advisory.related.is_empty() && !document.id.contains("SA-") {
            out.left_out(&document.id, "not about security");
        } else if advisory.affected.is_empty() {
            out.bad_record(&document.id, "it names no package");
        } else {
            out.advisory(advisory);
        }
        Ok(())
    }
}

impl Errata {
    fn advisory(&self, document: &Record<'_>, out: &mut dyn AdvisorySink) -> Advisory {
        let mut advisory = Advisory::new(&*document.id);
        let summary = document.summary.as_deref().unwrap_or_default();
        advisory.title = Some(summary.to_owned()).filter(|title| !title.is_empty());
        advisory.description = document
            .details
            .as_deref()
            .map(|text| text.trim().to_owned())
            .unwrap_or_default();
        let word = summary.split_once(':').map(|(word, _)| word);
        if let Some((word, severity)) = word.and_then(|word| Some((word, rpm::severity(word)?))) {
            advisory.severity = severity;
            advisory.severity_word = Some(word.to_owned());
        }
        advisory.published = document.published.as_deref().and_then(date::seconds);
        advisory.modified = document.modified.as_deref().and_then(date::seconds);
        let cves: BTreeSet<&str> = [&document.related, &document.upstream, &document.aliases]
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|id| rpm::cve(id))
            .collect();
        advisory.related = cves.into_iter().map(str::to_owned).collect();
        // One of several vectors is no one's in particular.
        let scores = document.severity.as_deref().unwrap_or_default();
        if let ([score], [_]) = (scores, advisory.related.as_slice())
            && score.score.starts_with("CVSS:")
        {
            advisory.cvss.push(Cvss {
                source: self.distribution.to_owned(),
                vector: score.score.to_string(),
            });
        }
        let mut links: Vec<String> = Vec::new();
        for reference in document.references.iter().flatten() {
            let url = &*reference.url;
            if url.starts_with("https://") && links.iter().all(|known| known != url) {
                links.push(url.to_owned());
            }
        }
        // The vendor's page first.
        links.sort_by_key(|link| !link.contains("://errata."));
        advisory.links = links;
        // RHEL's name was replaced in names of streams, too (`go-toolset:Rocky Linux8`).
        let title = summary.replace(&format!(":{}", self.ecosystem), ":rhel");
        let streams = rpm::streams_of(&title);
        for statement in document.affected.iter().flatten() {
            match self.statements(statement, &streams) {
                Ok(affected) => advisory.affected.extend(affected),
                Err(reason) => out.bad_record(&document.id, &reason),
            }
        }
        advisory.affected.sort();
        advisory.affected.dedup();
        advisory.affected = without_rebuilds(advisory.affected);
        advisory
    }

    /// What is said of a package: once, or once for each stream that it may be part of.
    fn statements(
        &self,
        statement: &AffectedPackage<'_>,
        streams: &[&str],
    ) -> Result<Vec<Affected>, String> {
        let Some(package) = &statement.package else {
            return Ok(Vec::new());
        };
        let name = &*package.name;
        let release = package
            .ecosystem
            .strip_prefix(self.ecosystem)
            .and_then(|rest| rest.strip_prefix(':'))
            .and_then(|release| release.split('.').next())
            .filter(|release| !release.is_empty())
            .ok_or_else(|| format!("{name}: ecosystem {:?}", package.ecosystem.0))?;
        let versions =
            osv::versions(statement, Scheme::Rpm).map_err(|what| format!("{name}: {what}"))?;
        let mut ranges = versions.ranges;
        ranges.iter_mut().for_each(match self.name_kind {
            NameKind::Source => rpm::drop_epoch,
            NameKind::Binary => rpm::drop_epoch_of_zero,
        });
        if ranges.is_empty() {
            return Err(format!("{name}: no range of versions"));
        }
        let modular = ranges
            .iter()
            .any(|range| range.fixed().is_some_and(rpm::is_modular));
        if modular && streams.is_empty() {
            return Err(format!(
                "{name}: built as part of a module that is not named"
            ));
        }
        let one = Affected {
            namespace: Namespace::release_of(self.distribution, release),
            package: name.to_owned(),
            name_kind: self.name_kind,
            status: Status::Affected,
            ranges,
            versions: Vec::new(),
            severity: None,
            arches: Vec::new(),
            module: None,
            cpes: Vec::new(),
            note: None,
        };
        if !modular {
            return Ok(vec![one]);
        }
        let of = |stream: &&str| Affected {
            module: Some((*stream).to_owned()),
            ..one.clone()
        };
        Ok(streams.iter().map(of).collect())
    }
}

/// Statements with the lowest build of each source. A bulletin also names later rebuilds of a module's
/// packages, which are as little affected as the first: whoever has that one is not to be told so.
fn without_rebuilds(affected: Vec<Affected>) -> Vec<Affected> {
    fn build(one: &Affected) -> Option<&str> {
        match one.ranges.as_slice() {
            [range] if range.lower == Lower::Beginning => range.fixed(),
            _ => None,
        }
    }
    let mut lowest: HashMap<_, usize> = HashMap::new();
    let mut kept: Vec<Affected> = Vec::with_capacity(affected.len());
    for one in affected {
        let source = build(&one).and_then(rpm::source_of_build);
        let Some((version, rest)) = source.filter(|_| one.module.is_some()) else {
            kept.push(one);
            continue;
        };
        let key = (
            one.namespace.clone(),
            one.package.clone(),
            one.module.clone(),
            version.to_owned(),
            rest.to_owned(),
        );
        match lowest.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(kept.len());
                kept.push(one);
            }
            Entry::Occupied(entry) => {
                let is_lower = |known: &Affected| {
                    let order = Scheme::Rpm.compare(build(&one)?, build(known)?).ok()?;
                    Some(order.is_lt())
                };
                if let Some(known) = kept.get_mut(*entry.get())
                    && is_lower(known) == Some(true)
                {
                    *known = one;
                }
            }
        }
    }
    kept
}
