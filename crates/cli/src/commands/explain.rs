//! `pellucid explain VULNERABILITY PACKAGE IMAGE|REPORT`: why it was found, or was not.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;

use pellucid_matcher::{Products, compared, source_version};
use pellucid_model::NameKind;
use pellucid_report::{Record, Report};
use pellucid_snapshot::Catalog;

use crate::args::{ExplainArgs, Talk};
use crate::commands::{saved, scan};
use crate::exit::Exit;
use crate::{advice, output};

/// Explains a vulnerability in a package. Ends with 1 if there is no such package, as searches do.
pub(crate) fn run(args: &ExplainArgs, talk: &Talk) -> anyhow::Result<Exit> {
    let catalog = advice::for_scan(&args.scan.data, &args.scan.freshness)?;
    let report = saved::report(&args.source, &catalog, &args.scan, talk)?;
    let records = records(args, &report, &catalog)?;
    let style = output::style(None::<&Path>, true);
    output::write(None, |out| {
        let (id, package) = (&args.vulnerability, &args.package);
        pellucid_report::explain(&report, id, package, &records, &style, out)
    })?;
    let mut packages = report.inventory.packages.iter();
    let is_there = packages.any(|entry| pellucid_report::is_meant(entry, &args.package));
    Ok(match is_there {
        true => Exit::Clean,
        false => Exit::Reached,
    })
}

/// What the snapshots at hand say of the vulnerability and the packages that are meant.
fn records(args: &ExplainArgs, report: &Report, catalog: &Catalog) -> anyhow::Result<Vec<Record>> {
    let is_called = |name: &String| name.eq_ignore_ascii_case(&args.vulnerability);
    let sources = scan::sources(&scan::namespaces(&report.inventory), catalog)?;
    let mut records = Vec::new();
    for (number, entry) in report.inventory.packages.iter().enumerate() {
        let Some(namespace) = entry.namespace.as_ref() else {
            continue;
        };
        if !pellucid_report::is_meant(entry, &args.package) {
            continue;
        }
        let products = Products::of(namespace, &report.inventory, &sources)?;
        let package = &entry.package;
        let built_from = sources.built_from(namespace, entry)?;
        let own = [package.name.as_str(), package.source_name()];
        let own = own.map(|name| package.kind.normalise(name));
        let built_from = built_from.iter().map(|name| Cow::from(name.as_str()));
        let names: BTreeSet<Cow<'_, str>> = own.into_iter().chain(built_from).collect();
        for answer in pellucid_feeds::covering(namespace) {
            let Some(snapshot) = catalog.current(&answer.key)? else {
                continue;
            };
            for name in &names {
                for said in snapshot.affected(answer.namespace.as_str(), name)?.iter() {
                    let advisory = snapshot.advisory(said.advisory)?;
                    let mut ids = advisory.aliases.iter().chain(&advisory.related);
                    if is_called(&advisory.id) || ids.any(is_called) {
                        let installed = match said.affected.name_kind {
                            NameKind::Source => source_version(package),
                            NameKind::Binary => &package.version,
                        };
                        records.push(Record {
                            package: number,
                            snapshot: answer.key.clone(),
                            digest: snapshot.digest(),
                            advisory: advisory.id,
                            installed: installed.to_owned(),
                            compared: compared(package, installed).into_owned(),
                            of_other_products: products.holding(&said.affected).is_none(),
                            affected: said.affected.clone(),
                        });
                    }
                }
            }
        }
    }
    Ok(records)
}
