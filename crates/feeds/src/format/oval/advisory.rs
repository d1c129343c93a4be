//! Advisories of definitions.

use std::collections::BTreeSet;

use pellucid_model::{Advisory, Cvss, Severity};

use super::definition::{CveReference, Definition};
use crate::AdvisorySink;
use crate::format::{date, rpm};

impl Definition {
    /// What the definition says as a whole, under this id. Rows are not in it.
    pub(crate) fn advisory(&self, id: &str, out: &mut dyn AdvisorySink) -> Advisory {
        let mut advisory = Advisory::new(id);
        if !self.title.is_empty() && self.title != id {
            advisory.title = Some(self.title.clone());
        }
        advisory.description.clone_from(&self.description);
        self.rate(&mut advisory, &self.severity, out);
        advisory.published = self.issued.as_deref().and_then(date::seconds);
        advisory.modified = self.updated.as_deref().and_then(date::seconds);
        let vendors = self.references.iter().filter(|one| !one.is_cve());
        let others = self.references.iter().filter(|one| one.is_cve());
        for reference in vendors.chain(others) {
            if reference.url.starts_with("http") && !advisory.links.contains(&reference.url) {
                advisory.links.push(reference.url.clone());
            }
        }
        advisory
    }

    /// The definition as a bulletin about several vulnerabilities.
    pub(crate) fn bulletin(&self, id: &str, source: &str, out: &mut dyn AdvisorySink) -> Advisory {
        let mut advisory = self.advisory(id, out);
        advisory.related = self.cve_ids();
        advisory.cvss = self
            .cves
            .iter()
            .filter(|_| self.cves.len() == 1)
            .flat_map(|cve| cve.cvss(source))
            .collect();
        let cwes: BTreeSet<_> = self.cves.iter().flat_map(|cve| &cve.cwes).collect();
        advisory.cwes = cwes.into_iter().cloned().collect();
        advisory
    }

    /// Gives an advisory the severity of a vendor's word.
    pub(crate) fn rate(&self, advisory: &mut Advisory, word: &str, out: &mut dyn AdvisorySink) {
        advisory.severity = rpm::severity(word).unwrap_or_else(|| {
            let reason = format!("unknown severity {word:?}");
            out.bad_record(&self.id, &reason);
            Severity::Unknown
        });
        advisory.severity_word = Some(word.trim().to_owned()).filter(|word| !word.is_empty());
    }

    /// What the vendor says of one CVE alone.
    pub(crate) fn cve(&self, id: &str) -> Option<&CveReference> {
        self.cves
            .iter()
            .find(|cve| !cve.by_nvd && rpm::cve(&cve.id) == Some(id))
    }

    /// The CVEs it is about, sorted.
    pub(crate) fn cve_ids(&self) -> Vec<String> {
        let referred = self.references.iter().filter(|one| one.is_cve());
        let ids: BTreeSet<_> = referred
            .map(|one| one.id.as_str())
            .chain(self.cves.iter().map(|cve| cve.id.as_str()))
            .filter_map(rpm::cve)
            .collect();
        ids.into_iter().map(str::to_owned).collect()
    }
}

impl super::definition::Reference {
    fn is_cve(&self) -> bool {
        self.source.eq_ignore_ascii_case("cve")
    }
}

impl CveReference {
    /// Its vectors, given by this source. CVSS 2 vectors have no prefix.
    pub(crate) fn cvss(&self, source: &str) -> Vec<Cvss> {
        self.vectors
            .iter()
            .map(|vector| Cvss {
                source: source.to_owned(),
                vector: vector.clone(),
            })
            .collect()
    }
}
