//! Feeds that make one snapshot of one file.

use std::ops::RangeInclusive;

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

/// The answer of a feed that speaks of the releases of one distribution that are numbered so.
pub(crate) fn of_releases(
    feed: &str,
    distribution: &str,
    releases: RangeInclusive<u32>,
    namespace: &Namespace,
) -> Option<Answer> {
    let release = namespace
        .release()
        .filter(|_| namespace.distribution() == distribution)?;
    releases
        .contains(&release.parse().ok()?)
        .then(|| answer(feed, namespace))
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
        return Err(FeedError::unknown_key(key));
    }
    Ok(Plan::Advisories {
        requests: vec![request()],
        mark: None,
    })
}
