//! The Ruby Advisory Database: one YAML file a gem and vulnerability, `gems/<gem>/CVE-….yml`.
//!
//! It says which versions are patched or were never affected, as requirements of gems; affected is
//! what is left. `cve` and `ghsa` stand without their prefixes, CVSS is a bare number, and a
//! vulnerability of several gems is a file for each.
//!
//! Not here: `rubies/`, which is about interpreters.

use pellucid_model::{Advisory, Affected, NameKind, Namespace, PackageKind, Severity, Status};
use pellucid_version::{Range, Scheme, complement, parse_requirement};
use serde::Deserialize;

use crate::format::osv_packages::{DESCRIPTION, LINKS, shortened};
use crate::format::{cvss, date, whole, yaml};
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// `https://rubysec.com`.
pub(crate) struct Rubysec;

const URL: &str = "https://github.com/rubysec/ruby-advisory-db/archive/refs/heads/master.tar.gz";

/// Unpacked it has some 5 MB.
const LIMIT: u64 = 1 << 30;
const RECORD_LIMIT: u64 = 1 << 20;

impl Feed for Rubysec {
    fn name(&self) -> &'static str {
        "rubysec"
    }

    fn on_request(&self) -> bool {
        true
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        whole::of_kind(self.name(), PackageKind::Gem, namespace)
    }

    fn plan(&self, key: &str, _state: &FeedState<'_>) -> Result<Plan, FeedError> {
        whole::plan(self.name(), key, || {
            Request::archive("master.tar.gz", URL, LIMIT, RECORD_LIMIT)
        })
    }

    fn wants_member(&self, _request: &Request, member: &str) -> bool {
        member.contains("gems/") && member.ends_with(".yml")
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        let record: Record = yaml::document(file)?;
        match advisory(record) {
            Ok(advisory) => out.advisory(advisory),
            Err(reason) => out.bad_record(file.name(), &reason),
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Record {
    gem: String,
    cve: Option<String>,
    ghsa: Option<String>,
    osvdb: Option<String>,
    url: Option<String>,
    title: Option<String>,
    date: Option<String>,
    description: Option<String>,
    cvss_v2: Option<f64>,
    cvss_v3: Option<f64>,
    cvss_v4: Option<f64>,
    #[serde(default)]
    patched_versions: Option<Vec<String>>,
    #[serde(default)]
    unaffected_versions: Option<Vec<String>>,
    related: Option<Related>,
}

#[derive(Deserialize)]
struct Related {
    url: Option<Vec<String>>,
}

fn advisory(record: Record) -> Result<Advisory, String> {
    let named = [
        ("CVE", &record.cve),
        ("GHSA", &record.ghsa),
        ("OSVDB", &record.osvdb),
    ];
    let mut ids = named.into_iter().filter_map(|(prefix, id)| {
        let id = id.as_deref()?.trim();
        (!id.is_empty()).then(|| format!("{prefix}-{id}"))
    });
    let mut advisory = Advisory::new(ids.next().ok_or("it has neither CVE, GHSA nor OSVDB id")?);
    advisory.aliases = ids.collect();
    advisory.aliases.sort_unstable();
    let gem = record.gem.trim();
    if gem.is_empty() {
        return Err("it names no gem".to_owned());
    }
    let mut safe = Vec::new();
    for requirement in [&record.patched_versions, &record.unaffected_versions]
        .into_iter()
        .flatten()
        .flatten()
    {
        let ranges = parse_requirement(Scheme::Gem, requirement);
        safe.extend(ranges.map_err(|invalid| invalid.to_string())?);
    }
    let ranges: Vec<Range> =
        complement(Scheme::Gem, &safe).map_err(|invalid| invalid.to_string())?;
    if ranges.is_empty() {
        return Err("it leaves no version affected".to_owned());
    }
    advisory.affected.push(Affected {
        namespace: Namespace::from(PackageKind::Gem.name()),
        package: gem.to_owned(),
        name_kind: NameKind::Binary,
        status: Status::Affected,
        ranges,
        versions: Vec::new(),
        severity: None,
        arches: Vec::new(),
        module: None,
        cpes: Vec::new(),
        note: None,
    });
    // As for vectors: version 3, else 4, else 2.
    let score = record.cvss_v3.or(record.cvss_v4).or(record.cvss_v2);
    advisory.severity = score
        .filter(|score| (0.0..=10.0).contains(score))
        .map_or(Severity::Unknown, |score| {
            cvss::band((score * 10.0).round() as u8)
        });
    let text = |text: Option<String>| text.unwrap_or_default().trim().to_owned();
    advisory.title = Some(shortened(&text(record.title), 300)).filter(|title| !title.is_empty());
    advisory.description = shortened(&text(record.description), DESCRIPTION);
    advisory.published = record.date.as_deref().and_then(date::seconds);
    let further = record.related.and_then(|related| related.url);
    for link in record.url.into_iter().chain(further.into_iter().flatten()) {
        if advisory.links.len() < LINKS && !advisory.links.contains(&link) {
            advisory.links.push(link);
        }
    }
    Ok(advisory)
}
