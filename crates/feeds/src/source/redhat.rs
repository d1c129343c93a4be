//! Red Hat's VEX documents (CSAF 2.0), one a CVE: an archive of all, and what changed since.
//!
//! `archive_latest.txt` names the archive, `changes.csv` and `deletions.csv` what is newer than it.
//! A changed document is read in place of the archive's copy; after that only what the lists name as
//! changed is fetched, for a fortnight. *Fixed* products have a version;
//! *known affected* ones mostly none, and the remediation says why (`Will not fix`, `Fix deferred`).
//! Components without an architecture, or of architecture `src`, are source packages as well; a fixed
//! source counts where no binary of that build is listed beside it. A *not affected*
//! of one build counts only where nothing else is said of the package, as a bulletin that fixes one
//! package lists the others so.
//!
//! Every platform is told by its CPE, which is the statement's; releases are the CPE's, or the `elN`
//! in it (`cpe:/a:redhat:openshift:4.12::el8`). `centos:N` is answered by `rhel:N`.
//! The platform of the hardened images (`cpe:/a:redhat:hummingbird:1`) is a distribution of its own.
//!
//! Not here: containers, Java archives, and products that are no layer on RHEL; RHSAs as such.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use pellucid_model::{Advisory, Affected, Cvss, NameKind, Namespace, Severity, Status};
use pellucid_version::Range;

use crate::format::csaf::{self, Component, Document, Products, RpmPurl, Vulnerability};
use crate::format::json::{self, Text};
use crate::format::{date, rpm};
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, IndexFile, Plan, Request};

/// `https://security.access.redhat.com/data/csaf/v2/vex`.
pub(crate) struct RedHat;

const FOLDER: &str = "https://security.access.redhat.com/data/csaf/v2/vex";
const CVE_PAGE: &str = "https://access.redhat.com/security/cve/";

/// The distribution of Red Hat's hardened images, in its CPE and in its os-release; it has no releases.
const HUMMINGBIRD: &str = "hummingbird";

const INDEX_LIMIT: u64 = 64 << 20;
/// All documents together have some 30 GB.
const ARCHIVE_LIMIT: u64 = 128 << 30;
/// The largest documents have 25 MB.
const DOCUMENT_LIMIT: u64 = 128 << 20;
/// Most changed documents that are read beside the archive, the newest; each is a download of its
/// own. The others come with the next archive.
const CHANGES: usize = 400;
const DAY: i64 = 86_400;
/// After so long the archive is read anew, whatever the lists say.
const FORTNIGHT: i64 = 14 * DAY;

impl Feed for RedHat {
    fn name(&self) -> &'static str {
        "redhat"
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        if namespace.distribution() == HUMMINGBIRD {
            return Some(Answer {
                key: self.name().to_owned(),
                namespace: Namespace::new(HUMMINGBIRD),
            });
        }
        let known = matches!(namespace.distribution(), "rhel" | "centos" | "scientific");
        let release = namespace.release().filter(|_| known)?;
        let number: u32 = release.parse().ok()?;
        (4..=20).contains(&number).then(|| Answer {
            key: self.name().to_owned(),
            namespace: Namespace::release_of("rhel", release),
        })
    }

    fn plan(&self, key: &str, state: &FeedState<'_>) -> Result<Plan, FeedError> {
        if key != self.name() {
            return Err(FeedError::unknown_key(key));
        }
        let [latest, changes, deletions] = state.indexes else {
            let names = ["archive_latest.txt", "changes.csv", "deletions.csv"];
            let requests =
                names.map(|name| Request::new(name, format!("{FOLDER}/{name}"), INDEX_LIMIT));
            return Ok(Plan::Index(requests.into()));
        };
        let archive = text(latest)?.trim();
        let Some(as_of) = archive_date(archive) else {
            return Err(FeedError::OtherSubject {
                file: latest.request.name.clone(),
                found: archive.chars().take(80).collect(),
                expected: "csaf_vex_YYYY-MM-DD.tar.zst".to_owned(),
            });
        };
        let newest = newest(&[text(changes)?, text(deletions)?]);
        if let (Some(newest), Some(mark)) = (newest, state.mark.and_then(Mark::read))
            && mark.newest <= newest
            && as_of - mark.archive <= FORTNIGHT
        {
            // Nothing newer is nothing to read; else those of the mark's own second again.
            let since = if newest == mark.newest {
                i64::MAX
            } else {
                mark.newest
            };
            let (changed, deleted) = since_then(text(changes)?, text(deletions)?, since);
            if changed.len() <= CHANGES {
                return Ok(Plan::Changes {
                    requests: changed.into_iter().map(document).collect(),
                    removed: deleted.into_iter().filter_map(cve_of).collect(),
                    mark: Some(Mark { newest, ..mark }.text()),
                });
            }
        }
        // The archive's name has a day, its content may be some hours older.
        let since = as_of - DAY;
        let (mut changed, deleted) = since_then(text(changes)?, text(deletions)?, since);
        let stale = changed.len().saturating_sub(CHANGES);
        changed.truncate(CHANGES);
        let mut request = Request::archive(
            "archive",
            format!("{FOLDER}/{archive}"),
            ARCHIVE_LIMIT,
            DOCUMENT_LIMIT,
        );
        request.except = changed
            .iter()
            .chain(&deleted)
            .map(|one| (*one).to_owned())
            .collect();
        request.except.sort();
        if stale > 0 {
            request.remark = Some(format!(
                "{stale} documents that changed since are read as the archive has them"
            ));
        }
        let documents = changed.into_iter().map(document);
        // Without a mark what is not read now comes with the next archive.
        let mark = newest.filter(|_| stale == 0).map(|newest| {
            let mark = Mark {
                newest,
                archive: as_of,
            };
            mark.text()
        });
        Ok(Plan::Advisories {
            requests: std::iter::once(request).chain(documents).collect(),
            mark,
        })
    }

    fn wants_member(&self, request: &Request, member: &str) -> bool {
        let member = member.trim_start_matches("./");
        let name = member.rsplit('/').next().unwrap_or_default();
        name.starts_with("cve-")
            && name.ends_with(".json")
            && request
                .except
                .binary_search_by(|except| except.as_str().cmp(member))
                .is_err()
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        let document: Document<'_> = json::document(file)?;
        if document.vulnerabilities.is_empty() {
            return Err(FeedError::NoRecords {
                file: file.name().to_owned(),
            });
        }
        let tree = document.product_tree.as_ref();
        let none = csaf::Tree::default();
        let products = Products::new(tree.unwrap_or(&none));
        for vulnerability in &document.vulnerabilities {
            let Some(id) = vulnerability
                .cve
                .as_deref()
                .filter(|id| rpm::cve(id) == Some(id))
            else {
                out.bad_record(file.name(), "a vulnerability without a CVE");
                continue;
            };
            let advisory = advisory(id, &document, vulnerability, &products, out);
            if advisory.affected.is_empty() {
                out.left_out(id, "no RPM of a release that is followed");
            } else {
                out.advisory(advisory);
            }
        }
        Ok(())
    }
}

fn text(index: &IndexFile) -> Result<&str, FeedError> {
    let file = || index.request.name.clone();
    let text = std::str::from_utf8(&index.body).map_err(|source| FeedError::NotText {
        file: file(),
        source,
    })?;
    if text.trim_start().starts_with('<') {
        return Err(FeedError::WebPage { file: file() });
    }
    Ok(text)
}

/// The day in an archive's name.
fn archive_date(name: &str) -> Option<i64> {
    let day = name
        .strip_prefix("csaf_vex_")
        .and_then(|rest| rest.strip_suffix(".tar.zst"))?;
    (day.len() == 10).then(|| date::seconds(day)).flatten()
}

/// Documents that changed and documents that are gone, not before this time, the newest first. One that
/// is in both lists is what the later row says: a document comes back under its name.
fn since_then<'i>(
    changes: &'i str,
    deletions: &'i str,
    since: i64,
) -> (Vec<&'i str>, Vec<&'i str>) {
    let latest = |csv: &'i str| {
        let mut times: HashMap<&str, i64> = HashMap::new();
        for (time, document) in listed(csv) {
            let known = times.entry(document).or_insert(time);
            *known = time.max(*known);
        }
        times
    };
    let (changed, deleted) = (latest(changes), latest(deletions));
    let is_gone = |document: &str| match (changed.get(document), deleted.get(document)) {
        (Some(changed), Some(deleted)) => deleted >= changed,
        (_, deleted) => deleted.is_some(),
    };
    let pending = |times: &HashMap<&'i str, i64>, gone: bool| {
        let mut documents: Vec<(i64, &str)> = times
            .iter()
            .filter(|(document, time)| **time >= since && is_gone(document) == gone)
            .map(|(document, time)| (*time, *document))
            .collect();
        documents.sort_by(|a, b| b.cmp(a));
        let names = documents.into_iter().map(|(_, document)| document);
        names.collect::<Vec<&str>>()
    };
    (pending(&changed, false), pending(&deleted, true))
}

/// Time and name of every document in a list:
/// `"2024/cve-2024-1234.json","2024-05-01T12:00:00+00:00"`.
fn listed(csv: &str) -> impl Iterator<Item = (i64, &str)> {
    csv.lines().filter_map(|line| {
        let (document, time) = line.split_once(',')?;
        let document = document.trim().trim_matches('"');
        let time = date::seconds(time.trim().trim_matches('"'))?;
        // It becomes part of a URL.
        let (year, name) = document.split_once('/')?;
        let good = year.len() == 4
            && year.bytes().all(|byte| byte.is_ascii_digit())
            && name.starts_with("cve-")
            && name.ends_with(".json")
            && !name.contains("..")
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        good.then_some((time, document))
    })
}

/// Time of the newest row of several lists.
fn newest(lists: &[&str]) -> Option<i64> {
    let rows = lists.iter().flat_map(|csv| listed(csv));
    rows.map(|(time, _)| time).max()
}

fn document(name: &str) -> Request {
    Request::new(name, format!("{FOLDER}/{name}"), DOCUMENT_LIMIT)
}

/// The CVE that a document is about: `2024/cve-2024-1234.json`.
fn cve_of(document: &str) -> Option<String> {
    let (_, name) = document.split_once('/')?;
    Some(name.strip_suffix(".json")?.to_ascii_uppercase())
}

/// How far the lists were read, in seconds since the epoch.
#[derive(Clone, Copy)]
struct Mark {
    newest: i64,
    /// Day of the archive that all began with.
    archive: i64,
}

impl Mark {
    fn read(text: &str) -> Option<Self> {
        let (newest, archive) = text.split_once(' ')?;
        Some(Self {
            newest: newest.parse().ok()?,
            archive: archive.parse().ok()?,
        })
    }

    fn text(self) -> String {
        format!("{} {}", self.newest, self.archive)
    }
}

/// What makes statements one, whatever their architectures and repositories.
type Key = (
    Namespace,
    String,
    NameKind,
    Option<String>,
    Status,
    Option<Range>,
    Option<Severity>,
    Option<String>,
);

fn advisory(
    id: &str,
    document: &Document<'_>,
    vulnerability: &Vulnerability<'_>,
    products: &Products<'_>,
    out: &mut dyn AdvisorySink,
) -> Advisory {
    let mut advisory = Advisory::new(id);
    advisory.title = vulnerability
        .title
        .as_deref()
        .map(str::to_owned)
        .filter(|title| !title.is_empty());
    advisory.description = vulnerability
        .notes
        .iter()
        .find(|note| &*note.category == "description")
        .map(|note| note.text.trim().to_owned())
        .unwrap_or_default();
    advisory.links.push(format!("{CVE_PAGE}{id}"));
    advisory.cwes = vulnerability
        .cwe
        .iter()
        .map(|cwe| cwe.id.to_string())
        .collect();
    let tracking = &document.document.tracking;
    let seconds = |text: &Option<Text<'_>>| text.as_deref().and_then(date::seconds);
    advisory.published =
        seconds(&vulnerability.release_date).or(seconds(&tracking.initial_release_date));
    advisory.modified = seconds(&tracking.current_release_date);
    for score in &vulnerability.scores {
        for vector in [&score.cvss_v4, &score.cvss_v3, &score.cvss_v2] {
            if let Some(vector) = vector.as_ref().and_then(|one| one.vector.as_deref())
                && advisory.cvss.len() < 8
                && advisory.cvss.iter().all(|known| known.vector != vector)
            {
                advisory.cvss.push(Cvss {
                    source: "redhat".to_owned(),
                    vector: vector.to_owned(),
                });
            }
        }
    }
    let impacts = impacts(vulnerability, id, out);
    let word = document
        .document
        .aggregate_severity
        .as_ref()
        .and_then(|severity| severity.text.as_deref());
    let highest = impacts.values().copied().max().unwrap_or_default();
    advisory.severity = word
        .and_then(rpm::severity)
        .filter(|severity| *severity != Severity::Unknown)
        .unwrap_or(highest);
    advisory.severity_word = word.map(str::to_owned);
    advisory.affected = statements(vulnerability, products, &impacts, advisory.severity);
    advisory
}

/// Severities by product.
fn impacts<'d>(
    vulnerability: &'d Vulnerability<'_>,
    id: &str,
    out: &mut dyn AdvisorySink,
) -> HashMap<&'d str, Severity> {
    let mut impacts = HashMap::new();
    for threat in &vulnerability.threats {
        if &*threat.category != "impact" {
            continue;
        }
        let Some(severity) = rpm::severity(&threat.details) else {
            out.bad_record(id, &format!("unknown severity {:?}", threat.details.0));
            continue;
        };
        for product in &threat.product_ids {
            impacts.insert(&**product, severity);
        }
    }
    impacts
}

fn statements(
    vulnerability: &Vulnerability<'_>,
    products: &Products<'_>,
    impacts: &HashMap<&str, Severity>,
    severity: Severity,
) -> Vec<Affected> {
    // Why there is no fix, and which bulletin is one.
    let (mut reasons, mut bulletins) = (HashMap::new(), HashMap::new());
    for remediation in &vulnerability.remediations {
        for product in &remediation.product_ids {
            match &*remediation.category {
                "no_fix_planned" | "none_available" => {
                    reasons.insert(
                        &**product,
                        remediation.details.as_deref().unwrap_or_default(),
                    );
                }
                "vendor_fix" => {
                    let page = remediation.url.as_deref().unwrap_or_default();
                    bulletins.insert(&**product, page.rsplit('/').next().unwrap_or_default());
                }
                _ => {}
            }
        }
    }
    let status = &vulnerability.product_status;
    let mut merged: BTreeMap<Key, (BTreeSet<String>, BTreeSet<&str>)> = BTreeMap::new();
    let mut spoken: BTreeSet<(Namespace, String, Option<String>)> = BTreeSet::new();
    let groups = [
        (Status::Affected, true, &status.fixed),
        (Status::Affected, false, &status.known_affected),
        (
            Status::UnderInvestigation,
            false,
            &status.under_investigation,
        ),
        (Status::NotAffected, false, &status.known_not_affected),
    ];
    // Builds of which binaries are listed: platform, and version without epoch.
    let mut listed: HashSet<(&str, String)> = HashSet::new();
    for (status, fixed, ids) in groups {
        let mut ids: Vec<(&Text<'_>, bool)> = ids.iter().map(|id| (id, false)).collect();
        let mut next = 0;
        while let Some(&(id, is_second)) = ids.get(next) {
            next += 1;
            let Some(component) = products.resolve(id) else {
                continue;
            };
            let (Some(namespace), Some(rpm)) = (namespace_of(component.cpe), rpm_of(&component))
            else {
                continue;
            };
            let source = rpm.arch.as_deref() == Some("src");
            let evr = rpm.evr.as_deref().and_then(rpm::evr);
            // Versions of source packages are compared without epoch.
            let evr = if source { evr.map(without_epoch) } else { evr };
            match evr {
                None if fixed || source && rpm.evr.is_some() => continue,
                // Of a fixed build the binaries are listed beside the source, mostly: all of them
                // are read first.
                Some(evr) if source => {
                    if fixed && !is_second {
                        ids.push((id, true));
                    }
                    if !is_second || listed.contains(&(component.cpe, evr.to_owned())) {
                        continue;
                    }
                }
                Some(evr) if fixed => {
                    listed.insert((component.cpe, without_epoch(evr).to_owned()));
                }
                _ => {}
            }
            let own = (namespace.clone(), rpm.name.clone(), rpm.module.clone());
            let (mut status, mut note) = (status, None);
            let range = match (status, evr) {
                (Status::NotAffected, Some(_)) if spoken.contains(&own) => continue,
                (Status::NotAffected, _) => None,
                (_, Some(evr)) if fixed => Some(Range::before(evr)),
                (_, Some(evr)) => Some(Range::exactly(evr)),
                (_, None) => Some(Range::all()),
            };
            if status != Status::NotAffected {
                spoken.insert(own);
            }
            if fixed {
                note = bulletins.get(&**id).map(|name| (*name).to_owned());
            } else if status == Status::Affected
                && let Some(reason) = reasons.get(&**id)
            {
                status = rpm::state(reason);
                note = Some((*reason).to_owned());
            }
            let rated = impacts
                .get(&**id)
                .copied()
                .filter(|own| *own != severity && status != Status::NotAffected);
            let kinds: &[NameKind] = match (source, rpm.arch.is_some() || evr.is_some()) {
                (true, _) => &[NameKind::Source],
                (false, true) => &[NameKind::Binary],
                (false, false) => &[NameKind::Source, NameKind::Binary],
            };
            for kind in kinds {
                let key = (
                    namespace.clone(),
                    rpm.name.clone(),
                    *kind,
                    rpm.module.clone(),
                    status,
                    range.clone(),
                    rated,
                    note.clone().filter(|note| !note.is_empty()),
                );
                let (arches, cpes) = merged.entry(key).or_default();
                let arch = rpm
                    .arch
                    .clone()
                    .filter(|arch| arch != "src" && arch != "noarch");
                arches.insert(arch.unwrap_or_default());
                cpes.insert(component.cpe);
            }
        }
    }
    merged
        .into_iter()
        .map(|(key, (arches, cpes))| {
            let (namespace, package, name_kind, module, status, range, severity, note) = key;
            Affected {
                namespace,
                package,
                name_kind,
                status,
                ranges: range.into_iter().collect(),
                versions: Vec::new(),
                severity,
                // Once for all architectures is for all.
                arches: if arches.contains("") {
                    Vec::new()
                } else {
                    arches.into_iter().collect()
                },
                module,
                cpes: cpes.into_iter().map(str::to_owned).collect(),
                note,
            }
        })
        .collect()
}

fn without_epoch(version: &str) -> &str {
    rpm::without_epoch(version).unwrap_or(version)
}

/// The release of RHEL that a platform is, or is a layer on; the hardened images have none.
fn namespace_of(cpe: &str) -> Option<Namespace> {
    let mut fields = cpe.strip_prefix("cpe:/")?.split(':').skip(1);
    if fields.next() != Some("redhat") {
        return None;
    }
    let product = fields.next()?;
    if product == HUMMINGBIRD {
        return Some(Namespace::new(HUMMINGBIRD));
    }
    let rest: Vec<&str> = fields.collect();
    let number = |text: &str| {
        let number: u32 = text.split('.').next()?.parse().ok()?;
        (4..=20).contains(&number).then_some(number)
    };
    let layer = rest
        .iter()
        .find_map(|field| number(field.strip_prefix("el")?));
    let own = || {
        let is_rhel = product.starts_with("enterprise_linux") || product.starts_with("rhel_");
        rest.first()
            .filter(|_| is_rhel)
            .and_then(|release| number(release))
    };
    let release = layer.or_else(own)?;
    Some(Namespace::release_of("rhel", &release.to_string()))
}

/// The RPM that a component is. Old documents have no purl, only `curl` or `ruby:2.5/ruby`.
fn rpm_of(component: &Component<'_>) -> Option<RpmPurl> {
    let mut rpm = match component.purl {
        Some(purl) if purl.starts_with("pkg:rpm/") => RpmPurl::read(purl)?,
        // A module as such; what is meant is in the identifier.
        Some(purl) if purl.starts_with("pkg:rpmmod/") && component.id.contains('/') => {
            named(component.id)?
        }
        Some(_) => return None,
        None => {
            let is_rhel = component.cpe.contains(":redhat:enterprise_linux");
            named(component.id).filter(|_| is_rhel)?
        }
    };
    rpm.module = component.module.and_then(csaf::module_of).or(rpm.module);
    Some(rpm)
}

/// A package by a name without version: `curl`, `ruby:2.5/ruby`.
fn named(id: &str) -> Option<RpmPurl> {
    let plain = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte))
    };
    let (module, name) = match id.split_once('/') {
        Some((module, name)) => {
            let (first, stream) = module.split_once(':')?;
            if !plain(first) || !plain(stream) {
                return None;
            }
            (Some(module.to_owned()), name)
        }
        None => (None, id),
    };
    plain(name).then(|| RpmPurl {
        name: name.to_owned(),
        module,
        ..RpmPurl::default()
    })
}
