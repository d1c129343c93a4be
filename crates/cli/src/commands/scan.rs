//! `pellucid scan IMAGE`: what is in it, which vulnerabilities affect it, what fixes them.

use std::collections::BTreeSet;

use anyhow::Context as _;
use pellucid_matcher::{MatchOptions, Matched, Policy, Source, Sources};
use pellucid_model::{Coverage, Inventory, Namespace};
use pellucid_report::{Assessment, Gate, Report};
use pellucid_snapshot::Catalog;

use super::packages;
use crate::advice;
use crate::args::{DataArgs, FreshnessArgs, Layers, PolicyArgs, ScanArgs, Talk};
use crate::exit::Exit;
use crate::outputs::Outputs;

/// Scans an image and judges what was found.
pub(crate) fn run(args: &ScanArgs, talk: &Talk) -> anyhow::Result<Exit> {
    // A format or template that cannot be is said before the work, not after it.
    let outputs = Outputs::of(&args.output)?;
    let catalog = advice::catalog(&args.data.store)?;
    let inventory = packages::inventory(&args.image, talk)?;
    let hidden = args.image.layers == Layers::Hidden;
    let (data, freshness) = (&args.data, &args.freshness);
    let report = report(
        inventory,
        &catalog,
        data,
        freshness,
        &args.policy,
        hidden,
        talk,
    )?;
    let exit = report
        .assessment
        .as_ref()
        .map_or(Exit::Clean, |assessment| judge(assessment, &args.policy));
    outputs.write(&report)?;
    if exit == Exit::NotCovered {
        // Whoever sends the report to a file sees nothing else.
        tracing::warn!("not everything in the image is covered by advisory data; see the report");
    }
    Ok(exit)
}

/// What the advisories say about an inventory, with data as fresh as asked for.
pub(super) fn report(
    inventory: Inventory,
    catalog: &Catalog,
    data: &DataArgs,
    freshness: &FreshnessArgs,
    policy: &PolicyArgs,
    hidden: bool,
    talk: &Talk,
) -> anyhow::Result<Report> {
    let namespaces = namespaces(&inventory);
    let mut warnings = advice::refresh(&namespaces, catalog, data, freshness, talk)?;
    let sources = sources(&namespaces, catalog)?;
    let options = MatchOptions {
        hidden,
        undetermined: policy.undetermined,
        today: advice::now().div_euclid(24 * 3600),
    };
    let mut matched = pellucid_matcher::find(&inventory, &sources, &options)?;
    warnings.append(&mut matched.warnings);
    let assessment = assess(matched, policy);
    Ok(Report::new(
        packages::tool(),
        inventory,
        Some(assessment),
        warnings,
    ))
}

/// Every namespace that an advisory could speak of.
fn namespaces(inventory: &Inventory) -> BTreeSet<Namespace> {
    let packages = inventory
        .packages
        .iter()
        .filter_map(|entry| entry.namespace.clone());
    let distributions = inventory
        .distributions
        .iter()
        .map(|release| release.namespace.clone());
    packages.chain(distributions).collect()
}

/// The snapshots that are there for these namespaces.
fn sources(namespaces: &BTreeSet<Namespace>, catalog: &Catalog) -> anyhow::Result<Sources> {
    let mut sources = Sources::new();
    for namespace in namespaces {
        for answer in pellucid_feeds::covering(namespace) {
            let key = &answer.key;
            let snapshot = catalog
                .current(key)
                .with_context(|| format!("cannot read the data of {key}"))?;
            match (snapshot, catalog.reference(key)) {
                (Some(snapshot), Some(reference)) => {
                    let fetched_at = reference.fetched_at;
                    let source = Source {
                        snapshot,
                        namespace: answer.namespace,
                        fetched_at,
                    };
                    sources.add(namespace.clone(), source);
                }
                _ if pellucid_feeds::is_on_request(key) => {}
                _ => sources.note(namespace.clone(), format!("there is no data of {key} yet")),
            }
        }
    }
    Ok(sources)
}

/// What the policy leaves of what was found.
fn assess(matched: Matched, args: &PolicyArgs) -> Assessment {
    let policy = Policy {
        fail_on: args.fail_on,
        only_fixed: args.only_fixed,
        severities: args.severity.iter().copied().collect(),
    };
    let judged = policy.judge(matched.findings);
    Assessment {
        gate: args.fail_on.map(|fail_on| Gate {
            fail_on,
            reached_by: judged.reached_by,
        }),
        findings: judged.findings,
        coverage: matched.coverage,
        enrichment: matched.enrichment,
        left_out: judged.left_out,
    }
}

/// A reached gate is said first: it holds whatever else is not known.
fn judge(assessment: &Assessment, args: &PolicyArgs) -> Exit {
    // Nothing recognised is nothing known, which is not the same as nothing wrong.
    let is_covered =
        !assessment.coverage.is_empty() && assessment.coverage.iter().all(Coverage::is_covered);
    if assessment.gate.is_some_and(|gate| gate.is_reached()) {
        Exit::Reached
    } else if !is_covered && !args.allow_uncovered {
        Exit::NotCovered
    } else {
        Exit::Clean
    }
}
