//! CISA's catalog of known exploited vulnerabilities: one JSON file, about CVEs alone.
//!
//! It adds to what other feeds say (`kev` of a finding) and finds nothing by itself. Entries are
//! edited, and have been removed.

use pellucid_model::{Advisory, Kev, Namespace};
use serde::Deserialize;

use crate::format::{date, json, whole};
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// `https://www.cisa.gov/known-exploited-vulnerabilities-catalog`.
pub(crate) struct CisaKev;

const URL: &str =
    "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json";
const PAGE: &str = "https://www.cisa.gov/known-exploited-vulnerabilities-catalog?field_cve=";
/// It has 1.3 MB.
const LIMIT: u64 = 64 << 20;

#[derive(Deserialize)]
struct Catalog<'a> {
    #[serde(borrow)]
    vulnerabilities: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    #[serde(borrow, rename = "cveID")]
    cve: json::Text<'a>,
    #[serde(borrow)]
    vulnerability_name: Option<json::Text<'a>>,
    #[serde(borrow)]
    date_added: json::Text<'a>,
    #[serde(borrow)]
    due_date: Option<json::Text<'a>>,
    #[serde(borrow)]
    required_action: Option<json::Text<'a>>,
    #[serde(borrow)]
    known_ransomware_campaign_use: Option<json::Text<'a>>,
    #[serde(borrow)]
    cwes: Option<Vec<json::Text<'a>>>,
}

impl Feed for CisaKev {
    fn name(&self) -> &'static str {
        "cisa-kev"
    }

    fn answers(&self, _namespace: &Namespace) -> Option<Answer> {
        None
    }

    fn enriches(&self) -> bool {
        true
    }

    fn plan(&self, key: &str, _state: &FeedState<'_>) -> Result<Plan, FeedError> {
        whole::plan(self.name(), key, || {
            Request::new("catalog.json", URL, LIMIT)
        })
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        let catalog: Catalog<'_> = json::document(file)?;
        if catalog.vulnerabilities.is_empty() {
            return Err(FeedError::NoRecords {
                file: file.name().to_owned(),
            });
        }
        for entry in &catalog.vulnerabilities {
            match advisory(entry) {
                Ok(advisory) => out.advisory(advisory),
                Err(reason) => out.bad_record(&entry.cve, &reason),
            }
        }
        Ok(())
    }
}

fn advisory(entry: &Entry<'_>) -> Result<Advisory, String> {
    let cve = entry.cve.trim();
    if !cve.starts_with("CVE-") {
        return Err("its id is no CVE".to_owned());
    }
    let text = |text: &Option<json::Text<'_>>| {
        let text = text.as_deref().map(str::trim).unwrap_or_default();
        (!text.is_empty()).then(|| text.to_owned())
    };
    let published = date::seconds(&entry.date_added)
        .ok_or_else(|| format!("{:?} is no date", entry.date_added.0))?;
    let mut advisory = Advisory::new(cve);
    advisory.title = text(&entry.vulnerability_name);
    advisory.cwes = entry
        .cwes
        .iter()
        .flatten()
        .map(|cwe| cwe.trim().to_owned())
        .collect();
    advisory.links = vec![format!("{PAGE}{cve}")];
    advisory.modified = Some(published);
    advisory.kev = Some(Kev {
        cve: cve.to_owned(),
        date_added: entry.date_added.trim().to_owned(),
        due_date: text(&entry.due_date),
        ransomware: entry
            .known_ransomware_campaign_use
            .as_deref()
            .is_some_and(|word| word.trim().eq_ignore_ascii_case("known")),
        required_action: text(&entry.required_action),
    });
    Ok(advisory)
}
