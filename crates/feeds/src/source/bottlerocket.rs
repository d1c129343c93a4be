//! Bottlerocket: one updateinfo over all releases and variants.
//!
//! Names are those of the image's inventory. Advisories from before release 1.21 fix Bottlerocket's
//! own version in every package they name, then for a while a kit's, and now the package's version;
//! epoch 1 of packages below 3 keeps them in one order of RPM. A release ends in the time and the
//! commit of its build. Some advisories are about no CVE: a package that is no longer supported, a
//! kernel with fixes that nobody has numbered yet.
//!
//! Not here: problems without a fix, which Bottlerocket does not list.

use pellucid_model::Namespace;

use crate::format::updateinfo::{self, Update};
use crate::format::whole;
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// `https://github.com/bottlerocket-os/bottlerocket/security/advisories`.
pub(crate) struct Bottlerocket;

const URL: &str = "https://advisories.bottlerocket.aws/updateinfo.xml.gz";

/// Over a hundred times what some thousand advisories take.
const LIMIT: u64 = 256 << 20;

impl Feed for Bottlerocket {
    fn name(&self) -> &'static str {
        "bottlerocket"
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        (namespace.as_str() == self.name()).then(|| whole::answer(self.name(), namespace))
    }

    fn plan(&self, key: &str, _state: &FeedState<'_>) -> Result<Plan, FeedError> {
        whole::plan(self.name(), key, || {
            Request::new("updateinfo.xml", URL, LIMIT)
        })
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        // Where the advisory itself is shown; the others lead to CVEs.
        let links = |update: &Update| {
            let own = update.references.iter().filter(|one| one.id == update.id);
            own.map(|one| one.url.clone()).collect()
        };
        let namespace = Namespace::new(self.name());
        let prefixes = &["BRSA-", "GHSA-"];
        updateinfo::bulletins(file, "Bottlerocket", prefixes, &namespace, &links, out)
    }
}
