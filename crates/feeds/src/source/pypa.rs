//! The Python Packaging Advisory Database: OSV records written as YAML, `vulns/<package>/PYSEC-….yaml`.
//!
//! Most records list every affected version beside the ranges. There are no severities of its own.
//!
//! Not here: the Python Software Foundation's own advisories (`psf/advisory-database`), whose ranges
//! are commits of CPython alone.

use pellucid_model::{Namespace, PackageKind};

use crate::format::osv_packages::{self, RECORD_LIMIT};
use crate::format::whole;
use crate::format::yaml;
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// `https://github.com/pypa/advisory-database`.
pub(crate) struct Pypa;

const URL: &str = "https://github.com/pypa/advisory-database/archive/refs/heads/main.tar.gz";

/// Unpacked it has some 30 MB.
const LIMIT: u64 = 1 << 30;

impl Feed for Pypa {
    fn name(&self) -> &'static str {
        "pypa"
    }

    fn on_request(&self) -> bool {
        true
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        whole::of_kind(self.name(), PackageKind::Pypi, namespace)
    }

    fn plan(&self, key: &str, _state: &FeedState<'_>) -> Result<Plan, FeedError> {
        whole::plan(self.name(), key, || {
            Request::archive("main.tar.gz", URL, LIMIT, RECORD_LIMIT)
        })
    }

    fn wants_member(&self, _request: &Request, member: &str) -> bool {
        member.contains("vulns/") && member.ends_with(".yaml")
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        // The shape is OSV's; only what carries it differs. The one document that is a tree for a
        // moment, since the reader of records borrows from JSON text.
        let tree: serde_json::Value = yaml::document(file)?;
        let text = tree.to_string();
        let json = Fetched {
            indexes: &[],
            body: text.as_bytes(),
            ..*file
        };
        let python = |name: &str| (name == "PyPI").then_some(PackageKind::Pypi);
        osv_packages::parse(&json, python, out)
    }
}
