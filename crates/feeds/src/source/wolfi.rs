//! Wolfi: a secdb of one document, as the distribution has no releases.
//!
//! The shape is told in `format/secdb.rs`. Names are of origin packages and of those built from
//! them; key `0` is a false positive. The publisher restricts what may be done with the data.

use pellucid_model::Namespace;

use crate::format::secdb::Rolling;
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan};

/// `https://wolfi.dev`.
pub(crate) struct Wolfi;

const ROLLING: Rolling = Rolling {
    name: "wolfi",
    url: "https://packages.wolfi.dev/os/security.json",
    page: "https://images.chainguard.dev/security/",
};

impl Feed for Wolfi {
    fn name(&self) -> &'static str {
        ROLLING.name
    }

    fn parts(&self) -> Vec<String> {
        vec![ROLLING.name.to_owned()]
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        ROLLING.answers(namespace)
    }

    fn plan(&self, key: &str, _state: &FeedState<'_>) -> Result<Plan, FeedError> {
        ROLLING.plan(key)
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        ROLLING.parse(file, out)
    }
}
