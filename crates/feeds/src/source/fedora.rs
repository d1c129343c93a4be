//! Fedora: the updates repository's updateinfo of each release.
//!
//! `repomd.xml -> updateinfo.xml`. Bodhi writes one update per bulletin, mostly not about security;
//! those are left out. CVEs stand in the titles of bug references (`CVE-2024-1234 curl: …`), not as
//! references of their own. Severity is the packager's word, often `None`.
//!
//! Not here: problems without a fix, which Fedora does not list; rawhide, which has no updates.

use pellucid_model::Namespace;

use crate::format::updateinfo::{self, Update};
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// `https://bodhi.fedoraproject.org`.
pub(crate) struct Fedora;

const HOSTS: &[&str] = &[
    "https://dl.fedoraproject.org/pub/fedora/linux",
    "https://archives.fedoraproject.org/pub/archive/fedora/linux",
];
const PAGE: &str = "https://bodhi.fedoraproject.org/updates/";

const INDEX_LIMIT: u64 = 4 << 20;
/// The largest has 60 MB unpacked.
const LIMIT: u64 = 512 << 20;

/// Releases that are asked for by the feed's name; others when an image has them.
const FIRST: u32 = 40;
const LAST: u32 = 43;

impl Feed for Fedora {
    fn name(&self) -> &'static str {
        "fedora"
    }

    fn parts(&self) -> Vec<String> {
        (FIRST..=LAST)
            .map(|release| format!("fedora/{release}"))
            .collect()
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        let release = namespace
            .release()
            .filter(|_| namespace.distribution() == "fedora")?;
        is_release(release).then(|| Answer {
            key: format!("fedora/{release}"),
            namespace: namespace.clone(),
        })
    }

    fn plan(&self, key: &str, state: &FeedState<'_>) -> Result<Plan, FeedError> {
        let release = release_of(key)?;
        let request = |name: &str, path: &str, limit| {
            let mut urls = HOSTS
                .iter()
                .map(|host| format!("{host}/updates/{release}/Everything/x86_64/{path}"));
            let mut request = Request::new(name, urls.next().unwrap_or_default(), limit);
            request.alternatives = urls.collect();
            request
        };
        let Some(index) = state.indexes.first() else {
            let repomd = request("repomd.xml", "repodata/repomd.xml", INDEX_LIMIT);
            return Ok(Plan::Index(vec![repomd]));
        };
        let location = updateinfo::location(index)?.ok_or_else(|| FeedError::NoRecords {
            file: index.request.name.clone(),
        })?;
        let mut updates = request("updateinfo.xml", &location.href, LIMIT);
        updates.sha256 = location.sha256;
        Ok(Plan::Advisories {
            requests: vec![updates],
            mark: None,
        })
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        let namespace = Namespace::release_of("fedora", release_of(file.key)?);
        let links = |update: &Update| {
            let bugs = update.references.iter().map(|one| one.url.clone());
            let page = format!("{PAGE}{}", update.id);
            std::iter::once(page).chain(bugs).collect()
        };
        updateinfo::bulletins(file, "Fedora", &["FEDORA-"], &namespace, &links, out)
    }
}

fn release_of(key: &str) -> Result<&str, FeedError> {
    key.strip_prefix("fedora/")
        .filter(|release| is_release(release))
        .ok_or_else(|| FeedError::unknown_key(key))
}

fn is_release(release: &str) -> bool {
    (1..=3).contains(&release.len()) && release.bytes().all(|byte| byte.is_ascii_digit())
}
