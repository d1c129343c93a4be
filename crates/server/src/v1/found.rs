//! What is found in features: what feeds say, what callers wrote, and what they made of the feeds'.
//! Answers about layers and notifications go by the same.

use std::collections::{BTreeSet, HashMap};

use pellucid_matcher::{MatchError, MatchOptions, find};
use pellucid_model::{Finding, Namespace};
use pellucid_snapshot::SnapshotError;
use pellucid_store::{Feature, StoredVulnerability, Vulnerability, VulnerabilityId};

use super::standing::{Standing, Verdict};
use super::written::Index;
use super::{feed, inventory};
use crate::snapshots::View;

/// Why nothing is found out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FindError {
    #[error("a snapshot cannot be read")]
    Snapshot(#[from] SnapshotError),
    #[error("the packages cannot be matched")]
    Match(#[from] MatchError),
}

/// A vulnerability of a feature.
pub(crate) enum Found<'a> {
    /// By a feed's statements; in the words of a record that a caller put over the feed's, if there is one.
    Feed(Box<Finding>, Option<&'a Vulnerability>),
    /// By a caller's fix: the version that is not affected, if there is one.
    Caller(&'a Vulnerability, Option<String>),
}

/// The vulnerabilities of features, each with the feature's place among them. All that came from
/// repositories came from the same ones. Blocks on files.
pub(crate) fn vulnerabilities<'a>(
    features: &[&Feature],
    view: &View,
    written: &'a Index,
) -> Result<Vec<(usize, Found<'a>)>, FindError> {
    let inventory = inventory::of(features.iter().copied());
    let namespaces: BTreeSet<&Namespace> = inventory
        .packages
        .iter()
        .filter_map(|entry| entry.namespace.as_ref())
        .collect();
    let sources = view.sources(namespaces.into_iter());
    let options = MatchOptions {
        hidden: false,
        undetermined: false,
        today: 0,
    };
    // Only what callers wrote is looked up by it here; the matcher looks for itself.
    let mut built_from = Vec::new();
    for (feature, entry) in features.iter().zip(&inventory.packages) {
        let namespace = entry.namespace.as_ref();
        let namespace = namespace.filter(|_| written.knows(&feature.namespace.name));
        built_from.push(match namespace {
            Some(namespace) => sources.built_from(namespace, entry)?,
            None => Vec::new(),
        });
    }
    let mut over = Over::new(view);
    let mut found = Vec::new();
    for finding in find(&inventory, &sources, &options)?.findings {
        let (Some(feature), Some(built_from)) = (
            features.get(finding.package),
            built_from.get(finding.package),
        ) else {
            continue;
        };
        let namespace = feature.namespace.name.as_str();
        let words = match written.named(namespace, &finding.id) {
            Some(stored) if over.by_callers(stored, feature, built_from)?.is_some() => continue,
            Some(stored) => Some(&stored.vulnerability),
            None if feed::is_hidden(view, written, namespace, &finding.id)? => continue,
            None => None,
        };
        found.push((finding.package, Found::Feed(Box::new(finding), words)));
    }
    for (place, (feature, built_from)) in features.iter().zip(&built_from).enumerate() {
        for stored in written.about(feature, built_from) {
            if let Some(Verdict::Affected(fixed)) = over.by_callers(stored, feature, built_from)? {
                found.push((place, Found::Caller(&stored.vulnerability, fixed)));
            }
        }
    }
    Ok(found)
}

/// Written records over what the feeds of a view say under their names.
struct Over<'a> {
    view: &'a View,
    known: HashMap<VulnerabilityId, Standing>,
}

impl<'a> Over<'a> {
    fn new(view: &'a View) -> Self {
        Self {
            view,
            known: HashMap::new(),
        }
    }

    fn by_callers(
        &mut self,
        stored: &StoredVulnerability,
        feature: &Feature,
        built_from: &[String],
    ) -> Result<Option<Verdict>, SnapshotError> {
        if let Some(known) = self.known.get(&stored.id) {
            return Ok(known.by_callers(feature, built_from));
        }
        let standing = Standing::of(&feed::beside(self.view, stored)?);
        let verdict = standing.by_callers(feature, built_from);
        self.known.insert(stored.id, standing);
        Ok(verdict)
    }
}
