//! The features of a layer, and the vulnerabilities of each: feeds' advisories and written ones as
//! one.
//!
//! A written vulnerability stands in for the feeds' of the same name in its namespace; a feed's one
//! that somebody deleted is hidden while it means the same.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use pellucid_matcher::{MatchOptions, find};
use pellucid_model::{Finding, Namespace};
use pellucid_store::EffectiveFeature;

use super::error::ApiError;
use super::nvd::Nvd;
use super::wire::{Feature, Vulnerability};
use super::written::Index;
use super::{feed, inventory};
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
    let mut found = from_feeds(effective, view, written)?;
    for (index, one) in effective.iter().enumerate() {
        let more = from_callers(one, written);
        found.entry(index).or_default().extend(more);
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

fn from_feeds(
    effective: &[EffectiveFeature],
    view: &View,
    written: &Index,
) -> Result<BTreeMap<usize, Vec<Vulnerability>>, ApiError> {
    let inventory = inventory::of(effective.iter().map(|one| &*one.feature));
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
    let matched = find(&inventory, &sources, &options).map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "matching failed");
        ApiError::internal("the advisory data cannot be read")
    })?;
    let nvd = Nvd::of(view);
    let mut found: BTreeMap<usize, Vec<Vulnerability>> = BTreeMap::new();
    for finding in matched.findings {
        let Some(one) = effective.get(finding.package) else {
            continue;
        };
        let namespace = one.feature.namespace.name.as_str();
        if written.named(namespace, &finding.id).is_some()
            || feed::is_hidden(view, written, namespace, &finding.id)?
        {
            continue;
        }
        let package = finding.package;
        found
            .entry(package)
            .or_default()
            .push(of_feed(finding, namespace, &nvd)?);
    }
    Ok(found)
}

fn of_feed(finding: Finding, namespace: &str, nvd: &Nvd) -> Result<Vulnerability, ApiError> {
    Ok(Vulnerability {
        metadata: nvd.metadata(&finding.id)?,
        link: feed::link(&finding.links),
        name: finding.id,
        namespace: namespace.to_owned(),
        description: finding.description,
        severity: finding.severity.name().to_owned(),
        fixed_by: finding.fixed_version.unwrap_or_default(),
        fixed_in: Vec::new(),
    })
}

/// What callers wrote about a feature, and which of it affects its version.
fn from_callers(one: &EffectiveFeature, written: &Index) -> Vec<Vulnerability> {
    let feature = &one.feature;
    let scheme = feature.package.kind.scheme();
    written
        .about(&feature.namespace.name, &feature.name)
        .filter(|(_, fixed)| {
            fixed.is_none_or(|fixed| {
                // A version that cannot be placed is affected rather than safe.
                scheme
                    .compare(&feature.version, fixed)
                    .map_or(true, |order| order == Ordering::Less)
            })
        })
        .map(|(stored, fixed)| {
            let one = &stored.vulnerability;
            Vulnerability {
                name: one.name.clone(),
                namespace: one.namespace.clone(),
                description: one.description.clone(),
                link: one.link.clone(),
                severity: one.severity.name().to_owned(),
                metadata: one.metadata.clone(),
                fixed_by: fixed.unwrap_or_default().to_owned(),
                fixed_in: Vec::new(),
            }
        })
        .collect()
}
