//! VMware's (Broadcom's) Photon OS: OVAL, one file a release, one definition a bulletin.
//!
//! References to CVEs have a number before them (`CVE:00001:CVE-2019-16168`). Titles end with the
//! severity. Binary packages; the file name has `photon3` where os-release has `3.0`.
//!
//! Not here: `cve_data_photon*.json`, whose scores are NVD's and whose ranges are prose.

use pellucid_model::{NameKind, Namespace};

use crate::format::oval::{self, Dialect};
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// `https://packages.broadcom.com/photon`.
pub(crate) struct Photon;

const FOLDER: &str = "https://packages.broadcom.com/photon/photon_oval_definitions";

/// The largest file has 30 MB.
const LIMIT: u64 = 512 << 20;

const RELEASES: &[&str] = &["1", "2", "3", "4", "5"];

const DIALECT: Dialect = Dialect {
    products: |product| {
        let release = product
            .strip_prefix("Photon OS ")
            .or_else(|| product.strip_prefix("Photon "))?;
        Some(vec![namespace_of(release.trim_end_matches(".0"))])
    },
    names_products: true,
    true_comments: true,
};

impl Feed for Photon {
    fn name(&self) -> &'static str {
        "photon"
    }

    fn parts(&self) -> Vec<String> {
        RELEASES
            .iter()
            .map(|release| format!("photon/{release}"))
            .collect()
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        let release = namespace
            .release()
            .filter(|_| namespace.distribution() == "photon")?
            .trim_end_matches(".0");
        RELEASES.contains(&release).then(|| Answer {
            key: format!("photon/{release}"),
            namespace: namespace_of(release),
        })
    }

    fn plan(&self, key: &str, _state: &FeedState<'_>) -> Result<Plan, FeedError> {
        let release = release_of(key)?;
        let url = format!("{FOLDER}/com.vmware.phsa-photon{release}.xml");
        let mut request = Request::new("oval.xml", url.clone(), LIMIT);
        request.alternatives = vec![format!("{url}.gz")];
        Ok(Plan::Advisories {
            requests: vec![request],
            mark: None,
        })
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        release_of(file.key)?;
        DIALECT.read(file, out, &mut |definition, rows, out| {
            // `PHSA-2020:00001 sqlite Security Update. (Important)`
            let Some(id) = definition
                .title
                .split_ascii_whitespace()
                .next()
                .filter(|id| id.starts_with("PHSA-"))
            else {
                out.bad_record(&definition.id, "its title names no bulletin");
                return;
            };
            let mut advisory = definition.bulletin(id, "photon", out);
            advisory.affected = oval::affected(rows, NameKind::Binary, &definition.cpes, None);
            if advisory.affected.is_empty() {
                out.bad_record(&definition.id, "it names no package");
            } else {
                out.advisory(advisory);
            }
        })
    }
}

fn namespace_of(release: &str) -> Namespace {
    Namespace::release_of("photon", &format!("{release}.0"))
}

fn release_of(key: &str) -> Result<&str, FeedError> {
    key.strip_prefix("photon/")
        .filter(|release| RELEASES.contains(release))
        .ok_or_else(|| FeedError::unknown_key(key))
}
