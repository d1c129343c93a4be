//! `Metadata.NVD` of a vulnerability, in Clair's shape, joined by its CVE when somebody asks.
//!
//! Clair gave it to CVEs with a version 2 vector alone; NVD no longer makes those, so here a version 3
//! vector will do, and what is missing is empty and 0 as Clair writes it. A severity that no vendor
//! gave is NVD's.

use std::sync::Arc;

use pellucid_model::{Advisory, Severity};
use pellucid_snapshot::Snapshot;
use pellucid_store::Vulnerability;
use serde_json::{Value, json};

use super::error::ApiError;
use super::feed;
use crate::snapshots::View;

/// Key of NVD's snapshot.
const KEY: &str = "nvd";
/// Whose vectors go before others'.
const NIST: &str = "nvd@nist.gov";

/// NVD's data of one moment; nothing where it was never fetched.
pub(crate) struct Nvd(Option<Arc<Snapshot>>);

impl Nvd {
    /// NVD's data in a view.
    pub(crate) fn of(view: &View) -> Self {
        Self(view.snapshot(KEY))
    }

    /// What NVD says of a name.
    fn record(&self, name: &str) -> Result<Option<Advisory>, ApiError> {
        let Some(snapshot) = self.0.as_ref().filter(|_| name.starts_with("CVE-")) else {
            return Ok(None);
        };
        let found = snapshot.find(name).map_err(feed::damaged)?;
        found
            .map(|found| snapshot.advisory(found).map_err(feed::damaged))
            .transpose()
    }

    /// The metadata of a name, as JSON.
    pub(crate) fn metadata(&self, name: &str) -> Result<Option<String>, ApiError> {
        Ok(self.record(name)?.and_then(|record| metadata(&record)))
    }

    /// Adds metadata, and a severity and text where there is none, to what feeds say.
    pub(crate) fn enrich(&self, vulnerability: &mut Vulnerability) -> Result<(), ApiError> {
        let Some(record) = self.record(&vulnerability.name)? else {
            return Ok(());
        };
        if vulnerability.severity == Severity::Unknown {
            vulnerability.severity = record.severity;
        }
        if vulnerability.description.is_empty() {
            vulnerability.description.clone_from(&record.description);
        }
        vulnerability.metadata = metadata(&record);
        Ok(())
    }
}

fn metadata(record: &Advisory) -> Option<String> {
    let of = |prefixes: &[&str]| {
        let fits = |vector: &str| match prefixes {
            [] => !vector.starts_with("CVSS:"),
            prefixes => prefixes.iter().any(|prefix| vector.starts_with(prefix)),
        };
        let mut fitting = record.cvss.iter().filter(|cvss| fits(&cvss.vector));
        let first = fitting.clone().next();
        fitting
            .find(|cvss| cvss.source == NIST)
            .or(first)
            .map(|cvss| cvss.vector.as_str())
    };
    let (two, three) = (of(&[]), of(&["CVSS:3.1/", "CVSS:3.0/"]));
    if two.is_none() && three.is_none() {
        return None;
    }
    let published = record
        .published
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    let published = published.map(|time| time.strftime("%Y-%m-%dT%H:%MZ").to_string());
    let two_score = two
        .and_then(|vector| vector.parse::<cvss::v2::Vector>().ok())
        .map_or(0.0, |vector| vector.score().value());
    let scores = match three.and_then(|vector| vector.parse().ok()) {
        Some(cvss::Cvss::CvssV30(vector) | cvss::Cvss::CvssV31(vector)) => [
            vector.exploitability().value(),
            impact(vector.impact().value(), three.unwrap_or_default()),
            vector.base_score().value(),
        ],
        _ => [0.0; 3],
    };
    let [exploitability, impact, score] = scores.map(number);
    // Clair's are maps, which Go writes sorted by key; so does this.
    let shown = json!({"NVD": {
        "CVSSv2": {
            "PublishedDateTime": published.unwrap_or_default(),
            "Score": number(two_score),
            "Vectors": two.unwrap_or_default(),
        },
        "CVSSv3": {
            "ExploitabilityScore": exploitability,
            "ImpactScore": impact,
            "Score": score,
            "Vectors": three.unwrap_or_default(),
        },
    }});
    Some(shown.to_string())
}

/// NVD's impact score, of what the crate calls impact: the part of it that has no scope yet.
/// CVSS v3.1 specification, section 7.1.
fn impact(base: f64, vector: &str) -> f64 {
    if vector.contains("/S:C") {
        7.52 * (base - 0.029) - 3.25 * (base - 0.02).powi(15)
    } else {
        6.42 * base
    }
}

/// A score with one decimal, as Go writes a float: without any where it is 0.
fn number(score: f64) -> Value {
    let tenths = (score.max(0.0) * 10.0).round();
    if tenths % 10.0 == 0.0 {
        json!((tenths / 10.0) as u64)
    } else {
        json!(tenths / 10.0)
    }
}
