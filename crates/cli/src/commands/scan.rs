//! `pellucid scan IMAGE`: what is in it, which vulnerabilities affect it, what fixes them.

use std::collections::BTreeSet;

use anyhow::Context as _;
use pellucid_matcher::{MatchOptions, Source, Sources};
use pellucid_model::{Inventory, Namespace};
use pellucid_report::{Base, Report};
use pellucid_snapshot::Catalog;

use super::{packages, saved};
use crate::args::{DataArgs, FreshnessArgs, Layers, ScanArgs, Talk};
use crate::exit::{Exit, Usage};
use crate::outputs::Outputs;
use crate::rules::Rules;
use crate::{advice, bases};

/// Scans an image and judges what was found.
pub(crate) fn run(args: &ScanArgs, talk: &Talk) -> anyhow::Result<Exit> {
    // A format or template that cannot be is said before the work, not after it.
    let outputs = Outputs::of(&args.output)?;
    let rules = Rules::of(&args.policy)?;
    let catalog = advice::for_scan(&args.data, &args.freshness)?;
    let hidden = args.image.layers == Layers::Hidden;
    let (data, freshness) = (&args.data, &args.freshness);
    let exit = packages::each(&args.image, &outputs, data.offline, talk, |inventory| {
        let report = report(inventory, &catalog, data, freshness, &rules, hidden, talk)?;
        let exit = report
            .assessment
            .as_ref()
            .map_or(Exit::Clean, |assessment| rules.judge(assessment));
        Ok((report, exit))
    })?;
    if exit == Exit::NotCovered {
        // Whoever sends the report to a file sees nothing else.
        let see = match outputs.tell_coverage() {
            true => "; see the report",
            false => "",
        };
        tracing::warn!("not everything in the image is covered by advisory data and judged{see}");
    }
    Ok(exit)
}

/// What the advisories say about an inventory, with data as fresh as asked for.
pub(super) fn report(
    mut inventory: Inventory,
    catalog: &Catalog,
    data: &DataArgs,
    freshness: &FreshnessArgs,
    rules: &Rules,
    hidden: bool,
    talk: &Talk,
) -> anyhow::Result<Report> {
    let base = base(&inventory, data, rules, talk)?;
    rules.skip(&mut inventory);
    let namespaces = namespaces(&inventory);
    let due = advised(&inventory, &namespaces);
    let mut warnings = advice::refresh(due, catalog, data, freshness, talk)?;
    let sources = sources(&namespaces, catalog)?;
    let options = MatchOptions {
        hidden,
        undetermined: rules.undetermined,
        today: advice::now().div_euclid(24 * 3600),
    };
    let matched = pellucid_matcher::find(&inventory, &sources, &options)?;
    let assessment = rules.apply(&inventory, matched, base, options.today, &mut warnings);
    Ok(Report::new(
        packages::tool(),
        inventory,
        Some(assessment),
        warnings,
    ))
}

/// The base image: the one that is named, else one that was scanned before. Remembers this image.
///
/// # Errors
/// The one that is named is no base of this image.
fn base(
    inventory: &Inventory,
    data: &DataArgs,
    rules: &Rules,
    talk: &Talk,
) -> anyhow::Result<Option<Base>> {
    let folder = advice::data_dir(&data.store)?;
    let image = &inventory.image;
    let base = match &rules.base {
        Some(name) => {
            let base = saved::inventory(name, data.offline, talk)
                .with_context(|| format!("cannot read the base image {name}"))?;
            let base = bases::named(name, &base.image, image);
            Some(base.ok_or_else(|| {
                let reference = &image.reference;
                Usage(format!(
                    "{reference} was not built on {name}: its lowest layers are others"
                ))
            })?)
        }
        None => bases::recognise(&folder, image),
    };
    bases::remember(&folder, image);
    Ok(base)
}

/// Keys of the snapshots that speak of what is in an image.
fn advised(inventory: &Inventory, namespaces: &BTreeSet<Namespace>) -> Vec<String> {
    let mut keys = pellucid_updater::covering(namespaces);
    if inventory.repositories.iter().flatten().next().is_some() {
        let known = namespaces.iter().filter_map(pellucid_feeds::repositories);
        let known: BTreeSet<String> = known.map(|answer| answer.key).collect();
        keys.extend(known);
    }
    keys
}

/// Every namespace that an advisory could speak of.
pub(super) fn namespaces(inventory: &Inventory) -> BTreeSet<Namespace> {
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
pub(super) fn sources(
    namespaces: &BTreeSet<Namespace>,
    catalog: &Catalog,
) -> anyhow::Result<Sources> {
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
                _ => sources.note(namespace.clone(), advice::no_data_of(key)),
            }
        }
        if let Some(answer) = pellucid_feeds::repositories(namespace) {
            let key = &answer.key;
            let snapshot = catalog
                .current(key)
                .with_context(|| format!("cannot read the data of {key}"))?;
            if let (Some(snapshot), Some(reference)) = (snapshot, catalog.reference(key)) {
                let source = Source {
                    snapshot,
                    namespace: answer.namespace,
                    fetched_at: reference.fetched_at,
                };
                sources.with_repositories(namespace.clone(), source);
            }
        }
    }
    for feed in pellucid_feeds::enriching() {
        for key in feed.parts() {
            let snapshot = catalog
                .current(&key)
                .with_context(|| format!("cannot read the data of {key}"))?;
            if let (Some(snapshot), Some(reference)) = (snapshot, catalog.reference(&key)) {
                sources.enrich_with(snapshot, reference.fetched_at);
            }
        }
    }
    Ok(sources)
}
