//! RustSec: advisories on crates, in the OSV form that its repository keeps in a branch of its own.
//!
//! Informational records (unmaintained, unsound, notice) are no vulnerabilities and are left out.

use pellucid_model::{Namespace, PackageKind};

use crate::format::osv_packages::{self, RECORD_LIMIT};
use crate::format::whole;
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// `https://rustsec.org`.
pub(crate) struct Rustsec;

const URL: &str = "https://github.com/rustsec/advisory-db/archive/refs/heads/osv.tar.gz";

/// Unpacked it has some 5 MB.
const LIMIT: u64 = 1 << 30;

impl Feed for Rustsec {
    fn name(&self) -> &'static str {
        "rustsec"
    }

    fn on_request(&self) -> bool {
        true
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        whole::of_kind(self.name(), PackageKind::Cargo, namespace)
    }

    fn plan(&self, key: &str, _state: &FeedState<'_>) -> Result<Plan, FeedError> {
        whole::plan(self.name(), key, || {
            Request::archive("osv.tar.gz", URL, LIMIT, RECORD_LIMIT)
        })
    }

    fn wants_member(&self, _request: &Request, member: &str) -> bool {
        member.contains("crates/") && member.ends_with(".json")
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        let crates = |name: &str| (name == "crates.io").then_some(PackageKind::Cargo);
        osv_packages::parse(file, crates, out)
    }
}
