//! Amazon Linux 1, 2 and 2023: the repositories' updateinfo.
//!
//! `mirror.list -> repomd.xml -> updateinfo.xml.gz`. A line of the list is a repository's address and
//! holds a digest, so it changes with the content; several lines are mirrors of the same. The snapshot
//! of Amazon Linux 2 has the core repository and its *extras*. The database of packages does not tell
//! which repository a package came from, and the topic `php8.2` has other versions of `php` than core:
//! what fixes version 8.2 says nothing of 5.4, so the range begins where the topic's versions do. Live
//! patches are a repository of their own. There are no statements about what is not fixed.
//!
//! Not here: extras beyond the topics below; Amazon Linux 2022, a preview.

use pellucid_model::Namespace;
use pellucid_version::{Lower, Range};

use crate::format::updateinfo;
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// `https://alas.aws.amazon.com`.
pub(crate) struct Amazon;

const OLD_HOST: &str = "http://repo.us-west-2.amazonaws.com";
const HOST: &str = "https://cdn.amazonlinux.com";

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

/// Topics of Amazon Linux 2's extras that bulletins are written for.
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
        let repositories = repositories(key);
        let indexes = state.indexes;
        let count = repositories.len();
        if indexes.is_empty() {
            let lists = repositories.iter().map(|(name, url)| {
                Request::new(format!("{name}/mirror.list"), url.clone(), INDEX_LIMIT)
            });
            return Ok(Plan::Index(lists.collect()));
        }
        let (lists, repomds) = indexes.split_at_checked(count).unwrap_or((indexes, &[]));
        let mut bases = Vec::with_capacity(count);
        for (index, (name, _)) in lists.iter().zip(&repositories) {
            bases.push((name, mirrors(index)?));
        }
        let requests = if repomds.is_empty() {
            let requests = bases
                .iter()
                .map(|(name, mirrors)| request(name, mirrors, "repodata/repomd.xml", INDEX_LIMIT));
            return Ok(Plan::Index(requests.collect()));
        } else {
            let mut requests = Vec::with_capacity(count);
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

/// Names and mirror lists of a release's repositories.
fn repositories(key: &str) -> Vec<(String, String)> {
    let named = |name: &str, url: String| (name.to_owned(), url);
    match key {
        "amazon/2018.03" => vec![named(
            "core",
            format!("{OLD_HOST}/2018.03/updates/x86_64/mirror.list"),
        )],
        "amazon/2" => {
            let core = named("core", format!("{HOST}/2/core/latest/x86_64/mirror.list"));
            let extras = EXTRAS.iter().map(|topic| {
                named(
                    &format!("extras-{topic}"),
                    format!("{HOST}/2/extras/{topic}/latest/x86_64/mirror.list"),
                )
            });
            std::iter::once(core).chain(extras).collect()
        }
        _ => vec![
            named(
                "core",
                format!("{HOST}/al2023/core/mirrors/latest/x86_64/mirror.list"),
            ),
            named(
                "kernel-livepatch",
                format!("{HOST}/al2023/kernel-livepatch/mirrors/latest/x86_64/mirror.list"),
            ),
        ],
    }
}

/// The addresses of a mirror list, without a slash at their ends.
fn mirrors(index: &crate::IndexFile) -> Result<Vec<String>, FeedError> {
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
