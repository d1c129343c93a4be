//! Alpine's secdb, one document per release and repository.
//!
//! A release's snapshot is both repositories together. `edge` has no number, and the first releases
//! no community repository. The shape is told in `format/secdb.rs`.
//!
//! Not here: problems without a fix, which the secdb does not list; releases before v3.2.

use pellucid_model::Namespace;

use crate::format::secdb::Secdb;
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// `https://secdb.alpinelinux.org`.
pub(crate) struct Alpine;

const HOST: &str = "https://secdb.alpinelinux.org";
const PAGE: &str = "https://security.alpinelinux.org/vuln/";

/// The largest document has 130 kB.
const LIMIT: u64 = 64 << 20;

/// The oldest and the newest numbered release known; newer ones are asked for when an image has them.
const FIRST_MINOR: u32 = 2;
const LAST_MINOR: u32 = 23;

impl Feed for Alpine {
    fn name(&self) -> &'static str {
        "alpine"
    }

    fn parts(&self) -> Vec<String> {
        (FIRST_MINOR..=LAST_MINOR)
            .map(|minor| format!("alpine/v3.{minor}"))
            .chain(["alpine/edge".to_owned()])
            .collect()
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        let release = namespace
            .release()
            .filter(|_| namespace.distribution() == "alpine")?;
        is_release(release).then(|| Answer {
            key: format!("alpine/{release}"),
            namespace: namespace.clone(),
        })
    }

    fn plan(&self, key: &str, _state: &FeedState<'_>) -> Result<Plan, FeedError> {
        let release = release_of(key)?;
        let repositories: &[&str] = if release == "v3.2" {
            &["main"]
        } else {
            &["main", "community"]
        };
        let requests = repositories
            .iter()
            .map(|repository| {
                let name = format!("{repository}.json");
                let url = format!("{HOST}/{release}/{name}");
                Request::new(name, url, LIMIT)
            })
            .collect();
        Ok(Plan::Advisories {
            requests,
            mark: None,
        })
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        let release = release_of(file.key)?;
        let namespace = Namespace::release_of("alpine", release);
        Secdb {
            namespace: &namespace,
            release: Some(release),
            page: PAGE,
            own_names: false,
        }
        .parse(file, out)
    }
}

fn release_of(key: &str) -> Result<&str, FeedError> {
    key.strip_prefix("alpine/")
        .filter(|release| is_release(release))
        .ok_or_else(|| FeedError::unknown_key(key))
}

/// Whether it is `edge` or `v3.20`: text from an image becomes part of a URL here.
fn is_release(release: &str) -> bool {
    let number = |text: &str| {
        (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    release == "edge"
        || release
            .strip_prefix('v')
            .and_then(|numbers| numbers.split_once('.'))
            .is_some_and(|(major, minor)| number(major) && number(minor))
}
