//! What other feeds add to findings by their CVE: scores and weaknesses (NVD), known exploitation
//! (CISA KEV), its likelihood (EPSS).
//!
//! Adds and never takes away: the vendor's severity, text and first scores stay what they are. A
//! severity that no vendor gave is taken from the scores, and says whose it is.
//!
//! Not here: whether a package is affected. A CVE that only these feeds know is no finding.

use std::collections::{BTreeMap, BTreeSet};

use pellucid_model::{Advisory, Epss, Finding, Kev, Severity};
use pellucid_snapshot::Snapshot;

use crate::finding::is_cve;
use crate::{MatchError, Sources};

/// Adds to every finding what the enriching snapshots say of its CVEs.
///
/// # Errors
/// A snapshot is damaged.
pub(crate) fn enrich(findings: &mut [Finding], sources: &Sources) -> Result<(), MatchError> {
    let cves: BTreeSet<String> = findings.iter().flat_map(cves).map(str::to_owned).collect();
    for snapshot in sources.enriching() {
        let known = look_up(snapshot, &cves)?;
        for finding in findings.iter_mut() {
            add(finding, &known, &snapshot.meta().feed);
        }
    }
    Ok(())
}

/// The CVEs that a finding speaks of: the one that it is shown under, else those it names.
fn cves(finding: &Finding) -> impl Iterator<Item = &str> {
    let shown = is_cve(&finding.id);
    let named = finding.other_ids().filter(move |_| !shown);
    std::iter::once(&finding.id)
        .chain(named)
        .map(String::as_str)
        .filter(|id| is_cve(id))
}

/// Sorted ids are looked up in the order in which they stand in the file.
fn look_up<'a>(
    snapshot: &Snapshot,
    cves: &'a BTreeSet<String>,
) -> Result<BTreeMap<&'a str, Advisory>, MatchError> {
    let look_up = || {
        let mut known = BTreeMap::new();
        for cve in cves {
            if let Some(found) = snapshot.find(cve)? {
                known.insert(cve.as_str(), snapshot.advisory(found)?);
            }
        }
        Ok(known)
    };
    look_up().map_err(|source| MatchError::Enrichment {
        key: snapshot.meta().key.clone(),
        source: Box::new(source),
    })
}

fn add(finding: &mut Finding, known: &BTreeMap<&str, Advisory>, feed: &str) {
    let of: Vec<&Advisory> = cves(finding).filter_map(|cve| known.get(cve)).collect();
    let kev = of.iter().filter_map(|advisory| advisory.kev.as_ref());
    let kev: Option<Kev> = kev
        .min_by_key(|kev| (!kev.ransomware, &kev.date_added))
        .cloned();
    let epss = of.iter().filter_map(|advisory| advisory.epss.as_ref());
    let epss: Option<Epss> = epss.max_by_key(|epss| epss.score).cloned();
    finding.kev = finding.kev.take().or(kev);
    finding.epss = finding.epss.take().or(epss);
    // Text and scores of one CVE among several would pass for those of the whole bulletin.
    let Some(advisory) = known.get(finding.id.as_str()) else {
        return;
    };
    if finding.severity == Severity::Unknown && advisory.severity != Severity::Unknown {
        finding.severity = advisory.severity;
        finding.severity_word = None;
        feed.clone_into(&mut finding.severity_source);
    }
    if finding.description.is_empty() {
        finding.description.clone_from(&advisory.description);
    }
    append(&mut finding.cvss, &advisory.cvss);
    append(&mut finding.cwes, &advisory.cwes);
    append(&mut finding.links, &advisory.links);
    finding.published = finding.published.or(advisory.published);
}

/// What is not there yet, after what is.
fn append<T: Clone + PartialEq>(list: &mut Vec<T>, more: &[T]) {
    for item in more {
        if !list.contains(item) {
            list.push(item.clone());
        }
    }
}
