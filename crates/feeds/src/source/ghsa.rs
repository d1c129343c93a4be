//! GitHub's advisory database: one OSV record a reviewed advisory, for packages of every language.
//!
//! Unreviewed advisories name no packages and are not read. `osv` passes all of this on, within a
//! day; who wants it first-hand asks for it. One snapshot speaks of all ecosystems.

use pellucid_model::Namespace;

use crate::format::osv_packages::{self, ECOSYSTEMS, RECORD_LIMIT};
use crate::format::whole;
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// `https://github.com/github/advisory-database`.
pub(crate) struct Ghsa;

const URL: &str = "https://github.com/github/advisory-database/archive/refs/heads/main.tar.gz";

/// Unpacked it has some 2 GB, most of it unreviewed.
const LIMIT: u64 = 16 << 30;

impl Feed for Ghsa {
    fn name(&self) -> &'static str {
        "ghsa"
    }

    fn on_request(&self) -> bool {
        true
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        let is_known = ECOSYSTEMS
            .iter()
            .any(|(_, kind)| kind.name() == namespace.as_str());
        is_known.then(|| whole::answer(self.name(), namespace))
    }

    fn plan(&self, key: &str, _state: &FeedState<'_>) -> Result<Plan, FeedError> {
        whole::plan(self.name(), key, || {
            Request::archive("main.tar.gz", URL, LIMIT, RECORD_LIMIT)
        })
    }

    fn wants_member(&self, _request: &Request, member: &str) -> bool {
        member.contains("/github-reviewed/") && member.ends_with(".json")
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        osv_packages::parse(file, osv_packages::kind_of, out)
    }
}
