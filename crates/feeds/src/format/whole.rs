//! Feeds that make one snapshot of one file.

use pellucid_model::{Namespace, PackageKind};

use crate::{Answer, FeedError, Plan, Request};

/// The answer of a feed's only snapshot.
pub(crate) fn answer(feed: &str, namespace: &Namespace) -> Answer {
    Answer {
        key: feed.to_owned(),
        namespace: namespace.clone(),
    }
}

/// The answer of a feed that speaks of one kind of packages.
pub(crate) fn of_kind(feed: &str, kind: PackageKind, namespace: &Namespace) -> Option<Answer> {
    (namespace.as_str() == kind.name()).then(|| answer(feed, namespace))
}

/// The plan of a feed's only snapshot.
///
/// # Errors
/// The key is another's.
pub(crate) fn plan(
    feed: &str,
    key: &str,
    request: impl FnOnce() -> Request,
) -> Result<Plan, FeedError> {
    if key != feed {
        return Err(FeedError::UnknownKey {
            key: key.chars().take(80).collect(),
        });
    }
    Ok(Plan::Advisories {
        requests: vec![request()],
        mark: None,
    })
}
