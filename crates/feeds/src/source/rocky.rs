//! Rocky Linux: its errata, through osv.dev.
//!
//! The shape is told in `format/osv_errata.rs`. RXSA, of the special interest groups, are read as well.

use pellucid_model::Namespace;

use crate::format::osv_errata::Errata;
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// `https://errata.rockylinux.org`.
pub(crate) struct Rocky;

const URL: &str = "https://osv-vulnerabilities.storage.googleapis.com/Rocky Linux/all.zip";

/// All documents together have some 60 MB.
const LIMIT: u64 = 4 << 30;
const MEMBER_LIMIT: u64 = 64 << 20;

const ERRATA: Errata = Errata {
    ecosystem: "Rocky Linux",
    distribution: "rocky",
};

impl Feed for Rocky {
    fn name(&self) -> &'static str {
        "rocky"
    }

    fn parts(&self) -> Vec<String> {
        vec![self.name().to_owned()]
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        let release: u32 = namespace
            .release()
            .filter(|_| namespace.distribution() == ERRATA.distribution)?
            .parse()
            .ok()?;
        (8..=20).contains(&release).then(|| Answer {
            key: self.name().to_owned(),
            namespace: namespace.clone(),
        })
    }

    fn plan(&self, key: &str, _state: &FeedState<'_>) -> Result<Plan, FeedError> {
        if key != self.name() {
            return Err(FeedError::UnknownKey {
                key: key.chars().take(80).collect(),
            });
        }
        Ok(Plan::Advisories {
            requests: vec![Request::archive("all.zip", URL, LIMIT, MEMBER_LIMIT)],
            mark: None,
        })
    }

    fn wants_member(&self, _request: &Request, member: &str) -> bool {
        member.ends_with(".json")
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        ERRATA.parse(file, out)
    }
}
