//! The Go vulnerability database, which the Go project curates.
//!
//! An archive of OSV records in `ID/` beside indexes of them. The standard library and the command
//! `go` are the modules `stdlib` and `toolchain`. Which functions are affected is not read: what a
//! program calls cannot be told from its list of modules.

use pellucid_model::{Namespace, PackageKind};

use crate::format::osv_packages::{self, RECORD_LIMIT};
use crate::format::whole;
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// `https://vuln.go.dev`.
pub(crate) struct Govulndb;

const URL: &str = "https://vuln.go.dev/vulndb.zip";

/// Unpacked it has some 20 MB.
const LIMIT: u64 = 2 << 30;

impl Feed for Govulndb {
    fn name(&self) -> &'static str {
        "govulndb"
    }

    fn on_request(&self) -> bool {
        true
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        whole::of_kind(self.name(), PackageKind::Golang, namespace)
    }

    fn plan(&self, key: &str, _state: &FeedState<'_>) -> Result<Plan, FeedError> {
        whole::plan(self.name(), key, || {
            Request::archive("vulndb.zip", URL, LIMIT, RECORD_LIMIT)
        })
    }

    fn wants_member(&self, _request: &Request, member: &str) -> bool {
        member.starts_with("ID/") && member.ends_with(".json")
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        let go = |name: &str| (name == "Go").then_some(PackageKind::Golang);
        osv_packages::parse(file, go, out)
    }
}
