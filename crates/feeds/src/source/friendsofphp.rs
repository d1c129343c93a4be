//! The PHP Security Advisories Database of FriendsOfPHP: one YAML file a vulnerability,
//! `<vendor>/<package>/CVE-….yaml`.
//!
//! `reference` names the package (`composer://vendor/package`); each branch gives comparisons that
//! hold together. An advisory without a CVE is known by the GHSA that it links to, else by its path, as
//! Packagist knows it.

use pellucid_model::{Advisory, Affected, NameKind, Namespace, PackageKind, Status};
use pellucid_version::{Range, Scheme, parse_requirement};
use serde::Deserialize;

use crate::format::osv_packages::shortened;
use crate::format::{date, whole, yaml};
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// `https://github.com/FriendsOfPHP/security-advisories`.
pub(crate) struct FriendsOfPhp;

const URL: &str =
    "https://github.com/FriendsOfPHP/security-advisories/archive/refs/heads/master.tar.gz";

/// Unpacked it has some 2 MB.
const LIMIT: u64 = 1 << 30;
const RECORD_LIMIT: u64 = 1 << 20;

impl Feed for FriendsOfPhp {
    fn name(&self) -> &'static str {
        "friendsofphp"
    }

    fn on_request(&self) -> bool {
        true
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        whole::of_kind(self.name(), PackageKind::Composer, namespace)
    }

    fn plan(&self, key: &str, _state: &FeedState<'_>) -> Result<Plan, FeedError> {
        whole::plan(self.name(), key, || {
            Request::archive("master.tar.gz", URL, LIMIT, RECORD_LIMIT)
        })
    }

    fn wants_member(&self, _request: &Request, member: &str) -> bool {
        // Beside the packages there are the repository's own settings.
        member.ends_with(".yaml") && identity(member).is_some()
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        let record: Record = yaml::document(file)?;
        match advisory(record, file.name()) {
            Ok(advisory) => out.advisory(advisory),
            Err(reason) => out.bad_record(file.name(), &reason),
        }
        Ok(())
    }
}

/// `vendor/package/file.yaml`, the end of a path in the archive.
fn identity(path: &str) -> Option<&str> {
    let mut slashes = path.rmatch_indices('/').map(|(at, _)| at);
    let (_, package) = (slashes.next()?, slashes.next()?);
    let begin = slashes.next().map_or(0, |at| at + 1);
    let identity = path.get(begin..)?;
    // A folder of its own, as `.github/workflows/x.yaml` has, is no vendor's.
    (package > begin && !identity.starts_with('.')).then_some(identity)
}

#[derive(Deserialize)]
struct Record {
    title: Option<String>,
    link: Option<String>,
    cve: Option<String>,
    reference: String,
    branches: std::collections::BTreeMap<String, Branch>,
}

#[derive(Deserialize)]
struct Branch {
    time: Option<String>,
    versions: Vec<String>,
}

fn advisory(record: Record, path: &str) -> Result<Advisory, String> {
    let name = record
        .reference
        .trim()
        .strip_prefix("composer://")
        .filter(|name| name.contains('/'))
        .ok_or_else(|| format!("{:?} is no package of Composer", record.reference))?;
    let link = record.link.as_deref().map(str::trim).unwrap_or_default();
    let mut ids = Vec::new();
    ids.extend(record.cve.filter(|cve| cve.starts_with("CVE-")));
    ids.extend(
        link.rsplit('/')
            .find(|part| part.starts_with("GHSA-"))
            .map(str::to_owned),
    );
    if ids.is_empty() {
        ids.extend(identity(path).map(str::to_owned));
    }
    let mut ids = ids.into_iter();
    let mut advisory = Advisory::new(ids.next().ok_or("it has neither a CVE nor a path")?);
    advisory.aliases = ids.collect();
    advisory.aliases.sort_unstable();
    let mut ranges: Vec<Range> = Vec::new();
    for (branch, stated) in &record.branches {
        let read = parse_requirement(Scheme::Composer, &stated.versions.join(","))
            .map_err(|invalid| format!("branch {branch}: {invalid}"))?;
        ranges.extend(read);
    }
    ranges.sort();
    ranges.dedup();
    if ranges.is_empty() {
        return Err("it names no affected version".to_owned());
    }
    advisory.affected.push(Affected {
        namespace: Namespace::from(PackageKind::Composer.name()),
        package: PackageKind::Composer.normalise(name).into_owned(),
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
    let title = record.title.unwrap_or_default();
    advisory.title = Some(shortened(title.trim(), 300)).filter(|title| !title.is_empty());
    advisory
        .links
        .extend((!link.is_empty()).then(|| link.to_owned()));
    let times = record.branches.values();
    advisory.published = times
        .filter_map(|branch| date::seconds(branch.time.as_deref()?))
        .min();
    Ok(advisory)
}
