//! FIRST's exploit prediction scores: one table of all scored CVEs a day.
//!
//! `#model_version:…,score_date:…`, then `cve,epss,percentile`. It adds to what other feeds say
//! (`epss` of a finding) and finds nothing by itself. A CVE that is not listed has no score, which is
//! not a score of 0.
//!
//! Not here: tables of before 2021-09, which have no percentile.

use pellucid_model::{Advisory, Epss as Score, Fraction, Namespace};

use crate::format::{json, whole};
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// `https://www.first.org/epss/`.
pub(crate) struct Epss;

const URL: &str = "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz";
const HEADER: &str = "cve,epss,percentile";
/// It has 10 MB unpacked.
const LIMIT: u64 = 256 << 20;

impl Feed for Epss {
    fn name(&self) -> &'static str {
        "epss"
    }

    fn answers(&self, _namespace: &Namespace) -> Option<Answer> {
        None
    }

    fn enriches(&self) -> bool {
        true
    }

    fn plan(&self, key: &str, _state: &FeedState<'_>) -> Result<Plan, FeedError> {
        whole::plan(self.name(), key, || Request::new("scores.csv", URL, LIMIT))
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        let text = json::text(file)?;
        let mut lines = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        let header = lines.next().unwrap_or_default();
        if header != HEADER {
            return Err(FeedError::Table {
                file: file.name().to_owned(),
                found: header.chars().take(80).collect(),
                expected: HEADER,
            });
        }
        let mut count = 0_u64;
        for line in lines {
            count += 1;
            match advisory(line) {
                Some(advisory) => out.advisory(advisory),
                None => {
                    let id = line.split(',').next().unwrap_or_default();
                    out.bad_record(id, "not a CVE and two numbers from 0 to 1");
                }
            }
        }
        if count == 0 {
            return Err(FeedError::NoRecords {
                file: file.name().to_owned(),
            });
        }
        Ok(())
    }
}

fn advisory(line: &str) -> Option<Advisory> {
    let mut fields = line.split(',').map(str::trim);
    let cve = fields.next().filter(|cve| cve.starts_with("CVE-"))?;
    let mut fraction = || Fraction::new(fields.next()?.parse().ok()?).ok();
    let (score, percentile) = (fraction()?, fraction()?);
    let mut advisory = Advisory::new(cve);
    advisory.epss = Some(Score {
        cve: cve.to_owned(),
        score,
        percentile,
    });
    Some(advisory)
}
