//! The features of a layer, and the vulnerabilities of each: feeds' advisories and written ones as
//! one.
//!
//! A written vulnerability stands in for the feeds' of the same name in its namespace, in words and in the fixes
//! that its callers changed; a feed's one that somebody deleted is hidden while it means the same.

use std::collections::BTreeMap;

use pellucid_model::Finding;
use pellucid_store::{EffectiveFeature, Vulnerability as Stored};

use super::error::ApiError;
use super::found::Found;
use super::nvd::Nvd;
use super::vulnerabilities::shown as shown_of;
use super::wire::{Feature, Vulnerability};
use super::written::Index;
use super::{feed, found};
use crate::snapshots::View;

/// The features by name, without vulnerabilities.
pub(crate) fn shown(effective: &[EffectiveFeature]) -> Vec<Feature> {
    merged(effective, |_| Vec::new())
}

/// The features by name, each with its vulnerabilities by name. Blocks on files.
pub(crate) fn with_vulnerabilities(
    effective: &[EffectiveFeature],
    view: &View,
    written: &Index,
) -> Result<Vec<Feature>, ApiError> {
    let features: Vec<&_> = effective.iter().map(|one| &*one.feature).collect();
    let all = found::vulnerabilities(&features, view, written).map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "matching failed");
        ApiError::internal("the advisory data cannot be read")
    })?;
    let nvd = Nvd::of(view);
    let mut found: BTreeMap<usize, Vec<Vulnerability>> = BTreeMap::new();
    for (index, one) in all {
        let Some(feature) = features.get(index) else {
            continue;
        };
        let namespace = feature.namespace.name.as_str();
        let one = match one {
            Found::Feed(finding, words) => of_feed(*finding, words, namespace, &nvd)?,
            Found::Caller(written, fixed) => by_caller(written, fixed.unwrap_or_default()),
        };
        found.entry(index).or_default().push(one);
    }
    Ok(merged(effective, |index| {
        found.remove(&index).unwrap_or_default()
    }))
}

/// Features that the API cannot tell apart are one.
fn merged(
    effective: &[EffectiveFeature],
    mut vulnerabilities: impl FnMut(usize) -> Vec<Vulnerability>,
) -> Vec<Feature> {
    let mut features: BTreeMap<(&str, &str, &str), Feature> = BTreeMap::new();
    for (index, one) in effective.iter().enumerate() {
        let namespace = &one.feature.namespace;
        let key = (
            one.feature.name.as_str(),
            one.feature.version.as_str(),
            namespace.name.as_str(),
        );
        let feature = features.entry(key).or_insert_with(|| Feature {
            name: one.feature.name.clone(),
            namespace: namespace.name.clone(),
            version_format: namespace.version_format.clone(),
            version: one.feature.version.clone(),
            vulnerabilities: Vec::new(),
            added_by: one.added_by.to_string(),
        });
        feature.vulnerabilities.extend(vulnerabilities(index));
    }
    let mut features: Vec<Feature> = features.into_values().collect();
    for feature in &mut features {
        feature.vulnerabilities.sort_by(|a, b| a.name.cmp(&b.name));
        feature.vulnerabilities.dedup_by(|a, b| a.name == b.name);
    }
    features
}

fn of_feed(
    finding: Finding,
    words: Option<&Stored>,
    namespace: &str,
    nvd: &Nvd,
) -> Result<Vulnerability, ApiError> {
    let fixed_by = finding.fixed_version.unwrap_or_default();
    if let Some(words) = words {
        return Ok(by_caller(words, fixed_by));
    }
    Ok(Vulnerability {
        metadata: nvd.metadata(&finding.id)?,
        link: feed::link(&finding.links),
        name: finding.id,
        namespace: namespace.to_owned(),
        description: finding.description,
        severity: finding.severity.name().to_owned(),
        fixed_by,
        fixed_in: Vec::new(),
    })
}

fn by_caller(written: &Stored, fixed_by: String) -> Vulnerability {
    Vulnerability {
        fixed_by,
        ..shown_of(written, false)
    }
}
