//! Red Hat's OVAL, beside the VEX documents: the archive of version 1 (to July 2023), and the streams
//! of version 2 as far as `PULP_MANIFEST` lists them.
//!
//! A definition is an RHSA (*patch*) or a CVE without a fix (*vulnerability*, in the
//! `-including-unpatched` streams), whose `resolution` says in which state Red Hat leaves which
//! component. Patches are taken apart by CVE, as VEX is about CVEs and each has its own severity; the
//! RHSA is the statement's note. Streams (EUS, AUS, extras, layered products) are told apart by the
//! CPEs of their repositories.
//!
//! Not here: running kernels, signatures, CoreOS.

use pellucid_model::{NameKind, Namespace, Status};

use crate::format::oval::{self, CveReference, Definition, Dialect};
use crate::format::rpm;
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// `https://security.access.redhat.com/data/oval/v2`.
pub(crate) struct RedHatOval;

const FOLDER: &str = "https://security.access.redhat.com/data/oval/v2";
const OLD_FOLDER: &str = "https://www.redhat.com/security/data/oval";
const CVE_PAGE: &str = "https://access.redhat.com/security/cve/";

/// The manifest has some 60 kB.
const INDEX_LIMIT: u64 = 16 << 20;
/// The largest stream has some 200 MB.
const LIMIT: u64 = 1 << 30;
/// Most streams of a release; some 250 are known.
const STREAMS: usize = 2000;

/// Releases that OVAL was ever written for.
const RELEASES: &[&str] = &["5", "6", "7", "8", "9"];

const DIALECT: Dialect = Dialect {
    products: |product| {
        if product.starts_with("Red Hat CoreOS") {
            return Some(Vec::new());
        }
        let rest = product.strip_prefix("Red Hat Enterprise Linux ")?;
        // `7 Client`, `7 Server`, `8.6`
        let release = rest
            .split_ascii_whitespace()
            .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
        let major = release.split('.').next().unwrap_or_default();
        Some(vec![Namespace::release_of("rhel", major)])
    },
    names_products: true,
    true_comments: true,
};

impl Feed for RedHatOval {
    fn name(&self) -> &'static str {
        "redhat-oval"
    }

    fn parts(&self) -> Vec<String> {
        RELEASES
            .iter()
            .map(|release| format!("redhat-oval/{release}"))
            .collect()
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        let known = matches!(namespace.distribution(), "rhel" | "centos" | "scientific");
        let release = namespace.release().filter(|_| known)?;
        RELEASES.contains(&release).then(|| Answer {
            key: format!("redhat-oval/{release}"),
            namespace: Namespace::release_of("rhel", release),
        })
    }

    fn plan(&self, key: &str, state: &FeedState<'_>) -> Result<Plan, FeedError> {
        let release = release_of(key)?;
        let manifest_url = format!("{FOLDER}/PULP_MANIFEST");
        let Some(index) = state.indexes.first() else {
            let request = Request::new("PULP_MANIFEST", manifest_url, INDEX_LIMIT);
            return Ok(Plan::Index(vec![request]));
        };
        let name = || index.request.name.clone();
        let text = std::str::from_utf8(&index.body).map_err(|source| FeedError::NotText {
            file: name(),
            source,
        })?;
        let streams = streams(text, release);
        if streams.is_empty() && !text.contains(".oval.xml") {
            return Err(FeedError::NoRecords { file: name() });
        }
        let old_url = format!("{OLD_FOLDER}/com.redhat.rhsa-RHEL{release}.xml.bz2");
        let mut old = Request::new("archive.xml", old_url, LIMIT);
        // Should the archive of version 1 be gone one day, the main stream is read in its place.
        old.instead = streams
            .iter()
            .find(|(path, _)| path.contains(&format!("/rhel-{release}.")))
            .or(streams.first())
            .map(|(path, _)| format!("{FOLDER}/{path}"))
            .into_iter()
            .collect();
        let mut requests = vec![old];
        for (path, sum) in streams {
            let mut request = Request::new(path, format!("{FOLDER}/{path}"), LIMIT);
            request.sha256 = Some(sum.to_ascii_lowercase());
            requests.push(request);
        }
        Ok(Plan::Advisories {
            requests,
            mark: None,
        })
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        release_of(file.key)?;
        DIALECT.read(file, out, &mut |definition, rows, out| {
            let unfixed = definition.class == "vulnerability";
            // `RHSA-2019:4268: idm:DL1 bug fix update (None)`
            let bulletin = definition
                .references
                .iter()
                .find(|reference| reference.source == "RHSA" || reference.source == "RHBA")
                .map(|reference| reference.id.as_str())
                .or_else(|| definition.title.split(": ").next())
                .filter(|_| !unfixed);
            let mut affected = oval::affected(rows, NameKind::Binary, &definition.cpes, bulletin);
            if affected.is_empty() {
                // Live patches and running kernels have no other criteria.
                out.left_out(&definition.id, "no package of a release that is followed");
                return;
            }
            if unfixed {
                for one in &mut affected {
                    (one.status, one.note) = resolution(definition, &one.package);
                }
            }
            for id in definition.cve_ids() {
                let cve = definition.cve(&id);
                let impact = cve.and_then(|cve| cve.impact.as_deref());
                let mut advisory = definition.advisory(&id, out);
                definition.rate(&mut advisory, impact.unwrap_or(&definition.severity), out);
                if bulletin.is_some() {
                    advisory.title = None;
                    // Nothing of the bulletin's text is about this one alone.
                    advisory.description = String::new();
                    advisory.published = None;
                    advisory.modified = None;
                }
                advisory.cvss = cve.map(|cve| cve.cvss("redhat")).unwrap_or_default();
                advisory.cwes = cve
                    .map(|cve: &CveReference| cve.cwes.clone())
                    .unwrap_or_default();
                advisory.links.retain(|link| !link.contains("/cve/"));
                advisory.links.insert(0, format!("{CVE_PAGE}{id}"));
                advisory.affected.clone_from(&affected);
                out.advisory(advisory);
            }
        })
    }
}

/// Paths and checksums of a release's streams. A stream with what is not fixed has all of the one
/// without.
fn streams<'a>(manifest: &'a str, release: &str) -> Vec<(&'a str, &'a str)> {
    let folder = format!("RHEL{release}/");
    let all: Vec<(&str, &str)> = manifest
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(',').map(str::trim);
            let (path, sum) = (fields.next()?, fields.next()?);
            let name = path.strip_prefix(folder.as_str())?;
            let good = name.ends_with(".oval.xml.bz2")
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte))
                && sum.len() == 64
                && sum.bytes().all(|byte| byte.is_ascii_hexdigit());
            good.then_some((path, sum))
        })
        .take(STREAMS)
        .collect();
    let whole: std::collections::BTreeSet<String> = all
        .iter()
        .filter(|(path, _)| path.contains("-including-unpatched."))
        .map(|(path, _)| path.replace("-including-unpatched.", "."))
        .collect();
    all.into_iter()
        .filter(|(path, _)| !whole.contains(*path))
        .collect()
}

/// In which state Red Hat leaves a package, and the word for it.
fn resolution(definition: &Definition, package: &str) -> (Status, Option<String>) {
    let named = definition.resolutions.iter().find(|(_, components)| {
        components
            .iter()
            .any(|component| component.rsplit('/').next() == Some(package))
    });
    let only = definition
        .resolutions
        .first()
        .filter(|_| definition.resolutions.len() == 1);
    match named.or(only) {
        Some((state, _)) => (rpm::state(state), Some(state.clone())),
        None => (Status::Affected, None),
    }
}

fn release_of(key: &str) -> Result<&str, FeedError> {
    key.strip_prefix("redhat-oval/")
        .filter(|release| RELEASES.contains(release))
        .ok_or_else(|| FeedError::unknown_key(key))
}
