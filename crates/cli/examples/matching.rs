//! Times the matching of an image's packages: `matching DATA_DIR IMAGE [RUNS]`.
//!
//! Prints the first run, which opens the snapshots' pages, and the median of the others.

#![expect(clippy::print_stdout, reason = "an example's output")]

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::Context as _;
use pellucid_detect::DetectOptions;
use pellucid_image::OpenOptions;
use pellucid_matcher::{MatchOptions, Source, Sources, find};
use pellucid_model::Namespace;
use pellucid_snapshot::Catalog;

// As the binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data, image, runs @ ..] = arguments.as_slice() else {
        anyhow::bail!("usage: matching DATA_DIR IMAGE [RUNS]");
    };
    let runs: usize = runs.first().map_or(Ok(20), |runs| runs.parse())?;
    let catalog = Catalog::open(std::path::Path::new(data))?;
    let image = pellucid_image::open(image, &OpenOptions::default())?;
    let inventory = pellucid_detect::image(&image, &DetectOptions::default(), &())?;
    let namespaces: BTreeSet<&Namespace> = inventory
        .packages
        .iter()
        .filter_map(|entry| entry.namespace.as_ref())
        .collect();
    let mut sources = Sources::new();
    for namespace in namespaces {
        for answer in pellucid_feeds::covering(namespace) {
            if let (Some(snapshot), Some(reference)) = (
                catalog.current(&answer.key)?,
                catalog.reference(&answer.key),
            ) {
                let source = Source {
                    snapshot,
                    namespace: answer.namespace,
                    fetched_at: reference.fetched_at,
                };
                sources.add(namespace.clone(), source);
            }
        }
    }
    let options = MatchOptions {
        hidden: false,
        undetermined: false,
        today: 0,
    };
    let mut times = Vec::new();
    let mut findings = 0;
    for _ in 0..=runs {
        let start = Instant::now();
        let matched = find(&inventory, &sources, &options)?;
        times.push(start.elapsed());
        findings = matched.findings.len();
    }
    let first = times.remove(0);
    times.sort();
    let median = times.get(times.len() / 2).context("no runs")?;
    println!(
        "{} packages, {findings} findings: first {:.1} ms, then {:.1} ms",
        inventory.packages.len(),
        first.as_secs_f64() * 1e3,
        median.as_secs_f64() * 1e3
    );
    Ok(())
}
