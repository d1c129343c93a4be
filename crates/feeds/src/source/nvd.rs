//! NIST's national vulnerability database: a file a year, and one of what changed in eight days.
//!
//! It adds scores, weaknesses and text to what other feeds say, and finds nothing by itself. Of the
//! scorers of a CVE NIST goes first, then the CNA, then others; of versions of CVSS 3, then 4, then 2.
//!
//! The files of the years are fetched once; as long as the marked state is not older than the file of
//! changes reaches back, that file alone is read. The database's own clock decides, not ours.
//!
//! Not here: which products a CVE affects (CPE names do not tell distributions' backports), rejected
//! records, the REST API.

use pellucid_model::{Advisory, Cvss, Namespace, Severity};
use serde::Deserialize;

use crate::format::{cvss, date, json};
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// `https://nvd.nist.gov`.
pub(crate) struct Nvd;

const HOST: &str = "https://nvd.nist.gov/feeds/json/cve/2.0";
const PAGE: &str = "https://nvd.nist.gov/vuln/detail/";
/// The first file; it holds earlier years too.
const FIRST: i64 = 2002;
/// The last year where no file of changes says what year it is, as in a mirror of some years.
const LAST: i64 = 2026;
const META: &str = "modified.meta";
const META_LIMIT: u64 = 64 << 10;
/// The largest year has some 250 MB.
const LIMIT: u64 = 2 << 30;
/// How far back the file of changes reaches, less a day, in seconds.
const REACH: i64 = 7 * 86_400;
/// Most vectors kept of a CVE.
const VECTORS: usize = 16;

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    vulnerabilities: Vec<Item<'a>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    cve: Record<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    #[serde(borrow)]
    id: json::Text<'a>,
    #[serde(borrow)]
    published: Option<json::Text<'a>>,
    #[serde(borrow)]
    last_modified: Option<json::Text<'a>>,
    #[serde(borrow)]
    vuln_status: Option<json::Text<'a>>,
    #[serde(borrow)]
    descriptions: Option<Vec<Words<'a>>>,
    #[serde(borrow)]
    metrics: Option<Metrics<'a>>,
    #[serde(borrow)]
    weaknesses: Option<Vec<Weakness<'a>>>,
}

#[derive(Deserialize)]
struct Words<'a> {
    #[serde(borrow)]
    lang: json::Text<'a>,
    #[serde(borrow)]
    value: json::Text<'a>,
}

#[derive(Deserialize)]
struct Weakness<'a> {
    #[serde(borrow)]
    description: Option<Vec<Words<'a>>>,
}

#[derive(Deserialize)]
struct Metrics<'a> {
    #[serde(borrow, rename = "cvssMetricV40")]
    four: Option<Vec<Metric<'a>>>,
    #[serde(borrow, rename = "cvssMetricV31")]
    three_one: Option<Vec<Metric<'a>>>,
    #[serde(borrow, rename = "cvssMetricV30")]
    three: Option<Vec<Metric<'a>>>,
    #[serde(borrow, rename = "cvssMetricV2")]
    two: Option<Vec<Metric<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metric<'a> {
    #[serde(borrow)]
    source: Option<json::Text<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<json::Text<'a>>,
    #[serde(borrow)]
    cvss_data: Data<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    #[serde(borrow)]
    vector_string: json::Text<'a>,
}

impl Feed for Nvd {
    fn name(&self) -> &'static str {
        "nvd"
    }

    fn answers(&self, _namespace: &Namespace) -> Option<Answer> {
        None
    }

    fn enriches(&self) -> bool {
        true
    }

    fn plan(&self, key: &str, state: &FeedState<'_>) -> Result<Plan, FeedError> {
        if key != self.name() {
            return Err(FeedError::unknown_key(key));
        }
        let Some(meta) = state.indexes.first() else {
            let url = format!("{HOST}/nvdcve-2.0-{META}");
            return Ok(Plan::Index(vec![
                Request::new(META, url, META_LIMIT).or_absent(),
            ]));
        };
        let now = last_modified(&meta.body);
        if now.is_none() && !meta.body.trim_ascii().is_empty() {
            return Err(FeedError::Table {
                file: meta.request.name.clone(),
                found: String::from_utf8_lossy(&meta.body)
                    .chars()
                    .take(80)
                    .collect(),
                expected: "lastModifiedDate:",
            });
        }
        let mark = now.map(|(text, _)| text.to_owned());
        let marked = state.mark.and_then(date::seconds);
        if let (Some((_, now)), Some(marked)) = (now, marked)
            && (0..REACH).contains(&(now - marked))
        {
            let url = format!("{HOST}/nvdcve-2.0-modified.json.gz");
            return Ok(Plan::Changes {
                requests: vec![Request::new("modified.json", url, LIMIT)],
                removed: Vec::new(),
                mark,
            });
        }
        let last = now.map_or(LAST, |(_, seconds)| 1970 + seconds.div_euclid(31_556_952));
        let year = |year| {
            let url = format!("{HOST}/nvdcve-2.0-{year}.json.gz");
            Request::new(format!("{year}.json"), url, LIMIT).or_absent()
        };
        Ok(Plan::Advisories {
            requests: (FIRST..=last.clamp(FIRST, 2100)).map(year).collect(),
            mark,
        })
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        let page: Page<'_> = json::document(file)?;
        // Nothing may have changed; a year without anything is a broken file.
        if page.vulnerabilities.is_empty() && file.request.name != "modified.json" {
            return Err(FeedError::NoRecords {
                file: file.name().to_owned(),
            });
        }
        for Item { cve } in &page.vulnerabilities {
            let id = cve.id.trim();
            if !id.starts_with("CVE-") {
                out.bad_record(id, "its id is no CVE");
            } else if cve
                .vuln_status
                .as_deref()
                .is_some_and(|status| status.eq_ignore_ascii_case("rejected"))
            {
                out.left_out(id, "rejected");
            } else {
                out.advisory(advisory(id, cve));
            }
        }
        Ok(())
    }
}

/// When the database last changed, as its file of changes has it, and in seconds since the epoch.
fn last_modified(meta: &[u8]) -> Option<(&str, i64)> {
    let text = std::str::from_utf8(meta).ok()?;
    let text = text
        .lines()
        .find_map(|line| line.strip_prefix("lastModifiedDate:"))?
        .trim();
    Some((text, date::seconds(text)?))
}

fn advisory(id: &str, record: &Record<'_>) -> Advisory {
    let mut advisory = Advisory::new(id);
    let words = |list: &Option<Vec<Words<'_>>>| -> Vec<String> {
        let english = list.iter().flatten().filter(|words| &*words.lang == "en");
        english.map(|words| words.value.trim().to_owned()).collect()
    };
    advisory.description = words(&record.descriptions)
        .into_iter()
        .next()
        .unwrap_or_default();
    for weakness in record.weaknesses.iter().flatten() {
        for cwe in words(&weakness.description) {
            // `NVD-CWE-noinfo` and `NVD-CWE-Other` say nothing.
            if cwe.starts_with("CWE-") && !advisory.cwes.contains(&cwe) {
                advisory.cwes.push(cwe);
            }
        }
    }
    advisory.cvss = vectors(record);
    advisory.severity = severity(&advisory.cvss);
    advisory.links = vec![format!("{PAGE}{id}")];
    advisory.published = record.published.as_deref().and_then(date::seconds);
    advisory.modified = record.last_modified.as_deref().and_then(date::seconds);
    advisory
}

/// Vectors that have a score, of version 3 first, then 4, then 2; in a version NIST's own first.
fn vectors(record: &Record<'_>) -> Vec<Cvss> {
    let Some(metrics) = &record.metrics else {
        return Vec::new();
    };
    let mut vectors = Vec::new();
    for list in [
        &metrics.three_one,
        &metrics.three,
        &metrics.four,
        &metrics.two,
    ] {
        let mut metrics: Vec<&Metric<'_>> = list.iter().flatten().collect();
        metrics.sort_by_key(|metric| metric.kind.as_deref() != Some("Primary"));
        for metric in metrics {
            let source = metric.source.as_deref().unwrap_or("nvd").to_owned();
            let vector = metric.cvss_data.vector_string.trim().to_owned();
            let cvss = Cvss { source, vector };
            if cvss::score(&cvss.vector).is_some() && !vectors.contains(&cvss) {
                vectors.push(cvss);
            }
        }
    }
    vectors.truncate(VECTORS);
    vectors
}

/// The severity that the first vector gives.
fn severity(vectors: &[Cvss]) -> Severity {
    let first = vectors.first().and_then(|cvss| cvss::score(&cvss.vector));
    first.map_or(Severity::Unknown, cvss::band)
}
