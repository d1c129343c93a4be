//! Amazon Linux 1, 2 and 2023: the repositories' updateinfo.
//!
//! `mirror.list -> repomd.xml -> updateinfo.xml.gz`. A line of the list is a repository's address and
//! holds a digest, so it changes with the content; several lines are mirrors of the same. The snapshot
//! of Amazon Linux 2 has the core repository and its *extras*, whose topics stand in a catalog of their
//! own. The database of packages does not tell
//! which repository a package came from, and the topic `php8.2` has other versions of `php` than core:
//! what fixes version 8.2 says nothing of 5.4, so the range begins where the topic's versions do. Live
//! patches are a repository of their own. There are no statements about what is not fixed.
//!
//! Not here: Amazon Linux 2022, a preview.

use std::collections::BTreeSet;

use pellucid_model::Namespace;
use pellucid_version::{Lower, Range};
use serde::Deserialize;

use crate::format::json::{self, Text};
use crate::format::updateinfo;
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, IndexFile, Plan, Request};

/// `https://alas.aws.amazon.com`.
pub(crate) struct Amazon;

const OLD_HOST: &str = "http://repo.us-west-2.amazonaws.com";
const HOST: &str = "https://cdn.amazonlinux.com";
/// Where the package manager itself asks for the catalog.
const CATALOG_HOST: &str = "http://amazonlinux.default.amazonaws.com";

const INDEX_LIMIT: u64 = 4 << 20;
/// The largest updateinfo has 40 MB.
const LIMIT: u64 = 512 << 20;

/// A release, the mirror lists of its repositories and where its bulletins are shown.
struct Release {
    key: &'static str,
    namespace: &'static str,
    /// What the ids of its bulletins begin with.
    prefix: &'static str,
    page: &'static str,
}

const RELEASES: &[Release] = &[
    Release {
        key: "amazon/2018.03",
        namespace: "amzn:2018.03",
        prefix: "ALAS-",
        page: "https://alas.aws.amazon.com/",
    },
    Release {
        key: "amazon/2",
        namespace: "amzn:2",
        prefix: "ALAS",
        page: "https://alas.aws.amazon.com/AL2/",
    },
    Release {
        key: "amazon/2023",
        namespace: "amzn:2023",
        prefix: "ALAS",
        page: "https://alas.aws.amazon.com/AL2023/",
    },
];

/// The release with extras.
const WITH_EXTRAS: &str = "amazon/2";
/// Most topics; some sixty are known.
const TOPICS: usize = 300;

/// Topics of Amazon Linux 2's extras that are read whatever the catalog says: mirrors may lack it.
const EXTRAS: &[&str] = &[
    "docker",
    "ecs",
    "firefox",
    "golang1.19",
    "nginx1",
    "php8.2",
    "postgresql14",
    "python3.8",
    "redis6",
    "tomcat9",
];

impl Feed for Amazon {
    fn name(&self) -> &'static str {
        "amazon"
    }

    fn parts(&self) -> Vec<String> {
        RELEASES
            .iter()
            .map(|release| release.key.to_owned())
            .collect()
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        let name = match namespace.as_str() {
            // Releases of Amazon Linux 1 before the last are advised on together with it.
            name if name.starts_with("amzn:201") => "amzn:2018.03",
            name => name,
        };
        let release = RELEASES.iter().find(|release| release.namespace == name)?;
        Some(Answer {
            key: release.key.to_owned(),
            namespace: Namespace::from(release.namespace),
        })
    }

    fn plan(&self, key: &str, state: &FeedState<'_>) -> Result<Plan, FeedError> {
        release_of(key)?;
        let (topics, indexes) = match state.indexes {
            indexes if key != WITH_EXTRAS => (BTreeSet::new(), indexes),
            [] => return Ok(Plan::Index(vec![catalog()])),
            [catalog, indexes @ ..] => (topics(catalog)?, indexes),
        };
        let lists = mirror_lists(key, &topics);
        let (lists, repomds) = match indexes.split_at_checked(lists.len()) {
            Some(parts) => parts,
            None => return Ok(Plan::Index(lists)),
        };
        let mut bases = Vec::with_capacity(lists.len());
        for index in lists {
            // The catalog has topics without a repository.
            if !(index.request.may_be_absent && index.body.is_empty()) {
                let name = index.request.name.split('/').next().unwrap_or_default();
                bases.push((name, mirrors(index)?));
            }
        }
        let requests = if repomds.is_empty() {
            let requests = bases
                .iter()
                .map(|(name, mirrors)| request(name, mirrors, "repodata/repomd.xml", INDEX_LIMIT));
            return Ok(Plan::Index(requests.collect()));
        } else {
            let mut requests = Vec::with_capacity(bases.len());
            for (index, (name, mirrors)) in repomds.iter().zip(&bases) {
                if let Some(location) = updateinfo::location(index)? {
                    let mut request = request(name, mirrors, &location.href, LIMIT);
                    request.name = format!("{name}/updateinfo.xml");
                    request.sha256 = location.sha256;
                    requests.push(request);
                }
            }
            requests
        };
        if requests.is_empty() {
            return Err(FeedError::NoRecords {
                file: "repomd.xml".to_owned(),
            });
        }
        Ok(Plan::Advisories {
            requests,
            mark: None,
        })
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        let release = release_of(file.key)?;
        let namespace = Namespace::from(release.namespace);
        let repository = file.request.name.split('/').next().unwrap_or_default();
        let topic = repository.strip_prefix("extras-");
        let mut count = 0_u64;
        updateinfo::read(file, &mut |update| {
            count += 1;
            let Some(mut advisory) = update.advisory("Amazon", &[release.prefix], out) else {
                return Ok(());
            };
            advisory.links.push(page(release, &update.id));
            let affected = update.affected(&namespace).map(|mut affected| {
                for one in &mut affected {
                    for range in &mut one.ranges {
                        begin_at_topic(range, topic);
                    }
                    one.note = topic.map(|topic| format!("Amazon Linux 2 extra {topic}"));
                }
                affected
            });
            updateinfo::told(advisory, affected, out);
            Ok(())
        })?;
        // The repository of an extra may be without bulletins, a release is not.
        if count == 0 && topic.is_none() {
            return Err(FeedError::NoRecords {
                file: file.name().to_owned(),
            });
        }
        Ok(())
    }
}

/// Makes a range begin at the versions that a topic is named after (`php8.2`), if its end is one.
fn begin_at_topic(range: &mut Range, topic: Option<&str>) {
    let version = topic.and_then(|topic| {
        let at = topic.rfind(|c: char| !c.is_ascii_digit() && c != '.')? + 1;
        topic.get(at..).filter(|version| !version.is_empty())
    });
    let (Some(version), Some(fixed)) = (version, range.fixed()) else {
        return;
    };
    let (epoch, rest) = match fixed.split_once(':') {
        Some((epoch, rest)) => (format!("{epoch}:"), rest),
        None => (String::new(), fixed),
    };
    let follows = rest
        .strip_prefix(version)
        .is_some_and(|rest| rest.starts_with(['.', '-']));
    if follows {
        range.lower = Lower::Inclusive(format!("{epoch}{version}"));
    }
}

/// The catalog of extras.
fn catalog() -> Request {
    let name = "extras-catalog.json";
    let mut request = Request::new(name, format!("{HOST}/2/{name}"), INDEX_LIMIT).or_absent();
    request.alternatives = vec![format!("{CATALOG_HOST}/2/{name}")];
    request
}

/// The topics of a catalog, if there is one.
fn topics(index: &IndexFile) -> Result<BTreeSet<String>, FeedError> {
    #[derive(Deserialize)]
    struct Catalog<'a> {
        #[serde(borrow)]
        topics: Vec<Topic<'a>>,
    }
    #[derive(Deserialize)]
    struct Topic<'a> {
        #[serde(borrow)]
        n: Text<'a>,
    }
    if index.body.is_empty() {
        return Ok(BTreeSet::new());
    }
    let catalog: Catalog<'_> = json::document(&Fetched {
        key: WITH_EXTRAS,
        request: &index.request,
        member: None,
        body: &index.body,
        indexes: &[],
    })?;
    // They become part of a URL.
    let plain = |topic: &&str| {
        !topic.starts_with('.')
            && !topic.is_empty()
            && topic
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte))
    };
    let names = catalog.topics.iter().map(|topic| &*topic.n);
    let names = names.filter(plain).map(str::to_owned);
    Ok(names.take(TOPICS).collect())
}

/// The mirror lists of a release's repositories, each under the repository's name.
fn mirror_lists(key: &str, topics: &BTreeSet<String>) -> Vec<Request> {
    let list =
        |name: &str, url: String| Request::new(format!("{name}/mirror.list"), url, INDEX_LIMIT);
    match key {
        "amazon/2018.03" => vec![list(
            "core",
            format!("{OLD_HOST}/2018.03/updates/x86_64/mirror.list"),
        )],
        WITH_EXTRAS => {
            let core = list("core", format!("{HOST}/2/core/latest/x86_64/mirror.list"));
            let extra = |topic: &str| {
                list(
                    &format!("extras-{topic}"),
                    format!("{HOST}/2/extras/{topic}/latest/x86_64/mirror.list"),
                )
            };
            let known = EXTRAS.iter().map(|topic| extra(topic));
            let more = topics
                .iter()
                .filter(|topic| !EXTRAS.contains(&topic.as_str()))
                .map(|topic| extra(topic).or_absent());
            std::iter::once(core).chain(known).chain(more).collect()
        }
        _ => vec![
            list(
                "core",
                format!("{HOST}/al2023/core/mirrors/latest/x86_64/mirror.list"),
            ),
            list(
                "kernel-livepatch",
                format!("{HOST}/al2023/kernel-livepatch/mirrors/latest/x86_64/mirror.list"),
            ),
        ],
    }
}

/// The addresses of a mirror list, without a slash at their ends.
fn mirrors(index: &IndexFile) -> Result<Vec<String>, FeedError> {
    let file = || index.request.name.clone();
    let text = std::str::from_utf8(&index.body).map_err(|source| FeedError::NotText {
        file: file(),
        source,
    })?;
    if text.trim_start().starts_with('<') {
        return Err(FeedError::WebPage { file: file() });
    }
    let mirrors: Vec<String> = text
        .lines()
        .map(|line| {
            line.trim()
                .trim_end_matches('/')
                .replace("$basearch", "x86_64")
        })
        .filter(|line| line.starts_with("https://") || line.starts_with("http://"))
        .take(16)
        .collect();
    if mirrors.is_empty() {
        return Err(FeedError::Empty { file: file() });
    }
    Ok(mirrors)
}

fn request(name: &str, mirrors: &[String], path: &str, limit: u64) -> Request {
    let mut urls = mirrors.iter().map(|mirror| format!("{mirror}/{path}"));
    let first = urls.next().unwrap_or_default();
    let mut request = Request::new(format!("{name}/repomd.xml"), first, limit);
    request.alternatives = urls.collect();
    request
}

/// Where a bulletin is shown. The page's name is without the release: `ALAS2-2019-1247` is
/// `AL2/ALAS-2019-1247.html`, `ALAS2023-2023-001` is `AL2023/ALAS-2023-001.html`.
fn page(release: &Release, id: &str) -> String {
    let number = match release.key {
        "amazon/2" => id.strip_prefix("ALAS2").unwrap_or(id),
        "amazon/2023" => id.strip_prefix("ALAS2023").unwrap_or(id),
        _ => id,
    };
    let number = number.strip_prefix("ALAS").unwrap_or(number);
    format!("{}ALAS{number}.html", release.page)
}

fn release_of(key: &str) -> Result<&'static Release, FeedError> {
    RELEASES
        .iter()
        .find(|release| release.key == key)
        .ok_or_else(|| FeedError::unknown_key(key))
}
